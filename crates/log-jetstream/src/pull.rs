//! Messages of the stream in order, from a given sequence: an ephemeral consumer without acknowledgements
//! that requests many messages at a time. Nothing depends on what the server knows about this reader: the
//! position is kept here, and the consumer is created again after a gap, a lost request or a new connection.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::{Message, StatusCode, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tollgate_clock::Stopwatch;
use tollgate_domain::position::Sequence;
use tollgate_domain::printable::with_causes;
use tollgate_log::contract::ReadError;
use tollgate_log::record::{Record, RecordError};

use crate::identity::Regression;
use crate::message;
use crate::shared::{CompareError, Shared};

/// The most messages per request.
const GROUP: u64 = 500;

/// Approximate number of message bytes per request: it bounds the memory of a reader that is far behind.
const GROUP_BYTES: u64 = 4 << 20;

/// Assumed bytes of a message before any has arrived.
const FIRST_BYTES: u64 = 64 << 10;

/// How long a request waits at the server for messages. A request lost with its server is noticed after this.
const WAIT: Duration = Duration::from_secs(5);

/// How much later the server's notice that the request has ended may arrive.
const GRACE: Duration = Duration::from_secs(1);

/// How long the server keeps a consumer that receives no requests.
const FORGET_AFTER: Duration = Duration::from_secs(30);

/// One message as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) sequence: Sequence,
    message: Message,
}

impl Delivered {
    /// The record it holds. `None` if no server wrote it and it is in no partition.
    pub(crate) fn record(&self) -> Result<Option<Record>, RecordError> {
        let Message { subject, headers, payload, .. } = &self.message;
        message::read(subject, headers.as_ref(), payload.clone())
    }
}

/// A place in the stream that moves forward.
pub(crate) struct Pull {
    shared: Arc<Shared>,
    after: Sequence,
    consumer: Option<Consumer>,
    /// Whether a waiting request ends with the first message that arrives.
    in_groups: bool,
    /// Changes when requests sent earlier are lost.
    connections: watch::Receiver<u64>,
}

struct Consumer {
    request_subject: String,
    inbox: String,
    messages: Subscriber,
    /// Number of messages delivered.
    delivered: u64,
    /// Number of messages available after the last delivered one.
    pending: u64,
    /// Average number of bytes of the recent messages.
    message_bytes: u64,
    requests: u64,
    request: Option<Request>,
}

/// A request in flight.
struct Request {
    /// Where the server answers it.
    inbox: String,
    /// Messages that it may still deliver.
    left: u64,
    /// Whether it waits at the server for new messages.
    waits: bool,
    sent: Stopwatch,
}

/// What arrived on the subscription.
enum Came {
    Message(Delivered),
    /// The request has ended: there is no more now.
    Over,
    /// No longer relevant.
    Late,
}

impl Pull {
    /// For the messages after a sequence.
    pub(crate) fn new(shared: Arc<Shared>, after: Sequence) -> Self {
        let connections = shared.connections();
        Self { shared, after, consumer: None, in_groups: false, connections }
    }

    /// From now on the server sends one message to a waiting request, and the others when they are requested.
    pub(crate) fn in_groups(&mut self) {
        self.in_groups = true;
    }

    /// The next messages, at least one: waits until there are some, through any number of lost connections.
    /// Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> Result<Vec<Delivered>, ReadError> {
        loop {
            match self.group(true).await {
                Ok(messages) if messages.is_empty() => {}
                Ok(messages) => return Ok(messages),
                Err(CompareError::Unanswered(reason)) => {
                    tracing::debug!(%reason, "reading again");
                    self.shared.pause().await;
                }
                Err(error @ CompareError::Regressed(_)) => return Err(self.shared.of_compare(error)),
            }
        }
    }

    /// The messages available now; empty when it has caught up.
    pub(crate) async fn try_next(&mut self) -> Result<Vec<Delivered>, ReadError> {
        let mut tries = 0;
        let watch = Stopwatch::start();
        loop {
            match self.group(false).await {
                // The consumer is on a replica, which may be behind what is known here.
                Ok(messages) if messages.is_empty() && self.after < self.shared.identity.seen() => {
                    if watch.elapsed() >= self.shared.options.request_timeout {
                        let reason = format!("no replica gave record {}", self.after.next());
                        return Err(self.shared.unread(reason));
                    }
                    self.shared.pause().await;
                }
                Ok(messages) => return Ok(messages),
                Err(CompareError::Unanswered(reason)) if tries < 3 => {
                    tries += 1;
                    tracing::debug!(%reason, "reading again");
                    self.shared.pause().await;
                }
                Err(error) => return Err(self.shared.of_compare(error)),
            }
        }
    }

    /// What arrives next, together with everything that has already arrived. Empty if the request ended
    /// without any.
    async fn group(&mut self, wait: bool) -> Result<Vec<Delivered>, CompareError> {
        if let Some(regression) = self.shared.regressed() {
            return Err(CompareError::Regressed(regression.clone()));
        }
        if !wait && self.request().is_some_and(|request| request.waits) {
            // It is silent while there is nothing: begin again where it began.
            self.consumer = None;
        }
        if self.consumer.is_none() {
            self.connections.mark_unchanged();
            self.consumer = Some(self.make().await?);
        }
        if self.request().is_none() {
            self.ask(wait).await?;
        }
        loop {
            let taken = match self.first().await {
                Ok(message) => self.take(message),
                Err(error) => Err(error),
            };
            match taken {
                Ok(Some(messages)) => return Ok(messages),
                Ok(None) => {}
                Err(error) => {
                    self.consumer = None;
                    return Err(error);
                }
            }
        }
    }

    fn request(&self) -> Option<&Request> {
        self.consumer.as_ref().and_then(|consumer| consumer.request.as_ref())
    }

    /// Waits for one message from the server. May be dropped: it takes nothing before it is ready.
    async fn first(&mut self) -> Result<Message, CompareError> {
        let unanswered = |reason: &str| CompareError::Unanswered(reason.to_owned());
        let timeout = self.shared.options.request_timeout;
        let Some(consumer) = &mut self.consumer else { return Err(unanswered("there is no consumer")) };
        let limit = match &consumer.request {
            Some(request) if request.waits => (WAIT + GRACE).saturating_sub(request.sent.elapsed()),
            Some(_) | None => timeout,
        };
        tokio::select! {
            biased;
            message = tokio::time::timeout(limit, consumer.messages.next()) => match message {
                Ok(Some(message)) => Ok(message),
                Ok(None) => Err(unanswered("the subscription has ended")),
                Err(_) => Err(unanswered("the request got lost")),
            },
            Ok(()) = self.connections.changed() => Err(unanswered("the connection is a new one")),
        }
    }

    /// Takes a message and everything that arrived with it, without awaiting. `None` if it was the answer to
    /// an earlier request.
    fn take(&mut self, first: Message) -> Result<Option<Vec<Delivered>>, CompareError> {
        let shared = Arc::clone(&self.shared);
        let Some(consumer) = &mut self.consumer else { return Ok(None) };
        let mut messages = Vec::new();
        let mut next = Some(first);
        let mut lost = None;
        while let Some(message) = next {
            match consumer.read(&shared, message) {
                // A replica that is behind begins at its own end if asked for a later message.
                Ok(Came::Message(message)) if message.sequence <= self.after => {}
                Ok(Came::Message(message)) => messages.push(message),
                Ok(Came::Over | Came::Late) => {}
                Err(reason) => {
                    lost = Some(reason);
                    break;
                }
            }
            next = consumer.messages.next().now_or_never().flatten();
        }
        if let Some(last) = messages.last() {
            let bytes: usize = messages.iter().map(|message| message.message.payload.len()).sum();
            consumer.message_bytes = (bytes / messages.len()) as u64;
            self.after = last.sequence;
            shared.note(last.sequence);
        }
        match lost {
            Some(reason) if messages.is_empty() => Err(CompareError::Unanswered(reason)),
            Some(reason) => {
                tracing::debug!(%reason, "reading again");
                self.consumer = None;
                Ok(Some(messages))
            }
            None if messages.is_empty() && self.request().is_some() => Ok(None),
            None => Ok(Some(messages)),
        }
    }

    async fn ask(&mut self, wait: bool) -> Result<(), CompareError> {
        let Some(consumer) = &mut self.consumer else { return Ok(()) };
        // If messages are known to be available, the request need not wait.
        let waits = wait && consumer.pending == 0;
        let most = if waits && self.in_groups { 1 } else { GROUP };
        let batch = (GROUP_BYTES / consumer.message_bytes.max(1)).clamp(1, most);
        let payload = if waits {
            format!("{{\"batch\":{batch},\"expires\":{}}}", WAIT.as_nanos())
        } else {
            format!("{{\"batch\":{batch},\"no_wait\":true}}")
        };
        consumer.requests += 1;
        let inbox = format!("{}.{}", consumer.inbox, consumer.requests);
        let (subject, reply) = (consumer.request_subject.clone(), inbox.clone());
        let sent = self.shared.client.publish_with_reply(subject, reply, payload.into()).await;
        sent.map_err(|error| CompareError::Unanswered(with_causes(&error)))?;
        consumer.request = Some(Request { inbox, left: batch, waits, sent: Stopwatch::start() });
        Ok(())
    }

    /// A consumer that begins after the last message delivered, once the stream is known to be the same.
    async fn make(&self) -> Result<Consumer, CompareError> {
        let info = self.shared.compare().await?;
        let last = Sequence(info.state.last_sequence);
        if last < self.after {
            let regression = Regression::WentBack { seen: self.after, last };
            return Err(CompareError::Regressed(regression));
        }
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.after.next().0 },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: FORGET_AFTER,
            ..pull::Config::default()
        };
        let making = self.shared.stream.create_consumer(config);
        let made: PullConsumer = tokio::time::timeout(self.shared.options.request_timeout, making)
            .await
            .map_err(|_| CompareError::Unanswered("making a consumer took too long".to_owned()))?
            .map_err(|error| CompareError::Unanswered(with_causes(&error)))?;
        let info = made.cached_info();
        let inbox = self.shared.client.new_inbox();
        let subscribed = self.shared.client.subscribe(format!("{inbox}.*")).await;
        let messages = subscribed.map_err(|error| CompareError::Unanswered(with_causes(&error)))?;
        Ok(Consumer {
            request_subject: format!(
                "$JS.API.CONSUMER.MSG.NEXT.{}.{}",
                self.shared.options.stream, info.name
            ),
            inbox,
            messages,
            delivered: 0,
            pending: info.num_pending,
            message_bytes: FIRST_BYTES,
            requests: 0,
            request: None,
        })
    }
}

impl Consumer {
    /// Interprets a message. An error means that messages got lost, or the server has forgotten the consumer.
    fn read(&mut self, shared: &Shared, message: Message) -> Result<Came, String> {
        if let Some(status) = message.status {
            let current = self.request.as_ref().is_some_and(|request| *request.inbox == *message.subject);
            if !current {
                return Ok(Came::Late);
            }
            return match status {
                // No messages, or the time is up.
                StatusCode::NOT_FOUND | StatusCode::TIMEOUT => {
                    (self.request, self.pending) = (None, 0);
                    Ok(Came::Over)
                }
                StatusCode::NO_RESPONDERS => Err("the server has forgotten the consumer".to_owned()),
                status => Err(format!("status {status}")),
            };
        }
        let message = shared.of_stream(message);
        let info = message.info().map_err(|error| error.to_string())?;
        let expected = self.delivered + 1;
        if info.consumer_sequence != expected {
            return Err(format!("message {expected} of the consumer got lost"));
        }
        (self.delivered, self.pending) = (expected, info.pending);
        if let Some(request) = &mut self.request {
            request.left = request.left.saturating_sub(1);
            // A request that does not wait gets no further status once there are no more messages.
            if request.left == 0 || (!request.waits && info.pending == 0) {
                self.request = None;
            }
        }
        let sequence = Sequence(info.stream_sequence);
        Ok(Came::Message(Delivered { sequence, message: message.message }))
    }
}
