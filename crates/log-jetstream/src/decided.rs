//! The last decision about a subject, past foreign messages.

use async_nats::jetstream::message::StreamMessage;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::AppendError;
use tollgate_log::record::Record;

use crate::get::{last_of, next_of};
use crate::message;
use crate::shared::Shared;

/// What stands last on the subject of a decision.
pub(crate) enum Latest {
    /// Nothing.
    None,
    /// A decision.
    Decision(Sequence, Record),
    /// Foreign messages only, behind the decision that was expected; the last one.
    Foreign(Sequence),
}

/// What stands last on a subject, where the last decision known here is `expected`.
pub(crate) async fn last_decision(
    shared: &Shared,
    subject: &str,
    expected: Sequence,
) -> Result<Latest, AppendError> {
    let Some(last) = last_of(shared, subject).await.map_err(unknown)? else {
        return Ok(Latest::None);
    };
    let end = Sequence(last.sequence);
    if let Some(record) = decision(last, subject)? {
        return Ok(Latest::Decision(end, record));
    }
    // Forward from what is known: a server answers which message is next of a subject, not which one was before.
    let (mut latest, mut after) = (Latest::Foreign(end), expected);
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

/// The record of a message; `None`: it is foreign.
fn decision(message: StreamMessage, subject: &str) -> Result<Option<Record>, AppendError> {
    let sequence = message.sequence;
    let read = message::read(&message.subject, Some(&message.headers), message.payload);
    let record = read.map_err(|error| AppendError::Stopped {
        reason: format!("record {sequence}, the last decision on {subject}: {error}"),
    })?;
    Ok(record.filter(|record| record.foreign().is_none()))
}
