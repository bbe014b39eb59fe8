//! Queries over all tasks together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Timestamp;
use tollgate_projection::fold::{read_task_key, task_key};
use tollgate_projection::kept::{
    Entry, Facet, Review, ledger_key, reviews_of, sums_of, tasks_of, week_of_key, weeks_of,
};
use tollgate_projection::overview::{
    KEPT_FOR_REVIEW, Overview, Present, Review as ReviewedTasks, blocked_for_review, changed_importance,
    stuck_for_review, unjustified_for_review,
};
use tollgate_projection::reports::{CONFIGS, LAST_SETTINGS, LastSettings, ReportRow, Reports, config_hash};
use tollgate_projection::savings::{Configs, Savings};
use tollgate_projection::status::Status;

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The figures of all tasks of the ledger, or of one tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OverviewOf {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// The current time, for executions that are running.
    pub now: Timestamp,
    /// After how many milliseconds an execution counts as stuck; 0 for never.
    pub stuck_after_ms: u64,
    /// Whether the ledger itself is asking.
    #[serde(default)]
    pub own: bool,
}

/// How much stopping tasks saved, for the ledger or for one tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavingsOf {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Whom the gate blocks, by config hash: see [`ConfigsOf`].
    pub configs: Configs,
}

/// The settings that most recently came into force. They are in the ledger's own partition.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LastSettingsOf {}

/// The configs of the ledger.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ConfigsOf {}

impl Query<Status> for SavingsOf {
    const VERB: &'static str = "savings";
    const OVER_MANY: bool = true;
    type Answer = Savings;

    fn answer(&self, view: &Seen<'_, Status>) -> Result<Savings, RowError> {
        let mut savings = Savings { degraded: view.degraded_tasks(), ..Savings::default() };
        let prefix = self.tenant.as_ref().map(|tenant| task_key(tenant, "")).unwrap_or_default();
        for row in view.scan(&prefix, None) {
            savings.add(&row?.1, &self.configs);
        }
        Ok(savings)
    }
}

impl Query<Reports> for LastSettingsOf {
    const VERB: &'static str = "last_settings";
    type Answer = LastSettings;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<LastSettings, RowError> {
        match view.get(LAST_SETTINGS)?.as_ref().map(AsRef::as_ref) {
            Some(ReportRow::LastSettings(last)) => Ok((**last).clone()),
            Some(_) | None => Ok(LastSettings::default()),
        }
    }
}

impl Query<Reports> for ConfigsOf {
    const VERB: &'static str = "configs";
    type Answer = Configs;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<Configs, RowError> {
        let mut configs = Configs::new();
        for row in view.scan(CONFIGS, None) {
            let (key, row) = row?;
            if let (Some(hash), ReportRow::Config(blocks)) = (config_hash(&key), &*row) {
                configs.insert(hash.to_owned(), *blocks);
            }
        }
        Ok(configs)
    }
}

impl Query<Status> for OverviewOf {
    const VERB: &'static str = "overview";
    const OVER_MANY: bool = true;
    type Answer = Overview;

    fn is_own(&self) -> bool {
        self.own
    }

    fn reads_kept(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Status>) -> Result<Overview, RowError> {
        let tenant = self.tenant.as_deref();
        let mut overview = Overview { degraded: view.degraded_tasks(), ..Overview::default() };
        for row in view.scan_kept(&weeks_of(tenant), None) {
            let (key, entry) = row?;
            if let (Some(week), Entry::Week(tally)) = (week_of_key(&key), &*entry) {
                overview.weeks.insert(week, tally.figures());
            }
        }
        if let Some(Entry::Tenant(ledger)) = view.kept(&ledger_key(tenant))?.as_deref() {
            overview.last_at = ledger.last_at;
            for (review, count) in Review::ALL.into_iter().zip(ledger.reviews) {
                let found = reviewed(view, review, tenant, count)?;
                match review {
                    Review::Blocked => overview.blocked = found,
                    Review::Unjustified => overview.unjustified = found,
                    Review::ImportanceChanged => overview.importance_changed = found,
                }
            }
        }
        overview.stuck = self.stuck(view)?;
        Ok(overview)
    }
}

/// The first tasks for review, and how many there are.
fn reviewed(
    view: &Seen<'_, Status>,
    review: Review,
    tenant: Option<&str>,
    count: u64,
) -> Result<ReviewedTasks, RowError> {
    let mut found = ReviewedTasks { count, ..ReviewedTasks::default() };
    if count == 0 {
        return Ok(found);
    }
    for entry in view.scan_kept(&reviews_of(review, tenant), None).take(KEPT_FOR_REVIEW) {
        let (key, _) = entry?;
        // The first byte says why it is listed.
        let Some((tenant, task)) = key.get(1..).and_then(read_task_key) else { continue };
        let Some(row) = view.get(&task_key(tenant, task))? else { continue };
        let why = match review {
            Review::Blocked => blocked_for_review(&row),
            Review::Unjustified => unjustified_for_review(&row),
            Review::ImportanceChanged => changed_importance(&row),
        };
        let name = (tenant.to_owned(), task.to_owned());
        found.tasks.insert(name, why.unwrap_or_default());
    }
    Ok(found)
}

impl OverviewOf {
    /// Of the tasks with an execution that has not ended, those that are stuck now.
    fn stuck(&self, view: &Seen<'_, Status>) -> Result<ReviewedTasks, RowError> {
        let present = Present { now: self.now, stuck_after_ms: self.stuck_after_ms };
        let mut found = ReviewedTasks::default();
        // The first by tenant and id.
        let mut first: BTreeSet<(String, String)> = BTreeSet::new();
        for (tenant, facet) in running_facets(view, self.tenant.as_deref())? {
            let prefix = tasks_of(&tenant, &facet);
            for entry in view.scan_kept(&prefix, None) {
                let (key, entry) = entry?;
                let Entry::Running(running) = &*entry else { continue };
                if !running.since.is_some_and(|since| present.is_stuck(since)) {
                    continue;
                }
                found.count += 1;
                let task = String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default());
                first.insert((tenant.clone(), task.into_owned()));
                if first.len() > KEPT_FOR_REVIEW {
                    first.pop_last();
                }
            }
        }
        for (tenant, task) in first {
            let Some(row) = view.get(&task_key(&tenant, &task))? else { continue };
            let why = stuck_for_review(&row, present).unwrap_or_default();
            found.tasks.insert((tenant, task), why);
        }
        Ok(found)
    }
}

/// The facets of tasks with an execution that has not ended, with their tenants, in the order of their keys.
pub(super) fn running_facets(
    view: &Seen<'_, Status>,
    tenant: Option<&str>,
) -> Result<Vec<(String, Facet)>, RowError> {
    let mut facets = Vec::new();
    for entry in view.scan_kept(&sums_of(tenant), None) {
        let (key, _) = entry?;
        if let Some((tenant, facet)) = Facet::of_sums_key(&key)
            && facet.runs()
        {
            facets.push((tenant.to_owned(), facet));
        }
    }
    Ok(facets)
}
