//! Decisions that warned or blocked, with the figures of the rule that made them so.

use serde::{Deserialize, Serialize};
use tollgate_domain::breach::Utilization;
use tollgate_domain::gate::{
    GateDecided, ReasonCode, TaskFigures, Verdict, decide_without_sentences as decide,
};
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::phase::Advance;
use tollgate_domain::progress::phase::Repeated;
use tollgate_domain::time::Timestamp;

use super::candidate::Rules;
use super::settled::Used;

/// What the gate is asked, and when.
pub(super) struct Asked<'a> {
    pub(super) task: &'a str,
    pub(super) advance: &'a Advance,
    pub(super) at: Timestamp,
}

/// What the live gate answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Live {
    /// The most severe answer; `None`: it was not asked.
    pub(super) verdict: Option<Verdict>,
    /// The most severe ruling, before rollout and overrides.
    pub(super) ruled: Option<Verdict>,
    /// When it first blocked.
    pub(super) blocked_at: Option<Timestamp>,
    /// Whether a phase was begun since it was asked last.
    pub(super) went_on: bool,
}

tollgate_domain::words!(
    /// What figures of a rule are.
    FigureUnit {
        /// Tokens.
        Tokens = "tokens",
        /// Milliseconds.
        Ms = "ms",
        /// The same in a row.
        Times = "times"
    }
);

/// A decision that warned or blocked, and what the task did afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Crossing {
    pub(super) verdict: Verdict,
    /// When.
    pub(super) at: Timestamp,
    /// Where the task wanted to go.
    pub(super) advance: Advance,
    /// The rule.
    pub(super) code: ReasonCode,
    /// The rule's figures.
    pub(super) measured: Utilization,
    /// What those are.
    pub(super) unit: FigureUnit,
    /// Whether it would also have blocked under the rollout that the candidate states.
    pub(super) enforced: bool,
    /// Whether a person set it aside later.
    pub(super) set_aside: bool,
    /// What was used after it.
    pub(super) after: Used,
}

impl Live {
    pub(super) fn take(&mut self, decided: &GateDecided, at: Timestamp) {
        self.verdict = self.verdict.max(Some(decided.verdict));
        self.ruled = self.ruled.max(Some(decided.ruled));
        self.went_on = false;
        if decided.verdict == Verdict::Block && self.blocked_at.is_none() {
            self.blocked_at = Some(at);
        }
    }
}

/// The rule that made a decision what it is, and its figures.
pub(super) fn measured(
    decided: &GateDecided,
    figures: &TaskFigures<'_>,
    limits: &TaskLimits,
) -> Option<(ReasonCode, FigureUnit, Utilization)> {
    // The first reason with the verdict: they are in the order of the rules.
    let worst = decided.reasons.iter().map(|reason| reason.verdict).max()?;
    let severe = decided.reasons.iter().find(|reason| reason.verdict == worst)?;
    match severe.code {
        ReasonCode::LatencyBudgetExceeded => Some((severe.code, FigureUnit::Ms, decided.latency?)),
        ReasonCode::PhaseBudgetExceeded => {
            let leaving = figures.leaving.as_ref()?;
            let limit = limits.phase(&leaving.phase)?;
            let token_limit = figures.token_limit(limits, &leaving.phase)?;
            let tokens = Utilization::new(leaving.tokens_used, token_limit);
            if tokens.above(limits.thresholds.per_phase) {
                return Some((severe.code, FigureUnit::Tokens, tokens));
            }
            Some((severe.code, FigureUnit::Ms, Utilization::new(leaving.latency_ms, limit.latency_ms)))
        }
        ReasonCode::Spinning => {
            let (progress, rules) = (decided.progress.as_deref()?, limits.progress.as_deref()?);
            let most = rules.spinning_repeats;
            let is_too_often = |repeated: &&Repeated| most > 0 && repeated.times >= most;
            let (unit, measured) = match progress.repeated.as_ref().filter(is_too_often) {
                Some(repeated) => (FigureUnit::Times, Utilization::new(repeated.times, most)),
                None => {
                    let spent = Utilization::new(progress.since_progress_tokens, progress.limit_tokens);
                    (FigureUnit::Tokens, spent)
                }
            };
            Some((severe.code, unit, measured))
        }
        ReasonCode::ForecastExceeded => {
            let end = decided.progress.as_deref()?.forecast_task_tokens?;
            Some((severe.code, FigureUnit::Tokens, Utilization::new(end, decided.tokens?.limit)))
        }
        ReasonCode::Extended
        | ReasonCode::CarriedForward
        | ReasonCode::TokenBudgetWarning
        | ReasonCode::TokenBudgetExceeded
        | ReasonCode::NearlyDone
        | ReasonCode::NoLimits
        | ReasonCode::TrackingOnly
        | ReasonCode::StopLossDisabled
        | ReasonCode::TrackingOff
        | ReasonCode::BreakerOpen
        | ReasonCode::ObserveOnly
        | ReasonCode::RolloutExempt
        | ReasonCode::OverrideGranted
        | ReasonCode::Stale
        | ReasonCode::Degraded
        | ReasonCode::PolicyExhausted
        | ReasonCode::PoolDrawn
        | ReasonCode::PoolRefused => Some((severe.code, FigureUnit::Tokens, decided.tokens?)),
    }
}

/// A decision that warned or blocked, with the figures of the rule that made it so.
pub(super) fn crossing(
    asked: &Asked<'_>,
    decided: &GateDecided,
    figures: &TaskFigures<'_>,
    limits: &TaskLimits,
    rules: &Rules,
) -> Option<Crossing> {
    let (code, unit, measured) = measured(decided, figures, limits)?;
    let blocks = || decide(figures, asked.advance, rules.own).verdict == Verdict::Block;
    Some(Crossing {
        verdict: decided.verdict,
        at: asked.at,
        advance: asked.advance.clone(),
        code,
        measured,
        unit,
        enforced: decided.verdict == Verdict::Block && blocks(),
        set_aside: false,
        after: Used::default(),
    })
}
