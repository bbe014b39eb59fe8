//! Whether a view and a log belong together.

use tollgate_domain::position::Sequence;
use tollgate_log::contract::{EventLog, Partitions, ReadError};
use tollgate_log::record::StoredRecord;

use crate::checkpoint::Checkpoint;
use crate::view::ViewError;

/// Why a checkpoint does not fit a log; `None`: it does. Records of partitions other than the latest are compared when
/// the next one of each comes.
pub(crate) async fn compare(found: &Checkpoint, log: &dyn EventLog) -> Result<Option<String>, ViewError> {
    let epoch = log.epoch().id;
    if found.epoch != epoch {
        return Ok(Some(format!(
            "it was made from log {}, this is log {}",
            found.epoch.simple(),
            epoch.simple()
        )));
    }
    let tail = log.tail().await?;
    if !tail.covers(&found.position()) {
        return Ok(Some(format!("it contains {}, the log ends at {tail}", found.position())));
    }
    let Some((partition, mark)) = found.latest() else { return Ok(None) };
    let stored = read_record(log, mark.sequence).await?;
    if stored.record.partition() != partition || stored.chain != mark.chain() {
        return Ok(Some(format!("record {} is another one than the view contains", mark.sequence)));
    }
    Ok(None)
}

/// One record by its sequence.
pub(crate) async fn read_record(log: &dyn EventLog, sequence: Sequence) -> Result<StoredRecord, ReadError> {
    let mut reader = log.read_from(Partitions::ALL, sequence.previous()).await?;
    let records = reader.try_next().await?;
    records.into_iter().next().filter(|stored| stored.sequence == sequence).ok_or_else(|| {
        ReadError::Damaged {
            path: "the log".to_owned(),
            offset: 0,
            sequence,
            what: "the record is not there".to_owned(),
        }
    })
}
