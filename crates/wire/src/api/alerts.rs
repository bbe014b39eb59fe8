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
    /// What one event made true with it: levels of the same task's limits, told of with this one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub folded: Vec<FoldedView>,
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

/// A condition that is told of with the alert of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoldedView {
    /// `pressure` or `breach`.
    pub rule: String,
    /// `task`, or an execution.
    pub scope: String,
    /// Percent of the limit.
    pub level: u32,
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

/// What was done to tell endpoints of changes, the latest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries.
    pub deliveries: Vec<DeliveryView>,
    /// How many more there are than were asked for.
    pub more: u64,
    /// The position up to which this is true.
    pub as_of: String,
}

/// What was done to tell one endpoint of one change, or of many by a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// To whom, as `alerts.yaml` names it.
    pub endpoint: String,
    /// The alert; of a digest what it covers.
    pub alert: String,
    /// Owner of the alert's task; `_ledger` for a digest.
    pub tenant: String,
    /// `raised`, `acknowledged`, `resolved` or `digest`.
    pub change: String,
    /// `pending`: tried again by itself; `delivered`; `gave_up`; `disabled`: the receiver wants nothing more; `skipped`: nothing was
    /// to be sent.
    pub state: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_attempt_at: Option<String>,
    /// When the receiver took it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivered_at: Option<String>,
    /// The latest attempts, oldest first.
    pub history: Vec<AttemptView>,
}

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// The n-th since the message was begun or asked for again, from 1; 0: nothing was sent.
    pub attempt: u32,
    /// When.
    pub at: String,
    /// `delivered`, `failed`, `gave_up`, `disabled` or `skipped`.
    pub outcome: String,
    /// What the receiver answered, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status_code: Option<u32>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// Asks to tell a change again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {
    /// `raised`, the default, `acknowledged` or `resolved`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub change: Option<String>,
    /// To whom; left out: to every endpoint that wants such alerts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// Who asks.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The id of the event, for a retry; one is made where it is left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
}

/// What was asked for is in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResendResponse {
    /// The alert.
    pub alert: String,
    /// The change that is told again.
    pub change: String,
    /// To whom; left out: to every endpoint that wants such alerts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// Covers the request.
    pub position: String,
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
