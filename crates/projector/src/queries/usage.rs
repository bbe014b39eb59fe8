//! What usage adds up to, by groups and periods.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::zone::database_version;
use tollgate_projection::spending::{Grouping, Spending, Summary, Summing};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// Usage of one tenant by groups.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsageSummaryOf {
    /// Owner of the tasks.
    pub tenant: String,
    /// Which sums.
    pub grouping: Grouping,
}

/// Sums of one part of the view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSummaryPart {
    /// The sums.
    pub summary: Summary,
    /// The number of tasks with unreadable events.
    pub degraded: u64,
    /// The versions of the time zone database with which periods were computed.
    pub zone_databases: BTreeSet<String>,
}

impl Query<Spending> for UsageSummaryOf {
    const VERB: &'static str = "usage_summary";
    const OVER_MANY: bool = true;
    type Answer = UsageSummaryPart;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<UsageSummaryPart, RowError> {
        let (mut summing, all) = Summing::of(&self.tenant, &self.grouping);
        for cells in &all {
            let after = cells.after(&summing);
            for row in view.scan(cells.prefix(), after.as_deref()) {
                let (key, row) = row?;
                if !summing.add(cells, &key, &row) {
                    break;
                }
            }
        }
        Ok(UsageSummaryPart {
            summary: summing.summary(),
            degraded: view.degraded_tasks(),
            zone_databases: BTreeSet::from([database_version().to_owned()]),
        })
    }
}

impl UsageSummaryPart {
    /// Adds the sums of other partitions, for the same question.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.summary.merge(other.summary, limit);
        self.degraded += other.degraded;
        self.zone_databases.extend(other.zone_databases);
    }
}
