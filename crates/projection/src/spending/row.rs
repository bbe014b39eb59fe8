//! What the view keeps under a key.

use serde::{Deserialize, Serialize};

use super::UsageSums;
use crate::budgets::{BudgetsRow, HoldsBudgets};

/// What the view keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpendingRow {
    /// What usage with the same values adds up to.
    Sums(UsageSums),
    /// What was decided about money.
    Budgets(BudgetsRow),
}

impl Default for SpendingRow {
    fn default() -> Self {
        Self::Sums(UsageSums::default())
    }
}

impl SpendingRow {
    /// The sums in it.
    #[must_use]
    pub const fn sums(&self) -> Option<&UsageSums> {
        if let Self::Sums(sums) = self { Some(sums) } else { None }
    }

    /// The decision in it.
    #[must_use]
    pub const fn budgets(&self) -> Option<&BudgetsRow> {
        if let Self::Budgets(row) = self { Some(row) } else { None }
    }

    /// Adds usage.
    pub(super) fn add(&mut self, more: &UsageSums) {
        if let Self::Sums(sums) = self {
            sums.add(more);
        }
    }
}

impl From<BudgetsRow> for SpendingRow {
    fn from(row: BudgetsRow) -> Self {
        Self::Budgets(row)
    }
}

impl HoldsBudgets for SpendingRow {
    fn budgets_mut(&mut self) -> Option<&mut BudgetsRow> {
        if let Self::Budgets(row) = self { Some(row) } else { None }
    }
}
