//! The log on JetStream: its implementation of the contract.

use std::sync::Arc;

use async_nats::jetstream;
use async_nats::jetstream::stream::Info;
use tokio::task::JoinHandle;
use tollgate_clock::Stopwatch;
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::{Epoch, PartitionId, Position, Sequence};
use tollgate_domain::printable::with_causes;

use tollgate_log::contract::{
    AppendError, Batch, BoxFuture, DedupScope, Durability, EventLog, EventName, Found, Hints, InOrder,
    LogServer, Partitions, ReadError, Receipt, RecordReader,
};
use tollgate_log::key::{ChainHash, Key};
use tollgate_log::record::Record;

use crate::append::append;
use crate::decided::decision_after;
use crate::durability::{DurabilityEvidence, Server, evidence};
use crate::error::ConnectError;
use crate::identity::Regression;
use crate::in_order::append_in_order;
use crate::leader;
use crate::options::Options;
use crate::pull::Pull;
use crate::reader::Reader;
use crate::setup;
use crate::shared::{CompareError, RETRY_AFTER, Shared};
use crate::tail::{tail, tail_of};
use crate::topology::decision_subject;
use crate::version::Version;

/// The event log on a JetStream stream.
pub struct JetStreamLog {
    pub(crate) shared: Arc<Shared>,
    evidence: DurabilityEvidence,
    /// The watch over the stream's identity and, if requested, the reader of what others append.
    tasks: Vec<JoinHandle<()>>,
}

impl JetStreamLog {
    /// Connects to a stream that [`Setup`](crate::Setup) has created, compares it with what a ledger needs,
    /// and reads its last records for their ids.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect(options: Options) -> Result<Self, ConnectError> {
        let (client, connections) = options.client().await?;
        let context =
            jetstream::context::ContextBuilder::new().timeout(options.request_timeout).build(client.clone());
        let info = verified(&context, &options).await?;
        let server = Server { id: client.server_info().server_id, replicas: info.config.num_replicas };
        let evidence = evidence(&options, &server).await?;
        Version::of(&client).check_replicas(info.config.num_replicas)?;
        let stream =
            context.get_stream(&options.stream).await.map_err(|error| setup::SetupError::Refused {
                stream: options.stream.clone(),
                attempt: "reading its configuration",
                reason: with_causes(&error),
            })?;
        let known_records = options.known_records;
        let shared = Arc::new(Shared::new(options, client, connections, stream, &info));
        let last = info.state.last_sequence;
        let from = Sequence(last.saturating_sub(known_records));
        let mut pull = Pull::new(Arc::clone(&shared), from);
        let mut learned = from;
        while learned < Sequence(last) {
            let messages = pull.try_next().await?;
            let Some(end) = learn(&shared, &messages) else { break };
            learned = end;
        }
        let mut tasks = vec![tokio::spawn(watch(Arc::clone(&shared)))];
        if shared.options.follow_ids {
            tasks.push(tokio::spawn(follow(Arc::clone(&shared), pull)));
        }
        Ok(Self { shared, evidence, tasks })
    }

    /// Waits until the stream must no longer be followed, and returns why: it was replaced, went back or was
    /// purged. This log has then ended; a new connection creates a new one.
    pub async fn regressed(&self) -> String {
        let mut ended = self.shared.ended.subscribe();
        loop {
            if let Some(regression) = self.shared.regressed() {
                return regression.to_string();
            }
            // The sender lives as long as this log, so waiting for another change cannot fail.
            let _ = ended.changed().await;
        }
    }

    /// How it is known what an acknowledgement guarantees.
    #[must_use]
    pub const fn evidence(&self) -> &DurabilityEvidence {
        &self.evidence
    }

    /// The log's connection, for other uses of the same server.
    #[must_use]
    pub fn client(&self) -> async_nats::Client {
        self.shared.client.clone()
    }
}

/// What the server reports about the stream, once it is certain that no other server knows more.
async fn verified(context: &jetstream::Context, options: &Options) -> Result<Info, ConnectError> {
    let watch = Stopwatch::start();
    loop {
        let info = setup::verify(context, &options.stream).await?;
        let Err(reason) = leader::check(&info) else { return Ok(info) };
        if watch.elapsed() >= options.request_timeout {
            let (stream, attempt) = (options.stream.clone(), "reading its configuration");
            return Err(setup::SetupError::Refused { stream, attempt, reason }.into());
        }
        tollgate_clock::sleep(RETRY_AFTER).await;
    }
}

impl Drop for JetStreamLog {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Compares the stream after each new connection, so that a replaced one is noticed even when nothing is
/// requested.
async fn watch(shared: Arc<Shared>) {
    let mut connections = shared.connections();
    while connections.changed().await.is_ok() {
        loop {
            match shared.compare_after_reconnect().await {
                Ok(()) => break,
                Err(CompareError::Regressed(_)) => return,
                Err(CompareError::Unanswered(_)) => shared.pause().await,
            }
        }
    }
}

/// Learns the ids of what others append, as it arrives. Ends when the stream must no longer be followed.
async fn follow(shared: Arc<Shared>, mut pull: Pull) {
    loop {
        match pull.next().await {
            Ok(messages) => {
                learn(&shared, &messages);
            }
            Err(error) => {
                tracing::warn!(%error, "ids of others are not learned any more");
                return;
            }
        }
    }
}

fn learn(shared: &Shared, messages: &[crate::pull::Delivered]) -> Option<Sequence> {
    for message in messages {
        // An unreadable record is reported by the readers that need it.
        match message.record() {
            Ok(Some(record)) => {
                shared.ids().learn(message.sequence, &record);
                shared.frontier().advance(record.partition(), message.sequence);
            }
            Ok(None) => shared.frontier().pass(message.sequence),
            Err(_) => {}
        }
    }
    messages.last().map(|message| message.sequence)
}

impl EventLog for JetStreamLog {
    fn epoch(&self) -> Epoch {
        self.shared.identity.epoch()
    }

    fn durability(&self) -> Durability {
        self.shared.options.durability
    }

    fn dedup(&self) -> DedupScope {
        DedupScope::Window
    }

    fn failed(&self) -> Option<String> {
        self.shared.regressed().map(ToString::to_string)
    }

    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, AppendError>> {
        Box::pin(append(&self.shared, batch))
    }

    fn append_in_order(&self, batches: Vec<Batch>) -> BoxFuture<'_, InOrder> {
        Box::pin(append_in_order(&self.shared, batches))
    }

    fn find(&self, names: Vec<EventName>) -> BoxFuture<'_, Result<Vec<Option<Found>>, ReadError>> {
        let ids = self.shared.ids();
        let found = names.iter().map(|name| ids.find(&Key::of_event(name))).collect();
        Box::pin(async move { Ok(found) })
    }

    fn tail(&self) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(tail(&self.shared))
    }

    fn read_from(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        Box::pin(async move {
            self.check_end(after).await?;
            Ok(Box::new(Reader::new(Arc::clone(&self.shared), partitions, after)) as Box<dyn RecordReader>)
        })
    }

    fn hints(&self) -> Option<&dyn Hints> {
        Some(self)
    }
}

impl Hints for JetStreamLog {
    fn durability_known_by(&self) -> String {
        self.evidence.to_string()
    }

    fn server(&self) -> LogServer {
        let version = Version::of(&self.shared.client);
        let (replicas, durability) = (self.shared.replicas(), self.durability());
        LogServer {
            software: format!("nats-server {version}"),
            replicas,
            sync: version.sync_policy(durability, &self.evidence),
            not_promised: version.not_promised(replicas, durability),
        }
    }

    fn record_at(&self, sequence: Sequence) -> BoxFuture<'_, Result<Option<Record>, ReadError>> {
        Box::pin(crate::reader::record_at(&self.shared, sequence))
    }

    fn seen_of(&self, partition: PartitionId) -> Sequence {
        self.shared.seen_of(partition)
    }

    fn tail_of(&self, partition: PartitionId) -> BoxFuture<'_, Result<Sequence, ReadError>> {
        Box::pin(tail_of(&self.shared, partition))
    }

    fn remembers_after(&self) -> Sequence {
        self.shared.ids().forgotten()
    }

    fn anchor(&self, through: Sequence, chains: &[(PartitionId, ChainHash)]) {
        self.shared.anchors().tell(through, chains.iter().copied());
    }

    fn decision_after<'a>(
        &'a self,
        partition: PartitionId,
        tenant: &'a TenantId,
        subject: &'a str,
        after: Sequence,
    ) -> BoxFuture<'a, Result<Option<(Sequence, Record)>, ReadError>> {
        Box::pin(async move {
            let subject = decision_subject(partition, tenant, subject);
            decision_after(&self.shared, &subject, after).await
        })
    }

    fn read_unchained(
        &self,
        partitions: Partitions,
        after: Sequence,
    ) -> BoxFuture<'_, Result<Box<dyn RecordReader>, ReadError>> {
        Box::pin(async move {
            self.check_end(after).await?;
            let reader = Reader::unchained(Arc::clone(&self.shared), partitions, after);
            Ok(Box::new(reader) as Box<dyn RecordReader>)
        })
    }
}

impl JetStreamLog {
    /// Checks that the stream is the same one and contains the record after which to read.
    async fn check_end(&self, after: Sequence) -> Result<(), ReadError> {
        if let Some(regression) = self.shared.regressed() {
            return Err(self.shared.of_regression(regression));
        }
        if after > self.shared.identity.seen() {
            let info = self.shared.compare().await.map_err(|error| self.shared.of_compare(error))?;
            let last = Sequence(info.state.last_sequence);
            if last < after {
                let regression = Regression::WentBack { seen: after, last };
                return Err(self.shared.of_regression(&regression));
            }
        }
        Ok(())
    }
}
