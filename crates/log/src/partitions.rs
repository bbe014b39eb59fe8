//! Sets of partitions.

use std::fmt;
use std::str::FromStr;

use tollgate_domain::position::PartitionId;

/// A set of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions(u16);

impl Partitions {
    /// All 16 partitions.
    pub const ALL: Self = Self(u16::MAX);

    /// A single partition.
    #[must_use]
    pub fn only(partition: PartitionId) -> Self {
        Self(1 << partition.number())
    }

    /// No partition.
    pub const NONE: Self = Self(0);

    /// The union of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets have a partition in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Its partitions, in order.
    pub fn iter(self) -> impl Iterator<Item = PartitionId> {
        PartitionId::all().filter(move |partition| self.contains(*partition))
    }

    /// Whether a partition is in it.
    #[must_use]
    pub fn contains(self, partition: PartitionId) -> bool {
        self.0 & (1 << partition.number()) != 0
    }
}

impl FromIterator<PartitionId> for Partitions {
    fn from_iter<I: IntoIterator<Item = PartitionId>>(partitions: I) -> Self {
        Self(partitions.into_iter().fold(0, |set, partition| set | (1 << partition.number())))
    }
}

impl fmt::Display for Partitions {
    /// As ranges: `0-7,9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<u8> = self.iter().map(PartitionId::number).collect();
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        for (nth, (first, last)) in ranges.into_iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// A text that does not name partitions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("partitions `{0}`: must be numbers from 0 to 15 and ranges of them, such as 0-7,9")]
pub struct InvalidPartitions(pub String);

impl FromStr for Partitions {
    type Err = InvalidPartitions;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPartitions(text.chars().take(80).collect());
        let mut partitions = Self::NONE;
        for range in text.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.trim().parse::<u8>().map_err(|_| invalid());
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(invalid());
            }
            for number in first..=last {
                partitions = partitions.with(Self::only(PartitionId::new(number).ok_or_else(invalid)?));
            }
        }
        Ok(partitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text_it_is_ranges_and_back() {
        for (text, shown) in
            [("0-15", "0-15"), ("3", "3"), ("7,0-2,1", "0-2,7"), (" 4 - 6 ", "4-6"), ("14,15", "14-15")]
        {
            let partitions: Partitions = text.parse().unwrap();
            assert_eq!(partitions.to_string(), shown);
        }
        for wrong in ["", "16", "0-16", "3-1", "a", "1,", "-", "1-2-3"] {
            assert!(wrong.parse::<Partitions>().is_err(), "{wrong}");
        }
    }
}
