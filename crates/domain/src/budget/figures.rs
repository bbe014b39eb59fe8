//! What was spent, as far as a judgement has to know it.

use std::collections::HashMap;

use super::{Amount, Scope, Spent};
use crate::money::Usd;
use crate::zone::Span;

/// Usage whose sum has to be known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpentIn {
    /// Which usage.
    pub scope: Scope,
    /// When it happened; `None`: at any time.
    pub span: Option<Span>,
}

/// Sums of usage, all as of one position.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Sums, each with what its unpriced tokens cost at most. What is not here is not known.
    pub spent: HashMap<SpentIn, (Spent, Usd)>,
    /// What was used of allocations, where the state has not [noted](super::BudgetState::note_used) it.
    pub used: HashMap<String, Amount>,
    /// Up to which position.
    pub as_of: String,
}

impl Figures {
    /// What was used of an allocation.
    #[must_use]
    pub fn used(&self, allocation: &str) -> Amount {
        self.used.get(allocation).copied().unwrap_or_default()
    }
}
