//! What is not delivered yet, endpoint by endpoint, and the result of each attempt.

use tollgate_domain::event::DeliveryOutcome;
use tollgate_domain::time::Timestamp;

use crate::BoxFuture;
use crate::config::Endpoint;
use crate::message::Message;
use crate::signature::WebhookId;

/// A store of undelivered messages. What is passed to it is durable when the call returns, and it never
/// forgets.
///
/// A change of an alert is **fresh** for an endpoint until a message about it was attempted or it was
/// grouped. Fresh changes are begun in log order, so all a store needs for them is how far the endpoint has
/// got. An endpoint that is seen for the first time begins at the present: what was over before it was
/// configured is of no interest.
///
/// For each endpoint, one runner at a time queries and reports.
pub trait Outbox: Send + Sync + 'static {
    /// The pending work for an endpoint. It takes into account everything that was recorded or grouped before
    /// the call.
    fn pending<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        limits: Limits,
    ) -> BoxFuture<'a, Result<Work, OutboxError>>;

    /// Makes one message of all changes that are fresh for an endpoint now. Its id and what it covers are
    /// durable before it is sent, so that it is the same at every attempt.
    fn group<'a>(&'a self, endpoint: &'a Endpoint) -> BoxFuture<'a, Result<(), OutboxError>>;

    /// Records the result of an attempt. Recording the same attempt again changes nothing.
    fn record<'a>(&'a self, attempt: &'a DeliveryAttempt) -> BoxFuture<'a, Result<(), OutboxError>>;

    /// Returns when something may be pending that was not pending at `mark`.
    fn moved(&self, mark: u64) -> BoxFuture<'_, ()>;
}

/// How much to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Return messages that are due up to this time.
    pub now: Timestamp,
    /// The most due messages to return.
    pub due: usize,
    /// The most fresh changes to return, not counting others that belong to the last one's record.
    pub fresh: usize,
}

/// The pending work for an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// The state this is valid for; see [`Outbox::moved`].
    pub mark: u64,
    /// The endpoint wants no more messages: nothing is sent until a resend is requested.
    pub disabled: bool,
    /// Messages that were attempted, grouped or requested again, and are due; the longest overdue first.
    pub due: Vec<QueuedMessage>,
    /// When the next message becomes due.
    pub next_due: Option<Timestamp>,
    /// Changes without a message so far, in log order.
    pub fresh: Vec<QueuedMessage>,
}

/// A message that waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// The store's key for it; a runner passes it back.
    pub key: String,
    /// The message.
    pub message: Message,
    /// The number of attempts so far; 0 for a message that was requested again.
    pub attempts: u32,
}

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The endpoint that was tried.
    pub endpoint: String,
    /// The store's key for the message.
    pub key: String,
    /// The message.
    pub message: WebhookId,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// How it ended. A runner never skips one.
    pub outcome: DeliveryOutcome,
    /// The earliest time of the next attempt; only after a failure.
    pub next_attempt_at: Option<Timestamp>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, without anything secret.
    pub error: Option<String>,
}

/// A store that could not answer. Nothing is lost: the call is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutboxError(pub String);
