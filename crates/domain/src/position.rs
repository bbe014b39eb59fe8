//! Places in the log: sequence, partition, epoch, and the position that answers carry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::gate::grouped;
use crate::time::Timestamp;

/// The number of partitions of every ledger. Fixed for its lifetime: changing it would move tasks between
/// partitions and so break their order. 16 projector processes are more than one machine's fold rate needs.
pub const PARTITIONS: usize = 16;

/// Place of a record in the ledger's single sequence. The first record is 1; 0 is the place before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Before the first record.
    pub const ZERO: Self = Self(0);

    /// The sequence after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The sequence before this one; [`Self::ZERO`] stays.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One of the 16 parts of the log, each ordered in itself. A task lives in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(u8);

impl PartitionId {
    /// The partition with this number.
    ///
    /// Returns `None` for 16 and above.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (usize::from(number) < PARTITIONS).then_some(Self(number))
    }

    /// The partition of a task: FNV-1a 32 over the bytes of tenant then task, modulo 16.
    #[must_use]
    pub fn of(tenant: &str, task: &str) -> Self {
        let mut hash: u32 = 0x811c_9dc5;
        for &byte in tenant.as_bytes().iter().chain(task.as_bytes()) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
        // 16 partitions: the low four bits.
        Self((hash & 0x0f) as u8)
    }

    /// All 16, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS as u8).map(Self)
    }

    /// Its number, 0 to 15.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its number as an index into an array of [`PARTITIONS`].
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity and creation time of a log. A restored or replaced log gets a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch {
    /// Random identity.
    pub id: Uuid,
    /// When the log was created.
    pub created_at: Timestamp,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id.simple())
    }
}

/// Epoch + partition → sequence: what an append returns, a query waits for (`at_least`), an answer carries (`as_of`).
///
/// As text: the epoch's 32 hex digits, `@`, then `partition:sequence` pairs in order, joined by commas; partitions at
/// 0 are left out. `9f…e1@3:120,7:118`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    epoch: Uuid,
    sequences: [Sequence; PARTITIONS],
}

impl Position {
    /// The position before the first record of a log.
    #[must_use]
    pub const fn start(epoch: Uuid) -> Self {
        Self { epoch, sequences: [Sequence::ZERO; PARTITIONS] }
    }

    /// Which log it belongs to.
    #[must_use]
    pub const fn epoch(&self) -> Uuid {
        self.epoch
    }

    /// The sequence reached in a partition.
    #[must_use]
    pub fn get(&self, partition: PartitionId) -> Sequence {
        self.sequences[partition.index()]
    }

    /// The same position for one partition only: it requires nothing of the others.
    #[must_use]
    pub fn only(&self, partition: PartitionId) -> Self {
        let mut only = Self::start(self.epoch);
        only.advance(partition, self.get(partition));
        only
    }

    /// Moves a partition forward; an older sequence changes nothing.
    pub fn advance(&mut self, partition: PartitionId, sequence: Sequence) {
        let at = &mut self.sequences[partition.index()];
        *at = (*at).max(sequence);
    }

    /// Takes the maximum of both in every partition. A position of another epoch replaces this one.
    pub fn merge(&mut self, other: &Self) {
        if self.epoch != other.epoch {
            *self = other.clone();
            return;
        }
        for (mine, theirs) in self.sequences.iter_mut().zip(other.sequences) {
            *mine = (*mine).max(theirs);
        }
    }

    /// Whether everything up to `other` is contained: same epoch, and no partition behind.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.epoch == other.epoch
            && self.sequences.iter().zip(other.sequences).all(|(mine, theirs)| *mine >= theirs)
    }

    /// The highest sequence over all partitions.
    #[must_use]
    pub fn highest(&self) -> Sequence {
        self.sequences.iter().copied().max().unwrap_or_default()
    }

    /// For people, who do not compare 16 numbers: `record 1,234 of log 9f3c2ab1`. Programs use the full position.
    #[must_use]
    pub fn in_words(&self) -> String {
        let epoch = self.epoch.simple().to_string();
        format!("record {} of log {epoch:.8}", grouped(self.highest().0.into()))
    }

    /// What this view's position lacks of `wanted`, for people: `contains partition 3 up to record 120, asked
    /// was 125`.
    #[must_use]
    pub fn behind(&self, wanted: &Self) -> String {
        let behind = |partition: &PartitionId| self.get(*partition) < wanted.get(*partition);
        let mut late = PartitionId::all().filter(behind);
        let Some(partition) = late.next() else {
            return format!("contains {}, asked was {}", self.in_words(), wanted.in_words());
        };
        let [has, asked] = [self, wanted].map(|position| grouped(position.get(partition).0.into()));
        let others = match late.count() {
            0 => String::new(),
            1 => ", and 1 other partition is behind".to_owned(),
            many => format!(", and {many} other partitions are behind"),
        };
        format!("contains partition {partition} up to record {has}, asked was {asked}{others}")
    }
}

/// The text of a position in the form of [`Position::in_words`]; any other text unchanged.
#[must_use]
pub fn in_words(text: &str) -> String {
    text.parse::<Position>().map_or_else(|_| text.to_owned(), |position| position.in_words())
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.epoch.simple())?;
        let reached = PartitionId::all().filter(|&partition| self.get(partition) > Sequence::ZERO);
        for (nth, partition) in reached.enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            write!(f, "{comma}{partition}:{}", self.get(partition))?;
        }
        Ok(())
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is not a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "position `{0}`: must be <32 hex digits>@<partition 0-15>:<sequence>,… as an earlier answer returned it"
)]
pub struct InvalidPosition(pub String);

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPosition(text.chars().take(80).collect());
        let (epoch, pairs) = text.split_once('@').ok_or_else(invalid)?;
        let epoch = Uuid::try_parse(epoch).map_err(|_| invalid())?;
        let mut position = Self::start(epoch);
        for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
            let (partition, sequence) = pair.split_once(':').ok_or_else(invalid)?;
            let partition = partition.parse().ok().and_then(PartitionId::new).ok_or_else(invalid)?;
            let sequence = sequence.parse().map_err(|_| invalid())?;
            position.advance(partition, Sequence(sequence));
        }
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pairs: &[(u8, u64)]) -> Position {
        let mut position = Position::start(Uuid::from_u128(7));
        for &(partition, sequence) in pairs {
            position.advance(PartitionId::new(partition).unwrap(), Sequence(sequence));
        }
        position
    }

    #[test]
    fn partition_is_fnv_1a_over_tenant_then_task() {
        // FNV-1a 32 of "a" is e40c292c, of "foobar" bf9cf968 (the authors' test vectors).
        assert_eq!(PartitionId::of("", "a").number(), 0xc);
        assert_eq!(PartitionId::of("foo", "bar").number(), 0x8);
        assert_eq!(PartitionId::of("", "").number(), 0x5);
    }

    #[test]
    fn text_form_round_trips() {
        for position in [at(&[]), at(&[(0, 1)]), at(&[(3, 120), (15, u64::MAX)])] {
            assert_eq!(position.to_string().parse(), Ok(position));
        }
        assert_eq!(at(&[(3, 120), (7, 118)]).to_string(), "00000000000000000000000000000007@3:120,7:118");
        for bad in [
            "",
            "x",
            "@",
            "07@3:1",
            "00000000000000000000000000000007@16:1",
            "00000000000000000000000000000007@3:-1",
        ] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
    }

    #[test]
    fn people_see_one_number_and_what_is_missing() {
        let all: Vec<(u8, u64)> =
            (0..16).map(|partition| (partition, 1_000_000 + u64::from(partition))).collect();
        let full = at(&all);
        assert!(full.to_string().len() > 150);
        let epoch = full.epoch().simple().to_string();
        assert_eq!(full.in_words(), format!("record 1,000,015 of log {}", &epoch[..8]));
        assert_eq!(in_words(&full.to_string()), full.in_words());
        assert_eq!(in_words("9f3c@3:120"), "9f3c@3:120");
        for (has, wanted, says) in [
            (&[(3, 120)][..], &[(3, 1_125)][..], "contains partition 3 up to record 120, asked was 1,125"),
            (&[(3, 9)], &[(1, 2), (3, 9)], "contains partition 1 up to record 0, asked was 2"),
            (
                &[(1, 1)],
                &[(1, 2), (3, 9)],
                "contains partition 1 up to record 1, asked was 2, and 1 other partition is behind",
            ),
            (
                &[],
                &[(1, 2), (3, 9), (4, 9)],
                "contains partition 1 up to record 0, asked was 2, and 2 other partitions are behind",
            ),
        ] {
            assert_eq!(at(has).behind(&at(wanted)), says);
        }
    }

    #[test]
    fn covers_asks_every_partition_and_the_epoch() {
        assert!(at(&[(1, 5), (2, 1)]).covers(&at(&[(1, 5)])));
        assert!(!at(&[(1, 5)]).covers(&at(&[(1, 5), (2, 1)])));
        assert!(!Position::start(Uuid::from_u128(8)).covers(&at(&[])));
    }

    #[test]
    fn merge_takes_the_maximum_and_a_new_epoch_wins() {
        let mut position = at(&[(1, 5), (2, 1)]);
        position.merge(&at(&[(1, 3), (3, 9)]));
        assert_eq!(position, at(&[(1, 5), (2, 1), (3, 9)]));
        let other = Position::start(Uuid::from_u128(8));
        position.merge(&other);
        assert_eq!(position, other);
    }
}
