//! Reading records in order, with the chain of each partition.

use std::sync::Arc;

use tollgate_domain::position::Sequence;
use tollgate_log::contract::{BoxFuture, Partitions, ReadError, RecordReader};
use tollgate_log::record::{Record, RecordError, StoredRecord};

use crate::chains::{ANCHOR_EVERY, Chains};
use crate::get::message_at;
use crate::message;
use crate::pull::{Delivered, Pull};
use crate::shared::Shared;

/// Reads the records of some partitions after a sequence. It begins where their chains are known, and skips
/// records before that sequence. It receives every message of the stream, so that a missing one is noticed: a
/// server of version 2.9 has no filter that matches both facts and decisions of a partition.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    pull: Pull,
    partitions: Partitions,
    after: Sequence,
    chains: Chains,
    remembered: Sequence,
    /// Whether chains are computed.
    chained: bool,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, partitions: Partitions, after: Sequence) -> Self {
        let chains = shared.anchors().before(partitions, after);
        let pull = Pull::new(Arc::clone(&shared), chains.through);
        let remembered = chains.through;
        Self { shared, pull, partitions, after, chains, remembered, chained: true }
    }

    /// Begins where it is asked to; the chains it returns are meaningless.
    pub(crate) fn unchained(shared: Arc<Shared>, partitions: Partitions, after: Sequence) -> Self {
        let pull = Pull::new(Arc::clone(&shared), after);
        let chains = Chains::unknown(after);
        Self { shared, pull, partitions, after, chains, remembered: after, chained: false }
    }

    /// The requested records among these messages. Does not await, so a reader dropped while waiting has
    /// taken either all of a round or nothing.
    fn take(&mut self, messages: Vec<Delivered>) -> Result<Vec<StoredRecord>, ReadError> {
        let mut records = Vec::with_capacity(messages.len());
        let shared = Arc::clone(&self.shared);
        let mut frontier = shared.frontier();
        for message in messages {
            let sequence = message.sequence;
            if sequence != self.chains.through.next() {
                let what = "it is not in the stream".to_owned();
                return Err(damaged(&self.shared, self.chains.through.next(), what));
            }
            let record = message.record().map_err(|error| unreadable(&self.shared, sequence, error))?;
            let Some(record) = record else {
                tracing::warn!(%sequence, "passed: no server wrote it, and its subject names no partition");
                frontier.pass(sequence);
                shared.note(sequence);
                self.chains.through = sequence;
                continue;
            };
            let partition = record.partition();
            shared.note_of(partition, sequence);
            // With every message of the stream passing through here, the end is known without a query for
            // each partition.
            frontier.advance(partition, sequence);
            let wanted = self.partitions.contains(partition);
            let chain =
                if wanted { self.chains.advance(partition, record.hash()) } else { Default::default() };
            self.chains.through = sequence;
            if wanted && sequence > self.after {
                records.push(StoredRecord { sequence, chain, record });
            }
            self.remember(sequence);
        }
        Ok(records)
    }

    fn remember(&mut self, sequence: Sequence) {
        if !self.chained {
            return;
        }
        if sequence == self.after || sequence.0 >= self.remembered.0 + ANCHOR_EVERY {
            self.remembered = sequence;
            self.shared.anchors().remember(self.partitions, &self.chains);
        }
    }
}

pub(crate) fn unreadable(shared: &Shared, sequence: Sequence, error: RecordError) -> ReadError {
    match error {
        RecordError::Newer { .. } => {
            ReadError::Newer { path: shared.options.place(), sequence, what: error.to_string() }
        }
        RecordError::Malformed(_) => damaged(shared, sequence, error.to_string()),
    }
}

fn damaged(shared: &Shared, sequence: Sequence, what: String) -> ReadError {
    ReadError::Damaged { path: shared.options.place(), offset: 0, sequence, what }
}

/// The record at a sequence, without a reader.
pub(crate) async fn record_at(shared: &Shared, sequence: Sequence) -> Result<Option<Record>, ReadError> {
    if let Some(regression) = shared.regressed() {
        return Err(shared.of_regression(regression));
    }
    if sequence == Sequence::ZERO {
        return Ok(None);
    }
    let found = loop {
        match message_at(shared, sequence).await.map_err(|reason| shared.unread(reason))? {
            Some(message) => break Some(message),
            // A leader that was cut off does not know either.
            None if shared.is_replicated() => {
                let info = shared.compare().await.map_err(|error| shared.of_compare(error))?;
                if info.state.last_sequence < sequence.0 {
                    break None;
                }
                shared.pause().await;
            }
            None => break None,
        }
    };
    let Some(message) = found else { return Ok(None) };
    message::read(&message.subject, Some(&message.headers), message.payload)
        .map_err(|error| unreadable(shared, sequence, error))
}

impl RecordReader for Reader {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            loop {
                let messages = self.pull.next().await?;
                let records = self.take(messages)?;
                if !records.is_empty() {
                    return Ok(records);
                }
            }
        })
    }

    fn try_next(&mut self) -> BoxFuture<'_, Result<Vec<StoredRecord>, ReadError>> {
        Box::pin(async move {
            loop {
                let messages = self.pull.try_next().await?;
                if messages.is_empty() {
                    return Ok(Vec::new());
                }
                let records = self.take(messages)?;
                if !records.is_empty() {
                    return Ok(records);
                }
            }
        })
    }

    fn in_groups(&mut self) {
        self.pull.in_groups();
    }
}
