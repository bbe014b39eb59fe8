//! What is kept of all tasks together, beside their rows: sums, and tasks in other orders. A question about many tasks
//! reads these entries and the rows that it shows.
//!
//! | key | entry |
//! |---|---|
//! | `w` tenant 0 week | [`Entry::Week`]: the figures of a week; of all tenants under an empty tenant |
//! | `l` tenant | [`Entry::Tenant`]: how many tasks are for review, and the latest event; likewise |
//! | `s` tenant 0 facet | [`Entry::Sums`]: what the tasks of a [`Facet`] add up to |
//! | `d` tenant 0 day facet | [`Entry::Sums`]: the same, of the tasks that began on a day |
//! | `o` tenant 0 day task | [`Entry::Task`]: tasks by the day on which they began |
//! | `t` tenant 0 facet 0 task | [`Entry::Task`], [`Entry::Running`]: they are listed by it |
//! | `b`, `i`, `u` tenant 0 task | [`Entry::Task`]: a task for review, [by why](Review) |
//!
//! All of it follows from the rows: [`Part`] is what one row contributes, and [`TaskFigures`] takes it back and adds it
//! again when the row has changed, gathered over a few rows. Sums are exact, so that nothing is left of what was taken
//! back.

mod change;
mod day;
mod entry;
mod facet;
mod gathered;
mod part;
mod running;
mod sums;
mod tally;
#[cfg(test)]
mod tests;

pub use change::TaskFigures;
pub use day::{day_sums_of, days_of, facet_of_day, from_day, task_of_day};
pub use entry::{Entry, Review, TenantFigures, ledger_key, reviews_of, week_of_key, weeks_of};
pub use facet::{Facet, sums_of, tasks_of};
pub use gathered::Gathered;
pub use part::Part;
pub use running::Running;
pub use sums::FacetSums;
pub use tally::Tally;
