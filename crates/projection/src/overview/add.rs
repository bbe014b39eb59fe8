//! From the row of a task to the figures of its week.

use std::sync::Arc;

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::gate::Verdict;
use tollgate_domain::ids::LEDGER_PRODUCER;
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Importance;
use tollgate_domain::time::{Day, Timestamp};

use super::figure::{Figure, PhaseFigure, TierFigure};
use super::figures::{BOUNDS, Overview, kept, week_of};
use crate::status::{Execution, Opened, TaskRow, TaskSums};

/// What a query needs to know about the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// The time.
    pub now: Timestamp,
    /// The number of milliseconds after which an execution is stuck; 0: never.
    pub stuck_after_ms: u64,
}

impl Present {
    /// Whether an execution that runs since then is stuck.
    #[must_use]
    pub fn is_stuck(&self, running_since: Timestamp) -> bool {
        let ran = self.now.millis_since(running_since);
        self.stuck_after_ms > 0 && u64::try_from(ran).is_ok_and(|ran| ran > self.stuck_after_ms)
    }
}

impl Overview {
    /// Adds a task.
    pub fn add(&mut self, tenant: &str, task: &str, row: &TaskRow, present: Present) {
        self.last_at = self.last_at.max(row.last_at);
        each_figure(row, &TaskSums::of(row), |week, figure, amount| {
            self.weeks.entry(week).or_default().put(&figure, amount.into());
        });
        for (review, why) in [
            (&mut self.importance_changed, changed_importance(row)),
            (&mut self.blocked, blocked_for_review(row)),
            (&mut self.stuck, stuck_for_review(row, present)),
            (&mut self.unjustified, unjustified_for_review(row)),
        ] {
            if let Some(why) = why {
                review.note(tenant, task, why);
            }
        }
    }
}

/// The limits of a task that was planned, and how it was opened. A task that was not opened has none; a remediation
/// was not planned, and nothing stops it.
pub(crate) fn planned(row: &TaskRow) -> Option<(&TaskLimits, &Opened)> {
    let (limits, opened) = (row.state.limits.as_deref()?, row.opened.as_ref()?);
    (opened.producer != LEDGER_PRODUCER).then_some((limits, opened))
}

/// Why a task whose importance was changed is listed for review.
#[must_use]
pub fn changed_importance(row: &TaskRow) -> Option<String> {
    planned(row).filter(|_| !row.importance_changes.is_empty())?;
    let changes = row.importance_changes.iter().map(|change| {
        let from = change.from.map_or("unknown", Importance::as_str);
        format!("{from} to {} by {} at {}: {}", change.to, change.author, change.at, change.reason)
    });
    Some(changes.collect::<Vec<_>>().join("; "))
}

/// Why an open task that is blocked is listed for review.
#[must_use]
pub fn blocked_for_review(row: &TaskRow) -> Option<String> {
    let decision = planned(row).filter(|_| row.state.stage == TaskStage::Open).and_then(|_| row.blocked())?;
    let why: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
    Some(format!("before {} since {}: {}", decision.advance, decision.at, why.join("; ")))
}

/// Why an open task with an execution that runs too long is listed for review.
#[must_use]
pub fn stuck_for_review(row: &TaskRow, present: Present) -> Option<String> {
    planned(row)?;
    let runs_long = |execution: &&Execution| present.is_stuck(execution.running_since());
    let execution = row.running().find(runs_long)?;
    Some(format!("{} runs since {}", execution.id, execution.running_since()))
}

/// Why a planned task of critical importance is listed for review.
#[must_use]
pub fn unjustified_for_review(row: &TaskRow) -> Option<String> {
    planned(row).and_then(|_| critical_for_review(row))
}

/// Why the critical importance of an open task needs review; `None`: it is not critical, or it is justified
/// and its author is named.
#[must_use]
pub fn critical_for_review(row: &TaskRow) -> Option<String> {
    let limits = row.state.limits.as_deref()?;
    let importance = row.state.importance.unwrap_or(limits.importance);
    if importance != Importance::Critical || row.state.stage != TaskStage::Open {
        return None;
    }
    // A change has an author and a reason.
    if row.importance_changes.last().is_some_and(|change| change.to == Importance::Critical) {
        return None;
    }
    let opened = row.opened.as_ref()?;
    match (&opened.justification, &opened.author) {
        (Some(_), Some(_)) => None,
        (None, Some(author)) => Some(format!("opened as critical by {author} without a justification")),
        (Some(_), None) => {
            Some(format!("opened as critical by producer {}, which named no author", opened.producer))
        }
        (None, None) => Some(format!(
            "opened as critical by producer {} without a justification and without an author",
            opened.producer
        )),
    }
}

/// What a task adds to its weeks: how much to which figure of which week. A figure may come more than once.
pub(crate) fn each_figure(row: &TaskRow, sums: &TaskSums, mut add: impl FnMut(Day, Figure, u64)) {
    let began = row.began_at();
    let week = week_of(began);
    let tokens = narrow(sums.tokens.used());
    let mut of_week = |figure: Figure, amount: u64| {
        if amount > 0 {
            add(week, figure, amount);
        }
    };
    of_week(Figure::Tokens, tokens);
    of_week(Figure::EstimatedTokens, u64::try_from(sums.estimated_tokens).unwrap_or_default());
    if row.state.limits.is_none() || row.opened.is_none() {
        of_week(Figure::Implicit, 1);
        return;
    }
    let Some((limits, _)) = planned(row) else { return };
    let importance = row.state.importance.unwrap_or(limits.importance);
    let used = Utilization::new(sums.tokens.used(), limits.total_tokens());
    of_tier(row, sums.breach(row), &used, |figure, amount| {
        of_week(Figure::Tier(limits.complexity, importance, figure), amount);
    });
    of_phases(row, of_week);
    let Some(closed) = &row.closed else { return };
    let ended = closed.at.believed(closed.recorded_at);
    let week = week_of(ended);
    add(week, Figure::Closed(closed.outcome), 1);
    if closed.outcome == TaskOutcome::Completed {
        let duration = u64::try_from(ended.millis_since(began)).unwrap_or_default();
        add(week, Figure::CompletedTokens(kept(tokens)), 1);
        add(week, Figure::CompletedMillis(kept(duration)), 1);
    }
}

fn of_tier(
    row: &TaskRow,
    breach: Option<BreachStatus>,
    used: &Utilization,
    mut add: impl FnMut(TierFigure, u64),
) {
    add(TierFigure::Tasks, 1);
    add(
        match breach.unwrap_or(BreachStatus::Within) {
            BreachStatus::Within => TierFigure::Within,
            BreachStatus::Warning => TierFigure::Warning,
            BreachStatus::Exceeded => TierFigure::Exceeded,
        },
        1,
    );
    add(TierFigure::Stopped, row.stopped.into());
    add(TierFigure::Bypassed, u64::from(!row.bypasses.is_empty()));
    if matches!(row.state.stage, TaskStage::Closed(_)) {
        add(TierFigure::ClosedTokens, narrow(used.used));
        add(TierFigure::ClosedLimits, narrow(used.limit));
    }
    let mark = row.mark.as_ref().map(|marked| marked.mark);
    match row.state.judged {
        None | Some(Verdict::Allow) => {}
        Some(Verdict::Warn) => {
            add(TierFigure::Warned, 1);
            match mark {
                Some(Mark::Legitimate) => add(TierFigure::WarnedLegitimate, 1),
                Some(Mark::Runaway) => add(TierFigure::WarnedRunaway, 1),
                None => {}
            }
        }
        Some(Verdict::Block) => {
            add(TierFigure::Ruled, 1);
            let hundredfold = used.used.saturating_mul(100);
            let percent = kept(narrow(hundredfold.checked_div(used.limit).map_or(hundredfold, |whole| {
                whole.saturating_add(u128::from(!hundredfold.is_multiple_of(used.limit.max(1))))
            })));
            match mark {
                Some(Mark::Legitimate) => {
                    add(TierFigure::Legitimate, 1);
                    add(TierFigure::LegitimatePercent(percent), 1);
                }
                Some(Mark::Runaway) => {
                    add(TierFigure::Runaway, 1);
                    add(TierFigure::RunawayPercent(percent), 1);
                }
                None => {}
            }
        }
    }
}

fn of_phases(row: &TaskRow, mut add: impl FnMut(Figure, u64)) {
    for execution in row.executions.iter().filter(|execution| execution.ended_at.is_some()) {
        let Some((limit, limit_tokens)) = row.limit_of(&execution.id.phase) else { continue };
        let phase: Arc<str> = execution.id.phase.as_str().into();
        let mut add =
            |figure: PhaseFigure, amount: u64| add(Figure::Phase(Arc::clone(&phase), figure), amount);
        let used = narrow(execution.activity.tokens.used());
        add(PhaseFigure::Executions, 1);
        add(PhaseFigure::Tokens, used);
        add(PhaseFigure::TokenLimits, limit_tokens);
        add(PhaseFigure::LatencyMs, execution.latency(row.budgeted(), None).counted());
        add(PhaseFigure::LatencyLimitsMs, limit.latency_ms);
        if execution.activity.usage_events == 0 {
            // Its usage was never reported: it belongs to no class.
            continue;
        }
        let used = u128::from(used).saturating_mul(100);
        let fits = |bound: &u32| used <= u128::from(*bound).saturating_mul(limit_tokens.into());
        let class = BOUNDS.iter().position(fits).unwrap_or(BOUNDS.len());
        add(PhaseFigure::Class(u8::try_from(class).unwrap_or(u8::MAX)), 1);
    }
}

/// Token sums beyond 1.8 · 10¹⁹ are capped there.
fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
