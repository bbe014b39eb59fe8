//! One number of a week, by name: what a task contributes is a list of them, which can be taken back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::TaskOutcome;
use tollgate_domain::tier::{Complexity, Importance};

use super::figures::WeekFigures;

/// A number of a week.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Figure {
    /// Implicit tasks.
    Implicit,
    /// Tokens.
    Tokens,
    /// Tokens that were estimated.
    EstimatedTokens,
    /// Of the tasks of a tier.
    Tier(Complexity, Importance, TierFigure),
    /// Of the ended executions of a phase.
    Phase(Arc<str>, PhaseFigure),
    /// Tasks that were closed so.
    Closed(TaskOutcome),
    /// Completed tasks with this many tokens.
    CompletedTokens(u64),
    /// Completed tasks that took this many milliseconds.
    CompletedMillis(u64),
}

/// A number of a tier, with the meaning of the field of the same name of [`TierFigures`](super::TierFigures).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are those of the fields")]
pub enum TierFigure {
    Tasks,
    Within,
    Warning,
    Exceeded,
    Warned,
    Ruled,
    Stopped,
    Bypassed,
    Legitimate,
    Runaway,
    WarnedLegitimate,
    WarnedRunaway,
    ClosedTokens,
    ClosedLimits,
    /// Legitimate tasks that used this percentage of their limit.
    LegitimatePercent(u64),
    /// Runaway tasks that used this percentage of their limit.
    RunawayPercent(u64),
}

/// A number of a phase, with the meaning of the field of the same name of [`PhaseFigures`](super::PhaseFigures).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they are those of the fields")]
pub enum PhaseFigure {
    Executions,
    Tokens,
    TokenLimits,
    LatencyMs,
    LatencyLimitsMs,
    Class(u8),
}

impl WeekFigures {
    /// Adds so much to a number. Sums beyond 1.8 · 10¹⁹ are capped there.
    pub fn put(&mut self, figure: &Figure, amount: u128) {
        let amount = u64::try_from(amount).unwrap_or(u64::MAX);
        let number = match figure {
            Figure::Implicit => &mut self.implicit_tasks,
            Figure::Tokens => &mut self.tokens,
            Figure::EstimatedTokens => &mut self.estimated_tokens,
            Figure::Tier(complexity, importance, figure) => {
                let tier = self.tiers.entry((*complexity, *importance)).or_default();
                match *figure {
                    TierFigure::Tasks => &mut tier.tasks,
                    TierFigure::Within => &mut tier.within,
                    TierFigure::Warning => &mut tier.warning,
                    TierFigure::Exceeded => &mut tier.exceeded,
                    TierFigure::Warned => &mut tier.warned,
                    TierFigure::Ruled => &mut tier.ruled,
                    TierFigure::Stopped => &mut tier.stopped,
                    TierFigure::Bypassed => &mut tier.bypassed,
                    TierFigure::Legitimate => &mut tier.legitimate,
                    TierFigure::Runaway => &mut tier.runaway,
                    TierFigure::WarnedLegitimate => &mut tier.warned_legitimate,
                    TierFigure::WarnedRunaway => &mut tier.warned_runaway,
                    TierFigure::ClosedTokens => &mut tier.closed_tokens,
                    TierFigure::ClosedLimits => &mut tier.closed_limits,
                    TierFigure::LegitimatePercent(value) => {
                        tier.legitimate_percent.0.entry(value).or_default()
                    }
                    TierFigure::RunawayPercent(value) => tier.runaway_percent.0.entry(value).or_default(),
                }
            }
            Figure::Phase(phase, figure) => {
                if !self.phases.contains_key(&**phase) {
                    self.phases.insert(phase.as_ref().to_owned(), super::PhaseFigures::default());
                }
                let Some(phase) = self.phases.get_mut(&**phase) else { return };
                match *figure {
                    PhaseFigure::Executions => &mut phase.executions,
                    PhaseFigure::Tokens => &mut phase.tokens,
                    PhaseFigure::TokenLimits => &mut phase.token_limits,
                    PhaseFigure::LatencyMs => &mut phase.latency_ms,
                    PhaseFigure::LatencyLimitsMs => &mut phase.latency_limits_ms,
                    PhaseFigure::Class(class) => match phase.classes.get_mut(usize::from(class)) {
                        Some(class) => class,
                        None => return,
                    },
                }
            }
            Figure::Closed(TaskOutcome::Completed) => &mut self.closed.completed,
            Figure::Closed(TaskOutcome::Cancelled) => &mut self.closed.cancelled,
            Figure::Closed(TaskOutcome::Abandoned) => &mut self.closed.abandoned,
            Figure::CompletedTokens(value) => self.closed.tokens.0.entry(*value).or_default(),
            Figure::CompletedMillis(value) => self.closed.duration_ms.0.entry(*value).or_default(),
        };
        *number = number.saturating_add(amount);
    }
}
