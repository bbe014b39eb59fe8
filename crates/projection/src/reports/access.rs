//! Who read which report when.

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{RecordedEvent, ReportKind, ReportRead};
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

use super::ReportRow;
use crate::fold::Rows;

const ACCESS: u8 = b'a';

/// One read of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportAccess {
    /// Its record.
    pub sequence: Sequence,
    /// When.
    pub at: Timestamp,
    /// What was read.
    pub report: ReportKind,
    /// The task that the report is about.
    pub task: String,
    /// Who, as stated by the reader.
    pub reader: String,
    /// From where.
    pub address: String,
    /// In which format.
    pub format: String,
    /// Whether names were replaced by pseudonyms.
    pub redacted: bool,
}

/// The prefix of the keys of reads: for one tenant, or for all.
#[must_use]
pub fn accesses_of(tenant: Option<&str>) -> Vec<u8> {
    let mut key = vec![ACCESS];
    if let Some(tenant) = tenant {
        key.extend_from_slice(tenant.as_bytes());
        key.push(0);
    }
    key
}

/// Records a read. A tenant's latest reads come first.
pub(super) fn note<R: Rows<ReportRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    read: &ReportRead,
) -> Result<(), R::Error> {
    let mut key = accesses_of(Some(event.tenant));
    key.extend_from_slice(&(!event.sequence.0).to_be_bytes());
    key.extend_from_slice(event.id.as_bytes());
    let access = || {
        ReportRow::Access(Box::new(ReportAccess {
            sequence: event.sequence,
            at: event.occurred_at,
            report: read.report,
            task: read.task.clone(),
            reader: read.reader.clone(),
            address: read.address.clone(),
            format: read.format.clone(),
            redacted: read.redacted,
        }))
    };
    rows.change(&key, access).map(|_| ())
}
