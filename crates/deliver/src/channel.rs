//! The trait for delivering a message.

use tollgate_domain::time::Timestamp;

use crate::BoxFuture;
use crate::message::Message;
use crate::schedule::Answer;

/// Tries to deliver a message, once.
pub trait Channel: Send + Sync + 'static {
    /// One attempt at `now`. It ends by itself within a bounded time.
    fn send<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, Answer>;
}
