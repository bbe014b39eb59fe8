//! What appends and readers of one log share, and the check of the stream's identity.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::stream::{Info, Stream};
use tokio::sync::{Semaphore, watch};
use tollgate_domain::position::{PARTITIONS, PartitionId, Position, Sequence};
use tollgate_domain::printable::with_causes;
use tollgate_log::contract::ReadError;

use crate::chains::Anchors;
use crate::frontier::Frontier;
use crate::identity::{Identity, Regression};
use crate::ids::RecentIds;
use crate::leader;
use crate::options::Options;
use crate::version::Version;

/// How long to wait before querying the server again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(100);

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) client: async_nats::Client,
    pub(crate) context: jetstream::Context,
    pub(crate) stream: Stream,
    pub(crate) identity: Identity,
    /// The number of servers that hold a copy, from the latest stream configuration seen.
    replicas: AtomicUsize,
    pub(crate) ids: Mutex<RecentIds>,
    /// Incremented whenever an append has ended.
    pub(crate) ended: watch::Sender<u64>,
    pub(crate) frontier: Mutex<Frontier>,
    /// The last record of each partition that was appended or read here.
    seen: [AtomicU64; PARTITIONS],
    pub(crate) anchors: Mutex<Anchors>,
    pub(crate) in_flight: Arc<Semaphore>,
    pub(crate) waiting_bytes: AtomicUsize,
    connections: watch::Receiver<u64>,
    /// The number of the connection on which the stream was last compared.
    compared_on: AtomicU64,
    regressed: OnceLock<Regression>,
}

/// Why the stream could not be compared.
#[derive(Debug)]
pub(crate) enum CompareError {
    /// It is a different one, or lacks records.
    Regressed(Regression),
    /// The server did not answer.
    Unanswered(String),
}

impl Shared {
    pub(crate) fn new(
        options: Options,
        client: async_nats::Client,
        connections: watch::Receiver<u64>,
        stream: Stream,
        info: &Info,
    ) -> Self {
        let identity = Identity::of(info);
        let compared_on = AtomicU64::new(*connections.borrow());
        Self {
            context: jetstream::context::ContextBuilder::new()
                .timeout(options.ack_timeout)
                .build(client.clone()),
            frontier: Mutex::new(Frontier::new(identity.epoch().id, info.state.last_sequence == 0)),
            seen: Default::default(),
            ids: Mutex::new(RecentIds::new()),
            ended: watch::Sender::new(0),
            anchors: Mutex::new(Anchors::default()),
            in_flight: Arc::new(Semaphore::new(options.max_in_flight)),
            waiting_bytes: AtomicUsize::new(0),
            connections,
            compared_on,
            replicas: AtomicUsize::new(info.config.num_replicas),
            regressed: OnceLock::new(),
            options,
            client,
            stream,
            identity,
        }
    }

    pub(crate) fn ids(&self) -> MutexGuard<'_, RecentIds> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn frontier(&self) -> MutexGuard<'_, Frontier> {
        self.frontier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn anchors(&self) -> MutexGuard<'_, Anchors> {
        self.anchors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why this log must no longer be followed, if so. This is final: a new connection creates a new log.
    pub(crate) fn regressed(&self) -> Option<&Regression> {
        self.regressed.get()
    }

    /// Stops this log for good.
    pub(crate) fn regress(&self, regression: Regression) -> Regression {
        let first = self.regressed.get_or_init(|| {
            tracing::error!(log = %self.options.place(), %regression, "the log stopped");
            regression
        });
        self.ended.send_modify(|count| *count += 1);
        first.clone()
    }

    /// Queries the server about the stream and compares the answer with what was seen.
    pub(crate) async fn compare(&self) -> Result<Info, CompareError> {
        if let Some(regression) = self.regressed() {
            return Err(CompareError::Regressed(regression.clone()));
        }
        let connection = *self.connections.borrow();
        let seen = self.identity.seen();
        let asked = tokio::time::timeout(self.options.request_timeout, self.stream.get_info()).await;
        let info = match asked {
            Ok(Ok(info)) => info,
            Ok(Err(error)) => return Err(CompareError::Unanswered(with_causes(&error))),
            Err(_) => return Err(CompareError::Unanswered("the server did not answer in time".to_owned())),
        };
        leader::check(&info).map_err(CompareError::Unanswered)?;
        // Another server of the cluster may be older.
        let fit = Version::of(&self.client).check_replicas(info.config.num_replicas);
        fit.map_err(|error| CompareError::Unanswered(error.to_string()))?;
        self.replicas.store(info.config.num_replicas, Ordering::Relaxed);
        self.identity
            .compare(&info, seen)
            .map_err(|regression| CompareError::Regressed(self.regress(regression)))?;
        self.compared_on.store(connection, Ordering::Relaxed);
        Ok(info)
    }

    /// Compares the stream if the connection has changed since it was last compared.
    pub(crate) async fn compare_after_reconnect(&self) -> Result<(), CompareError> {
        if let Some(regression) = self.regressed() {
            return Err(CompareError::Regressed(regression.clone()));
        }
        if *self.connections.borrow() == self.compared_on.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.compare().await.map(|_| ())
    }

    /// Whether several servers hold the stream.
    pub(crate) fn is_replicated(&self) -> bool {
        self.replicas() > 1
    }

    /// How many servers hold the stream.
    pub(crate) fn replicas(&self) -> usize {
        self.replicas.load(Ordering::Relaxed)
    }

    /// Counts connections: the value changes with each new one.
    pub(crate) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.clone()
    }

    /// Waits a little, or until there is a new connection.
    pub(crate) async fn pause(&self) {
        let mut connections = self.connections.clone();
        connections.mark_unchanged();
        // An error here means that the time is up, or the client is closed: either way it is tried again.
        let _ = tokio::time::timeout(RETRY_AFTER, connections.changed()).await;
    }

    pub(crate) fn start(&self) -> Position {
        Position::start(self.identity.epoch().id)
    }

    pub(crate) fn of_regression(&self, regression: &Regression) -> ReadError {
        ReadError::Regressed { path: self.options.place(), what: regression.to_string() }
    }

    pub(crate) fn of_compare(&self, error: CompareError) -> ReadError {
        match error {
            CompareError::Regressed(regression) => self.of_regression(&regression),
            CompareError::Unanswered(message) => self.unread(message),
        }
    }

    pub(crate) fn unread(&self, message: String) -> ReadError {
        ReadError::Io { path: self.options.place(), message }
    }

    /// A message together with its stream metadata.
    pub(crate) fn of_stream(&self, message: async_nats::Message) -> jetstream::Message {
        jetstream::Message { message, context: self.context.clone() }
    }

    /// The last record of a partition that was appended or read here.
    pub(crate) fn seen_of(&self, partition: PartitionId) -> Sequence {
        Sequence(self.seen[usize::from(partition.number())].load(Ordering::Relaxed))
    }

    /// Records that a record of a partition was seen.
    pub(crate) fn note_of(&self, partition: PartitionId, sequence: Sequence) {
        self.seen[usize::from(partition.number())].fetch_max(sequence.0, Ordering::Relaxed);
        self.note(sequence);
    }

    /// Records that a record is in the stream.
    pub(crate) fn note(&self, sequence: Sequence) {
        self.identity.note(sequence);
    }
}
