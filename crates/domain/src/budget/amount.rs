//! Tokens and money together.

use serde::{Deserialize, Serialize};

use super::Spent;
use crate::money::Usd;

/// The most US dollars that a limit, a raise, an extension or an allocation may be of: sums of a hundred thousand such
/// amounts are exact.
pub const MOST_USD: Usd = Usd::from_units(1_000_000_000_000_000_000_000_000_000_000_000);

/// The most tokens that a limit or a raise may be of: a thousand of the largest allocations, and few enough that sums
/// of ten such amounts are exact.
pub const MOST_LIMIT_TOKENS: u64 = 1_000_000_000_000_000_000;

/// An amount of tokens and of money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Amount {
    /// Tokens.
    pub tokens: i128,
    /// Money.
    pub usd: Usd,
}

impl Amount {
    /// Neither tokens nor money.
    pub const NOTHING: Self = Self { tokens: 0, usd: Usd::ZERO };

    /// Both sums.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { tokens: self.tokens.saturating_add(other.tokens), usd: self.usd.saturating_add(other.usd) }
    }

    /// This, but never below nothing: what a window gives back of an earlier one makes no room in it.
    #[must_use]
    pub fn not_below_nothing(self) -> Self {
        self.beyond(Self::NOTHING)
    }

    /// What is left of this after another is taken away; nothing where the other is larger.
    #[must_use]
    pub fn beyond(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(other.tokens).max(0),
            usd: self.usd.checked_sub(other.usd).unwrap_or_default().max(Usd::ZERO),
        }
    }
}

impl From<&Spent> for Amount {
    fn from(spent: &Spent) -> Self {
        Self { tokens: spent.tokens, usd: spent.usd }
    }
}

/// A limit of tokens, of money, or of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AmountLimit {
    /// The most tokens; `None`: not limited.
    pub tokens: Option<u64>,
    /// The most money; `None`: not limited.
    pub usd: Option<Usd>,
}

impl AmountLimit {
    /// This limit and more of what it limits.
    #[must_use]
    pub fn plus(self, more: Amount) -> Self {
        let added = |tokens: u64| u64::try_from(i128::from(tokens).saturating_add(more.tokens)).ok();
        Self {
            tokens: self.tokens.map(|tokens| added(tokens).unwrap_or(u64::MAX)),
            usd: self.usd.map(|usd| usd.saturating_add(more.usd)),
        }
    }

    /// What it leaves after an amount; nothing where it is used up or does not limit.
    #[must_use]
    pub fn left_after(self, used: Amount) -> Amount {
        Amount { tokens: self.tokens.map_or(0, i128::from), usd: self.usd.unwrap_or_default() }.beyond(used)
    }

    /// Whether an amount stays within it. One at the end of what can be kept stays within none: it may be a sum that is
    /// larger than that.
    #[must_use]
    pub fn holds(self, amount: Amount) -> bool {
        self.tokens.is_none_or(|limit| amount.tokens <= i128::from(limit))
            && self.usd.is_none_or(|limit| amount.usd <= limit && amount.usd < Usd::MAX)
    }
}
