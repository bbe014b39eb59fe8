//! Tokens by kind, and their sums.

use serde::{Deserialize, Serialize};

/// Largest count of one kind in one event: a million times the largest context windows. More is a producer's
/// error, and refusing it keeps every sum far inside `i128`.
pub const MAX_TOKENS_PER_EVENT: u64 = 1_000_000_000_000;

/// What a model reported for one call, separately for each kind. The kinds do not overlap, except that
/// `reasoning` is the part of `output` that was not shown, and `cache_write_1h` a part of `cache_write`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenCounts {
    /// Input that was neither read from nor written to a cache.
    pub input_uncached: u64,
    /// Input read from a cache.
    pub cached_input: u64,
    /// Input written to a cache.
    pub cache_write: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// The part of `output` spent on reasoning.
    pub reasoning: u64,
    /// The part of `cache_write` that the cache keeps for an hour instead of minutes: it has its own price.
    pub cache_write_1h: u64,
}

/// Why counts were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// More reasoning than output.
    #[error(
        "tokens.reasoning is {reasoning}, more than tokens.output {output}: reasoning is a part of output"
    )]
    ReasoningAboveOutput {
        /// Reasoning tokens given.
        reasoning: u64,
        /// Output tokens given.
        output: u64,
    },
    /// More tokens written for an hour than written in total.
    #[error(
        "tokens.cache_write_1h is {one_hour}, more than tokens.cache_write {written}: it is a part of cache_write"
    )]
    OneHourAboveCacheWrite {
        /// Tokens given as written for an hour.
        one_hour: u64,
        /// Tokens given as written.
        written: u64,
    },
    /// A count that no model call reaches.
    #[error("tokens.{kind} is {value}, above {MAX_TOKENS_PER_EVENT}, the most one event may hold")]
    TooMany {
        /// Which kind.
        kind: &'static str,
        /// The count given.
        value: u64,
    },
}

impl TokenCounts {
    /// All tokens, each counted once (`reasoning` is part of `output`).
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input().saturating_add(self.output)
    }

    /// All input: the size of the context that price tiers are chosen by.
    #[must_use]
    pub fn input(&self) -> u64 {
        self.input_uncached.saturating_add(self.cached_input).saturating_add(self.cache_write)
    }

    /// Checks what a producer sent.
    ///
    /// # Errors
    ///
    /// The first [`TokenError`] that applies.
    pub fn check(&self) -> Result<(), TokenError> {
        for (kind, value) in self.by_kind() {
            if value > MAX_TOKENS_PER_EVENT {
                return Err(TokenError::TooMany { kind, value });
            }
        }
        if self.reasoning > self.output {
            return Err(TokenError::ReasoningAboveOutput { reasoning: self.reasoning, output: self.output });
        }
        if self.cache_write_1h > self.cache_write {
            let (one_hour, written) = (self.cache_write_1h, self.cache_write);
            return Err(TokenError::OneHourAboveCacheWrite { one_hour, written });
        }
        Ok(())
    }

    /// What is left after a change, with no kind below zero, and the excess that the change subtracts beyond
    /// that. A part of another kind is capped by it: a change of output that does not mention reasoning
    /// reduces both.
    #[must_use]
    pub fn changed(&self, change: &TokenSums) -> (Self, Self) {
        let one = |count: u64, change: i128| {
            let sum = i128::from(count).saturating_add(change);
            let part = |sum: i128| u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
            (part(sum), part(sum.saturating_neg()))
        };
        let (input_uncached, input_uncached_excess) = one(self.input_uncached, change.input_uncached);
        let (cached_input, cached_input_excess) = one(self.cached_input, change.cached_input);
        let (cache_write, cache_write_excess) = one(self.cache_write, change.cache_write);
        let (output, output_excess) = one(self.output, change.output);
        let (reasoning, reasoning_excess) = one(self.reasoning, change.reasoning);
        let left = Self {
            input_uncached,
            cached_input,
            cache_write,
            output,
            reasoning: reasoning.min(output),
            // A correction does not name a lifetime: what was written for an hour stays so, as far as any is left.
            cache_write_1h: self.cache_write_1h.min(cache_write),
        };
        let excess = Self {
            input_uncached: input_uncached_excess,
            cached_input: cached_input_excess,
            cache_write: cache_write_excess,
            output: output_excess,
            reasoning: reasoning_excess,
            cache_write_1h: 0,
        };
        (left, excess)
    }

    fn by_kind(&self) -> [(&'static str, u64); 6] {
        [
            ("input_uncached", self.input_uncached),
            ("cached_input", self.cached_input),
            ("cache_write", self.cache_write),
            ("output", self.output),
            ("reasoning", self.reasoning),
            ("cache_write_1h", self.cache_write_1h),
        ]
    }
}

/// Signed counts: a correction, or a sum that corrections may have taken below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenSums {
    /// Input that was neither read from nor written to a cache.
    pub input_uncached: i128,
    /// Input read from a cache.
    pub cached_input: i128,
    /// Input written to a cache.
    pub cache_write: i128,
    /// Output, reasoning included.
    pub output: i128,
    /// The part of `output` spent on reasoning.
    pub reasoning: i128,
}

impl TokenSums {
    /// All tokens, each counted once.
    #[must_use]
    pub fn total(&self) -> i128 {
        self.input_uncached
            .saturating_add(self.cached_input)
            .saturating_add(self.cache_write)
            .saturating_add(self.output)
    }

    /// The total as usage to compare with a limit, never below zero.
    #[must_use]
    pub fn used(&self) -> u128 {
        u128::try_from(self.total()).unwrap_or_default()
    }

    /// Adds each kind. Saturates: 10²⁶ events of the largest size fit below the end of the range.
    pub fn add(&mut self, other: &Self) {
        self.input_uncached = self.input_uncached.saturating_add(other.input_uncached);
        self.cached_input = self.cached_input.saturating_add(other.cached_input);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.output = self.output.saturating_add(other.output);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }

    /// Subtracts each kind. Saturates like [`TokenSums::add`].
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            input_uncached: self.input_uncached.saturating_sub(other.input_uncached),
            cached_input: self.cached_input.saturating_sub(other.cached_input),
            cache_write: self.cache_write.saturating_sub(other.cache_write),
            output: self.output.saturating_sub(other.output),
            reasoning: self.reasoning.saturating_sub(other.reasoning),
        }
    }
}

impl From<TokenCounts> for TokenSums {
    fn from(counts: TokenCounts) -> Self {
        Self {
            input_uncached: counts.input_uncached.into(),
            cached_input: counts.cached_input.into(),
            cache_write: counts.cache_write.into(),
            output: counts.output.into(),
            reasoning: counts.reasoning.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_counts_reasoning_once() {
        let counts = TokenCounts {
            input_uncached: 1,
            cached_input: 2,
            cache_write: 4,
            output: 8,
            reasoning: 8,
            cache_write_1h: 4,
        };
        assert_eq!(counts.total(), 15);
        assert_eq!(counts.input(), 7);
        assert_eq!(TokenSums::from(counts).total(), 15);
    }

    #[test]
    fn impossible_counts_are_refused_by_name() {
        let counts = TokenCounts { output: 3, reasoning: 4, ..TokenCounts::default() };
        assert_eq!(counts.check(), Err(TokenError::ReasoningAboveOutput { reasoning: 4, output: 3 }));
        let counts = TokenCounts { cache_write: MAX_TOKENS_PER_EVENT + 1, ..TokenCounts::default() };
        let error = counts.check().unwrap_err().to_string();
        assert!(error.starts_with("tokens.cache_write is 1000000000001"), "{error}");
    }

    #[test]
    fn what_is_written_for_an_hour_is_a_part_of_what_is_written() {
        let counts = TokenCounts { cache_write: 3, cache_write_1h: 4, ..TokenCounts::default() };
        assert_eq!(counts.check(), Err(TokenError::OneHourAboveCacheWrite { one_hour: 4, written: 3 }));
        assert_eq!(TokenCounts { cache_write: 4, ..counts }.check(), Ok(()));
    }

    #[test]
    fn a_change_takes_no_kind_below_zero_and_says_what_was_too_much() {
        let counts = |input_uncached, output, reasoning| TokenCounts {
            input_uncached,
            output,
            reasoning,
            ..TokenCounts::default()
        };
        let change = |input_uncached, output, reasoning| TokenSums {
            input_uncached,
            output,
            reasoning,
            ..TokenSums::default()
        };
        for (before, change, left, excess) in [
            (counts(10, 5, 0), change(0, 0, 0), counts(10, 5, 0), counts(0, 0, 0)),
            (counts(10, 5, 0), change(-10, 2, 0), counts(0, 7, 0), counts(0, 0, 0)),
            (counts(10, 5, 0), change(-11, -9, 0), counts(0, 0, 0), counts(1, 4, 0)),
            (counts(0, 5, 4), change(0, -3, 0), counts(0, 2, 2), counts(0, 0, 0)),
            (counts(0, 5, 4), change(0, 0, -6), counts(0, 5, 0), counts(0, 0, 2)),
            (counts(3, 0, 0), change(i128::MIN, 0, 0), counts(0, 0, 0), counts(u64::MAX, 0, 0)),
        ] {
            assert_eq!(before.changed(&change), (left, excess), "{before:?} {change:?}");
        }
    }

    #[test]
    fn a_corrected_sum_may_be_negative_but_usage_is_not() {
        let mut sums = TokenSums::from(TokenCounts { output: 5, ..TokenCounts::default() });
        sums.add(&TokenSums { output: -9, ..TokenSums::default() });
        assert_eq!(sums.total(), -4);
        assert_eq!(sums.used(), 0);
    }
}
