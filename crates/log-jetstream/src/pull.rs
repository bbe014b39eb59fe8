//! Messages of the stream in order, from a sequence on: an ephemeral consumer without acknowledgements, asked for one
//! message by each of several requests. Nothing depends on what the server knows of this reader: the place is kept here,
//! and the consumer is made again after a gap, a lost request or a new connection.

use std::sync::Arc;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::{Request, StatusCode};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::ReadError;

use crate::identity::Regression;
use crate::setup::with_causes;
use crate::shared::{CompareError, Shared};

/// Requests on their way at once, at most: twice of it gave no more records a second.
const GROUP: u64 = 256;

/// Bytes of the messages of a group, about: it bounds the memory of a reader that is far behind.
const GROUP_BYTES: u64 = 4 << 20;

/// How long a request waits at the server for a message. One that got lost with its server is noticed after this.
const WAIT: Duration = Duration::from_secs(5);

/// How much longer its answer may take.
const GRACE: Duration = Duration::from_secs(1);

/// How long the server keeps a consumer that nobody asks.
const FORGET_AFTER: Duration = Duration::from_secs(30);

/// One message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) sequence: Sequence,
    pub(crate) payload: Bytes,
    /// Its number among those of the consumer.
    nth: u64,
    /// How many more there were for the consumer.
    pending: u64,
}

/// What became of one request.
#[derive(Debug)]
enum Answer {
    Message(Delivered),
    /// There is none now.
    Nothing,
    /// The consumer is gone, or the request got lost.
    Lost(String),
}

/// A place in the stream that moves forward.
pub(crate) struct Pull {
    shared: Arc<Shared>,
    after: Sequence,
    consumer: Option<Consumer>,
    group: JoinSet<Answer>,
    answers: Vec<Answer>,
    /// Whether the requests on their way wait at the server.
    group_waits: bool,
    /// Changes when requests that were sent before are lost.
    connections: watch::Receiver<u64>,
}

struct Consumer {
    request_subject: String,
    delivered: u64,
    pending: u64,
    /// Bytes of a message of the last group, on average.
    message_bytes: u64,
}

impl Pull {
    /// Of the messages after a sequence.
    pub(crate) fn new(shared: Arc<Shared>, after: Sequence) -> Self {
        let (group, answers, connections) = (JoinSet::new(), Vec::new(), shared.connections());
        Self { shared, after, consumer: None, group, answers, group_waits: false, connections }
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
        loop {
            match self.group(false).await {
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

    /// One round of requests.
    async fn group(&mut self, wait: bool) -> Result<Vec<Delivered>, CompareError> {
        if let Some(regression) = self.shared.regressed() {
            return Err(CompareError::Regressed(regression.clone()));
        }
        if self.group_waits && !wait {
            // A waiting request may be given what is asked for now: begin again where it began.
            self.forget();
        }
        if self.group.is_empty() && self.answers.is_empty() {
            self.ask(wait).await?;
        }
        loop {
            // Both may be dropped while they wait: what has come stays here.
            tokio::select! {
                biased;
                answer = self.group.join_next() => match answer {
                    Some(Ok(answer)) => self.answers.push(answer),
                    Some(Err(error)) => self.answers.push(Answer::Lost(error.to_string())),
                    None => break,
                },
                Ok(()) = self.connections.changed() => {
                    self.forget();
                    return Err(CompareError::Unanswered("the connection is a new one".to_owned()));
                }
            }
        }
        self.group_waits = false;
        let answers = std::mem::take(&mut self.answers);
        self.take(answers)
    }

    /// Puts the messages of a round in order and checks that none is missing.
    fn take(&mut self, answers: Vec<Answer>) -> Result<Vec<Delivered>, CompareError> {
        let mut messages = Vec::with_capacity(answers.len());
        let mut lost = None;
        for answer in answers {
            match answer {
                Answer::Message(message) => messages.push(message),
                Answer::Nothing => {}
                Answer::Lost(reason) => lost = Some(reason),
            }
        }
        messages.sort_unstable_by_key(|message| message.nth);
        let delivered = self.consumer.as_ref().map_or(0, |consumer| consumer.delivered);
        let in_order =
            (delivered + 1..).zip(&messages).take_while(|(nth, message)| *nth == message.nth).count();
        if in_order < messages.len() {
            lost = Some(format!("message {} of the consumer got lost", delivered + 1 + in_order as u64));
            messages.truncate(in_order);
        }
        if let (Some(consumer), Some(last)) = (&mut self.consumer, messages.last()) {
            consumer.delivered = last.nth;
            consumer.pending = last.pending;
            let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
            consumer.message_bytes = (bytes / messages.len()) as u64;
            self.after = last.sequence;
            self.shared.note(last.sequence);
        } else if let Some(consumer) = &mut self.consumer {
            consumer.pending = 0;
        }
        match lost {
            None => Ok(messages),
            Some(reason) => {
                self.forget();
                if messages.is_empty() { Err(CompareError::Unanswered(reason)) } else { Ok(messages) }
            }
        }
    }

    fn forget(&mut self) {
        self.consumer = None;
        self.group = JoinSet::new();
        self.answers.clear();
        self.group_waits = false;
    }

    async fn ask(&mut self, wait: bool) -> Result<(), CompareError> {
        self.connections.mark_unchanged();
        if self.consumer.is_none() {
            self.consumer = Some(self.make().await?);
        }
        let Some(consumer) = &self.consumer else { return Ok(()) };
        let fitting = (GROUP_BYTES / consumer.message_bytes.max(1)).max(1);
        let requests = consumer.pending.clamp(1, GROUP.min(fitting));
        // Where a message is known to be there, none of the requests has to wait.
        self.group_waits = wait && consumer.pending == 0;
        for _ in 0..requests {
            let (shared, subject) = (Arc::clone(&self.shared), consumer.request_subject.clone());
            self.group.spawn(one(shared, subject, self.group_waits));
        }
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
        Ok(Consumer {
            request_subject: format!(
                "$JS.API.CONSUMER.MSG.NEXT.{}.{}",
                self.shared.options.stream, info.name
            ),
            delivered: 0,
            pending: info.num_pending,
            message_bytes: GROUP_BYTES / 16,
        })
    }
}

/// Asks for one message. An answer carries the subject it was published to, so each request has an inbox of its own.
async fn one(shared: Arc<Shared>, subject: String, wait: bool) -> Answer {
    let (asked, timeout) = if wait {
        let expires = WAIT.as_nanos();
        (format!("{{\"batch\":1,\"expires\":{expires}}}"), WAIT + GRACE)
    } else {
        ("{\"batch\":1,\"no_wait\":true}".to_owned(), shared.options.request_timeout)
    };
    let request =
        Request::new().inbox(shared.client.new_inbox()).payload(asked.into()).timeout(Some(timeout));
    let message = match shared.client.send_request(subject, request).await {
        Ok(message) => message,
        Err(error) if error.kind() == RequestErrorKind::NoResponders => {
            return Answer::Lost("the server has forgotten the consumer".to_owned());
        }
        Err(error) => return Answer::Lost(with_causes(&error)),
    };
    match message.status {
        None => {}
        Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => return Answer::Nothing,
        Some(status) => return Answer::Lost(format!("status {status}")),
    }
    let message = shared.of_stream(message);
    match message.info() {
        Ok(info) => Answer::Message(Delivered {
            sequence: Sequence(info.stream_sequence),
            nth: info.consumer_sequence,
            pending: info.pending,
            payload: message.payload.clone(),
        }),
        Err(error) => Answer::Lost(error.to_string()),
    }
}
