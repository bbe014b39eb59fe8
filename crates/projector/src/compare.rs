//! Whether a view and a log belong together.

use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{EventLog, Partitions};

use crate::checkpoint::Checkpoint;
use crate::view::error::ViewError;

/// How a checkpoint does not fit a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It is of another log.
    Other(String),
    /// It is of this log, but the log lacks records that it had, or has others in their place.
    Regressed(String),
}

/// How a checkpoint does not fit a log; `None` if it does. For partitions other than the latest, records are
/// compared when the next one of each arrives.
pub(crate) async fn compare(
    found: &Checkpoint,
    partitions: Partitions,
    log: &dyn EventLog,
) -> Result<Option<Misfit>, ViewError> {
    let epoch = log.epoch().id;
    if found.epoch != epoch {
        return Ok(Some(Misfit::Other(format!(
            "it was made from log {}, this is log {}",
            found.epoch.simple(),
            epoch.simple()
        ))));
    }
    let tail = log.tail().await?;
    if !tail.covers(&found.position()) {
        return Ok(Some(Misfit::Regressed(lost(found, &tail))));
    }
    let Some((partition, mark)) = found.latest() else { return Ok(None) };
    let place = found.place();
    log.anchor(place.through, &place.chains(partitions));
    let record = log.record_at(mark.sequence).await?;
    if record.is_none_or(|record| record.partition() != partition || !mark.is_of(&record)) {
        let what = format!("record {} is another one than the view contains", mark.sequence);
        return Ok(Some(Misfit::Regressed(what)));
    }
    Ok(None)
}

/// Which records a log lacks that a checkpoint contains, by partition.
fn lost(found: &Checkpoint, tail: &Position) -> String {
    let position = found.position();
    let lost = PartitionId::all().filter_map(|partition| {
        let (had, has) = (position.get(partition), tail.get(partition));
        (had > has).then(|| format!("partition {partition} ends at record {has}, the view contains {had}"))
    });
    lost.collect::<Vec<_>>().join(", ")
}
