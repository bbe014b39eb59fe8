//! Reading records in order, with the chain of each partition.

use std::sync::Arc;

use tollgate_domain::position::Sequence;
use tollgate_log::contract::{BoxFuture, Partitions, ReadError, RecordReader};
use tollgate_log::record::{Record, RecordError, StoredRecord};

use crate::chains::{ANCHOR_EVERY, Chains};
use crate::pull::{Delivered, Pull};
use crate::shared::Shared;

/// Reads the records of some partitions after a sequence. It begins where their chains are known, and passes over what is
/// before. Every message of the stream comes here, so that a missing one shows: a server of version 2.9 takes no filter
/// that matches a partition's facts and decisions both.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    pull: Pull,
    partitions: Partitions,
    after: Sequence,
    chains: Chains,
    remembered: Sequence,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, partitions: Partitions, after: Sequence) -> Self {
        let chains = shared.anchors().before(partitions, after);
        let pull = Pull::new(Arc::clone(&shared), chains.through);
        let remembered = chains.through;
        Self { shared, pull, partitions, after, chains, remembered }
    }

    /// The records of these messages that were asked for. Runs without a pause, so a reader that is dropped in the middle
    /// of waiting has taken all of a round or nothing.
    fn take(&mut self, messages: Vec<Delivered>) -> Result<Vec<StoredRecord>, ReadError> {
        let mut records = Vec::with_capacity(messages.len());
        for Delivered { sequence, payload, .. } in messages {
            if sequence != self.chains.through.next() {
                let what = "it is not in the stream".to_owned();
                return Err(self.damaged(self.chains.through.next(), what));
            }
            let record = Record::parse(payload).map_err(|error| self.unreadable(sequence, error))?;
            let partition = record.partition();
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
        if sequence == self.after || sequence.0 >= self.remembered.0 + ANCHOR_EVERY {
            self.remembered = sequence;
            self.shared.anchors().remember(self.partitions, &self.chains);
        }
    }

    fn unreadable(&self, sequence: Sequence, error: RecordError) -> ReadError {
        match error {
            RecordError::Newer { .. } => {
                ReadError::Newer { path: self.shared.options.place(), sequence, what: error.to_string() }
            }
            RecordError::Malformed(_) => self.damaged(sequence, error.to_string()),
        }
    }

    fn damaged(&self, sequence: Sequence, what: String) -> ReadError {
        ReadError::Damaged { path: self.shared.options.place(), offset: 0, sequence, what }
    }
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
}
