//! Decisions about a subject, past foreign messages: the last one, and the next one after a record.

use async_nats::jetstream::message::StreamMessage;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::{AppendError, ReadError};
use tollgate_log::record::Record;

use crate::get::{last_of, message_at, next_of};
use crate::message;
use crate::reader::unreadable;
use crate::shared::{CompareError, Shared};
use crate::tail::still_led;

/// What is last on the subject of a decision.
pub(crate) enum Latest {
    /// Nothing, or only foreign messages before the expected decision.
    None,
    /// A decision.
    Decision(Sequence, Record),
    /// Only foreign messages, after the expected decision; this is the last one.
    Foreign(Sequence),
}

impl Latest {
    /// Whether it comes before a decision that has been seen.
    fn is_before(&self, expected: Sequence) -> bool {
        match self {
            Self::None => expected > Sequence::ZERO,
            Self::Decision(sequence, _) | Self::Foreign(sequence) => *sequence < expected,
        }
    }
}

/// The first decision on a subject after a record. Foreign messages are passed.
pub(crate) async fn decision_after(
    shared: &Shared,
    subject: &str,
    after: Sequence,
) -> Result<Option<(Sequence, Record)>, ReadError> {
    if let Some(regression) = shared.regressed() {
        return Err(shared.of_regression(regression));
    }
    // A leader that was cut off does not know the latest one: only one that still leads can say that there is none.
    let led = if shared.is_replicated() {
        Some(shared.compare().await.map_err(|error| shared.of_compare(error))?)
    } else {
        None
    };
    let mut after = after;
    while let Some(next) = next_of(shared, subject, after).await.map_err(|reason| shared.unread(reason))? {
        after = Sequence(next.sequence);
        let read = message::read(&next.subject, Some(&next.headers), next.payload);
        let record = read.map_err(|error| unreadable(shared, after, error))?;
        if let Some(record) = record.filter(|record| record.foreign().is_none()) {
            return Ok(Some((after, record)));
        }
    }
    if let Some(led) = &led {
        still_led(shared, led).await?;
    }
    Ok(None)
}

/// What is last on a subject, if the last decision known here is `expected`.
///
/// # Errors
///
/// [`AppendError::Unknown`] if that cannot be determined at the moment.
pub(crate) async fn last_decision(
    shared: &Shared,
    subject: &str,
    expected: Sequence,
) -> Result<Latest, AppendError> {
    let latest = said_last(shared, subject, expected).await?;
    if !shared.is_replicated() || !latest.is_before(expected) {
        return Ok(latest);
    }
    // With replicas, this may be the answer of a leader that was cut off and has not heard of the expected
    // decision. It may answer in between, with the new leader answering before and after. Only what is in the
    // stream is a fact: either nothing can be there, or something else is.
    let info = shared.compare().await.map_err(|error| match error {
        CompareError::Regressed(regression) => AppendError::Stopped { reason: regression.to_string() },
        CompareError::Unanswered(reason) => unknown(reason),
    })?;
    if info.state.last_sequence < expected.0 {
        return Ok(latest);
    }
    let at_expected = message_at(shared, expected).await.map_err(unknown)?;
    let Some(message) = at_expected else { return Err(not_heard_of(expected)) };
    if message.subject.as_str() == subject && decision(message, subject)?.is_some() {
        return Err(not_heard_of(expected));
    }
    Ok(latest)
}

fn not_heard_of(expected: Sequence) -> AppendError {
    unknown(format!("the server that leads the stream has not heard of record {expected}"))
}

async fn said_last(shared: &Shared, subject: &str, expected: Sequence) -> Result<Latest, AppendError> {
    let Some(last) = last_of(shared, subject).await.map_err(unknown)? else {
        return Ok(Latest::None);
    };
    let end = Sequence(last.sequence);
    if let Some(record) = decision(last, subject)? {
        return Ok(Latest::Decision(end, record));
    }
    // Forward from what is known: a server can tell which message of a subject comes next, not which one came
    // before.
    let (mut latest, mut after) =
        if end < expected { (Latest::None, Sequence::ZERO) } else { (Latest::Foreign(end), expected) };
    while after < end {
        let Some(next) = next_of(shared, subject, after).await.map_err(unknown)? else { break };
        after = Sequence(next.sequence);
        if let Some(record) = decision(next, subject)? {
            latest = Latest::Decision(after, record);
        }
    }
    Ok(latest)
}

const fn unknown(reason: String) -> AppendError {
    AppendError::Unknown { reason }
}

/// The record of a message; `None` if it is foreign.
fn decision(message: StreamMessage, subject: &str) -> Result<Option<Record>, AppendError> {
    let sequence = message.sequence;
    let read = message::read(&message.subject, Some(&message.headers), message.payload);
    let record = read.map_err(|error| AppendError::Stopped {
        reason: format!("record {sequence}, the last decision on {subject}: {error}"),
    })?;
    Ok(record.filter(|record| record.foreign().is_none()))
}
