//! Follows the log, folds it into views, answers queries on them.
//!
//! A [`View`] is rows, the checkpoint they are true for, and what could not be folded. A [`Projector`] keeps one up to
//! date on a thread of its own, and answers queries that wait for a position. [`Projector::rebuild`] builds the view
//! a second time, beside the live one, and compares them.

pub mod checkpoint;
mod compare;
mod follow;
mod projector;
mod quarantine;
mod rebuild;
mod rows;
mod view;

pub use projector::{Projector, QueryError, Wait};
pub use quarantine::Parked;
pub use rebuild::{RebuildError, Rebuilt};
pub use rows::RowError;
pub use view::{View, ViewError, store_dir};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
