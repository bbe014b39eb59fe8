//! What usage adds up to, by groups and periods.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{AmountLimit, Dimension, Scope};
use tollgate_domain::zone::database_version;
use tollgate_projection::spending::{Grouping, Spending, SpentAsk, Summary, Summing, nearest_to};

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

/// The most rows that are read to find out who is nearest to a limit. A task has one a day.
const MOST_ROWS: usize = if cfg!(test) { 8 } else { 20_000 };

/// Which tasks or sessions of a tenant spent the largest part of a limit that each of them has for itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NearestTo {
    /// Owner of the tasks.
    pub tenant: String,
    /// Which usage counts.
    pub scope: Scope,
    /// Whose: of each task, or of each session.
    pub each: Dimension,
    /// The limit.
    pub limit: AmountLimit,
    /// The most to name.
    pub most: usize,
}

/// Those of one part of the view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearest {
    /// Their names, the nearest first.
    pub of: Vec<String>,
    /// Whether there are more.
    pub more: bool,
    /// Whether not all were looked at: they are too many.
    pub is_partial: bool,
}

impl Query<Spending> for NearestTo {
    const VERB: &'static str = "nearest_to";
    const OVER_MANY: bool = true;
    type Answer = Nearest;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<Nearest, RowError> {
        let ask = SpentAsk { scope: self.scope.clone(), from: None, to: None };
        let by = vec![self.each.clone()];
        let grouping = Grouping { ask, by, periods: None, after: None, limit: MOST_ROWS };
        let (mut summing, all) = Summing::of(&self.tenant, &grouping);
        let (mut rows, mut is_cut) = (0_usize, false);
        'cells: for cells in &all {
            let after = cells.after(&summing);
            for row in view.scan(cells.prefix(), after.as_deref()) {
                let (key, row) = row?;
                rows = rows.saturating_add(1);
                is_cut = rows > MOST_ROWS;
                if is_cut {
                    break 'cells;
                }
                if !summing.add(cells, &key, &row) {
                    break;
                }
            }
        }
        let summary = summing.summary();
        let of = nearest_to(&summary, self.limit, self.most);
        Ok(Nearest { more: of.len() < summary.groups.len(), is_partial: is_cut || summary.more, of })
    }
}
