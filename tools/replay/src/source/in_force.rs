//! The config that was in force at the end of a history.

use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::contract::{Partitions, ReadError};
use tollgate_log::index::IdIndex;
use tollgate_projection::reports::{LastConfig, LastSettings};
use tollgate_wire::decode_stored;

use super::{History, originals};
use crate::error::ReplayError;
use crate::walk::recorded;

/// The config that came into force last, as far as the history goes; `None`: it names none, as session files do. Only
/// the ledger's own partition is read.
///
/// # Errors
///
/// [`ReplayError`]: that cannot be read.
pub async fn last_config(history: &dyn History) -> Result<Option<LastConfig>, ReplayError> {
    let ledger = TenantId::ledger();
    let partition = PartitionId::of(ledger.as_str(), TaskId::ledger().as_str());
    let end = history.end().get(partition);
    let (mut last, mut done) = (LastSettings::default(), Sequence::ZERO);
    if end == Sequence::ZERO {
        return Ok(None);
    }
    let failed = |error: ReadError| ReplayError::Read { origin: history.origin().to_owned(), error };
    let mut index = history.repeats().then(IdIndex::in_memory);
    let mut reader = history.read(Partitions::only(partition), Sequence::ZERO).await.map_err(failed)?;
    while done < end {
        let records = reader.try_next().await.map_err(failed)?;
        if records.is_empty() {
            let origin = history.origin().to_owned();
            return Err(ReplayError::Short { origin, reached: done.0, end: end.0 });
        }
        for stored in records.iter().filter(|stored| stored.record.partition() == partition) {
            if stored.sequence > end {
                break;
            }
            done = stored.sequence;
            let counted = index.as_mut().and_then(|index| originals(index, stored));
            if stored.record.tenant() != ledger.as_str() {
                continue;
            }
            for (place, frame) in stored.record.events().enumerate() {
                let is_repeated = counted.as_ref().is_some_and(|counted| counted.get(place) == Some(&false));
                // What cannot be read is not a config.
                if let (false, Ok(decoded)) = (is_repeated, decode_stored(frame.payload)) {
                    last.apply(&recorded(stored, &frame, &decoded));
                }
            }
        }
    }
    Ok(last.config)
}
