//! Which allocations something happened to lately: for those who look at all of them, again and again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{Condition, alert_id};
use tollgate_domain::ids::BUDGET_TASK;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_projection::alerts::{Alerts, AlertsRow, alert_key};
use tollgate_projection::budgets::{BudgetsRow, moved, moved_since, moved_through};
use tollgate_projection::spending::Spending;

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// Allocations that were decided or used after these records.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AllocationsMoved {
    /// Whose.
    pub tenant: String,
    /// The last records that were looked at; of a partition without one, everything is looked at.
    pub since: Vec<(PartitionId, Sequence)>,
    /// How many at most, approximately: those of neighbouring records stay together.
    pub most: usize,
}

/// Some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedAllocations {
    /// Their names. A few of earlier records may be among them.
    pub names: BTreeSet<String>,
    /// Up to which records these are all.
    pub through: Vec<(PartitionId, Sequence)>,
    /// Whether there are more.
    pub more: bool,
}

impl Query<Spending> for AllocationsMoved {
    const VERB: &'static str = "allocations_moved";
    const OVER_MANY: bool = true;
    type Answer = MovedAllocations;

    fn answer(&self, view: &Seen<'_, Spending>) -> Result<MovedAllocations, RowError> {
        let (position, mut found) = (view.position(), MovedAllocations::default());
        for partition in PartitionId::all() {
            let end = position.get(partition);
            let since = self.since.iter().find(|(of, _)| *of == partition).map(|(_, since)| *since);
            let since = since.unwrap_or_default();
            if since >= end {
                continue;
            }
            let (prefix, after) =
                (moved(&self.tenant, partition), moved_since(&self.tenant, partition, since));
            let (mut through, mut cut) = (None, false);
            for row in view.scan(&prefix, Some(&after)) {
                let (key, row) = row?;
                let Some(BudgetsRow::Listed(name)) = row.budgets() else { continue };
                let of = key.strip_prefix(&*prefix).and_then(moved_through);
                if found.names.len() >= self.most && through.is_some() && through != of {
                    cut = true;
                    break;
                }
                through = of;
                found.names.insert(name.clone());
            }
            let reached = if cut { through.unwrap_or_default().min(end) } else { end };
            found.through.push((partition, reached));
            found.more |= cut;
        }
        Ok(found)
    }
}

impl MovedAllocations {
    /// Adds those of other partitions, for the same question.
    pub fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
        self.through.extend(other.through);
        self.more |= other.more;
    }
}

/// Which conditions of a tenant's money have raised an alert before, whether it still stands or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RaisedBefore {
    /// Whose.
    pub tenant: String,
    /// Which.
    pub conditions: Vec<Condition>,
}

/// Whether a condition has raised an alert before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Raised {
    /// It has not.
    Never,
    /// It has, and the alert is open.
    Open,
    /// It has, and the alert was resolved.
    Ended,
}

impl Query<Alerts> for RaisedBefore {
    const VERB: &'static str = "raised_before";
    type Answer = Vec<Raised>;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Vec<Raised>, RowError> {
        let raised = |condition: &Condition| {
            let id = alert_id(&self.tenant, BUDGET_TASK, condition, 1);
            Ok(match view.get(&alert_key(&id))?.as_deref().and_then(AlertsRow::alert) {
                None => Raised::Never,
                Some(alert) if alert.resolved.is_none() => Raised::Open,
                Some(_) => Raised::Ended,
            })
        };
        self.conditions.iter().map(raised).collect()
    }
}
