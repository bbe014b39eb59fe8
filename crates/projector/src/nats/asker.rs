//! Querying projectors in other processes.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Request as Outgoing, StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tollgate_clock::{Stopwatch, sleep};
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::Partitions;
use tollgate_projection::fold::Projection;
use tollgate_wire::api::ViewHealth;
use uuid::Uuid;

use super::layout::Layout;
use super::protocol::{HEALTH, MOVED, REBUILD, RebuiltPart, Reply, subject};
use super::question::{Parts, QueryMessage, read};
use crate::pool::{Asker, ReadPool};
use crate::query::{Answered, Query, QueryError, Wait};
use crate::rebuild::{RebuildError, Rebuilt};

/// Time allowed for an answer to travel, in addition to the time the view may wait.
const GRACE: Duration = Duration::from_secs(1);

/// A query that may wait longer is sent again after this: the server may have given it to a projector whose
/// connection leads nowhere, and keeps doing so until it notices.
const ONE_TRY: Duration = Duration::from_secs(1);

/// How long a projector may take to confirm that it has begun to rebuild, and how often it is asked.
/// After the connection was lost silently, the server still gives every second request to the old one: a few
/// tries are not enough.
const BEGIN_WAIT: Duration = Duration::from_secs(3);
const BEGIN_TRIES: usize = 20;

/// How long to wait before retrying a partition that had no answer.
const AGAIN: Duration = Duration::from_millis(50);

/// How long a health query may take.
const HEALTH_WAIT: Duration = Duration::from_secs(2);

/// How much longer than the view may wait an answer over many rows may take, once its query has arrived.
const LONG_ANSWER: Duration = Duration::from_secs(60);

/// How long a rebuild may take.
const REBUILD_WAIT: Duration = Duration::from_secs(3600);

/// A view that is answered by projectors in other processes.
pub struct Remote<P> {
    client: async_nats::Client,
    /// The epoch of the log that answers must be from.
    epoch: Uuid,
    layout: Layout,
    readers: ReadPool,
    view: PhantomData<fn() -> P>,
}

impl<P> Clone for Remote<P> {
    fn clone(&self) -> Self {
        let (client, layout, readers) = (self.client.clone(), self.layout.clone(), self.readers.clone());
        Self { client, epoch: self.epoch, layout, readers, view: PhantomData }
    }
}

impl<P: Projection + Clone> Remote<P> {
    /// The view of a log whose projectors are on this server. Answers over many rows are read in the pool.
    #[must_use]
    pub fn new(client: async_nats::Client, epoch: Uuid, readers: ReadPool) -> Self {
        Self { client, epoch, layout: Layout::default(), readers, view: PhantomData }
    }

    /// Queries one partition.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; [`QueryError::Missing`] if there is no projector for the partition.
    pub async fn ask<Q: Query<P>>(
        &self,
        partition: PartitionId,
        wait: Wait<'_>,
        query: &Q,
    ) -> Result<Answered<Q::Answer>, QueryError> {
        self.send(partition, &QueryMessage::of(wait, query)?).await
    }

    /// Queries all partitions.
    ///
    /// # Errors
    ///
    /// [`QueryError`], including when the answer of one part is missing, or two parts overlap.
    pub async fn ask_all<Q: Query<P>>(
        &self,
        wait: Wait<'_>,
        query: &Q,
    ) -> Result<Vec<Answered<Q::Answer>>, QueryError> {
        self.send_all(&QueryMessage::of(wait, query)?).await
    }

    /// The health of each part. A part that does not answer is reported as not running.
    pub async fn health(&self) -> Vec<ViewHealth> {
        let mut parts: BTreeMap<String, ViewHealth> = BTreeMap::new();
        let (mut covered, mut missing, mut why) = (Partitions::NONE, Partitions::NONE, String::new());
        let mut to_ask = self.layout.one_of_each();
        while !to_ask.is_empty() {
            for (partition, answered) in self.health_of(to_ask).await {
                match answered {
                    Ok(Answered { answer, partitions, .. }) => {
                        covered = covered.with(partitions).with(Partitions::only(partition));
                        parts.insert(partitions.to_string(), answer);
                    }
                    Err(error) => {
                        missing = missing.with(Partitions::only(partition));
                        why = error.to_string();
                    }
                }
            }
            // If a part is gone, another projector may have its remaining partitions.
            let unasked = |partition: &PartitionId| !covered.with(missing).contains(*partition);
            to_ask = PartitionId::all().filter(unasked).collect();
        }
        let mut parts: Vec<ViewHealth> = parts.into_values().collect();
        if missing != Partitions::NONE {
            parts.push(ViewHealth {
                view: P::NAME.to_owned(),
                partitions: missing.to_string(),
                running: false,
                lag_records: 0,
                partition_lag_records: BTreeMap::new(),
                lag_growth: None,
                as_of: String::new(),
                rows: 0,
                quarantined: Vec::new(),
                note: Some(why),
                in_memory: None,
            });
        }
        parts
    }

    /// Queries the health at some partitions concurrently.
    async fn health_of(
        &self,
        partitions: Vec<PartitionId>,
    ) -> Vec<(PartitionId, Result<Answered<ViewHealth>, QueryError>)> {
        let asked = partitions.into_iter().map(async |partition| {
            let wait = Wait { at_least: None, up_to: HEALTH_WAIT };
            let question = QueryMessage { ask: HEALTH, query: None, wait, patient: false, long: false };
            let answered = self.send::<ViewHealth>(partition, &question).await;
            if let Ok(answered) = &answered {
                self.layout.learn(answered.partitions);
            }
            (partition, answered)
        });
        join_all(asked).await
    }

    /// Waits until some part contains more than a position, for at most `up_to`.
    pub(crate) async fn moved_from(&self, position: &Position, up_to: Duration) {
        let mut asked = JoinSet::new();
        for partition in self.layout.one_of_each() {
            let (remote, from) = (self.clone(), position.clone());
            asked.spawn(async move {
                let wait = Wait { at_least: Some(&from), up_to };
                let question = QueryMessage { ask: MOVED, query: None, wait, patient: true, long: false };
                // A part that does not answer has nothing new; the others or the timeout decide.
                let _ = remote.send::<()>(partition, &question).await;
            });
        }
        // The first one to report is enough; the others are dropped.
        let _ = tokio::time::timeout(up_to, asked.join_next()).await;
    }

    /// Builds each part a second time.
    ///
    /// # Errors
    ///
    /// [`RebuildError`].
    pub(crate) async fn rebuild(&self) -> Result<Vec<Rebuilt>, RebuildError> {
        let wait = Wait { at_least: None, up_to: REBUILD_WAIT };
        let question = QueryMessage { ask: REBUILD, query: None, wait, patient: false, long: false };
        let mut parts = Parts::new();
        while let Some(partition) = parts.missing() {
            parts.add(P::NAME, partition, self.rebuild_of(partition, &question).await?)?;
        }
        let failed = |reason| QueryError::Failed { view: P::NAME, reason };
        let rebuilt = parts.answers.into_iter().map(|part| Rebuilt::try_from(part.answer).map_err(failed));
        Ok(rebuilt.collect::<Result<_, _>>()?)
    }

    /// Has one part built a second time. Its projector confirms at once that it has begun: one that does not
    /// is asked again, and the long wait starts only then.
    async fn rebuild_of(
        &self,
        partition: PartitionId,
        question: &QueryMessage<'_>,
    ) -> Result<Answered<RebuiltPart>, QueryError> {
        let watch = Stopwatch::start();
        for _ in 0..BEGIN_TRIES {
            let payload = question.payload(question.wait.up_to);
            match self.begin(partition, payload, BEGIN_WAIT, question.wait.up_to).await {
                Ok(payload) => return read(P::NAME, &payload),
                Err(Silence::NotBegun) => {
                    tracing::debug!(view = P::NAME, %partition, "no rebuild was begun, asking again");
                }
                Err(silence) => return Err(missing::<P>(partition, &watch, silence.to_string())),
            }
        }
        Err(missing::<P>(partition, &watch, Silence::NotBegun.to_string()))
    }

    /// Sends a query that takes long. The projector confirms at once that it has arrived.
    async fn begin(
        &self,
        partition: PartitionId,
        payload: Vec<u8>,
        begin_within: Duration,
        end_within: Duration,
    ) -> Result<Bytes, Silence> {
        let inbox = self.client.new_inbox();
        let failed = |error: String| Silence::Failed(error);
        let mut heard =
            self.client.subscribe(inbox.clone()).await.map_err(|error| failed(error.to_string()))?;
        let asked = self.client.publish_with_reply(subject(P::NAME, partition), inbox, payload.into()).await;
        asked.map_err(|error| failed(error.to_string()))?;
        match tokio::time::timeout(begin_within, heard.next()).await {
            Ok(Some(said)) if said.status == Some(StatusCode::NO_RESPONDERS) => Err(Silence::Nobody),
            Ok(Some(said)) if is_begun(&said.payload) => {
                match tokio::time::timeout(end_within, heard.next()).await {
                    Ok(Some(said)) => Ok(said.payload),
                    Ok(None) => Err(Silence::Closed),
                    Err(_) => Err(Silence::NotEnded),
                }
            }
            // A projector of an earlier version answers without confirming first.
            Ok(Some(said)) => Ok(said.payload),
            Ok(None) => Err(Silence::Closed),
            Err(_) => Err(Silence::NotBegun),
        }
    }

    /// Queries partition by partition until the answers cover all of them.
    async fn send_all<A: DeserializeOwned + Send + 'static>(
        &self,
        question: &QueryMessage<'_>,
    ) -> Result<Vec<Answered<A>>, QueryError> {
        let mut parts = Parts::new();
        while let Some(partition) = parts.missing() {
            parts.add(P::NAME, partition, self.send(partition, question).await?)?;
        }
        parts.answers.iter().for_each(|part| self.layout.learn(part.partitions));
        Ok(parts.answers)
    }

    async fn send<A: DeserializeOwned + Send + 'static>(
        &self,
        partition: PartitionId,
        question: &QueryMessage<'_>,
    ) -> Result<Answered<A>, QueryError> {
        let watch = Stopwatch::start();
        let up_to = question.wait.up_to;
        // Anything waiting for it in the meantime, here or there, is waiting for a reader.
        let _serving = question.long.then(|| self.readers.serve());
        loop {
            let left = up_to.saturating_sub(watch.elapsed());
            let one = if question.patient && !question.long { left.min(ONE_TRY) } else { left };
            let reason = match self.once(partition, question, one).await {
                Ok(payload) => match self.read(payload, question.long).await {
                    // It still follows the log that was here before, and will notice.
                    Ok(Answered { as_of, .. }) if as_of.epoch() != self.epoch => other_log(&as_of.epoch()),
                    Err(QueryError::OtherLog { wanted, epoch }) if wanted.epoch() == self.epoch => {
                        other_log(&epoch)
                    }
                    Err(QueryError::Stale { .. }) if one < left => continue,
                    Err(QueryError::Stale { view, as_of, wanted, failed, .. }) => {
                        let waited_ms = millis(watch.elapsed());
                        return Err(QueryError::Stale { view, as_of, wanted, waited_ms, failed });
                    }
                    read => return read,
                },
                Err(silence) => silence.to_string(),
            };
            if !question.patient || watch.elapsed() + AGAIN >= up_to {
                return Err(missing::<P>(partition, &watch, reason));
            }
            // A restarting projector will be there in a moment.
            sleep(AGAIN).await;
        }
    }

    /// Queries one projector, which may wait up to this long for its view.
    async fn once(
        &self,
        partition: PartitionId,
        question: &QueryMessage<'_>,
        wait: Duration,
    ) -> Result<Bytes, Silence> {
        let payload = question.payload(wait);
        if question.long {
            return self.begin(partition, payload, ONE_TRY + GRACE, wait + LONG_ANSWER).await;
        }
        let request = Outgoing::new().payload(payload.into()).timeout(Some(wait + GRACE));
        let answered = self.client.send_request(subject(P::NAME, partition), request).await;
        answered.map(|message| message.payload).map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => Silence::Nobody,
            RequestErrorKind::TimedOut
            | RequestErrorKind::InvalidSubject
            | RequestErrorKind::MaxPayloadExceeded
            | RequestErrorKind::Other => Silence::Failed(error.to_string()),
        })
    }

    async fn read<A: DeserializeOwned + Send + 'static>(
        &self,
        payload: Bytes,
        long: bool,
    ) -> Result<Answered<A>, QueryError> {
        if !long {
            return read(P::NAME, &payload);
        }
        let read = self.readers.run(Asker::Served, move || read(P::NAME, &payload)).await;
        read.map_err(|busy| QueryError::Busy { view: P::NAME, busy })?
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("nobody listens")]
    Nobody,
    #[error("the connection was closed")]
    Closed,
    #[error("it did not say that it has begun")]
    NotBegun,
    #[error("it has begun, and did not end in time")]
    NotEnded,
    #[error("{0}")]
    Failed(String),
}

fn missing<P: Projection>(partition: PartitionId, watch: &Stopwatch, reason: String) -> QueryError {
    QueryError::Missing { view: P::NAME, partition, waited_ms: millis(watch.elapsed()), reason }
}

/// Whether this confirms that the work has begun: an empty reply.
fn is_begun(payload: &[u8]) -> bool {
    serde_json::from_slice::<Reply>(payload)
        .is_ok_and(|reply| reply.answer.is_none() && reply.error.is_none())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn other_log(epoch: &impl std::fmt::Display) -> String {
    format!("its projector follows log {epoch}, which is another one than this")
}
