//! Where history comes from: a stream of records with positions, up to an end that is fixed when it is opened.
//!
//! [`LedgerHistory`] reads the files of a data directory or of a backup, [`LogHistory`] any event log, such as a stream
//! of NATS, and [`sessions`] makes a history of the session files of coding agents.

pub(crate) mod books;
mod in_force;
mod ledger;
mod log;
pub mod sessions;

use tollgate_domain::position::{Position, Sequence};
use tollgate_log::contract::{BoxFuture, Partitions, ReadError, RecordReader};
use tollgate_log::index::{IdIndex, Occurrence};
use tollgate_log::record::StoredRecord;

pub use in_force::last_config;
pub use ledger::LedgerHistory;
pub use log::LogHistory;

/// A recorded history, up to an end that does not move. Reading it appends nothing.
pub trait History: Send + Sync {
    /// Where it comes from, for people.
    fn origin(&self) -> &str;

    /// The last record of every partition that belongs to it.
    fn end(&self) -> &Position;

    /// Whether an event may be in it more than once, as in a log whose outcomes are final only within a window.
    fn repeats(&self) -> bool {
        false
    }

    /// Whether its positions still mean the same when it is opened again.
    fn is_lasting(&self) -> bool {
        true
    }

    /// Reads records of some partitions in order, from the first one after `after`. The reader may go on beyond the
    /// end.
    fn read(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>>;
}

/// Which events of the next record are counted, in a history in which they may be more than once.
pub(crate) fn originals(index: &mut IdIndex, stored: &StoredRecord) -> Option<Vec<bool>> {
    let occurrences = index.take(stored).ok()?;
    Some(occurrences.into_iter().map(|occurrence| occurrence == Occurrence::Original).collect())
}
