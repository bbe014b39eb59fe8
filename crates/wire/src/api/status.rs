//! Where tasks stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::report::ExecutionReport;
use super::{DecisionView, UtilizationView};

/// Tokens by kind. The kinds do not overlap, except that reasoning is a part of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenTotals {
    /// All of them, each counted once.
    pub total: i64,
    /// Input that was neither read from nor written to a cache.
    pub input_uncached: i64,
    /// Input read from a cache.
    pub cached_input: i64,
    /// Input written to a cache.
    pub cache_write: i64,
    /// Output, reasoning included.
    pub output: i64,
    /// The part of output spent on reasoning.
    pub reasoning: i64,
}

/// Where one task stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskStatus {
    /// The short form.
    #[serde(flatten)]
    pub summary: TaskSummary,
    /// Tokens by kind, over all executions and what was unphased.
    pub tokens: TokenTotals,
    /// Tokens of the total that were estimated from text lengths.
    pub estimated_tokens: i64,
    /// Every execution, and every phase not begun, in order.
    pub executions: Vec<ExecutionReport>,
    /// Tokens that named no execution.
    pub unphased_tokens: i64,
    /// Tokens that named an execution the ledger does not know.
    pub unmatched_tokens: i64,
    /// The gate's latest decision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_decision: Option<DecisionView>,
    /// What its owner should know.
    pub warnings: Vec<String>,
    /// The position up to which this is true.
    pub as_of: String,
}

/// Where one task stands, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskSummary {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// A line for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    /// `implicit`, `open`, `completed`, `cancelled` or `abandoned`.
    pub stage: String,
    /// `within`, `warning` or `exceeded`; `unknown` where it ended and nobody reported usage; `no_limits` for an implicit task, never 0 %.
    pub budget_status: String,
    /// Scope tier, once opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub complexity: Option<String>,
    /// Importance tier, once opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub importance: Option<String>,
    /// The execution that runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub active: Option<ActivePhase>,
    /// Tokens used in all.
    pub tokens_used: i64,
    /// Tokens beside the limit, once opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokens_budget: Option<UtilizationView>,
    /// Budgeted latency in all, the running execution up to now, in milliseconds.
    pub latency_ms: u64,
    /// Budgeted latency beside the limit, once opened.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_budget: Option<UtilizationView>,
    /// The highest pressure level reached, in percent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pressure_level: Option<u32>,
    /// What it cost, as far as prices were known.
    pub cost_usd: String,
    /// Tokens for which no price was known; not zero dollars.
    pub unpriced_tokens: i64,
    /// The gate's latest verdict.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<String>,
    /// When its first event happened.
    pub first_at: String,
    /// When its latest event happened.
    pub last_at: String,
    /// How far the clock of a producer of it is ahead of the ledger's (positive: more than five minutes), or behind it (negative: more than a
    /// day, of an open task), by that producer's latest event, in milliseconds. Absent: its times can be believed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clock_skew_ms: Option<i64>,
    /// Whether some of its events could not be read: the numbers lack them and all later ones.
    pub degraded: bool,
}

/// The execution that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActivePhase {
    /// Which phase.
    pub phase: String,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Since when.
    pub started_at: String,
}

/// Selected tasks together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskSelection {
    /// How many.
    pub tasks: u64,
    /// How many of each budget status.
    pub by_status: BTreeMap<String, u64>,
    /// How many have a token limit.
    pub limited_tasks: u64,
    /// Tokens that those used.
    pub tokens_used: u64,
    /// Their limits together.
    pub token_limits: u64,
    /// The average over those tasks of what each used of its token limit, in percent, cut to two decimals; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub average_utilization_percent: Option<String>,
    /// What they used together of their limits together, likewise.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub utilization_percent: Option<String>,
    /// What all of them cost, as far as prices were known.
    pub cost_usd: String,
    /// Tokens for which no price was known.
    pub unpriced_tokens: i64,
}

/// Tasks in the order of tenant and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskList {
    /// The tasks of this page.
    pub tasks: Vec<TaskSummary>,
    /// All selected tasks together, those of other pages too; absent where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub selection: Option<TaskSelection>,
    /// Pass it as `after` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
    /// The position up to which this is true.
    pub as_of: String,
}
