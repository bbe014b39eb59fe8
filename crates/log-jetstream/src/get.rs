//! Single messages of the stream. With replicas the leader is queried: any replica may answer a direct get,
//! even one that has yet to hear of what was acknowledged.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    DirectGetError, DirectGetErrorKind, LastRawMessageErrorKind, RawMessageError,
};
use tollgate_domain::position::Sequence;
use tollgate_domain::printable::with_causes;

use crate::shared::Shared;

/// The message at a sequence; `None` if there is none. An error means that there was no answer.
pub(crate) async fn message_at(shared: &Shared, at: Sequence) -> Result<Option<StreamMessage>, String> {
    if shared.is_replicated() {
        of_leader(shared.stream.get_raw_message(at.0).await)
    } else {
        of_any(shared.stream.direct_get(at.0).await)
    }
}

/// The last message of the subjects that match.
pub(crate) async fn last_of(shared: &Shared, subject: &str) -> Result<Option<StreamMessage>, String> {
    if shared.is_replicated() {
        of_leader(shared.stream.get_last_raw_message_by_subject(subject).await)
    } else {
        of_any(shared.stream.direct_get_last_for_subject(subject).await)
    }
}

/// The first message of a subject after a sequence.
pub(crate) async fn next_of(
    shared: &Shared,
    subject: &str,
    after: Sequence,
) -> Result<Option<StreamMessage>, String> {
    let from = after.next().0;
    if shared.is_replicated() {
        of_leader(shared.stream.get_first_raw_message_by_subject(subject, from).await)
    } else {
        of_any(shared.stream.direct_get_next_for_subject(subject, Some(from)).await)
    }
}

fn of_any(answer: Result<StreamMessage, DirectGetError>) -> Result<Option<StreamMessage>, String> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(error) => Err(with_causes(&error)),
    }
}

fn of_leader(answer: Result<StreamMessage, RawMessageError>) -> Result<Option<StreamMessage>, String> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(with_causes(&error)),
    }
}
