//! The limits that a task would have.

use serde::{Deserialize, Serialize};
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
