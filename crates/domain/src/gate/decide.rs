//! The rules of the stop-loss, in order.

use super::deciding::Deciding;
use super::message::numbers;
use super::progress::progress_rule;
use super::{GateDecided, Reason, ReasonCode, Requirement, Switches, TaskFigures, Verdict};
use crate::breach::Utilization;
use crate::config::{BreachAction, Profile, Rollout};
use crate::decimal::Decimal;
use crate::limits::TaskLimits;
use crate::metadata::Enforcement;
use crate::phase::Advance;
use crate::printable::grouped;
use crate::tier::Importance;

/// Decides whether a task may advance. The caller adds `as_of`, `stale` and the config's hash.
#[must_use]
pub fn decide(standing: &TaskFigures<'_>, advance: &Advance, switches: Switches) -> GateDecided {
    end(begin(standing, advance, switches, true), standing, switches)
}

/// Decides as [`decide`] does, with reasons that have no sentence: for whoever decides very often and shows none.
#[must_use]
pub fn decide_without_sentences(
    standing: &TaskFigures<'_>,
    advance: &Advance,
    switches: Switches,
) -> GateDecided {
    end(begin(standing, advance, switches, false), standing, switches)
}

/// A decision without a reason.
fn begin(standing: &TaskFigures<'_>, advance: &Advance, switches: Switches, says: bool) -> Deciding {
    let made = GateDecided {
        advance: advance.clone(),
        verdict: Verdict::Allow,
        ruled: Verdict::Allow,
        reasons: Vec::new(),
        requirements: Vec::new(),
        tokens: None,
        latency: None,
        active: standing.active.cloned(),
        remaining_tokens: None,
        remaining_latency_ms: None,
        config_hash: String::new(),
        as_of: String::new(),
        stale: false,
        rollout: Some(switches.rollout),
        policies: Vec::new(),
        policies_unknown: false,
        progress: None,
        drawn_tokens: 0,
    };
    Deciding { made, says }
}

/// Applies the rules.
fn end(mut deciding: Deciding, standing: &TaskFigures<'_>, switches: Switches) -> GateDecided {
    let Some(limits) = standing.limits else {
        let message = || format!("Task {} has no limits: it was not opened with `task open`", standing.task);
        deciding.add(ReasonCode::NoLimits, Verdict::Allow, message);
        deciding.made.reasons.extend((!switches.enabled).then(stop_loss_disabled));
        return deciding.made;
    };
    let tokens = Utilization::new(standing.tokens_used, standing.total_token_limit(limits));
    let latency = Utilization::new(standing.latency_ms, limits.total_latency_ms());
    // Thresholds are for a task's own limit: who lives on what others left needs all of it.
    let own = tokens.limit.saturating_sub(limits.drawn_tokens.into());
    let own = Utilization { used: tokens.used, limit: own };
    deciding.made.drawn_tokens = limits.drawn_tokens;
    deciding.made.tokens = Some(tokens);
    deciding.made.latency = Some(latency);
    (deciding.made.remaining_tokens, deciding.made.remaining_latency_ms) = remaining(standing, limits);
    token_rule(&mut deciding, standing, limits, (own, tokens));
    latency_rule(&mut deciding, standing, limits, switches, latency);
    phase_rule(&mut deciding, standing, limits, switches);
    progress_rule(&mut deciding, standing, limits, tokens);
    nearly_done_rule(&mut deciding, limits, own);
    let ruled = deciding.made.reasons.iter().map(|reason| reason.verdict).max().unwrap_or(Verdict::Allow);
    (deciding.made.ruled, deciding.made.verdict) = (ruled, ruled);
    soften(&mut deciding, standing, limits, switches);
    deciding.made
}

/// Rule 1 (and the graduated profile): the task's tokens against its own total, and against what it drew with it.
fn token_rule(
    deciding: &mut Deciding,
    standing: &TaskFigures<'_>,
    limits: &TaskLimits,
    (own, tokens): (Utilization, Utilization),
) {
    let thresholds = &limits.thresholds;
    let (warn, block) = if thresholds.profile == Profile::Graduated {
        (Decimal::new(12, 1), Decimal::new(2, 0))
    } else if is_early(&deciding.made.advance, limits) {
        (thresholds.early_warn, thresholds.early_block)
    } else {
        (Decimal::ONE, thresholds.cumulative_token)
    };
    if own.above(block) && limits.drawn_tokens > 0 && tokens.used <= tokens.limit {
        deciding.add(ReasonCode::PoolDrawn, Verdict::Warn, || {
            let drawn = grouped(limits.drawn_tokens.into());
            let numbers = numbers(&tokens, "");
            format!("Task {} has {drawn} tokens from its owner's pool: {numbers}", standing.task)
        });
    } else if own.above(block) {
        deciding.add(ReasonCode::TokenBudgetExceeded, Verdict::Block, || {
            format!("Task {} exceeded token budget: {}", standing.task, numbers(&tokens, ""))
        });
        deciding.made.requirements.push(Requirement::Remediation);
        if thresholds.profile == Profile::Graduated {
            deciding.made.requirements.push(Requirement::Investigation);
        }
    } else if own.above(warn) {
        deciding.add(ReasonCode::TokenBudgetWarning, Verdict::Warn, || {
            format!("Task {} is above its token budget: {}", standing.task, numbers(&tokens, ""))
        });
        if thresholds.profile == Profile::Graduated {
            let post_mortem = own.above(Decimal::new(15, 1));
            deciding.made.requirements.push(if post_mortem {
                Requirement::PostMortem
            } else {
                Requirement::Review
            });
        }
    }
}

/// The early thresholds apply up to and including the checkpoint phase; on every later advance, and if there
/// is no checkpoint phase, the cumulative threshold applies.
fn is_early(advance: &Advance, limits: &TaskLimits) -> bool {
    let checkpoint = limits.thresholds.checkpoint_phase.as_ref().and_then(|phase| limits.index_of(phase));
    match (advance, checkpoint) {
        (Advance::Phase(phase), Some(checkpoint)) => {
            limits.index_of(phase).is_some_and(|index| index <= checkpoint)
        }
        (Advance::Completion, _) | (_, None) => false,
    }
}

/// Rule 2: cumulative latency.
fn latency_rule(
    deciding: &mut Deciding,
    standing: &TaskFigures<'_>,
    limits: &TaskLimits,
    switches: Switches,
    latency: Utilization,
) {
    if latency.above(limits.thresholds.cumulative_latency) {
        deciding.add(ReasonCode::LatencyBudgetExceeded, verdict_of(switches.latency_action), || {
            format!("Task {} exceeded latency budget: {}", standing.task, numbers(&latency, " ms"))
        });
    }
}

/// Rule 3: the phase that is being left, over all its attempts, against its own limit.
fn phase_rule(deciding: &mut Deciding, standing: &TaskFigures<'_>, limits: &TaskLimits, switches: Switches) {
    let Some(leaving) = &standing.leaving else { return };
    let Some(limit) = limits.phase(&leaving.phase) else { return };
    let token_limit = standing.token_limit(limits, &leaving.phase).unwrap_or(limit.tokens);
    let tokens = Utilization::new(leaving.tokens_used, token_limit);
    let latency = Utilization::new(leaving.latency_ms, limit.latency_ms);
    let verdict = verdict_of(switches.per_phase_action);
    for (utilization, what, unit) in [(tokens, "token", ""), (latency, "latency", " ms")] {
        if utilization.above(limits.thresholds.per_phase) {
            deciding.add(ReasonCode::PhaseBudgetExceeded, verdict, || {
                let (task, phase) = (standing.task, &leaving.phase);
                let numbers = numbers(&utilization, unit);
                format!("Phase {phase} of task {task} exceeded its {what} budget: {numbers}")
            });
            if !deciding.made.requirements.contains(&Requirement::Explanation) {
                deciding.made.requirements.push(Requirement::Explanation);
            }
        }
    }
}

/// Rule 4: with little overspent and only the last phases left, latency and single phases do not block.
fn nearly_done_rule(deciding: &mut Deciding, limits: &TaskLimits, tokens: Utilization) {
    let thresholds = &limits.thresholds;
    let last_ones = match &deciding.made.advance {
        Advance::Completion => true,
        Advance::Phase(phase) => {
            let rest = limits.phases.iter().skip_while(|limit| limit.phase != *phase);
            limits.index_of(phase).is_some()
                && rest.map(|limit| &limit.phase).all(|phase| thresholds.nearly_done_phases.contains(phase))
        }
    };
    if !last_ones || !tokens.below(thresholds.allow_completion) {
        return;
    }
    let softened = |reason: &&mut Reason| {
        reason.verdict == Verdict::Block
            && matches!(reason.code, ReasonCode::LatencyBudgetExceeded | ReasonCode::PhaseBudgetExceeded)
    };
    let mut any = false;
    for reason in deciding.made.reasons.iter_mut().filter(softened) {
        reason.verdict = Verdict::Warn;
        any = true;
    }
    if any {
        let percent = thresholds.allow_completion;
        deciding.add(ReasonCode::NearlyDone, Verdict::Warn, || {
            format!("nearly done: tokens are below {percent} × the limit, so the last phases may finish")
        });
    }
}

/// The reason in every answer while the stop-loss is switched off.
#[must_use]
pub fn stop_loss_disabled() -> Reason {
    let message = "the stop-loss is switched off: tracked and reported, never blocked".to_owned();
    Reason { code: ReasonCode::StopLossDisabled, verdict: Verdict::Allow, message }
}

/// Switches, rollout and overrides: what keeps a block from taking effect. Each one that does adds a reason;
/// the kill switch, the circuit breaker and tracking-only always do.
fn soften(deciding: &mut Deciding, standing: &TaskFigures<'_>, limits: &TaskLimits, switches: Switches) {
    let blocks = deciding.made.ruled == Verdict::Block;
    let exempt = matches!(limits.importance, Importance::High | Importance::Critical);
    let softened = if !switches.enabled {
        let Reason { code, verdict, message } = stop_loss_disabled();
        Some((code, verdict, message))
    } else if switches.breaker {
        let message = "the circuit breaker is open, the ledger was too slow: tracked and reported, never blocked; `tollgate \
                       breaker reset` closes it"
            .to_owned();
        Some((ReasonCode::BreakerOpen, Verdict::Allow, message))
    } else if standing.enforcement == Enforcement::Off {
        let message = format!("task {} is only tracked (enforcement: off)", standing.task);
        Some((ReasonCode::TrackingOnly, Verdict::Allow, message))
    } else if !blocks {
        None
    } else if standing.passes.contains(&deciding.made.advance) {
        let message = format!("a person set aside the block of the advance to {}", deciding.made.advance);
        Some((ReasonCode::OverrideGranted, Verdict::Warn, message))
    } else {
        match switches.rollout {
            Rollout::Observe => {
                let message = "rollout is `observe`: this would be a block under `enforce`".to_owned();
                Some((ReasonCode::ObserveOnly, Verdict::Warn, message))
            }
            Rollout::EnforceLowMedium if exempt => {
                let message =
                    format!("rollout is `enforce_low_medium`: importance {} passes", limits.importance);
                Some((ReasonCode::RolloutExempt, Verdict::Warn, message))
            }
            Rollout::EnforceLowMedium | Rollout::Enforce => None,
        }
    };
    let Some((code, verdict, message)) = softened else { return };
    deciding.made.reasons.push(Reason { code, verdict, message });
    if blocks {
        deciding.made.verdict = Verdict::Warn;
    }
}

fn verdict_of(action: BreachAction) -> Verdict {
    match action {
        BreachAction::Warn => Verdict::Warn,
        BreachAction::Block => Verdict::Block,
    }
}

fn remaining(standing: &TaskFigures<'_>, limits: &TaskLimits) -> (Option<u64>, Option<u64>) {
    let active = standing.active.and_then(|active| {
        let used = standing.leaving.as_ref().filter(|leaving| leaving.phase == active.phase)?;
        Some((used, limits.phase(&active.phase)?))
    });
    let Some((used, limit)) = active else { return (None, None) };
    let left =
        |limit: u64, used: u128| u64::try_from(Utilization::new(used, limit).remaining()).unwrap_or_default();
    let token_limit = standing.token_limit(limits, &limit.phase).unwrap_or(limit.tokens);
    (Some(left(token_limit, used.tokens_used)), Some(left(limit.latency_ms, used.latency_ms)))
}
