//! What a log on another machine can tell or do beyond the contract, and what stands in for it on any other log.
//!
//! Whoever has an [`EventLog`] calls these as methods of `dyn EventLog`; a backend that has hints implements [`Hints`].

use tollgate_domain::position::{PartitionId, Sequence};

use crate::contract::{BoxFuture, EventLog, LogServer, Partitions, ReadError, RecordReader};
use crate::hash::ChainHash;
use crate::record::Record;

/// What a log on another machine knows or does beyond the contract.
pub trait Hints: Send + Sync {
    /// How it is known what an acknowledgement is worth, for people.
    fn durability_known_by(&self) -> String;

    /// The server that holds the log, as it is now.
    fn server(&self) -> LogServer;

    /// One durable record, asked for by its sequence; `None`: there is none.
    fn record_at(&self, sequence: Sequence) -> BoxFuture<'_, Result<Option<Record>, ReadError>>;

    /// The last durable record of one partition; zero: it has none.
    fn tail_of(&self, partition: PartitionId) -> BoxFuture<'_, Result<Sequence, ReadError>>;

    /// The last record of one partition that this process has appended or read. Zero: none.
    fn seen_of(&self, partition: PartitionId) -> Sequence;

    /// `find` knows every event that was appended through here in a record after this one.
    fn remembers_after(&self) -> Sequence;

    /// Takes the chains of partitions as a reader's checkpoint has them after everything through a record.
    fn anchor(&self, through: Sequence, chains: &[(PartitionId, ChainHash)]);

    /// Reads records without computing their chains, which mean nothing then.
    fn read_unchained(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>>;
}

impl<'l> dyn EventLog + 'l {
    /// How it is known what an acknowledgement is worth, for people. `None`: this process syncs itself.
    #[must_use]
    pub fn durability_known_by(&self) -> Option<String> {
        self.hints().map(Hints::durability_known_by)
    }

    /// The server that holds it, as it is now. `None`: this process does.
    #[must_use]
    pub fn server(&self) -> Option<LogServer> {
        self.hints().map(Hints::server)
    }

    /// One durable record; `None`: there is none at this sequence.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub async fn record_at(&self, sequence: Sequence) -> Result<Option<Record>, ReadError> {
        if let Some(hints) = self.hints() {
            return hints.record_at(sequence).await;
        }
        let mut reader = self.read_from(Partitions::ALL, sequence.previous()).await?;
        let records = reader.try_next().await?;
        Ok(records.into_iter().find(|stored| stored.sequence == sequence).map(|stored| stored.record))
    }

    /// The last durable record of one partition; zero: it has none. Cheaper than [`EventLog::tail`] where
    /// each partition is asked for on its own.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub async fn tail_of(&self, partition: PartitionId) -> Result<Sequence, ReadError> {
        match self.hints() {
            Some(hints) => hints.tail_of(partition).await,
            None => Ok(self.tail().await?.get(partition)),
        }
    }

    /// The last record of one partition that this process has appended or read, without a question to anybody: others
    /// may have appended more. Zero: none, or a log that need not know because its tail costs nothing.
    #[must_use]
    pub fn seen_of(&self, partition: PartitionId) -> Sequence {
        self.hints().map_or(Sequence::ZERO, |hints| hints.seen_of(partition))
    }

    /// [`EventLog::find`] knows every event that was appended through here in a record after this one.
    #[must_use]
    pub fn remembers_after(&self) -> Sequence {
        self.hints().map_or(Sequence::ZERO, Hints::remembers_after)
    }

    /// Tells the log the chains of partitions as a reader's checkpoint has them after everything through a
    /// record, so that a reader from there need not compute them from the first record. A log that stores
    /// chains has no use for it.
    pub fn anchor(&self, through: Sequence, chains: &[(PartitionId, ChainHash)]) {
        if let Some(hints) = self.hints() {
            hints.anchor(through, chains);
        }
    }

    /// As [`EventLog::read_from`], for those who do not look at the chains: where the log stores none, they are not
    /// computed and mean nothing.
    ///
    /// # Errors
    ///
    /// What reading gives.
    pub async fn read_unchained(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> Result<Box<dyn RecordReader>, ReadError> {
        match self.hints() {
            Some(hints) => hints.read_unchained(partitions, after).await,
            None => self.read_from(partitions, after).await,
        }
    }
}
