//! Allocations.

use tollgate_domain::budget::ModelTier;
use tollgate_domain::money::Usd;
use tollgate_wire::api::{AllocationStateWord, AllocationView};

use super::kept;
use crate::json::{Json, object};
use crate::names::{BUDGET, CONTEXT, DEFAULT_TASK_TYPE, METADATA, TASK_TYPE, TIER};
use crate::number::{Share, share};

/// What was used of an allocation, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) input: i64,
    pub(crate) output: i64,
}

/// The tokens that were used of an allocation: those beyond it are among them. Where that is not known, it was only
/// just made.
pub(crate) fn used(allocation: &AllocationView) -> i64 {
    allocation.used.as_ref().map_or(0, |used| used.tokens)
}

/// The tokens that are left of it.
pub(crate) fn remaining(allocation: &AllocationView) -> i64 {
    let unused = if is_active(allocation) { allocation.amount.tokens } else { 0 };
    allocation.remaining.as_ref().map_or(unused, |remaining| remaining.tokens)
}

/// Whether more may be used of it.
pub(crate) fn is_active(allocation: &AllocationView) -> bool {
    allocation.state == AllocationStateWord::Open
}

/// What it was made for.
pub(crate) fn context(allocation: &AllocationView) -> Option<&String> {
    allocation.labels.get(CONTEXT).or(allocation.context.as_ref()).or(allocation.task.as_ref())
}

/// The tier that it counts under.
pub(crate) fn tier(allocation: &AllocationView) -> &'static str {
    let stated = allocation.labels.get(TIER).filter(|_| allocation.model.is_none());
    let stated = stated.and_then(|word| ModelTier::from_word(word));
    stated
        .unwrap_or_else(|| ModelTier::of(allocation.provider.as_deref(), allocation.model.as_deref()))
        .as_str()
}

/// An allocation.
pub(crate) fn allocation(allocation: &AllocationView, split: Split) -> Json {
    let label = |name: &str| allocation.labels.get(name);
    let usd = |text: &str| text.parse::<Usd>().unwrap_or_default();
    let (allocated, used) = (allocation.amount.tokens, used(allocation));
    object! {
        "allocation_id" => &allocation.allocation,
        "budget_id" => label(BUDGET),
        "context_id" => context(allocation).map_or("", String::as_str),
        "component" => allocation.component.as_deref().unwrap_or_default(),
        "tier" => tier(allocation),
        "provider" => allocation.provider.as_ref(),
        "model" => allocation.model.as_ref(),
        "task_type" => label(TASK_TYPE).map_or(DEFAULT_TASK_TYPE, String::as_str),
        "priority" => allocation.priority,
        "tokens_allocated" => allocated,
        "tokens_used" => used,
        "input_tokens_used" => split.input,
        "output_tokens_used" => split.output,
        "estimated_cost" => usd(&allocation.amount.usd),
        "actual_cost" => allocation.used.as_ref().map_or(Usd::ZERO, |used| usd(&used.usd)),
        "creation_time" => &allocation.decided_at,
        "expiration_time" => &allocation.expires_at,
        "last_updated" => &allocation.decided_at,
        "is_active" => is_active(allocation),
        "metadata" => kept(label(METADATA)),
        "remaining_tokens" => remaining(allocation),
        "usage_percentage" => share(used.into(), allocated.into(), Share::Fraction),
    }
}
