//! Follows the log, folds it into views, and answers queries on them.
//!
//! A [`View`] is rows, the checkpoint they are valid for, and what could not be folded. A [`Projector`] keeps
//! one up to date on its own thread, and answers queries that wait for a position. [`Projector::rebuild`]
//! builds the view a second time, next to the live one, and compares them.

mod anchors;
mod before;
mod cache;
pub mod checkpoint;
mod compare;
mod dedup;
mod follow;
pub mod nats;
mod pool;
mod projector;
mod quarantine;
pub mod queries;
mod query;
pub mod reactor;
mod rebuild;
mod row_error;
mod rows;
mod seen;
mod shared;
mod source;
mod stored;
mod view;
mod waiters;

pub use anchors::anchors_at;
pub use pool::{Asker, Busy, ReadPool, Serving};
pub use projector::Projector;
pub use quarantine::Parked;
pub use query::{Answered, Query, QueryError, Wait, restricted};
pub use rebuild::{RebuildError, Rebuilt};
pub use rows::RowError;
pub use seen::{EntryOf, Seen, Snapshot};
pub use source::Source;
pub use tollgate_view_store::Digest;
pub use view::{FOREIGN, View, ViewError, store_dir, store_dir_of};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
