//! Alerts: what became true of tasks, and whether it still is.

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::Severity;
use tollgate_domain::event::Change;
use tollgate_domain::event::DeliveryOutcome;
use utoipa::ToSchema;

use super::word::{self, AlertState, DeliveryState, list};

/// Alerts, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    /// The alerts.
    pub alerts: Vec<AlertView>,
    /// Number of further matches that are not listed.
    pub more: u64,
    /// The position that this answer covers.
    pub as_of: String,
}

/// A condition that became true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// Id of the alert. It never changes, not even with a rebuild.
    pub id: String,
    /// The rule, such as `pressure`, `breach`, `stop_loss` or `silence`.
    pub rule: String,
    /// `info`, `warning`, `error` or `critical`.
    #[serde(with = "word")]
    #[schema(value_type = list::Severity)]
    pub severity: Severity,
    /// Owner of the task.
    pub tenant: String,
    /// The task; `_ledger` if the alert is about no task.
    pub task: String,
    /// What the alert is about: `task`, an execution, a view or `inbox`.
    pub scope: String,
    /// The level in percent of the limit; for `drift`, the number of tiers; 0 if the rule has no levels.
    pub level: u32,
    /// Further levels of the same task's limits that one event crossed, reported with this alert.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub folded: Vec<FoldedView>,
    /// How many times the condition has become true, from 1.
    pub generation: u32,
    /// A self-contained sentence, as of when the condition became true.
    pub message: String,
    /// `raised` (the condition holds) or `resolved`.
    #[serde(with = "word")]
    #[schema(value_type = list::AlertState)]
    pub state: AlertState,
    /// Sequence number of the record that raised it.
    pub raised: u64,
    /// When the event of that record happened.
    pub raised_at: String,
    /// Who acknowledged it. An acknowledged alert stays raised.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acknowledged_by: Option<String>,
    /// When it was acknowledged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acknowledged_at: Option<String>,
    /// What is being done about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// Sequence number of the record that resolved it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolved: Option<u64>,
    /// When the event of that record happened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolved_at: Option<String>,
    /// Why it was resolved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resolution: Option<String>,
}

/// A condition that is reported with another alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoldedView {
    /// `pressure` or `breach`.
    pub rule: String,
    /// `task`, or an execution.
    pub scope: String,
    /// Percent of the limit.
    pub level: u32,
}

/// Changes of alerts, in log order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertChanges {
    /// The changes.
    pub changes: Vec<AlertChangeView>,
    /// Pass this as `after` to get the next changes. Each change is returned once.
    pub last: u64,
    /// The position that this answer covers.
    pub as_of: String,
}

/// One change of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertChangeView {
    /// Sequence number of the record that caused it.
    pub sequence: u64,
    /// `raised`, `acknowledged` or `resolved`.
    #[serde(with = "word")]
    #[schema(value_type = list::Change)]
    pub change: Change,
    /// The alert as it is now.
    pub alert: AlertView,
}

/// What was found when policies were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookResponse {
    /// How many levels were newly reached or left, and allocations newly overrun.
    pub recorded: u64,
}

/// Deliveries of alert changes to endpoints, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries.
    pub deliveries: Vec<DeliveryView>,
    /// Number of further matches that are not listed.
    pub more: u64,
    /// The position that this answer covers.
    pub as_of: String,
}

/// Delivery of one change, or of a digest of several, to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// The endpoint's name in `alerts.yaml`.
    pub endpoint: String,
    /// Id of the alert; for a digest, what it covers.
    pub alert: String,
    /// Owner of the alert's task; `_ledger` for a digest.
    pub tenant: String,
    /// `raised`, `acknowledged`, `resolved` or `digest`.
    #[serde(with = "word")]
    #[schema(value_type = list::Change)]
    pub change: Change,
    /// `pending` (retried automatically), `delivered`, `gave_up`, `disabled` (the receiver declined further
    /// messages) or `skipped` (there was nothing to send).
    #[serde(with = "word")]
    #[schema(value_type = list::DeliveryState)]
    pub state: DeliveryState,
    /// Number of attempts.
    pub attempts: u32,
    /// Time of the next attempt.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_attempt_at: Option<String>,
    /// When the receiver accepted it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivered_at: Option<String>,
    /// The latest attempts, oldest first.
    pub history: Vec<AttemptView>,
}

/// One delivery attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// Number of the attempt, from 1, counted since the message was created or last resent; 0 if nothing was sent.
    pub attempt: u32,
    /// When it was made.
    pub at: String,
    /// `delivered`, `failed`, `gave_up`, `disabled` or `skipped`.
    #[serde(with = "word")]
    #[schema(value_type = list::DeliveryOutcome)]
    pub outcome: DeliveryOutcome,
    /// The HTTP status that the receiver returned, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status_code: Option<u32>,
    /// The error, if it failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// A request to resend a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendRequest {
    /// `raised` (default), `acknowledged` or `resolved`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub change: Option<String>,
    /// The endpoint; absent for every endpoint that subscribes to such alerts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// Who requests it.
    pub by: String,
    /// The reason.
    pub reason: String,
    /// Id of the event, to make retries safe; generated if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
}

/// A recorded request to resend a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResendResponse {
    /// The alert.
    pub alert: String,
    /// The change that is resent.
    #[serde(with = "word")]
    #[schema(value_type = list::Change)]
    pub change: Change,
    /// The endpoint; absent for every endpoint that subscribes to such alerts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub endpoint: Option<String>,
    /// A position that covers the request.
    pub position: String,
}

/// A request to acknowledge an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeRequest {
    /// Who acknowledges it.
    pub by: String,
    /// What is being done about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// Id of the event, to make retries safe; derived from the alert and the other fields if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The producer (default: `api`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
}
