//! Corrections that wait for their usage.

use serde::{Deserialize, Serialize};
use tollgate_projection::reports::{EARLY_CORRECTIONS, EarlyCorrection, ReportRow, Reports};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The corrections that take nothing away as long as the usage that they name is not recorded, oldest first by
/// partition.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct EarlyCorrections {}

impl Query<Reports> for EarlyCorrections {
    const VERB: &'static str = "early_corrections";
    type Answer = Vec<EarlyCorrection>;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<Self::Answer, RowError> {
        let mut found = Vec::new();
        for row in view.scan(EARLY_CORRECTIONS, None) {
            if let ReportRow::Early(waiting) = &*row?.1 {
                found.extend(waiting.iter().cloned());
            }
        }
        Ok(found)
    }
}
