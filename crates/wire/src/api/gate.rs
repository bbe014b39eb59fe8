//! Asking the gate.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// May this task go on?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GateRequest {
    /// The phase to enter, or `completion`.
    pub advance_to: String,
    /// Who asks; recorded with the decision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
    /// The idempotency key of the decision; a retry gets the first answer. Made by the server where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The position of the asker's own last append: the answer then covers at least that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at_least: Option<String>,
    /// How long to wait for that position, in milliseconds; past it the answer is `stale`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wait_ms: Option<u64>,
}

/// Questions for the gate that may come with the events of one request.
pub const MAX_GATES: usize = 100;

/// A question for the gate that travels with events: it is asked once they are in the log, and its answer covers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GateAfter {
    /// Owner of the task; the request's tenant where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// The task.
    pub task: String,
    /// The phase to enter, or `completion`.
    pub advance_to: String,
    /// Who asks; the request's producer where absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub producer: Option<String>,
    /// The idempotency key of the decision, as of a question that is asked alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// How long the answer to the events may wait for the decision, in milliseconds: 50 where absent, at most 1,000. Past it the
    /// question is not decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wait_ms: Option<u64>,
}

/// The gate's answer. It is recorded before it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GateResponse {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// Where it wants to go.
    pub advance_to: String,
    /// `allow`, `warn` or `block`.
    pub verdict: String,
    /// What the rules say before rollout, switches and overrides soften it.
    pub ruled: String,
    /// Why, in the order of the rules.
    pub reasons: Vec<ReasonView>,
    /// What is to be done beyond the verdict: `explanation`, `review`, `post_mortem`, `investigation`, `remediation`.
    pub requirements: Vec<String>,
    /// The task's tokens beside its limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<UtilizationView>,
    /// The task's budgeted latency beside its limit, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_ms: Option<UtilizationView>,
    /// The active phase, with its attempt where that is not the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub active: Option<String>,
    /// Tokens left of the active phase's limit: what a model router may still spend.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remaining_tokens: Option<u64>,
    /// Milliseconds left of the active phase's limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remaining_latency_ms: Option<u64>,
    /// Hash of the config in force.
    pub config_hash: String,
    /// The rollout that it was decided under: `observe`, where nothing blocks, `enforce_low_medium`, `enforce`. Empty: an answer that
    /// an older version gave first, under another config than the one in force.
    #[serde(default)]
    pub rollout: String,
    /// The position up to which the decision is true.
    pub as_of: String,
    /// Whether the view did not reach `at_least` in time; the verdict then follows `on_stale`.
    pub stale: bool,
    /// The position that covers the recorded decision; absent where it could not be recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub position: Option<String>,
    /// Where the task's report is.
    pub report: String,
}

/// One reason of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// The stable code of the rule.
    pub code: String,
    /// What it alone would lead to.
    pub verdict: String,
    /// A sentence that names everything.
    pub message: String,
}

/// Usage beside its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UtilizationView {
    /// What was used.
    pub used: u64,
    /// The limit.
    pub limit: u64,
    /// Percent, rounded half up; absent for a zero limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u64>,
}
