//! What is not delivered yet, endpoint by endpoint, and what came of each attempt.

use tollgate_domain::event::DeliveryOutcome;
use tollgate_domain::time::Timestamp;

use crate::BoxFuture;
use crate::config::Endpoint;
use crate::message::Message;
use crate::signature::WebhookId;

/// A store of undelivered messages. What it was told is durable when it answers, and it never forgets.
///
/// A change of an alert is **fresh** for an endpoint until a message about it was attempted or it was
/// grouped. Fresh changes are begun in the order of the log, so all a store needs for them is how far the
/// endpoint has come. An endpoint that is seen for the first time begins at the present: nobody wants to be
/// told of what was over before they asked.
///
/// Each endpoint is asked for and reported by one runner at a time.
pub trait Outbox: Send + Sync + 'static {
    /// What is to be done for an endpoint. It contains everything that was recorded or grouped before the call.
    fn pending<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Work, OutboxError>>;

    /// Makes one message of all changes that are fresh for an endpoint now. Its id and what it covers are
    /// durable before it is sent, so that it is the same at every attempt.
    fn group<'a>(&'a self, endpoint: &'a Endpoint) -> BoxFuture<'a, Result<(), OutboxError>>;

    /// Records what came of an attempt. Called again with the same attempt it changes nothing.
    fn record<'a>(&'a self, attempt: &'a DeliveryAttempt) -> BoxFuture<'a, Result<(), OutboxError>>;

    /// Returns when something may be pending that was not at `mark`.
    fn moved(&self, mark: u64) -> BoxFuture<'_, ()>;
}

/// How much is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages are due up to this time.
    pub now: Timestamp,
    /// How many due messages to return at most.
    pub due: usize,
    /// How many fresh changes to return at most, and those that belong to the last one.
    pub fresh: usize,
}

/// What is to be done for an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// What this is true for; see [`Outbox::moved`].
    pub mark: u64,
    /// The endpoint wanted no more: nothing is sent until somebody asks for a message again.
    pub disabled: bool,
    /// Messages that were attempted, grouped or asked for again, and are due; the one that is due longest first.
    pub due: Vec<QueuedMessage>,
    /// When the next message is due that is not yet.
    pub next_due: Option<Timestamp>,
    /// Changes of which no message was made, in the order of the log.
    pub fresh: Vec<QueuedMessage>,
}

/// A message that waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// What the store knows it by; a runner hands it back.
    pub key: String,
    /// The message.
    pub message: Message,
    /// Attempts so far; 0 for one that somebody asked for again.
    pub attempts: u32,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// To which endpoint.
    pub endpoint: String,
    /// The store's name of the message.
    pub key: String,
    /// The message.
    pub message: WebhookId,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// How it ended. A runner never skips one.
    pub outcome: DeliveryOutcome,
    /// When it is tried again, at the earliest; only where it failed.
    pub next_attempt_at: Option<Timestamp>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, without anything secret.
    pub error: Option<String>,
}

/// A store that could not answer. Nothing is lost: it is asked again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutboxError(pub String);
