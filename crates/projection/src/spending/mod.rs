//! The spending view: what usage adds up to, in cells so fine that any scope and window is a sum of them. Rows
//! of usage know nothing of policies, so a policy made today sees what was spent before it was made. Beside them the
//! view keeps what was decided about money ([`crate::budgets`]), so that one position says what was spent and decided.
//!
//! Reading order: [`Counted`] is what one event adds, [`Table`] where it is kept, [`Tally`] finds the cells of a
//! scope and window, [`Asked`] keeps the sums that were asked for lately up to date, [`Uses`] what was used
//! of allocations lately, [`Touched`] by which tasks and sessions; [`RecordedLate`] says of which time usage was late.

mod asked;
mod counted;
mod fold;
mod kinds;
mod late;
mod nearest;
mod row;
mod summary;
mod table;
mod tally;
mod touched;
mod uses;

pub use asked::Asked;
pub use counted::{Counted, UsageSums, counted};
pub use kinds::{UsageKind, UsageKinds};
pub use late::RecordedLate;
pub use nearest::nearest_to;
pub use row::SpendingRow;
pub use summary::{Cells, GroupKey, Grouping, Summary, Summing};
pub use table::Table;
pub use tally::{Scan, SpentAsk, Tally};
pub use touched::{Touch, Touched, TouchedLately};
pub use uses::Uses;

/// The fold of the spending view.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spending;

#[cfg(test)]
mod tests;
