//! Queries of the watch: which executions are running, and what was observed of views before.

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::ids::{BUDGET_TASK, LEDGER_TENANT};
use tollgate_projection::alerts::{Alerts, AlertsRow, Observed, watch_key};
use tollgate_projection::kept::{Entry, tasks_of};
use tollgate_projection::status::Status;

use super::overview::running_facets;
use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The most entries that one query reads.
const SCAN: usize = 2000;

/// Tasks with a running execution.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RunningTasks {
    /// After this key, which an earlier page gave; `None` to start at the first task.
    pub after: Option<Vec<u8>>,
}

/// Some tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningPage {
    /// Tenant and id of each.
    pub tasks: Vec<(String, String)>,
    /// The key up to which they were read; `None` if the end was reached.
    pub through: Option<Vec<u8>>,
}

impl Query<Status> for RunningTasks {
    const VERB: &'static str = "running";
    const OVER_MANY: bool = true;
    type Answer = RunningPage;

    fn is_own(&self) -> bool {
        true
    }

    fn reads_kept(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Status>) -> Result<RunningPage, RowError> {
        let mut page = RunningPage::default();
        let (after, mut read) = (self.after.as_deref(), 0);
        for (tenant, facet) in running_facets(view, None)? {
            let prefix = tasks_of(&tenant, &facet);
            if after.is_some_and(|after| after > &*prefix && !after.starts_with(&prefix)) {
                continue;
            }
            for entry in view.scan_kept(&prefix, after) {
                let (key, entry) = entry?;
                if matches!(&*entry, Entry::Running(running) if running.active) {
                    let task = String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default());
                    page.tasks.push((tenant.clone(), task.into_owned()));
                }
                read += 1;
                if read == SCAN {
                    page.through = Some(key);
                    return Ok(page);
                }
            }
        }
        Ok(page)
    }
}

/// What was observed of views and still holds, according to the log.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ObservedOfViews {}

impl Query<Alerts> for ObservedOfViews {
    const VERB: &'static str = "observed";
    type Answer = Vec<(Condition, Observed)>;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Self::Answer, RowError> {
        let row = view.get(&watch_key(LEDGER_TENANT, LEDGER_TENANT))?;
        let Some(watch) = row.as_deref().and_then(AlertsRow::watch) else { return Ok(Vec::new()) };
        let of_view = |condition: &Condition| matches!(condition.scope, AlertScope::View { .. });
        let observed = watch.observed.iter().filter(|(condition, _)| of_view(condition));
        Ok(observed.map(|(condition, observed)| (condition.clone(), observed.clone())).collect())
    }
}

/// The levels of a tenant's policies that were observed and hold, according to the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObservedOfBudgets {
    /// Whose.
    pub tenant: String,
}

impl Query<Alerts> for ObservedOfBudgets {
    const VERB: &'static str = "observed_of_budgets";
    type Answer = Vec<Condition>;

    fn answer(&self, view: &Seen<'_, Alerts>) -> Result<Self::Answer, RowError> {
        let row = view.get(&watch_key(&self.tenant, BUDGET_TASK))?;
        let Some(watch) = row.as_deref().and_then(AlertsRow::watch) else { return Ok(Vec::new()) };
        Ok(watch.observed.keys().filter(|condition| condition.rule == AlertRule::Budget).cloned().collect())
    }
}
