//! Alerts: what became true of tasks, and whether it still is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Alerts, the latest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    /// The alerts.
    pub alerts: Vec<AlertView>,
    /// How many more there are than were asked for.
    pub more: u64,
    /// The position up to which this is true.
    pub as_of: String,
}

/// A condition that became true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// Its id: the same in every answer and after every rebuild.
    pub id: String,
    /// `pressure`, `breach`, `stop_loss`, `drift`, `stuck`, `silence`, `conflict`, `quarantine` or `lag`.
    pub rule: String,
    /// `info`, `warning`, `error` or `critical`.
    pub severity: String,
    /// Owner of the task.
    pub tenant: String,
    /// The task; `_ledger`: it is about none.
    pub task: String,
    /// `task`, or what it is about: an execution, a view, `inbox`.
    pub scope: String,
    /// Percent of the limit it is about, of drift the number of tiers; 0 where there is none.
    pub level: u32,
    /// How often its condition became true, from 1.
    pub generation: u32,
    /// A sentence that names everything, as it was when it became true.
    pub message: String,
    /// `raised`: it is true; `resolved`: it was.
    pub state: String,
    /// The record that made it true.
    pub raised: u64,
    /// When the event of that record happened.
    pub raised_at: String,
    /// Who has seen it. It stays raised.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acknowledged_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acknowledged_at: Option<String>,
    /// What is done about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// The record that made it false.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolved: Option<u64>,
    /// When the event of that record happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolved_at: Option<String>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolution: Option<String>,
}

/// What happened to alerts, in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertChanges {
    /// The changes.
    pub changes: Vec<AlertChangeView>,
    /// Pass it as `after` to get what comes next: each change comes once.
    pub last: u64,
    /// The position up to which this is true.
    pub as_of: String,
}

/// One change of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertChangeView {
    /// The record that caused it.
    pub sequence: u64,
    /// `raised`, `acknowledged` or `resolved`.
    pub change: String,
    /// The alert as it is now.
    pub alert: AlertView,
}

/// A person has seen an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// Who.
    pub by: String,
    /// What is done about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// The event's id, kept across retries; absent: one that follows from the alert and what is said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// Who appends; absent: `api`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
}
