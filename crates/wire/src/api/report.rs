//! The budget report of a task: `budget_enforcement.json`, and what `budget_report.md` is written from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PhaseLimitView, ReasonView, TokenTotals, UtilizationView};

/// The budget report of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskReport {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task_id: String,
    /// A line for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// `implicit`, `open`, `completed`, `cancelled` or `abandoned`.
    pub stage: String,
    /// The phase that runs, where the task is unfinished.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub current_phase: Option<String>,
    /// The phase, or `completion`, that the gate does not let it go on to; absent where it may go on, or nobody asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked_before: Option<String>,
    /// The verdict with utilization; the largest anomaly; one recommendation.
    pub summary: Vec<String>,
    /// Every execution, and every phase not begun, in order.
    pub executions: Vec<ExecutionReport>,
    /// Over all executions and what was unphased.
    pub totals: ReportTotals,
    /// Executions and totals above their limits, in sentences.
    pub breaches: Vec<String>,
    /// Executions far above or below their limits, and what was measured wrong, in sentences.
    pub anomalies: Vec<String>,
    /// What a person can do.
    pub recommendations: Vec<String>,
    /// The gate's decisions, oldest first.
    pub decisions: Vec<DecisionView>,
    /// Decisions before those listed; they are in the log.
    pub earlier_decisions: u64,
    /// What persons set aside.
    pub overrides: Vec<OverrideView>,
    /// Why phases used what they used, by persons.
    #[serde(default)]
    pub explanations: Vec<ExplanationView>,
    /// Phases so far above their limits that an explanation is asked for, and that have none.
    #[serde(default)]
    pub unexplained: Vec<String>,
    /// The task beside the others of its complexity × importance; absent where it has no tiers, or where that could not be
    /// found out (then a warning says so).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<ClassComparison>,
    /// What its readers should know: missing, estimated or unmatched data.
    pub warnings: Vec<String>,
    /// How the limits came about; absent for an implicit task.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calculation: Option<Calculation>,
    /// Hash of the config the limits follow from; absent for an implicit task.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub config_hash: Option<String>,
    /// Who may read it: `internal`, whatever stands in it. Where it has to leave the house, ask for it without names.
    #[serde(default)]
    pub classification: String,
    /// The position up to which this is true.
    pub as_of: String,
}

/// One execution of a phase, or a phase not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExecutionReport {
    /// Which phase.
    pub phase: String,
    /// Which attempt, from 1; 0 for a phase not begun.
    pub attempt: u32,
    /// `not_started`, `running` or `ended`.
    pub state: String,
    /// Tokens used.
    pub tokens_used: i64,
    /// The phase's limit in tokens; absent where the task has no limits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_limit: Option<u64>,
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Budgeted latency in milliseconds; a running execution up to now.
    pub latency_ms: u64,
    /// The phase's limit in milliseconds; absent where there is none or it is not enforced for this execution.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_limit_ms: Option<u64>,
    /// Reported wait time in milliseconds.
    pub wait_ms: u64,
    /// How often usage was reported; 0 for an execution that ended: what it used is not known, and not zero.
    #[serde(default)]
    pub usage_events: u64,
    /// `within`, `warning` or `exceeded`; `unknown` where it ended and nobody reported usage; `no_limits` where there are none.
    pub breach_status: String,
    /// Whether any count was estimated from text lengths.
    pub tokens_estimated: bool,
    /// What it cost, as far as prices were known.
    pub cost_usd: String,
    /// Tokens for which no price was known.
    pub unpriced_tokens: i64,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<String>,
    /// What its limit was computed from; absent where the task has no limits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub factors: Option<PhaseLimitView>,
}

/// Over all executions and what was unphased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportTotals {
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Tokens beside the limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_budget: Option<UtilizationView>,
    /// Budgeted latency in milliseconds.
    pub latency_ms: u64,
    /// Budgeted latency beside the limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_budget: Option<UtilizationView>,
    /// `within`, `warning` or `exceeded`; `unknown` where it ended and nobody reported usage; `no_limits` where there are none.
    pub breach_status: String,
    /// Tokens that were estimated from text lengths.
    pub estimated_tokens: i64,
    /// Tokens that named no execution.
    pub unphased_tokens: i64,
    /// Tokens that named an execution the ledger does not know.
    pub unmatched_tokens: i64,
    /// What it cost, as far as prices were known.
    pub cost_usd: String,
    /// Tokens for which no price was known; not zero dollars.
    pub unpriced_tokens: i64,
}

/// One decision of the gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// Its record in the log.
    pub sequence: u64,
    /// When it was made.
    pub at: String,
    /// Where the task wanted to go.
    pub advance_to: String,
    /// `allow`, `warn` or `block`.
    pub verdict: String,
    /// What the rules said before rollout, switches and overrides softened it.
    pub ruled: String,
    /// Why.
    pub reasons: Vec<ReasonView>,
    /// What was asked of people.
    pub requirements: Vec<String>,
    /// The task's tokens beside its limit then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<UtilizationView>,
    /// The task's latency beside its limit then, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_ms: Option<UtilizationView>,
    /// Hash of the config in force then.
    pub config_hash: String,
    /// The position up to which the decision was true.
    pub as_of: String,
    /// Whether the view was behind.
    pub stale: bool,
}

/// A limit or a block that a person set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverrideView {
    /// Its record in the log.
    pub sequence: u64,
    /// When it was granted.
    pub at: String,
    /// What was set aside, in a sentence.
    pub what: String,
    /// Who approved it.
    pub approver: String,
    /// Why.
    pub reason: String,
}

/// Why a phase used what it used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationView {
    /// Its record in the log.
    pub sequence: u64,
    /// When it was given.
    pub at: String,
    /// Which phase.
    pub phase: String,
    /// Which attempt of it; absent: all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// Who explains.
    pub author: String,
    /// What was said.
    pub explanation: String,
}

/// A task beside the others of its class. They count once they are completed, their phases once they ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassComparison {
    /// Scope tier of the class.
    pub complexity: String,
    /// Importance tier of the class.
    pub importance: String,
    /// The task as a whole.
    pub whole: Comparison,
    /// Its phases that began.
    pub phases: Vec<PhaseComparison>,
}

/// A phase beside that of the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseComparison {
    /// Which phase.
    pub phase: String,
    /// How it compares.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// Tokens beside an average.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Tokens that this task used.
    pub tokens_used: u64,
    /// How many other tasks there are to compare with.
    pub tasks: u64,
    /// What they used on average, cut to a whole token; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub average_tokens: Option<u64>,
    /// The one in percent of the other, rounded to a whole percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u64>,
}

/// How a task's limits came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Calculation {
    /// Scope tier.
    pub complexity: String,
    /// Its factor.
    pub complexity_multiplier: String,
    /// Importance tier.
    pub importance: String,
    /// Its factor.
    pub importance_multiplier: String,
    /// `stated`, `tag:{tag}` or `default`.
    pub importance_source: String,
    /// The task's own factor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget_multiplier: Option<String>,
    /// The limits of every phase with their factors.
    pub phases: Vec<PhaseLimitView>,
    /// Which time counts: `full` or `active`.
    pub budgeted_latency: String,
}
