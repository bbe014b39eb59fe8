//! An event in flight that its caller may await.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;
use tollgate_domain::ids::EventId;

use super::outcome::{Delivery, DeliveryError};
use super::queue::Shared;

/// An event in flight. Await it to learn what happened to it; it is then sent at once. Dropping it changes
/// nothing.
pub struct Pending {
    pub(super) id: EventId,
    pub(super) number: u64,
    pub(super) shared: Arc<Shared>,
    pub(super) reply: oneshot::Receiver<Result<Delivery, DeliveryError>>,
}

impl Pending {
    /// The event's id.
    #[must_use]
    pub const fn id(&self) -> &EventId {
        &self.id
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("id", &self.id).finish_non_exhaustive()
    }
}

impl IntoFuture for Pending {
    type Output = Result<Delivery, DeliveryError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.shared.waiters(self.number);
            let lost = || DeliveryError::Undelivered { id: self.id.as_str().to_owned() };
            self.reply.await.unwrap_or_else(|_| Err(lost()))
        })
    }
}
