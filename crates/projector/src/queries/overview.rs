//! Queries over all tasks together.

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Timestamp;
use tollgate_projection::fold::{read_task_key, task_key};
use tollgate_projection::overview::{Overview, Present};
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

    fn answer(&self, view: &Seen<'_, Status>) -> Result<Overview, RowError> {
        let mut overview = Overview { degraded: view.degraded_tasks(), ..Overview::default() };
        let present = Present { now: self.now, stuck_after_ms: self.stuck_after_ms };
        let prefix = self.tenant.as_ref().map(|tenant| task_key(tenant, "")).unwrap_or_default();
        for row in view.scan(&prefix, None) {
            let (key, row) = row?;
            let Some((tenant, task)) = read_task_key(&key) else { continue };
            overview.add(tenant, task, &row, present);
        }
        Ok(overview)
    }
}
