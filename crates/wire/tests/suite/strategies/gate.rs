//! Decisions of the gate.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::breach::Utilization;
use tollgate_domain::config::Rollout;
use tollgate_domain::gate::{GateDecided, Reason, ReasonCode, Requirement, Verdict};
use tollgate_domain::phase::ExecutionId;

use super::{advance, any_text, phase};
use crate::progress::any_figures;

pub(super) fn gate() -> impl Strategy<Value = GateDecided> {
    const CODES: [ReasonCode; 4] =
        [ReasonCode::NearlyDone, ReasonCode::NoLimits, ReasonCode::Stale, ReasonCode::Degraded];
    const REQUIREMENTS: [Requirement; 3] =
        [Requirement::Review, Requirement::PostMortem, Requirement::Investigation];
    let verdict = || select(vec![Verdict::Allow, Verdict::Warn, Verdict::Block]);
    let utilization =
        || option::of((any::<u128>(), any::<u128>()).prop_map(|(used, limit)| Utilization { used, limit }));
    let reason = (select(CODES.to_vec()), verdict(), any_text())
        .prop_map(|(code, verdict, message)| Reason { code, verdict, message });
    let active = (phase(), any::<u32>()).prop_map(|(phase, attempt)| ExecutionId { phase, attempt });
    let left = (option::of(any::<u64>()), option::of(any::<u64>()));
    let answer =
        (advance(), verdict(), verdict(), vec(reason, 0..3), vec(select(REQUIREMENTS.to_vec()), 0..3));
    let numbers = (utilization(), utilization(), option::of(active), left);
    let progress = option::of(any_figures().prop_map(Box::new));
    let rollout = option::of(select(vec![Rollout::Observe, Rollout::EnforceLowMedium, Rollout::Enforce]));
    (
        answer,
        numbers,
        any_text(),
        any_text(),
        (any::<bool>(), rollout, vec(any_text(), 0..3), any::<bool>(), progress, any::<u64>()),
    )
        .prop_map(
            |(
                answer,
                numbers,
                config_hash,
                as_of,
                (stale, rollout, policies, policies_unknown, progress, drawn_tokens),
            )| {
                GateDecided {
                    advance: answer.0,
                    verdict: answer.1,
                    ruled: answer.2,
                    reasons: answer.3,
                    requirements: answer.4,
                    tokens: numbers.0,
                    latency: numbers.1,
                    active: numbers.2,
                    remaining_tokens: numbers.3.0,
                    remaining_latency_ms: numbers.3.1,
                    config_hash,
                    as_of,
                    stale,
                    rollout,
                    policies,
                    policies_unknown,
                    progress,
                    drawn_tokens,
                }
            },
        )
}
