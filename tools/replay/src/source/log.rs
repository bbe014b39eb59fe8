//! Any event log as a history: a stream of NATS, or one in memory.

use std::sync::Arc;

use tollgate_domain::position::{Position, Sequence};
use tollgate_log::contract::{BoxFuture, DedupScope, EventLog, Partitions, ReadError, RecordReader};

use super::History;

/// The history of an event log, up to the end that it had when it was opened.
pub struct LogHistory {
    origin: String,
    log: Arc<dyn EventLog>,
    end: Position,
    is_lasting: bool,
}

impl LogHistory {
    /// The history of a log that is still there when it is opened again.
    ///
    /// # Errors
    ///
    /// [`ReadError`]: its end is not known.
    pub async fn open(origin: String, log: Arc<dyn EventLog>) -> Result<Self, ReadError> {
        let end = log.tail().await?;
        Ok(Self { origin, log, end, is_lasting: true })
    }

    /// The history of a log that ends with this process.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub async fn passing(origin: String, log: Arc<dyn EventLog>) -> Result<Self, ReadError> {
        Ok(Self { is_lasting: false, ..Self::open(origin, log).await? })
    }
}

impl History for LogHistory {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn end(&self) -> &Position {
        &self.end
    }

    fn repeats(&self) -> bool {
        self.log.dedup() == DedupScope::Window
    }

    fn is_lasting(&self) -> bool {
        self.is_lasting
    }

    fn read(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        Box::pin(async move { self.log.read_unchained(partitions, after).await })
    }
}
