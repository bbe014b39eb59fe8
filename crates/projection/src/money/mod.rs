//! What the usage of a ledger cost, by whatever its views keep apart: exports for accounting.
//!
//! [`MoneyLines`] are made from the cells of a view. Everything else here reads lines, so that a view with other
//! dimensions can feed it, too.

mod dimension;
mod export;
mod focus;
mod focus_tags;
mod focus_units;
mod kinds;
mod line;
mod reconcile;

pub use dimension::{InvalidLineDimension, LineDimension};
pub use export::{export_csv, export_line};
pub use focus::{FOCUS_COLUMNS, FOCUS_DIMENSIONS, FocusOptions, FocusRow, focus_csv, focus_rows};
pub use kinds::KindRates;
pub use line::{MoneyLine, MoneyLines};
pub use reconcile::{RECONCILED_BY, Reconciliation};

#[cfg(test)]
mod tests;
