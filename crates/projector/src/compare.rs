//! Whether a view and a log belong together.

use tollgate_log::contract::{EventLog, Partitions};

use crate::checkpoint::Checkpoint;
use crate::view::ViewError;

/// Why a checkpoint does not fit a log; `None`: it does. Records of partitions other than the latest are compared when
/// the next one of each comes.
pub(crate) async fn compare(
    found: &Checkpoint,
    partitions: Partitions,
    log: &dyn EventLog,
) -> Result<Option<String>, ViewError> {
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
    let place = found.place();
    log.anchor(place.through, &place.chains(partitions));
    let record = log.record_at(mark.sequence).await?;
    if record.is_none_or(|record| record.partition() != partition || !mark.is_of(&record)) {
        return Ok(Some(format!("record {} is another one than the view contains", mark.sequence)));
    }
    Ok(None)
}
