//! The target figures of a healthy set-up, and many tasks beside one another.

use serde::{Deserialize, Serialize};
use tollgate_domain::tier::Complexity;
use tollgate_domain::tier::Importance;
use utoipa::ToSchema;

use super::word::{self, FigureVerdict, list};

/// Budget health of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetHealth {
    /// The position that the figures cover.
    pub as_of: String,
    /// The weeks covered, each by its Monday in UTC: the latest weeks in which tasks were opened.
    pub weeks: Vec<String>,
    /// Tasks opened in those weeks.
    pub tasks: u64,
    /// One row per metric.
    pub figures: Vec<FigureRow>,
    /// Proposed changes for tiers with too many false positives.
    pub proposals: Vec<ThresholdProposal>,
    /// Open tasks that are blocked.
    pub blocked: ReviewList,
    /// Open tasks with an execution that has run too long.
    pub stuck: ReviewList,
    /// Open tasks of critical importance without a justification or an author.
    pub unjustified: ReviewList,
    /// Tasks whose importance was changed, with who changed it, when and why.
    #[serde(default)]
    pub importance_changed: ReviewList,
    /// The tasks of those weeks by tier.
    pub by_tier: Vec<TierRow>,
    /// Ended executions of those tasks by phase.
    pub by_phase: Vec<PhaseRow>,
    /// The ledger's weeks, at most the latest 520.
    pub by_week: Vec<WeekRow>,
    /// Number of earlier weeks with tasks that are not listed; absent if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_weeks: Option<u64>,
    /// Tasks with an event that could not be read; the figures leave that event out.
    pub degraded_tasks: u64,
}

/// One health metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureRow {
    /// Name of the metric.
    pub figure: String,
    /// The value with its unit, truncated to two decimals; absent if there is no data.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// The target.
    pub target: String,
    /// `ok`, `watch`, `bad` or `not enough data`.
    #[serde(with = "word")]
    #[schema(value_type = list::FigureVerdict)]
    pub verdict: FigureVerdict,
    /// The integers that the value is computed from.
    pub counted: String,
}

/// A proposed change for a tier in which legitimate tasks are stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThresholdProposal {
    /// The importance tier.
    #[serde(with = "word")]
    #[schema(value_type = list::Importance)]
    pub importance: Importance,
    /// Tasks of this tier that the rules stopped or would have stopped.
    pub stopped: u64,
    /// Stopped tasks marked legitimate.
    pub legitimate: u64,
    /// 95th percentile of what the legitimate tasks used, in percent of their limits.
    pub legitimate_p95_percent: u64,
    /// The `cumulative_token_threshold` in force.
    pub threshold: String,
    /// A threshold that lets those tasks pass. It applies to every tier.
    pub proposed_threshold: String,
    /// The tier's multiplier in force.
    pub multiplier: String,
    /// A multiplier that lets those tasks pass under the threshold in force. It affects this tier only.
    pub proposed_multiplier: String,
    /// Legitimate tasks that would then pass.
    pub legitimate_passing: u64,
    /// Runaway tasks that would then pass too: the cost of the change.
    pub runaway_passing: u64,
    /// Number of tasks marked runaway.
    pub runaway: u64,
    /// The proposal as a sentence.
    pub text: String,
}

/// Tasks to review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewList {
    /// Number of tasks.
    pub count: u64,
    /// The first of these tasks.
    pub tasks: Vec<ReviewTask>,
}

/// A task to review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewTask {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// Why it needs review.
    pub why: String,
}

/// Tasks of one tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierRow {
    /// The complexity tier.
    #[serde(with = "word")]
    #[schema(value_type = list::Complexity)]
    pub complexity: Complexity,
    /// The tasks' current importance.
    #[serde(with = "word")]
    #[schema(value_type = list::Importance)]
    pub importance: Importance,
    /// Number of tasks.
    pub tasks: u64,
    /// Tasks within their limits.
    pub within: u64,
    /// Tasks above their limits, up to 1.5 times.
    pub warning: u64,
    /// Tasks above 1.5 times their limits.
    pub exceeded: u64,
    /// Tasks that the gate blocked.
    pub stopped: u64,
    /// Tasks that the rules would have blocked under any rollout.
    pub would_stop: u64,
    /// Those marked legitimate: false positives.
    pub legitimate: u64,
    /// Those marked runaway.
    pub runaway: u64,
    /// Those not marked.
    pub unmarked: u64,
}

/// Ended executions of one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseRow {
    /// The phase.
    pub phase: String,
    /// Number of executions.
    pub executions: u64,
    /// Tokens used.
    pub tokens: u64,
    /// Sum of their token limits.
    pub token_limits: u64,
    /// Tokens in percent of the limits; absent if there are no limits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<String>,
    /// Budgeted latency in milliseconds.
    pub latency_ms: u64,
    /// Sum of their latency limits, in milliseconds.
    pub latency_limits_ms: u64,
    /// Executions grouped by how much of their token limit they used.
    pub classes: Vec<UtilizationClass>,
}

/// Executions in one range of utilization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UtilizationClass {
    /// Upper bound of the range in percent, inclusive; the lower bound is the previous class's. Absent for
    /// the last, open range.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub up_to_percent: Option<u32>,
    /// Number of executions.
    pub executions: u64,
}

/// One week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeekRow {
    /// The week's Monday in UTC.
    pub week: String,
    /// Tasks opened in the week.
    pub opened: u64,
    /// Those tasks by importance: low, medium, high and critical.
    pub by_importance: [u64; 4],
    /// Tasks closed in the week.
    pub closed: u64,
    /// Closed tasks that were completed.
    pub completed: u64,
    /// Median tokens of the completed tasks, to three digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_p50: Option<u64>,
    /// 95th percentile of the completed tasks' duration in milliseconds, to three digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_p95_ms: Option<u64>,
    /// Implicit tasks that began in the week.
    pub implicit: u64,
    /// Tokens of tasks that were opened or began in the week.
    pub tokens: u64,
    /// Those tokens that were estimated.
    pub estimated_tokens: u64,
}

/// Whether the circuit breaker is preventing the gate from blocking, and the measurements behind that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakerState {
    /// Whether the breaker is open. While it is, nothing is blocked.
    pub open: bool,
    /// Id of the breaker's alert, if it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alert: Option<String>,
    /// Number of phase transitions in the baseline, measured under the rollout `observe`.
    pub baseline_transitions: u64,
    /// 95th percentile of the baseline in microseconds; absent if there are too few measurements.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline_p95_us: Option<u64>,
    /// 95th percentile of recent transitions in microseconds; absent if nothing was measured since the last reset.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recent_p95_us: Option<u64>,
    /// The breaker opens when the recent value stays above this percentage of the baseline …
    pub breaker_percent: u64,
    /// … for this many milliseconds.
    pub breaker_after_ms: u64,
}
