//! Messages of the stream in order, from a sequence on: an ephemeral consumer without acknowledgements, asked for many
//! messages by one request. Nothing depends on what the server knows of this reader: the place is kept here, and the
//! consumer is made again after a gap, a lost request or a new connection.

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

/// Messages of a request, at most.
const GROUP: u64 = 500;

/// Bytes of the messages of a request, about: it bounds the memory of a reader that is far behind.
const GROUP_BYTES: u64 = 4 << 20;

/// Bytes of a message before any has come.
const FIRST_BYTES: u64 = 64 << 10;

/// How long a request waits at the server for messages. One that got lost with its server is noticed after this.
const WAIT: Duration = Duration::from_secs(5);

/// How much longer the server's word that it is over may take.
const GRACE: Duration = Duration::from_secs(1);

/// How long the server keeps a consumer that nobody asks.
const FORGET_AFTER: Duration = Duration::from_secs(30);

/// One message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) sequence: Sequence,
    message: Message,
}

impl Delivered {
    /// What it holds. `None`: no server wrote it, and it is in no partition.
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
    /// Whether a request that waits is over with the first message that comes.
    in_groups: bool,
    /// Changes when requests that were sent before are lost.
    connections: watch::Receiver<u64>,
}

struct Consumer {
    request_subject: String,
    inbox: String,
    messages: Subscriber,
    /// Messages that came.
    delivered: u64,
    /// Messages that were there beyond the last one.
    pending: u64,
    /// Bytes of a message, on average over the last ones.
    message_bytes: u64,
    requests: u64,
    request: Option<Request>,
}

/// A request on its way.
struct Request {
    /// Where the server answers it.
    inbox: String,
    /// Messages that it may still bring.
    left: u64,
    /// Whether it waits at the server for messages that come.
    waits: bool,
    sent: Stopwatch,
}

/// What came on the subscription.
enum Came {
    Message(Delivered),
    /// The request is over: there is no more now.
    Over,
    /// Of no interest any more.
    Late,
}

impl Pull {
    /// Of the messages after a sequence.
    pub(crate) fn new(shared: Arc<Shared>, after: Sequence) -> Self {
        let connections = shared.connections();
        Self { shared, after, consumer: None, in_groups: false, connections }
    }

    /// From now on the server sends one message to who waits, and the others when they are asked for.
    pub(crate) fn in_groups(&mut self) {
        self.in_groups = true;
    }

    /// The next messages, at least one: waits until there are some, through any number of lost connections. A future
    /// that is dropped loses none.
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

    /// The next messages that are there now; none when it has caught up.
    pub(crate) async fn try_next(&mut self) -> Result<Vec<Delivered>, ReadError> {
        let mut tries = 0;
        let watch = Stopwatch::start();
        loop {
            match self.group(false).await {
                // The consumer is at a replica, which may be behind what is known here.
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

    /// What comes next, with all that has come already. None: the request is over and brought nothing.
    async fn group(&mut self, wait: bool) -> Result<Vec<Delivered>, CompareError> {
        if let Some(regression) = self.shared.regressed() {
            return Err(CompareError::Regressed(regression.clone()));
        }
        if !wait && self.request().is_some_and(|request| request.waits) {
            // It says nothing while there is nothing: begin again where it began.
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

    /// Waits for one message of the server. May be dropped: it takes nothing before it is ready.
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

    /// Takes a message and all that came with it. Runs without a pause. `None`: it was the answer to an
    /// earlier request.
    fn take(&mut self, first: Message) -> Result<Option<Vec<Delivered>>, CompareError> {
        let shared = Arc::clone(&self.shared);
        let Some(consumer) = &mut self.consumer else { return Ok(None) };
        let mut messages = Vec::new();
        let mut next = Some(first);
        let mut lost = None;
        while let Some(message) = next {
            match consumer.read(&shared, message) {
                // A replica that is behind begins at its own end, where it was asked for a later message.
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
        // Where messages are known to be there, it does not have to wait.
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

    /// A consumer that begins after the last message that came, once the stream is known to be the same.
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
    /// What a message says. An error: messages got lost, or the server has forgotten the consumer.
    fn read(&mut self, shared: &Shared, message: Message) -> Result<Came, String> {
        if let Some(status) = message.status {
            let current = self.request.as_ref().is_some_and(|request| *request.inbox == *message.subject);
            if !current {
                return Ok(Came::Late);
            }
            return match status {
                // No messages, or the time is over.
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
            // Without waiting the server has nothing more to say once there are no more messages.
            if request.left == 0 || (!request.waits && info.pending == 0) {
                self.request = None;
            }
        }
        let sequence = Sequence(info.stream_sequence);
        Ok(Came::Message(Delivered { sequence, message: message.message }))
    }
}
