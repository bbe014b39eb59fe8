//! The inbox: what producers published that have only NATS, until a server has appended it to the ledger.
//!
//! A producer publishes to `tollgate.v1.in.<tenant>.<task>`, with an acknowledgement of JetStream: from then
//! on it is kept until somebody who drains it says that it is dealt with. A message comes more than once when
//! a drainer is slow or dies; the ids of the events in it make that harmless. The tenant stands in the
//! subject alone, so that permissions on subjects hold; the task may stand in the header [`TASK_HEADER`]
//! where it cannot be a token.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tollgate_domain::printable::with_causes;
use tollgate_domain::time::Timestamp;

use crate::drain::{differences, found};
use crate::log::JetStreamLog;
use crate::setup::error::SetupError;
use crate::shared::Shared;
use crate::topology::{self, TASK_HEADER};

pub use crate::drain::{ACK_WAIT, MAX_ACK_PENDING};

/// Messages of a request: a part of what may be with drainers at once, so that several share the work; and
/// fewer than may wait in a subscription of this client. A drainer packs what comes together: more gives
/// fuller records.
const AT_ONCE: usize = 48;

/// How long a request waits at the server.
const WAIT: Duration = Duration::from_secs(5);

/// Drains the inbox of a ledger. Any number of servers may, each message goes to one of them.
pub struct Inbox {
    shared: Arc<Shared>,
    consumer: PullConsumer,
    /// The request on its way. It outlives a call that is dropped.
    asked: Option<pull::Batch>,
    connections: watch::Receiver<u64>,
    troubled: bool,
}

/// A message of the inbox. Without [`Self::ack`] it comes again, to this drainer or another.
#[derive(Clone, Debug)]
pub struct InboxMessage {
    /// The subject it came in on.
    pub subject: String,
    /// The tenant, as the subject has it.
    pub tenant: String,
    /// The task, as the header has it, else as the subject has it.
    pub task: String,
    /// What was published.
    pub payload: Bytes,
    /// Its headers. Of one that stands several times, the first.
    pub headers: HashMap<String, String>,
    /// Its sequence in the inbox, which is no sequence of the ledger.
    pub sequence: u64,
    /// When the server took it.
    pub received_at: Timestamp,
    /// How often it was given to a drainer, this time included.
    pub deliveries: u64,
    /// How many more wait behind it.
    pub pending: u64,
    message: jetstream::Message,
}

/// The server did not confirm. The message will come again, unless the confirmation alone got lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "inbox message {sequence} of tenant {tenant}: it is not known whether the server heard of its end: {reason}"
)]
pub struct AckError {
    /// The message.
    pub sequence: u64,
    /// Its tenant.
    pub tenant: String,
    /// What happened.
    pub reason: String,
}

impl Inbox {
    /// Opens the inbox of a ledger, which [`Setup::init`](crate::Setup::init) has made, on the ledger's connection.
    ///
    /// # Errors
    ///
    /// [`SetupError`] where it is not there, or its consumer is not what it must be.
    pub async fn open(log: &JetStreamLog) -> Result<Self, SetupError> {
        let shared = Arc::clone(&log.shared);
        let name = topology::inbox(&shared.options.stream);
        let consumer = found(&shared.context, &name).await?;
        let Some(consumer) = consumer else { return Err(SetupError::Missing { stream: name }) };
        let differences = differences(&consumer.cached_info().config);
        if !differences.is_empty() {
            return Err(SetupError::Differs { stream: name, differences });
        }
        let connections = shared.connections();
        Ok(Self { shared, consumer, asked: None, connections, troubled: false })
    }

    /// The next messages, at least one: waits until there are some, through any number of lost connections. A
    /// future that is dropped loses none.
    pub async fn next(&mut self) -> Vec<InboxMessage> {
        loop {
            match self.some().await {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => {
                    self.troubled = false;
                    return messages;
                }
                Err(reason) => {
                    self.asked = None;
                    // Once per trouble, not with each try.
                    if !std::mem::replace(&mut self.troubled, true) {
                        tracing::warn!(%reason, log = %self.shared.options.place(), "the inbox cannot be read, trying again");
                    }
                    self.shared.pause().await;
                }
            }
        }
    }

    /// What one request gives; nothing when its time is over.
    async fn some(&mut self) -> Result<Vec<InboxMessage>, String> {
        let asked = match &mut self.asked {
            Some(asked) => asked,
            None => {
                self.connections.mark_unchanged();
                let request = self.consumer.batch().max_messages(AT_ONCE).expires(WAIT).messages();
                let asked = request.await.map_err(|error| with_causes(&error))?;
                self.asked.insert(asked)
            }
        };
        let first = tokio::select! {
            biased;
            message = asked.next() => message,
            // A request that was sent before is lost with its connection.
            Ok(()) = self.connections.changed() => None,
        };
        let Some(first) = first else {
            self.asked = None;
            return Ok(Vec::new());
        };
        let mut messages = vec![InboxMessage::of(first.map_err(|error| error.to_string())?)?];
        // What has come with it. An error behind it shows with the next call.
        while let Some(Some(Ok(message))) = asked.next().now_or_never() {
            messages.push(InboxMessage::of(message)?);
        }
        if messages.len() == AT_ONCE {
            self.asked = None;
        }
        Ok(messages)
    }
}

impl InboxMessage {
    fn of(message: jetstream::Message) -> Result<Self, String> {
        let info = message.info().map_err(|error| error.to_string())?;
        let (sequence, pending) = (info.stream_sequence, info.pending);
        let deliveries = u64::try_from(info.delivered).unwrap_or(1);
        let micros = i64::try_from(info.published.unix_timestamp_nanos() / 1_000).unwrap_or_default();
        let mut tokens = message.subject.split('.').skip(3).map(str::to_owned);
        let (tenant, token) = (tokens.next().unwrap_or_default(), tokens.next().unwrap_or_default());
        let mut headers = HashMap::new();
        for (name, values) in message.headers.iter().flat_map(async_nats::HeaderMap::iter) {
            if let Some(value) = values.first() {
                headers.insert(name.to_string(), value.as_str().to_owned());
            }
        }
        Ok(Self {
            subject: message.subject.to_string(),
            task: headers.get(TASK_HEADER).cloned().unwrap_or(token),
            tenant,
            payload: message.payload.clone(),
            headers,
            sequence,
            received_at: Timestamp::from_micros(micros).unwrap_or_default(),
            deliveries,
            pending,
            message,
        })
    }

    /// Says that the message is dealt with, and waits until the server has heard it: it is removed.
    ///
    /// # Errors
    ///
    /// [`AckError`].
    pub async fn ack(&self) -> Result<(), AckError> {
        self.message.double_ack().await.map_err(|error| self.unheard(&error))
    }

    /// Gives the message back: it comes again after this time, or a little later where the server does not hear it.
    ///
    /// # Errors
    ///
    /// [`AckError`] where the connection is closed.
    pub async fn later(&self, after: Duration) -> Result<(), AckError> {
        self.message.ack_with(AckKind::Nak(Some(after))).await.map_err(|error| self.unheard(&error))
    }

    fn unheard(&self, error: &async_nats::Error) -> AckError {
        AckError { sequence: self.sequence, tenant: self.tenant.clone(), reason: error.to_string() }
    }
}
