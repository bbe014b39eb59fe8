//! What the tasks of a facet add up to.

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::Utilization;
use tollgate_domain::units::UnitSums;

use crate::report::narrow;
use crate::status::{TaskRow, TaskSums};

/// Sums over tasks. Those of a task can be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacetSums {
    /// How many tasks.
    pub tasks: u64,
    /// Of them, those with a token limit.
    pub limited_tasks: u64,
    /// The tokens of these.
    pub used: u128,
    /// Their token limits.
    pub limit: u128,
    /// The sum of their utilization in hundredths of a percent, each truncated.
    pub hundredths: u128,
    /// What all tasks cost, as far as prices are known, in 10⁻¹⁸ USD.
    pub cost: i128,
    /// Their tokens for which no price was known.
    pub unpriced_tokens: i128,
    /// Other units without a price.
    pub unpriced_units: UnitSums,
}

impl FacetSums {
    /// Those of one task.
    #[must_use]
    pub fn of(row: &TaskRow, sums: &TaskSums) -> Self {
        let mut of_one = Self {
            tasks: 1,
            cost: sums.cost.units(),
            unpriced_tokens: narrow(sums.unpriced_tokens).into(),
            unpriced_units: sums.unpriced_units.clone(),
            ..Self::default()
        };
        let limit = row.state.limits.as_deref().map(|limits| limits.total_tokens()).unwrap_or_default();
        if limit > 0 {
            let whole = |number: u128| u128::from(u64::try_from(number).unwrap_or(u64::MAX));
            let tokens = Utilization::new(sums.tokens.used(), limit);
            let hundredths = tokens.used.saturating_mul(10_000).checked_div(tokens.limit).unwrap_or_default();
            of_one.limited_tasks = 1;
            (of_one.used, of_one.limit, of_one.hundredths) =
                (whole(tokens.used), limit.into(), whole(hundredths));
        }
        of_one
    }

    /// Adds those of other tasks.
    pub fn add(&mut self, other: &Self) {
        self.tasks = self.tasks.wrapping_add(other.tasks);
        self.limited_tasks = self.limited_tasks.wrapping_add(other.limited_tasks);
        self.used = self.used.wrapping_add(other.used);
        self.limit = self.limit.wrapping_add(other.limit);
        self.hundredths = self.hundredths.wrapping_add(other.hundredths);
        self.cost = self.cost.wrapping_add(other.cost);
        self.unpriced_tokens = self.unpriced_tokens.wrapping_add(other.unpriced_tokens);
        self.unpriced_units.add(&other.unpriced_units);
    }

    /// Takes back those of tasks that were added.
    pub fn take_back(&mut self, other: &Self) {
        self.tasks = self.tasks.wrapping_sub(other.tasks);
        self.limited_tasks = self.limited_tasks.wrapping_sub(other.limited_tasks);
        self.used = self.used.wrapping_sub(other.used);
        self.limit = self.limit.wrapping_sub(other.limit);
        self.hundredths = self.hundredths.wrapping_sub(other.hundredths);
        self.cost = self.cost.wrapping_sub(other.cost);
        self.unpriced_tokens = self.unpriced_tokens.wrapping_sub(other.unpriced_tokens);
        self.unpriced_units.add(&other.unpriced_units.negated());
    }
}
