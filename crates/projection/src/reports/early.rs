//! Corrections that wait for the usage that they name.

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{EventBody, RecordedEvent, UsageEvent};
use tollgate_domain::ids::LEDGER_PRODUCER;
use tollgate_domain::position::PartitionId;
use tollgate_domain::usage::{UsageAdjusted, applied_id};

use super::ReportRow;
use crate::fold::Rows;

/// Prefix of the keys of corrections that wait, one row a partition.
pub const EARLY_CORRECTIONS: &[u8] = b"w";

/// How many wait in a partition at most, the latest: most of them name usage that never comes. In tests of this crate
/// so few that some are forgotten.
const MOST: usize = if cfg!(test) { 3 } else { 64 };

/// A correction that takes nothing away as long as its usage is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EarlyCorrection {
    /// Owner of the task.
    pub tenant: String,
    /// Whose usage it corrects.
    pub task: String,
    /// Who sent it.
    pub producer: String,
    /// Its id.
    pub id: String,
    /// The producer of the usage.
    pub adjusts_producer: String,
    /// The id of the usage.
    pub adjusts: String,
}

/// The key of those of a partition.
fn key(partition: PartitionId) -> Vec<u8> {
    [EARLY_CORRECTIONS, &[partition.number()]].concat()
}

/// Notes a correction that waits; or that the ledger has applied one, which waits no longer.
pub(super) fn note<R: Rows<ReportRow>>(rows: &mut R, event: &RecordedEvent<'_>) -> Result<(), R::Error> {
    let EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) = event.body else { return Ok(()) };
    let key = key(event.partition);
    if event.producer == LEDGER_PRODUCER {
        let Some(ReportRow::Early(waiting)) = rows.get(&key)?.cloned() else { return Ok(()) };
        if let Some(place) = waiting.iter().position(|early| early.is_applied_by(event))
            && let ReportRow::Early(waiting) = rows.change(&key, || ReportRow::Early(Vec::new()))?
        {
            waiting.remove(place);
        }
        return Ok(());
    }
    if adjusted.outstanding().is_some()
        && let ReportRow::Early(waiting) = rows.change(&key, || ReportRow::Early(Vec::new()))?
    {
        if waiting.len() >= MOST {
            waiting.remove(0);
        }
        waiting.push(EarlyCorrection::of(event, adjusted));
    }
    Ok(())
}

impl EarlyCorrection {
    fn of(event: &RecordedEvent<'_>, adjusted: &UsageAdjusted) -> Self {
        Self {
            tenant: event.tenant.to_owned(),
            task: event.task.to_owned(),
            producer: event.producer.to_owned(),
            id: event.id.to_owned(),
            adjusts_producer: adjusted.adjusts_producer.clone(),
            adjusts: adjusted.adjusts.clone(),
        }
    }

    fn is_applied_by(&self, event: &RecordedEvent<'_>) -> bool {
        self.tenant == event.tenant
            && self.task == event.task
            && applied_id(&self.producer, &self.id) == event.id
    }
}
