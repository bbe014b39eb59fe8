//! What one call used of each unit.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::sums::UnitSums;
use super::{PartOf, Unit};
use crate::nearest;
use crate::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts};

/// What one call used, by unit. A unit that is not there was not reported, which is the same as zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::box_collection, reason = "most usage has no units, and most of a log is usage: one word")]
pub struct UnitCounts(
    /// `None`: nothing.
    Option<Box<BTreeMap<Unit, u64>>>,
);

/// Why counts were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A count that no call reaches.
    #[error("must be at most {MAX_TOKENS_PER_EVENT}, the most one event may hold")]
    TooMany {
        /// Which unit.
        unit: Unit,
        /// The count given.
        value: u64,
    },
    /// A part larger than the whole.
    #[error("must not be above {whole} {left}: it is a part of it")]
    AboveWhole {
        /// Which unit.
        unit: Unit,
        /// All parts that were given.
        value: u64,
        /// The kind of tokens that it is a part of.
        whole: &'static str,
        /// How many of those there are.
        left: u64,
    },
}

impl UnitCounts {
    /// Nothing.
    pub const NONE: Self = Self(None);

    /// From pairs; of a unit that is given twice, the last count.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (Unit, u64)>) -> Self {
        let counts: BTreeMap<Unit, u64> = pairs.into_iter().filter(|(_, count)| *count > 0).collect();
        Self((!counts.is_empty()).then(|| Box::new(counts)))
    }

    /// Whether nothing is counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many of a unit.
    #[must_use]
    pub fn get(&self, unit: Unit) -> u64 {
        self.0.as_ref().and_then(|counts| counts.get(&unit)).copied().unwrap_or_default()
    }

    /// All counts that are not zero, in the order of the units.
    pub fn iter(&self) -> impl Iterator<Item = (Unit, u64)> {
        self.0.iter().flat_map(|counts| counts.iter()).map(|(unit, count)| (*unit, *count))
    }

    /// Checks what a producer sent beside these tokens.
    ///
    /// # Errors
    ///
    /// The first [`UnitError`] that applies.
    pub fn check(&self, tokens: &TokenCounts) -> Result<(), UnitError> {
        if let Some((unit, value)) = self.iter().find(|(_, count)| *count > MAX_TOKENS_PER_EVENT) {
            return Err(UnitError::TooMany { unit, value });
        }
        for (part_of, whole, left) in [
            (PartOf::Input, "tokens.input_uncached", tokens.input_uncached),
            (
                PartOf::Output,
                "tokens.output without reasoning",
                tokens.output.saturating_sub(tokens.reasoning),
            ),
        ] {
            let mut value: u64 = 0;
            for (unit, count) in self.iter().filter(|(unit, _)| unit.part_of() == Some(part_of)) {
                value = value.saturating_add(count);
                if value > left {
                    return Err(UnitError::AboveWhole { unit, value, whole, left });
                }
            }
        }
        Ok(())
    }

    /// What is left after a change, with no unit below zero and no part above what is left of the tokens it is a part
    /// of; and what has to be added to the change so that it leaves just that: what it takes beyond what there was
    /// (positive), and parts that go with their tokens (negative).
    #[must_use]
    pub fn changed(&self, change: &UnitSums, tokens_left: &TokenCounts) -> (Self, UnitSums) {
        let (mut left, mut excess) = (Vec::new(), Vec::new());
        let units: BTreeSet<Unit> =
            self.iter().map(|(unit, _)| unit).chain(change.iter().map(|(unit, _)| unit)).collect();
        let mut room = [tokens_left.input_uncached, tokens_left.output.saturating_sub(tokens_left.reasoning)];
        for unit in units {
            let sum = i128::from(self.get(unit)).saturating_add(change.get(unit));
            let mut count = u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
            let [of_input, of_output] = &mut room;
            let room = match unit.part_of() {
                None => None,
                Some(PartOf::Input) => Some(of_input),
                Some(PartOf::Output) => Some(of_output),
            };
            if let Some(room) = room {
                count = count.min(*room);
                *room = room.saturating_sub(count);
            }
            left.push((unit, count));
            excess.push((unit, i128::from(count).saturating_sub(sum)));
        }
        (Self::from_pairs(left), UnitSums::from_pairs(excess))
    }
}

impl From<&UnitCounts> for UnitSums {
    fn from(counts: &UnitCounts) -> Self {
        Self::from_pairs(counts.iter().map(|(unit, count)| (unit, count.into())))
    }
}

impl FromStr for UnitCounts {
    type Err = String;

    /// Reads `output_images=2,pages=1`. The error is a rule and names what breaks it.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut counts = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (word, count) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}` must be a unit and a count, such as output_images=2"))?;
            let unit = Unit::from_word(word).ok_or_else(|| {
                let hint = nearest::hint(word, Unit::NAMES);
                format!("`{word}` must be one of {}{hint}", Unit::NAMES.join(", "))
            })?;
            let read = count.parse::<u64>().ok().filter(|count| *count <= MAX_TOKENS_PER_EVENT);
            let count = read.ok_or_else(|| {
                format!("`{count}` must be a whole number of at most {MAX_TOKENS_PER_EVENT}")
            })?;
            if count > 0 && counts.insert(unit, count).is_some() {
                return Err(format!("`{unit}` is given twice"));
            }
        }
        Ok(Self::from_pairs(counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> UnitCounts {
        let pair = |pair: &str| {
            let (unit, count) = pair.split_once('=').unwrap();
            (Unit::from_word(unit).unwrap(), count.parse().unwrap())
        };
        UnitCounts::from_pairs(text.split_whitespace().map(pair))
    }

    fn sums(text: &str) -> UnitSums {
        let pair = |pair: &str| {
            let (unit, count) = pair.split_once('=').unwrap();
            (Unit::from_word(unit).unwrap(), count.parse().unwrap())
        };
        UnitSums::from_pairs(text.split_whitespace().map(pair))
    }

    #[test]
    fn a_part_is_at_most_its_whole() {
        let tokens = TokenCounts { input_uncached: 10, output: 8, reasoning: 3, ..TokenCounts::default() };
        for (given, refused) in [
            ("input_audio_tokens=10 output_images=9", None),
            ("input_audio_tokens=6 input_image_tokens=5", Some(Unit::InputImageTokens)),
            ("output_audio_tokens=6", Some(Unit::OutputAudioTokens)),
            ("pages=1000000000001", Some(Unit::Pages)),
        ] {
            let found = counts(given).check(&tokens).err().map(|error| match error {
                UnitError::TooMany { unit, .. } | UnitError::AboveWhole { unit, .. } => unit,
            });
            assert_eq!(found, refused, "{given}");
        }
    }

    #[test]
    fn a_change_takes_no_unit_below_zero_and_says_what_was_too_much() {
        let tokens = TokenCounts { input_uncached: 4, ..TokenCounts::default() };
        for (before, change, left, excess) in [
            ("pages=3", "pages=-1", "pages=2", ""),
            ("pages=3", "pages=-5", "", "pages=2"),
            ("pages=3", "queries=2", "pages=3 queries=2", ""),
            ("", "queries=-2", "", "queries=2"),
            ("input_audio_tokens=9", "", "input_audio_tokens=4", "input_audio_tokens=-5"),
            (
                "input_audio_tokens=3",
                "input_audio_tokens=100",
                "input_audio_tokens=4",
                "input_audio_tokens=-99",
            ),
            (
                "input_audio_tokens=3 input_image_tokens=3",
                "",
                "input_audio_tokens=3 input_image_tokens=1",
                "input_image_tokens=-2",
            ),
        ] {
            let found = counts(before).changed(&sums(change), &tokens);
            assert_eq!(found, (counts(left), sums(excess)), "{before} {change}");
            let mut counted = sums(change);
            counted.add(&sums(excess));
            counted.add(&UnitSums::from(&counts(before)));
            assert_eq!(
                counted,
                UnitSums::from(&found.0),
                "what is counted leaves what is left: {before} {change}"
            );
        }
    }

    #[test]
    fn counts_are_read_as_they_are_written() {
        assert_eq!("output_images=2, pages=1,".parse(), Ok(counts("output_images=2 pages=1")));
        for (text, rule) in [
            ("output_image=2", "Did you mean `output_images`?"),
            ("pages", "must be a unit and a count"),
            ("pages=-1", "must be a whole number"),
            ("pages=1,pages=2", "is given twice"),
        ] {
            let error = text.parse::<UnitCounts>().unwrap_err();
            assert!(error.to_lowercase().contains(&rule.to_lowercase()), "{error}");
        }
    }
}
