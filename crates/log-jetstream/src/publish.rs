//! Publishing one message until the server has answered, and what each answer means.

use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use tollgate_clock::Stopwatch;
use tollgate_domain::position::Sequence;
use tollgate_domain::printable::with_causes;
use tollgate_log::contract::{AppendError, MAX_RECORD_BYTES};

use crate::identity::Regression;
use crate::shared::{CompareError, Shared};
use crate::topology::{HASH_HEADER, SCHEMA, SCHEMA_HEADER};

/// A record in flight.
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) id: String,
    pub(crate) hash: String,
    /// The last decision about its subject, if the record holds a decision.
    pub(crate) expected_last: Option<Sequence>,
    pub(crate) payload: Bytes,
}

/// What the server did with it.
#[derive(Debug)]
pub(crate) enum Published {
    /// It is stored.
    Stored(Sequence),
    /// A message with its id was stored before, within the window: by another process, unless a try of this
    /// process went unanswered.
    Duplicate {
        /// The sequence of the stored message.
        sequence: Sequence,
        /// Whether a try of this process went unanswered, so that the stored message may be its own.
        tried_before: bool,
    },
    /// The last decision of its subject is a different one. Nothing was stored.
    WrongSequence,
}

/// What to do about an answer that is not an acknowledgement.
enum Answer {
    /// Send the same message again.
    Again(String),
    /// The subject's last decision is a different one.
    WrongSequence,
    /// Nothing was stored.
    Refused(AppendError),
}

/// Publishes a message. A try that went unanswered may have arrived: the same bytes are sent under the same
/// id again.
pub(crate) async fn publish(shared: &Shared, message: &Message) -> Result<Published, AppendError> {
    let watch = Stopwatch::start();
    let limit = shared.options.append_timeout;
    let mut tried_before = false;
    loop {
        let reason = match one_try(shared, message, tried_before).await {
            Ok(published) => return Ok(published),
            Err(Answer::WrongSequence) => return Ok(Published::WrongSequence),
            Err(Answer::Refused(error)) => return Err(error),
            Err(Answer::Again(reason)) => reason,
        };
        tried_before = true;
        if watch.elapsed() >= limit {
            let waited =
                Duration::from_millis(u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX));
            return Err(AppendError::Unknown {
                reason: format!("{} did not acknowledge within {waited:?}: {reason}", shared.options.place()),
            });
        }
        tracing::debug!(%reason, id = %message.id, "publishing again");
        shared.pause().await;
    }
}

async fn one_try(shared: &Shared, message: &Message, tried_before: bool) -> Result<Published, Answer> {
    shared.compare_after_reconnect().await.map_err(|error| match error {
        CompareError::Regressed(regression) => stopped(&regression),
        CompareError::Unanswered(reason) => Answer::Again(reason),
    })?;
    let seen = shared.identity.seen();
    let publish = published(shared, message);
    let sent = shared.context.send_publish(message.subject.clone(), publish).await;
    // The first await sends, the second one waits for the acknowledgement.
    let answered = match sent {
        Ok(acknowledgement) => acknowledgement.await,
        Err(error) => Err(error),
    };
    let ack = answered.map_err(|error| answer_of(shared, message, &error))?;
    let sequence = Sequence(ack.sequence);
    if ack.duplicate {
        return Ok(Published::Duplicate { sequence, tried_before });
    }
    if sequence <= seen {
        // The server assigned a sequence a second time: it has lost what was there.
        return Err(stopped(&shared.regress(Regression::WentBack { seen, last: sequence.previous() })));
    }
    Ok(Published::Stored(sequence))
}

/// A message with its headers.
pub(crate) fn published(shared: &Shared, message: &Message) -> PublishMessage {
    let publish = PublishMessage::build()
        .payload(message.payload.clone())
        .message_id(&message.id)
        .expected_stream(&shared.options.stream)
        .header(SCHEMA_HEADER, SCHEMA)
        .header(HASH_HEADER, message.hash.as_str());
    match message.expected_last {
        Some(last) => publish.expected_last_subject_sequence(last.0),
        None => publish,
    }
}

fn stopped(regression: &Regression) -> Answer {
    Answer::Refused(AppendError::Stopped { reason: regression.to_string() })
}

fn answer_of(shared: &Shared, message: &Message, error: &PublishError) -> Answer {
    let reason = with_causes(error);
    match error.kind() {
        PublishErrorKind::WrongLastSequence => Answer::WrongSequence,
        PublishErrorKind::MaxPayloadExceeded => too_large(message),
        PublishErrorKind::TimedOut
        | PublishErrorKind::BrokenPipe
        | PublishErrorKind::MaxAckPending
        // No server answers for the subject: one is starting, or has lost its stream; the comparison will
        // show which.
        | PublishErrorKind::StreamNotFound
        | PublishErrorKind::WrongLastMessageId => Answer::Again(reason),
        PublishErrorKind::Other => match code_of(error) {
            Some(code) => answer_of_code(shared, message, code, reason),
            None => Answer::Again(reason),
        },
    }
}

/// Interprets the server's own error codes.
fn answer_of_code(shared: &Shared, message: &Message, code: u64, reason: String) -> Answer {
    match code {
        // The limit of the stream is reached, or the storage limit of the account or the server.
        10023 | 10047 | 10002 => full(shared),
        10077 if reason.contains("maximum") => full(shared),
        10054 => too_large(message),
        // The subject belongs to another stream.
        10060 => Answer::Refused(AppendError::Stopped {
            reason: format!("{reason}: the subject {} belongs to another stream", message.subject),
        }),
        // 10158: the id is being stored; 10163 and 10167: too much at once; 10008: not available yet. For
        // these and any unknown code, the bytes may or may not be stored; it is always safe to send the same
        // ones again.
        _ => Answer::Again(reason),
    }
}

fn full(shared: &Shared) -> Answer {
    let path = format!("{} (its max_bytes, or the server's storage)", shared.options.place());
    Answer::Refused(AppendError::DiskFull { path })
}

fn too_large(message: &Message) -> Answer {
    Answer::Refused(AppendError::TooLarge {
        events: 1,
        what: "the record's size in bytes, for this server's max_payload,",
        value: message.payload.len(),
        limit: MAX_RECORD_BYTES,
    })
}

fn code_of(error: &PublishError) -> Option<u64> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<async_nats::jetstream::Error>() {
            return Some(error.error_code().0);
        }
        cause = error.source();
    }
    None
}
