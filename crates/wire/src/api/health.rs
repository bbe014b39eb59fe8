//! The target figures of a healthy set-up, and many tasks beside one another.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the budgets of a ledger do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetHealth {
    /// The position that it is true as of.
    pub as_of: String,
    /// The weeks whose tasks it is about, by their Mondays in UTC: the latest in which tasks were opened.
    pub weeks: Vec<String>,
    /// Tasks that were opened in them.
    pub tasks: u64,
    /// One row a figure.
    pub figures: Vec<FigureRow>,
    /// What to change for tiers with too many false positives.
    pub proposals: Vec<ThresholdProposal>,
    /// Open tasks that are blocked.
    pub blocked: ReviewList,
    /// Open tasks of which an execution runs too long.
    pub stuck: ReviewList,
    /// Open tasks of critical importance without a justification or an author.
    pub unjustified: ReviewList,
    /// Tasks whose importance was changed, each with who, when and why.
    #[serde(default)]
    pub importance_changed: ReviewList,
    /// Those tasks by tier.
    pub by_tier: Vec<TierRow>,
    /// Their ended executions by phase.
    pub by_phase: Vec<PhaseRow>,
    /// The weeks of the ledger, the latest 520 of them.
    pub by_week: Vec<WeekRow>,
    /// How many weeks with tasks lie before those; absent where all are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_weeks: Option<u64>,
    /// Tasks of which an event could not be read: the figures lack it.
    pub degraded_tasks: u64,
}

/// One target figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FigureRow {
    /// Its name.
    pub figure: String,
    /// Its value with its unit, cut to two decimals; absent: there is nothing to compute it from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<String>,
    /// What it should be.
    pub target: String,
    /// `ok`, `watch`, `bad` or `not enough data`.
    pub verdict: String,
    /// The integers that it follows from.
    pub counted: String,
}

/// What to change for a tier whose tasks are stopped although they are legitimate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThresholdProposal {
    /// The importance.
    pub importance: String,
    /// Tasks of it that the rules stopped, or would have.
    pub stopped: u64,
    /// Of them, those marked legitimate.
    pub legitimate: u64,
    /// What 95 of 100 of the legitimate ones used at most, in percent of their limits.
    pub legitimate_p95_percent: u64,
    /// `cumulative_token_threshold` in force.
    pub threshold: String,
    /// One that lets those pass. It holds for every tier.
    pub proposed_threshold: String,
    /// The importance's multiplier in force.
    pub multiplier: String,
    /// One that lets them pass under the threshold in force, and moves this tier alone.
    pub proposed_multiplier: String,
    /// Legitimate tasks that pass then.
    pub legitimate_passing: u64,
    /// Runaways that pass then too: the price.
    pub runaway_passing: u64,
    /// Of how many runaways.
    pub runaway: u64,
    /// The sentence.
    pub text: String,
}

/// Tasks to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewList {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub tasks: Vec<ReviewTask>,
}

/// A task to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewTask {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// Why.
    pub why: String,
}

/// Opened tasks of one tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TierRow {
    /// The complexity.
    pub complexity: String,
    /// The importance that they have now.
    pub importance: String,
    /// How many.
    pub tasks: u64,
    /// Within their limits.
    pub within: u64,
    /// Above them, up to 1.5 times.
    pub warning: u64,
    /// Above 1.5 times.
    pub exceeded: u64,
    /// Blocked by the gate.
    pub stopped: u64,
    /// What the rules would have blocked, whatever the rollout.
    pub would_stop: u64,
    /// Of those, marked legitimate: false positives.
    pub legitimate: u64,
    /// Of those, marked runaway.
    pub runaway: u64,
    /// Of those, not marked.
    pub unmarked: u64,
}

/// Ended executions of one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseRow {
    /// The phase.
    pub phase: String,
    /// How many.
    pub executions: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Their token limits.
    pub token_limits: u64,
    /// Tokens in percent of the limits; absent without limits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub percent: Option<String>,
    /// Their budgeted milliseconds.
    pub latency_ms: u64,
    /// Their latency limits.
    pub latency_limits_ms: u64,
    /// How many used how much of their token limit.
    pub classes: Vec<UtilizationClass>,
}

/// Executions with a utilization in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UtilizationClass {
    /// Above the bound of the class before and up to so many percent; absent: above all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub up_to_percent: Option<u32>,
    /// How many.
    pub executions: u64,
}

/// One week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeekRow {
    /// Its Monday in UTC.
    pub week: String,
    /// Tasks that were opened in it.
    pub opened: u64,
    /// Of them, those of low, medium, high and critical importance.
    pub by_importance: [u64; 4],
    /// Tasks that closed in it.
    pub closed: u64,
    /// Of them, the completed ones.
    pub completed: u64,
    /// Half of the completed ones used at most so many tokens, to three digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_p50: Option<u64>,
    /// 95 of 100 of the completed ones took at most so long, to three digits.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duration_p95_ms: Option<u64>,
    /// Implicit tasks that began in it.
    pub implicit: u64,
    /// Tokens of tasks that were opened or began in it.
    pub tokens: u64,
    /// Of those, estimated ones.
    pub estimated_tokens: u64,
}

/// Whether the circuit breaker keeps the gate from blocking, and what that follows from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakerState {
    /// Whether it is open: nothing is blocked.
    pub open: bool,
    /// Its alert, where it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub alert: Option<String>,
    /// Transitions that were measured under the rollout `observe`: the baseline.
    pub baseline_transitions: u64,
    /// The p95 of the baseline in microseconds; absent: too little was measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline_p95_us: Option<u64>,
    /// The p95 of the latest spans in microseconds; absent: nothing was measured since the last reset.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recent_p95_us: Option<u64>,
    /// Above so many percent of the baseline …
    pub breaker_percent: u64,
    /// … for so many milliseconds it opens.
    pub breaker_after_ms: u64,
}
