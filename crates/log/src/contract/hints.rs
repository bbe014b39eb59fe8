//! What a log on another machine can report or do beyond the contract, and the fallbacks for every other log.
//!
//! Callers with an [`EventLog`] use these as methods of `dyn EventLog`; a backend that has hints implements
//! [`Hints`].

use tollgate_domain::ids::TenantId;
use tollgate_domain::position::{PartitionId, Sequence};

use crate::contract::{BoxFuture, EventLog, LogServer, Partitions, ReadError, RecordReader};
use crate::hash::ChainHash;
use crate::record::Record;

/// What a log on another machine knows or does beyond the contract.
pub trait Hints: Send + Sync {
    /// How the durability of an acknowledgement is known, as text for people.
    fn durability_known_by(&self) -> String;

    /// The server that holds the log, in its current state.
    fn server(&self) -> LogServer;

    /// The durable record with this sequence; `None` if there is none.
    fn record_at(&self, sequence: Sequence) -> BoxFuture<'_, Result<Option<Record>, ReadError>>;

    /// The last durable record of one partition; zero if it has none.
    fn tail_of(&self, partition: PartitionId) -> BoxFuture<'_, Result<Sequence, ReadError>>;

    /// The last record of one partition that this process has appended or read; zero if there is none.
    fn seen_of(&self, partition: PartitionId) -> Sequence;

    /// `find` knows every event that was appended by this process in a record after this one.
    fn remembers_after(&self) -> Sequence;

    /// Accepts the chains of partitions after all records up to and including `through`, as a reader's
    /// checkpoint has them.
    fn anchor(&self, through: Sequence, chains: &[(PartitionId, ChainHash)]);

    /// The first durable decision about a subject after a record, and its place; `None` if there is none. The
    /// subject is that of a tenant and a partition.
    fn decision_after<'a>(
        &'a self,
        partition: PartitionId,
        tenant: &'a TenantId,
        subject: &'a str,
        after: Sequence,
    ) -> BoxFuture<'a, Result<Option<(Sequence, Record)>, ReadError>>;

    /// Reads records without computing their chains; the chain values are meaningless then.
    fn read_unchained(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>>;
}

impl<'l> dyn EventLog + 'l {
    /// How the durability of an acknowledgement is known, as text for people. `None` if this process syncs
    /// itself.
    #[must_use]
    pub fn durability_known_by(&self) -> Option<String> {
        self.hints().map(Hints::durability_known_by)
    }

    /// The server that holds the log, in its current state. `None` if this process holds it.
    #[must_use]
    pub fn server(&self) -> Option<LogServer> {
        self.hints().map(Hints::server)
    }

    /// The durable record with this sequence; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The errors of reading.
    pub async fn record_at(&self, sequence: Sequence) -> Result<Option<Record>, ReadError> {
        if let Some(hints) = self.hints() {
            return hints.record_at(sequence).await;
        }
        let mut reader = self.read_from(Partitions::ALL, sequence.previous()).await?;
        let records = reader.try_next().await?;
        Ok(records.into_iter().find(|stored| stored.sequence == sequence).map(|stored| stored.record))
    }

    /// The last durable record of one partition; zero if it has none. Cheaper than [`EventLog::tail`] if each
    /// partition is queried on its own.
    ///
    /// # Errors
    ///
    /// The errors of reading.
    pub async fn tail_of(&self, partition: PartitionId) -> Result<Sequence, ReadError> {
        match self.hints() {
            Some(hints) => hints.tail_of(partition).await,
            None => Ok(self.tail().await?.get(partition)),
        }
    }

    /// The last record of one partition that this process has appended or read, without asking the server:
    /// others may have appended more. Zero if there is none, or for a log that need not track it because its
    /// tail costs nothing.
    #[must_use]
    pub fn seen_of(&self, partition: PartitionId) -> Sequence {
        self.hints().map_or(Sequence::ZERO, |hints| hints.seen_of(partition))
    }

    /// [`EventLog::find`] knows every event that was appended by this process in a record after this one.
    #[must_use]
    pub fn remembers_after(&self) -> Sequence {
        self.hints().map_or(Sequence::ZERO, Hints::remembers_after)
    }

    /// Gives the log the chains of partitions after all records up to and including `through`, as a reader's
    /// checkpoint has them, so that a reader starting there need not compute them from the first record. A
    /// log that stores chains does not need this.
    pub fn anchor(&self, through: Sequence, chains: &[(PartitionId, ChainHash)]) {
        if let Some(hints) = self.hints() {
            hints.anchor(through, chains);
        }
    }

    /// Like [`EventLog::read_from`], for callers that do not look at the chains: if the log does not store
    /// them, they are not computed and the values are meaningless.
    ///
    /// # Errors
    ///
    /// The errors of reading.
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
