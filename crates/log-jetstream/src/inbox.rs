//! The inbox: what producers with only NATS access have published, until a server has appended it to the
//! ledger.
//!
//! A producer publishes to `tollgate.v1.in.<tenant>.<task>`, with a JetStream acknowledgement: from then on
//! the message is kept until a drainer acknowledges it as done. A message is delivered more than once when a
//! drainer is slow or dies; the ids of the events in it make that harmless. The tenant is given only in the
//! subject, so that permissions on subjects hold; the task may be given in the header [`TASK_HEADER`] if it
//! cannot be a token.

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

/// Messages per request: a fraction of what may be with drainers at once, so that several share the work, and
/// fewer than may wait in a subscription of this client. A drainer packs messages that arrive together, so
/// larger requests give fuller records.
const AT_ONCE: usize = 48;

/// How long a request waits at the server.
const WAIT: Duration = Duration::from_secs(5);

/// Drains the inbox of a ledger. Any number of servers may do so; each message goes to one of them.
pub struct Inbox {
    shared: Arc<Shared>,
    consumer: PullConsumer,
    /// The request in flight. It outlives a call that is dropped.
    asked: Option<pull::Batch>,
    connections: watch::Receiver<u64>,
    troubled: bool,
}

/// A message of the inbox. Without [`Self::ack`] it is redelivered, to this drainer or another.
#[derive(Clone, Debug)]
pub struct InboxMessage {
    /// The subject it was published to.
    pub subject: String,
    /// The tenant, from the subject.
    pub tenant: String,
    /// The task, from the header if present, otherwise from the subject.
    pub task: String,
    /// The published payload.
    pub payload: Bytes,
    /// Its headers. If one occurs several times, the first value.
    pub headers: HashMap<String, String>,
    /// Its sequence in the inbox, which is not a sequence of the ledger.
    pub sequence: u64,
    /// When the server received it.
    pub received_at: Timestamp,
    /// How often it has been delivered, including this time.
    pub deliveries: u64,
    /// How many more wait after it.
    pub pending: u64,
    message: jetstream::Message,
}

/// The server did not confirm. The message will be redelivered, unless only the confirmation was lost.
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
    /// Opens the inbox of a ledger, created by [`Setup::init`](crate::Setup::init), on the ledger's
    /// connection.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if it does not exist, or its consumer is not as required.
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

    /// The next messages, at least one: waits until there are some, through any number of lost connections.
    /// Dropping the future loses none.
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
                    // Logged once per outage, not for each try.
                    if !std::mem::replace(&mut self.troubled, true) {
                        tracing::warn!(%reason, log = %self.shared.options.place(), "the inbox cannot be read, trying again");
                    }
                    self.shared.pause().await;
                }
            }
        }
    }

    /// The messages of one request; empty when its time is over.
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
            // A request sent earlier is lost with its connection.
            Ok(()) = self.connections.changed() => None,
        };
        let Some(first) = first else {
            self.asked = None;
            return Ok(Vec::new());
        };
        let mut messages = vec![InboxMessage::of(first.map_err(|error| error.to_string())?)?];
        // What arrived with it. An error after it surfaces in the next call.
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

    /// Acknowledges that the message is done, and waits until the server has confirmed: the message is
    /// removed.
    ///
    /// # Errors
    ///
    /// [`AckError`].
    pub async fn ack(&self) -> Result<(), AckError> {
        self.message.double_ack().await.map_err(|error| self.unheard(&error))
    }

    /// Gives the message back: it is redelivered after this time, or a little later if the server misses the
    /// request.
    ///
    /// # Errors
    ///
    /// [`AckError`] if the connection is closed.
    pub async fn later(&self, after: Duration) -> Result<(), AckError> {
        self.message.ack_with(AckKind::Nak(Some(after))).await.map_err(|error| self.unheard(&error))
    }

    fn unheard(&self, error: &async_nats::Error) -> AckError {
        AckError { sequence: self.sequence, tenant: self.tenant.clone(), reason: error.to_string() }
    }
}
