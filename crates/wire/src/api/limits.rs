//! The limits that a task would have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::progress::rules::SpinningAction;
use tollgate_domain::tier::Complexity;
use tollgate_domain::tier::Importance;
use utoipa::ToSchema;

use super::word::{self, list};

/// The limits for a complexity and an importance under the config in force, with all factors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitsResponse {
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
    /// One limit per phase, in order.
    pub phases: Vec<PhaseLimitView>,
    /// Tokens over all phases.
    pub total_tokens: u64,
    /// Milliseconds over all phases.
    pub total_latency_ms: u64,
    /// Tokens over the phases that are not yet completed.
    #[serde(default)]
    pub remaining_tokens: u64,
    /// Milliseconds over the phases that are not yet completed.
    #[serde(default)]
    pub remaining_latency_ms: u64,
    /// Hash of the config that they were computed from.
    pub config_hash: String,
    /// Where the config came from.
    pub config_source: String,
    /// What a task gets beyond these limits, or not, for its progress; absent: the config has no `progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<ProgressRulesView>,
}

/// How budgets follow progress. Shares and multiples are decimal texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgressRulesView {
    /// What counts as progress, phase by phase. A phase that is not here is not judged.
    pub phases: Vec<PhaseSignalsView>,
    /// A phase is checked each time it has used another share of this size of its limit, in percent.
    pub check_percent: u32,
    /// Points per 1,000 tokens from which a phase is productive.
    pub productive_rate: String,
    /// What a productive phase gets when it has reached its limit, as a share of that.
    pub extension: String,
    /// The multiple of a phase's limit above which nothing raises it.
    pub ceiling: String,
    /// Whether extensions raise the task's limit, too.
    pub extension_raises_total: bool,
    /// How often in a row the same may come up without progress; 0: that is not looked at.
    pub spinning_repeats: u64,
    /// The share of its limit that a phase may use without progress; 0: that is not looked at.
    pub spinning_share: String,
    /// What a spinning phase leads to: `warn` or `block`.
    #[serde(with = "word")]
    #[schema(value_type = list::SpinningAction)]
    pub spinning_action: SpinningAction,
    /// The share of what ended phases left that a later one gets.
    pub carry_forward: String,
    /// The phases that get it.
    pub carry_phases: Vec<String>,
    /// The multiple of the task's limit above which the gate warns of a forecast; 0: never.
    pub forecast_warn: String,
    /// After how many ended phases forecasts are made.
    pub forecast_min_phases: u64,
}

/// What counts as progress in a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseSignalsView {
    /// The phase.
    pub phase: String,
    /// The points that one unit of each signal is worth, by its name.
    pub points: BTreeMap<String, u64>,
    /// The points that the phase ends with, as expected.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected_points: Option<u64>,
}

/// The limit of one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhaseLimitView {
    /// The phase.
    pub phase: String,
    /// Base budget in tokens.
    pub base_tokens: u64,
    /// Base budget in milliseconds.
    pub base_latency_ms: u64,
    /// The phase's weight.
    pub weight: String,
    /// ceil(base tokens × factors), or the override.
    pub tokens: u64,
    /// ceil(base milliseconds × factors), or the override.
    pub latency_ms: u64,
    /// The limits that an override set: `tokens`, `latency_ms`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub overridden: Vec<String>,
}
