//! What a message of the stream is: a record that a server wrote, or foreign bytes. Any client that may
//! publish to the ledger's subjects can put anything there, and the stream refuses to delete it: readers have
//! to get past it.

use async_nats::HeaderMap;
use bytes::Bytes;
use tollgate_log::record::{Foreign, Record, RecordError};

use crate::topology::{self, HASH_HEADER, SCHEMA, SCHEMA_HEADER};

/// Reads a message. `None` if it is foreign and its subject is in no partition.
///
/// # Errors
///
/// [`RecordError::Newer`] for a record that, by its own account, a newer version wrote.
pub(crate) fn read(
    subject: &str,
    headers: Option<&HeaderMap>,
    payload: Bytes,
) -> Result<Option<Record>, RecordError> {
    let foreign = |payload: &[u8], why: String| {
        let partition = topology::partition_of(subject)?;
        Some(Record::of_foreign(partition, Foreign::new(subject, payload, why), payload))
    };
    let header = |name: &str| headers.and_then(|headers| headers.get(name)).map(|value| value.as_str());
    let Some(hash) = header(HASH_HEADER) else {
        return Ok(foreign(&payload, format!("no `{HASH_HEADER}` header")));
    };
    // A version that writes a different layout declares it here, too.
    let is_newer = header(SCHEMA_HEADER).is_some_and(|schema| schema != SCHEMA);
    let record = match Record::parse(payload.clone()) {
        Err(error @ RecordError::Newer { .. }) if is_newer => return Err(error),
        Err(RecordError::Newer { layout, .. }) => {
            let why = format!("byte {layout} begins no record of schema {SCHEMA}, which its header names");
            return Ok(foreign(&payload, why));
        }
        Err(error @ RecordError::Malformed(_)) => return Ok(foreign(&payload, error.to_string())),
        Ok(record) => record,
    };
    if topology::hash_of(record.events().map(|event| event.content_hash)) != hash {
        return Ok(foreign(&payload, format!("`{HASH_HEADER}` is not the hash of its events")));
    }
    if topology::partition_of(subject) != Some(record.partition()) {
        let why = format!("it says that it is of partition {}", record.partition());
        return Ok(foreign(&payload, why));
    }
    Ok(Some(record))
}
