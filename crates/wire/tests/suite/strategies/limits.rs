//! Limits of a task, with everything they were computed from.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::config::{BudgetedLatency, Profile, Thresholds};
use tollgate_domain::limits::{PhaseLimit, TaskLimits};
use tollgate_domain::tier::ImportanceSource;

use crate::progress::any_rules;

use super::{any_text, complexity, decimal, importance, limit, phase};

fn phase_limit() -> impl Strategy<Value = PhaseLimit> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (phase(), numbers, decimal(), option::of(limit())).prop_map(|(phase, numbers, weight, overridden)| {
        PhaseLimit {
            phase,
            base_tokens: numbers.0,
            base_latency_ms: numbers.1,
            weight,
            tokens: numbers.2,
            latency_ms: numbers.3,
            overridden: overridden.unwrap_or_default(),
        }
    })
}

fn thresholds() -> impl Strategy<Value = Thresholds> {
    let decimals = (decimal(), decimal(), decimal(), decimal(), decimal(), decimal());
    (select(Profile::NAMES), decimals, option::of(phase()), vec(phase(), 0..3)).prop_map(
        |(profile, decimals, checkpoint_phase, nearly_done_phases)| Thresholds {
            profile: Profile::from_word(profile).expect("a profile"),
            cumulative_token: decimals.0,
            cumulative_latency: decimals.1,
            per_phase: decimals.2,
            allow_completion: decimals.3,
            checkpoint_phase,
            early_warn: decimals.4,
            early_block: decimals.5,
            nearly_done_phases,
        },
    )
}

pub(super) fn limits() -> impl Strategy<Value = TaskLimits> {
    let source = prop_oneof![
        Just(ImportanceSource::Stated),
        Just(ImportanceSource::Default),
        "\\PC{1,12}".prop_map(ImportanceSource::Tag),
    ];
    let tiers = (complexity(), decimal(), importance(), decimal(), source, option::of(decimal()));
    let lists = (vec(phase_limit(), 0..4), vec(any::<u32>(), 0..6), vec(any_text(), 0..2));
    let progress = option::of(any_rules().prop_map(Box::new));
    (tiers, lists, thresholds(), select(BudgetedLatency::NAMES), any_text(), progress).prop_map(
        |(tiers, (phases, pressure_levels, warnings), thresholds, latency, config_hash, progress)| {
            TaskLimits {
                complexity: tiers.0,
                complexity_multiplier: tiers.1,
                importance: tiers.2,
                importance_multiplier: tiers.3,
                importance_source: tiers.4,
                budget_multiplier: tiers.5,
                phases,
                thresholds,
                pressure_levels,
                budgeted_latency: BudgetedLatency::from_word(latency).expect("a word"),
                config_hash,
                warnings,
                progress,
                drawn_tokens: 0,
            }
        },
    )
}
