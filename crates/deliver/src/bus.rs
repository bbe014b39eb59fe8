//! Alerts on a bus: the same messages as for a webhook, under subjects that a subscriber can choose from.

use bytes::Bytes;
use tollgate_domain::time::Timestamp;

use crate::BoxFuture;
use crate::channel::Channel;
use crate::message::{Content, Message};
use crate::schedule::Answer;

/// The prefix of all subjects of alerts.
pub const SUBJECTS: &str = "tollgate.v1.alerts";

/// The header by which a subscriber, or a stream, recognizes repetitions.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";

/// Publishes on a bus.
pub trait Publish: Send + Sync + 'static {
    /// Publishes a body under a subject, with the message's id in the header [`MESSAGE_ID`].
    ///
    /// # Errors
    ///
    /// What went wrong, if the bus does not have the message.
    fn publish<'a>(&'a self, subject: &'a str, id: &'a str, body: Bytes)
    -> BoxFuture<'a, Result<(), String>>;
}

/// Delivers messages to a bus.
#[derive(Debug)]
pub struct Bus<P>(P);

impl<P: Publish> Bus<P> {
    /// Delivers through this publisher.
    pub fn new(publish: P) -> Self {
        Self(publish)
    }
}

impl<P: Publish> Channel for Bus<P> {
    fn send<'a>(&'a self, message: &'a Message, _: Timestamp) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match self.0.publish(&subject(message), message.id.as_str(), message.body()).await {
                Ok(()) => Answer::Delivered { status: None },
                Err(error) => Answer::Failed { status: None, error },
            }
        })
    }
}

/// `tollgate.v1.alerts.<tenant>.<rule>`; for a digest `tollgate.v1.alerts._all.digest`, which belongs to no
/// tenant and no rule.
#[must_use]
pub fn subject(message: &Message) -> String {
    match &message.content {
        Content::Change(change) => format!("{SUBJECTS}.{}.{}", change.tenant, change.rule),
        Content::Digest(_) => format!("{SUBJECTS}._all.digest"),
        Content::Remediation(told) => format!("{SUBJECTS}.{}.remediation", told.tenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::tests::change;
    use crate::digest::{Summary, digest_id};

    #[test]
    fn subjects_name_tenant_and_rule() {
        let message = Message::of_change("bus", change(1));
        assert_eq!(subject(&message), "tollgate.v1.alerts.tenant-1.breach");
        let digest = [change(1)].iter().collect::<Summary>().digest().unwrap();
        let message = Message { id: digest_id("bus", "1"), content: Content::Digest(Box::new(digest)) };
        assert_eq!(subject(&message), "tollgate.v1.alerts._all.digest");
    }
}
