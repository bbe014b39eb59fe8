//! What a model call used: reported by the model, or estimated from text lengths if it reported nothing.

mod corrected;
mod counts_as;
mod early;
mod tally;
mod unpriced;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Usd;
use crate::phase::Phase;
use crate::time::Timestamp;
use crate::tokens::{TokenCounts, TokenSums};
use crate::units::{UnitCounts, UnitSums};

pub use corrected::Corrected;
pub use counts_as::CountsAs;
pub use early::applied_id;
pub use tally::UnitTally;
pub use unpriced::{Unpriced, UnpricedPart};

/// One model call's usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRecorded {
    /// The execution it belongs to; `None`: unphased, counted in the task's totals.
    pub execution: Option<NamedExecution>,
    /// Who served the model, if known.
    pub provider: Option<String>,
    /// Which model, if known.
    pub model: Option<String>,
    /// Which part of the producer made the call.
    pub component: Option<String>,
    /// The provider's id of the call.
    pub request_id: Option<String>,
    /// The provider's tier that served it, if known.
    pub service_tier: Option<String>,
    /// Which allocation of its tenant it uses; `None`: that of its context.
    pub allocation: Option<String>,
    /// Which context of its tenant it belongs to: it uses the open allocation that was made for it last. `None`: none.
    pub context: Option<String>,
    /// Free pairs.
    pub labels: BTreeMap<String, String>,
    /// Tokens by kind.
    pub tokens: TokenCounts,
    /// What else it is billed for.
    pub units: UnitCounts,
    /// Whether the counts are computed from text lengths, here or by the producer.
    pub estimated: bool,
    /// What it cost; added by the appender, unless it was [booked](Cost::booked) elsewhere.
    pub cost: Cost,
    /// How it counts in budgets; added by the appender. `None`: as what it says itself.
    pub counts_as: Option<Box<CountsAs>>,
}

/// What a call used, as far as its cost depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used<'a> {
    /// Tokens by kind.
    pub tokens: &'a TokenCounts,
    /// Everything else.
    pub units: &'a UnitCounts,
}

/// What a call used, on its own: what is left of it after corrections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedCounts {
    /// Tokens by kind.
    pub tokens: TokenCounts,
    /// Everything else.
    pub units: UnitCounts,
}

/// What corrections change about a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedChange {
    /// What is added to each kind of tokens.
    pub tokens: TokenSums,
    /// What is added to each other unit.
    pub units: UnitSums,
}

/// The execution that usage refers to. Without an attempt: the latest one that the ledger saw start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NamedExecution {
    /// Which phase.
    pub phase: Phase,
    /// Which attempt, from 1.
    pub attempt: Option<u32>,
}

/// The price version of usage whose cost another system had booked. No price book has it: versions are hashes.
pub const BOOKED: &str = "booked";

/// Usage × price, computed once by the appender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cost {
    /// Priced with this version of the price book.
    Priced {
        /// The amount.
        usd: Usd,
        /// The version it was computed with.
        price_version: String,
    },
    /// No price was known; not zero.
    #[default]
    Unpriced,
}

/// A signed correction of earlier usage. The usage itself is never edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageAdjusted {
    /// The event id of the usage that it corrects, of the same task.
    pub adjusts: String,
    /// That usage's producer.
    pub adjusts_producer: String,
    /// What to add to each kind of tokens; negative subtracts.
    pub tokens: TokenSums,
    /// What to add to each other unit.
    pub units: UnitSums,
    /// Why.
    pub reason: String,
    /// Who.
    pub author: Option<String>,
    /// What the appender found about the adjusted usage; `None`: not found, so that it takes nothing away.
    pub resolved: Option<Box<AdjustedUsage>>,
}

/// Earlier usage is priced again: it had no price, or one that was corrected since. It adds no tokens. Written
/// by the ledger, and counted in the period in which it is recorded: a closed month does not move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRepriced {
    /// The event id of the usage, of the same task.
    pub adjusts: String,
    /// That usage's producer.
    pub adjusts_producer: String,
    /// When that usage happened.
    pub used_at: Timestamp,
    /// Its execution, as it names it.
    pub execution: Option<NamedExecution>,
    /// Its provider.
    pub provider: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Which part of its producer made the call.
    pub component: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The allocation that it uses, as it names it.
    pub allocation: Option<String>,
    /// How it counts in budgets; `None`: as what it says itself.
    pub counts_as: Option<Box<CountsAs>>,
    /// What it cost until now, with its corrections and earlier repricings.
    pub old: Cost,
    /// What it costs: never unpriced.
    pub new: Cost,
    /// How many tokens that is for.
    pub tokens: u64,
    /// What else it is for.
    pub units: UnitCounts,
    /// What of it had no price until now; `None`: its appender did not look at that.
    pub unpriced: Option<Unpriced>,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

impl UsageRepriced {
    /// What it adds to the cost so far; negative gives back.
    #[must_use]
    pub fn difference(&self) -> Usd {
        // Both are sums of costs that fit; the difference of two such is far inside the range.
        self.new.usd().checked_sub(self.old.usd()).unwrap_or(Usd::ZERO)
    }
}

impl Cost {
    /// What another system had booked, from which the usage was taken over: no price changes it.
    #[must_use]
    pub fn of_booked(usd: Usd) -> Self {
        Self::Priced { usd, price_version: BOOKED.to_owned() }
    }

    /// The amount, if another system had booked it.
    #[must_use]
    pub fn booked(&self) -> Option<Usd> {
        match self {
            Self::Priced { usd, price_version } if price_version == BOOKED => Some(*usd),
            Self::Priced { .. } | Self::Unpriced => None,
        }
    }

    /// The amount, as far as it is known.
    #[must_use]
    pub const fn usd(&self) -> Usd {
        match self {
            Self::Priced { usd, .. } => *usd,
            Self::Unpriced => Usd::ZERO,
        }
    }

    /// Whether a price was known.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Priced { .. })
    }
}

impl<'a> From<&'a TokenCounts> for Used<'a> {
    fn from(tokens: &'a TokenCounts) -> Self {
        static NONE: UnitCounts = UnitCounts::NONE;
        Self { tokens, units: &NONE }
    }
}

impl<'a> From<&'a UsedCounts> for Used<'a> {
    fn from(used: &'a UsedCounts) -> Self {
        Self { tokens: &used.tokens, units: &used.units }
    }
}

impl UsageRecorded {
    /// What it used.
    #[must_use]
    pub const fn used(&self) -> Used<'_> {
        Used { tokens: &self.tokens, units: &self.units }
    }
}

impl Used<'_> {
    /// What is left after a change, and what the change subtracts beyond what there was.
    #[must_use]
    pub fn changed(self, change: &UsedChange) -> (UsedCounts, (TokenCounts, UnitSums)) {
        let (tokens, excess_tokens) = self.tokens.changed(&change.tokens);
        let (units, excess_units) = self.units.changed(&change.units, &tokens);
        (UsedCounts { tokens, units }, (excess_tokens, excess_units))
    }

    /// Whether nothing was used.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        *self.tokens == TokenCounts::default() && self.units.is_empty()
    }
}

impl UsedChange {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.tokens.add(&other.tokens);
        self.units.add(&other.units);
    }
}

/// The usage that an adjustment refers to, as the appender found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdjustedUsage {
    /// Its execution.
    pub execution: Option<NamedExecution>,
    /// Its provider.
    pub provider: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Which part of the producer made its call.
    pub component: Option<String>,
    /// The allocation that it uses, as it names it.
    pub allocation: Option<String>,
    /// How it counts in budgets; `None`: as what it says itself.
    pub counts_as: Option<Box<CountsAs>>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The provider's tier that served it.
    pub service_tier: Option<String>,
    /// When it happened; `None`: not known.
    pub occurred_at: Option<Timestamp>,
    /// What the correction costs or refunds, at the price of the adjusted usage's model.
    pub cost: Cost,
    /// What the correction subtracts beyond what was left of the usage after earlier corrections: it is not counted.
    pub excess: TokenCounts,
    /// What is added to the change of other units, so that it leaves what is left: what it takes beyond what there was
    /// (positive), and parts that go with their tokens (negative).
    pub excess_units: UnitSums,
    /// What of the usage has no price; `None`: its appender did not look at that.
    pub unpriced: Option<UnpricedPart>,
}

impl UsageAdjusted {
    /// What it changes: it subtracts no more than was left of the usage. If the usage was not found, it subtracts
    /// nothing: what it names may be mistyped.
    #[must_use]
    pub fn counted(&self) -> UsedChange {
        let mut counted = UsedChange { tokens: self.tokens, units: self.units.clone() };
        let Some(resolved) = &self.resolved else { return counted.added() };
        counted.tokens.add(&TokenSums::from(resolved.excess));
        counted.units.add(&resolved.excess_units);
        counted
    }

    /// How many tokens it subtracts beyond what was left of the usage.
    #[must_use]
    pub fn excess(&self) -> u64 {
        // Reasoning is part of output: an excess of reasoning alone is still an excess.
        self.resolved.as_ref().map_or(0, |resolved| resolved.excess.total().max(resolved.excess.reasoning))
    }
}

/// Tokens of text for which no model reported usage: `ceil((prompt chars + completion chars) / 4)`.
///
/// The completion's share is rounded up on its own; the prompt's is the rest, so that the sum matches the formula.
#[must_use]
pub fn estimate(prompt_chars: u64, completion_chars: u64) -> TokenCounts {
    let total = prompt_chars.saturating_add(completion_chars).div_ceil(4);
    let output = completion_chars.div_ceil(4).min(total);
    TokenCounts { input_uncached: total.saturating_sub(output), output, ..TokenCounts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_a_quarter_of_the_characters_rounded_up() {
        for (prompt, completion, total) in
            [(0, 0, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1), (5, 5, 3), (400, 100, 125)]
        {
            let tokens = estimate(prompt, completion);
            assert_eq!(tokens.total(), total, "{prompt} + {completion}");
            assert_eq!(tokens.output, u64::div_ceil(completion, 4).min(total));
        }
    }
}
