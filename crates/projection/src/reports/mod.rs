//! The reports view: sums of usage by day, producer, model and tier, from which the ledger's totals are added up.

mod cell;
mod fold;
mod totals;

pub use cell::{Cell, CellKey, ReportRow, TASK_COUNT_KEY, is_cell};
pub use totals::LedgerTotals;

/// The fold of the reports view.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reports;

#[cfg(test)]
mod tests;
