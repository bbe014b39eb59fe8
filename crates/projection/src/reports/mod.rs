//! The reports view: sums of usage by quarter of an hour and day, producer, model and tier, from which the
//! ledger's totals are added up; what tasks of a class use; who read reports; which configs the log has; what was
//! decided about prices; which corrections wait for their usage.

mod access;
mod bills;
mod cell;
mod class;
mod configs;
mod early;
mod fold;
mod in_force;
mod labels;
mod prices;
mod span;
mod spread;
mod totals;

pub use access::{ReportAccess, accesses_of};
pub use bills::{BillDay, bill_of_key, bills_of};
pub use cell::{
    Cell, CellKey, DAY_CELLS, QUARTER_CELLS, QUARTERS, QuarterKey, ReportRow, TASK_COUNTS, day_of_task_count,
    key_from, task_sums_key,
};
pub use class::{Class, ClassSums, ClassUse, PhaseSums, Sums, TaskSums};
pub use configs::{Blocks, CONFIGS, config_hash};
pub use early::{EARLY_CORRECTIONS, EarlyCorrection};
pub use in_force::{LAST_SETTINGS, LastConfig, LastPrices, LastSettings};
pub use labels::{Labels, SESSION};
pub use prices::{PRICE_MARK, PRICE_SOURCES, PRICED_ENTRIES, name_of_price_key};
pub use span::{Scan, Span};
pub use spread::{Spread, Took};
pub use totals::totals;
pub use totals::{LedgerTotals, Listed};

/// The fold of the reports view.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reports;

#[cfg(test)]
mod tests;
