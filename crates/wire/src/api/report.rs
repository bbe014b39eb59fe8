//! The budget report of a task: `budget_enforcement.json`, and what `budget_report.md` is written from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::gate::Verdict;
use tollgate_domain::progress::anomaly::Side;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Complexity;
use tollgate_domain::tier::Importance;
use utoipa::ToSchema;

use super::word::{self, BudgetStatus, ExecutionState, list};
use super::{PhaseLimitView, ReasonView, TokenTotals, UtilizationView};

/// The budget report of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskReport {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task_id: String,
    /// A one-line title.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// `implicit`, `open`, `completed`, `cancelled` or `abandoned`.
    #[serde(with = "word")]
    #[schema(value_type = list::TaskStage)]
    pub stage: TaskStage,
    /// The running phase, if the task is unfinished.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub current_phase: Option<String>,
    /// The phase, or `completion`, that the gate blocks the task from entering; absent if it is not blocked
    /// or the gate was not asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocked_before: Option<String>,
    /// The verdict with utilization, the largest anomaly, and one recommendation.
    pub summary: Vec<String>,
    /// Every execution, and every phase that has not started, in order.
    pub executions: Vec<ExecutionReport>,
    /// Totals over all executions and unphased usage.
    pub totals: ReportTotals,
    /// Each phase with its pace, its points and the limit that holds, in sentences; none if the budget does not follow
    /// progress.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub progress: Vec<String>,
    /// Executions and totals above their limits, in sentences.
    pub breaches: Vec<String>,
    /// Executions far above or below their limits, and measurement errors, in sentences.
    pub anomalies: Vec<String>,
    /// What a person can do.
    pub recommendations: Vec<String>,
    /// The gate's decisions, oldest first.
    pub decisions: Vec<DecisionView>,
    /// Number of earlier decisions that are not listed; the log has them.
    pub earlier_decisions: u64,
    /// Overrides that people granted.
    pub overrides: Vec<OverrideView>,
    /// Explanations of phase usage that people gave.
    #[serde(default)]
    pub explanations: Vec<ExplanationView>,
    /// Phases that are far enough above their limits to require an explanation and have none.
    #[serde(default)]
    pub unexplained: Vec<String>,
    /// The task compared with others of its complexity × importance; absent if it has no tiers, or if the
    /// comparison could not be made (then a warning says so).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<ClassComparison>,
    /// Warnings for readers: missing, estimated or unmatched data.
    pub warnings: Vec<String>,
    /// How the limits were computed; absent for an implicit task.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub calculation: Option<Calculation>,
    /// Hash of the config that the limits were computed from; absent for an implicit task.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub config_hash: Option<String>,
    /// Classification of the report: always `internal`. To share it outside the organization, request it redacted.
    #[serde(default)]
    pub classification: String,
    /// The position that this answer covers.
    pub as_of: String,
}

/// One execution of a phase, or a phase that has not started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExecutionReport {
    /// The phase.
    pub phase: String,
    /// Attempt number, from 1; 0 for a phase that has not started.
    pub attempt: u32,
    /// `not_started`, `running` or `ended`.
    #[serde(with = "word")]
    #[schema(value_type = list::ExecutionState)]
    pub state: ExecutionState,
    /// Tokens used.
    pub tokens_used: i64,
    /// The phase's limit in tokens; absent if the task has no limits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_limit: Option<u64>,
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Budgeted latency in milliseconds; a running execution is counted up to now.
    pub latency_ms: u64,
    /// The phase's limit in milliseconds; absent if there is none or it is not enforced for this execution.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_limit_ms: Option<u64>,
    /// Reported wait time in milliseconds.
    pub wait_ms: u64,
    /// Number of usage reports. If 0 for an ended execution, its usage is unknown, not zero.
    #[serde(default)]
    pub usage_events: u64,
    /// `within`, `warning` or `exceeded`; `unknown` if it ended without reported usage; `no_limits` if there are none.
    #[serde(with = "word")]
    #[schema(value_type = list::BudgetStatus)]
    pub breach_status: BudgetStatus,
    /// Whether any token count was estimated from text length.
    pub tokens_estimated: bool,
    /// Cost in US dollars of the usage whose price is known.
    pub cost_usd: String,
    /// Tokens without a known price.
    pub unpriced_tokens: i64,
    /// What else was used, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub units: BTreeMap<String, i64>,
    /// The part of it without a known price, by unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<String>,
    /// What its limit was computed from; absent if the task has no limits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub factors: Option<PhaseLimitView>,
}

/// Totals over all executions and unphased usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportTotals {
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Tokens compared with the limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_budget: Option<UtilizationView>,
    /// Budgeted latency in milliseconds.
    pub latency_ms: u64,
    /// Budgeted latency compared with the limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_budget: Option<UtilizationView>,
    /// `within`, `warning` or `exceeded`; `unknown` if it ended without reported usage; `no_limits` if there are none.
    #[serde(with = "word")]
    #[schema(value_type = list::BudgetStatus)]
    pub breach_status: BudgetStatus,
    /// Tokens that were estimated from text length.
    pub estimated_tokens: i64,
    /// Tokens of usage that names no execution.
    pub unphased_tokens: i64,
    /// Tokens of usage that names an execution unknown to the ledger.
    pub unmatched_tokens: i64,
    /// All that was used without naming an execution; absent if there is none. With `unmatched` and the executions it
    /// adds up to the totals.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unphased: Option<UsageOutside>,
    /// All that was used naming an execution unknown to the ledger; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unmatched: Option<UsageOutside>,
    /// Cost in US dollars of the usage whose price is known.
    pub cost_usd: String,
    /// Tokens without a known price. Their cost is unknown, not zero.
    pub unpriced_tokens: i64,
    /// What else was used, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub units: BTreeMap<String, i64>,
    /// The part of it without a known price, by unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
}

/// Usage that belongs to no execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageOutside {
    /// Tokens by kind.
    pub tokens: TokenTotals,
    /// Cost in US dollars of the usage whose price is known.
    pub cost_usd: String,
    /// Tokens without a known price.
    pub unpriced_tokens: i64,
    /// What else was used, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub units: BTreeMap<String, i64>,
    /// The part of it without a known price, by unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
}

/// One decision of the gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// Sequence number of its record in the log.
    pub sequence: u64,
    /// When it was made.
    pub at: String,
    /// The phase that the task asked to enter, or `completion`.
    pub advance_to: String,
    /// `allow`, `warn` or `block`.
    #[serde(with = "word")]
    #[schema(value_type = list::Verdict)]
    pub verdict: Verdict,
    /// The rules' verdict before rollout, switches and overrides softened it.
    #[serde(with = "word")]
    #[schema(value_type = list::Verdict)]
    pub ruled: Verdict,
    /// Reasons for the verdict.
    pub reasons: Vec<ReasonView>,
    /// What people were asked to do.
    pub requirements: Vec<String>,
    /// The task's tokens compared with the limit at that time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens: Option<UtilizationView>,
    /// The task's latency compared with its limit at that time, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_ms: Option<UtilizationView>,
    /// Hash of the config in force at that time.
    pub config_hash: String,
    /// The position that the decision was based on.
    pub as_of: String,
    /// Whether the view was behind.
    pub stale: bool,
}

/// A limit or a block that a person overrode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverrideView {
    /// Sequence number of its record in the log.
    pub sequence: u64,
    /// When it was granted.
    pub at: String,
    /// What was overridden, as a sentence.
    pub what: String,
    /// Who approved it.
    pub approver: String,
    /// The reason given.
    pub reason: String,
}

/// An explanation of a phase's usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplanationView {
    /// Sequence number of its record in the log.
    pub sequence: u64,
    /// When it was given.
    pub at: String,
    /// The phase.
    pub phase: String,
    /// The attempt; absent if the explanation covers all attempts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// Who gave the explanation.
    pub author: String,
    /// The explanation.
    pub explanation: String,
}

/// A task compared with others of its class. Other tasks count once completed, their phases once ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClassComparison {
    /// Complexity tier of the class.
    #[serde(with = "word")]
    #[schema(value_type = list::Complexity)]
    pub complexity: Complexity,
    /// Importance tier of the class.
    #[serde(with = "word")]
    #[schema(value_type = list::Importance)]
    pub importance: Importance,
    /// The task as a whole.
    pub whole: Comparison,
    /// The phases that have started.
    pub phases: Vec<PhaseComparison>,
}

/// One phase compared with the same phase of other tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseComparison {
    /// The phase.
    pub phase: String,
    /// The comparison.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Its tokens beside those of the others, each over all attempts.
    #[serde(default)]
    pub tokens_spread: SpreadView,
    /// Its latency in milliseconds beside that of the others, of the attempts that ended, waits included.
    #[serde(default)]
    pub latency_spread: SpreadView,
}

/// A value beside those of the other tasks of its class, which are kept to three digits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpreadView {
    /// What this task took.
    pub value: u64,
    /// How many others there are.
    pub others: u64,
    /// A quarter of them took no more; 0 without others.
    pub p25: u64,
    /// A half of them.
    pub p50: u64,
    /// Three quarters of them.
    pub p75: u64,
    /// Whether there are enough others to say what is far from them.
    pub judged: bool,
    /// On which side it is far from them; absent: it is not, it runs, or that is not judged.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "word::optional")]
    #[schema(value_type = Option<list::Side>)]
    pub far: Option<Side>,
}

/// Tokens compared with an average.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Tokens that this task used.
    pub tokens_used: u64,
    /// Number of other tasks compared with.
    pub tasks: u64,
    /// Their average, truncated to a whole token; absent if there are no such tasks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub average_tokens: Option<u64>,
    /// This task's tokens in percent of that average, rounded to a whole percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<u64>,
}

/// How a task's limits were computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Calculation {
    /// Complexity tier.
    #[serde(with = "word")]
    #[schema(value_type = list::Complexity)]
    pub complexity: Complexity,
    /// The tier's multiplier.
    pub complexity_multiplier: String,
    /// Importance tier.
    #[serde(with = "word")]
    #[schema(value_type = list::Importance)]
    pub importance: Importance,
    /// The tier's multiplier.
    pub importance_multiplier: String,
    /// `stated`, `tag:{tag}` or `default`.
    pub importance_source: String,
    /// The task's own factor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget_multiplier: Option<String>,
    /// The limits of every phase with their factors.
    pub phases: Vec<PhaseLimitView>,
    /// Which time counts towards latency: `full` or `active`.
    pub budgeted_latency: String,
}
