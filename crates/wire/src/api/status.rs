//! Where tasks stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::gate::Verdict;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Complexity;
use tollgate_domain::tier::Importance;
use utoipa::ToSchema;

use super::report::ExecutionReport;
use super::word::{self, BudgetStatus, list};
use super::{DecisionView, UtilizationView};

/// Tokens by kind. The kinds do not overlap, except that reasoning is part of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenTotals {
    /// All tokens, each counted once.
    pub total: i64,
    /// Input that was neither read from nor written to a cache.
    pub input_uncached: i64,
    /// Input read from a cache.
    pub cached_input: i64,
    /// Input written to a cache.
    pub cache_write: i64,
    /// Output, including reasoning.
    pub output: i64,
    /// The part of output spent on reasoning.
    pub reasoning: i64,
}

/// Status of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskStatus {
    /// The short form.
    #[serde(flatten)]
    pub summary: TaskSummary,
    /// Tokens by kind, over all executions and unphased usage.
    pub tokens: TokenTotals,
    /// Tokens of the total that were estimated from text length.
    pub estimated_tokens: i64,
    /// Every execution, and every phase that has not started, in order.
    pub executions: Vec<ExecutionReport>,
    /// Tokens of usage that names no execution.
    pub unphased_tokens: i64,
    /// Tokens of usage that names an execution unknown to the ledger.
    pub unmatched_tokens: i64,
    /// The gate's latest decision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_decision: Option<DecisionView>,
    /// Warnings for its owner.
    pub warnings: Vec<String>,
    /// The position that this answer covers.
    pub as_of: String,
}

/// Short status of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskSummary {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// A one-line title.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// `implicit`, `open`, `completed`, `cancelled` or `abandoned`.
    #[serde(with = "word")]
    #[schema(value_type = list::TaskStage)]
    pub stage: TaskStage,
    /// `within`, `warning` or `exceeded`; `unknown` if the task ended without reported usage; `no_limits` for
    /// an implicit task, never 0 %.
    #[serde(with = "word")]
    #[schema(value_type = list::BudgetStatus)]
    pub budget_status: BudgetStatus,
    /// Complexity tier; absent until the task is opened.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "word::optional")]
    #[schema(value_type = Option<list::Complexity>)]
    pub complexity: Option<Complexity>,
    /// Importance tier; absent until the task is opened.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "word::optional")]
    #[schema(value_type = Option<list::Importance>)]
    pub importance: Option<Importance>,
    /// The running execution.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub active: Option<ActivePhase>,
    /// Total tokens used.
    pub tokens_used: i64,
    /// Tokens compared with the limit; absent until the task is opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_budget: Option<UtilizationView>,
    /// Total budgeted latency in milliseconds, with the running execution counted up to now.
    pub latency_ms: u64,
    /// Budgeted latency compared with the limit; absent until the task is opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_budget: Option<UtilizationView>,
    /// The highest pressure level reached, in percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pressure_level: Option<u32>,
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
    /// The gate's latest verdict.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "word::optional")]
    #[schema(value_type = Option<list::Verdict>)]
    pub verdict: Option<Verdict>,
    /// When its first event happened.
    pub first_at: String,
    /// When its latest event happened.
    pub last_at: String,
    /// How far a producer's clock differs from the ledger's, in milliseconds, by that producer's latest
    /// event: positive if it is more than five minutes ahead, negative if it is more than a day behind (open
    /// tasks only). Absent if the times are plausible.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clock_skew_ms: Option<i64>,
    /// Whether some of its events could not be read. The numbers leave out those events and all later ones.
    pub degraded: bool,
}

/// The running execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivePhase {
    /// The phase.
    pub phase: String,
    /// Attempt number, from 1.
    pub attempt: u32,
    /// When it started.
    pub started_at: String,
}

/// Totals over the selected tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskSelection {
    /// Number of tasks.
    pub tasks: u64,
    /// Number of tasks by budget status.
    pub by_status: BTreeMap<String, u64>,
    /// Number of tasks with a token limit.
    pub limited_tasks: u64,
    /// Tokens used by the tasks with a limit.
    pub tokens_used: u64,
    /// Sum of their token limits.
    pub token_limits: u64,
    /// Average over those tasks of each task's usage in percent of its token limit, truncated to two
    /// decimals; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub average_utilization_percent: Option<String>,
    /// Their total usage in percent of their total limits, truncated likewise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub utilization_percent: Option<String>,
    /// Cost in US dollars of all selected tasks' usage whose price is known.
    pub cost_usd: String,
    /// Tokens without a known price.
    pub unpriced_tokens: i64,
    /// What else has no known price, by unit, such as `output_images`; times are in milliseconds.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unpriced_units: BTreeMap<String, i64>,
}

/// Tasks ordered by tenant and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// The tasks of this page.
    pub tasks: Vec<TaskSummary>,
    /// Totals over all selected tasks, including those on other pages; absent if not requested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub selection: Option<TaskSelection>,
    /// Pass this as `after` to get the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// The position that this answer covers.
    pub as_of: String,
}
