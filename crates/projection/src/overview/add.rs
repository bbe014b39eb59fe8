//! From the row of a task to the figures of its week.

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::gate::Verdict;
use tollgate_domain::ids::LEDGER_PRODUCER;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;

use super::figures::{BOUNDS, Overview, PhaseFigures, TierFigures, WeekFigures, week_of};
use crate::status::{Execution, TaskRow, figures};

/// What a query needs to know about the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// The time.
    pub now: Timestamp,
    /// The number of milliseconds after which an execution is stuck; 0: never.
    pub stuck_after_ms: u64,
}

impl Overview {
    /// Adds a task.
    pub fn add(&mut self, tenant: &str, task: &str, row: &TaskRow, present: Present) {
        self.last_at = self.last_at.max(row.last_at);
        let figures = figures(row, None);
        let began = row.began_at();
        let week = self.weeks.entry(week_of(began)).or_default();
        let tokens = narrow(figures.total.tokens.used());
        week.tokens = week.tokens.saturating_add(tokens);
        let estimated = u64::try_from(figures.total.estimated_tokens).unwrap_or_default();
        week.estimated_tokens = week.estimated_tokens.saturating_add(estimated);
        let (Some(limits), Some(opened)) = (row.state.limits.as_deref(), &row.opened) else {
            week.implicit_tasks = week.implicit_tasks.saturating_add(1);
            return;
        };
        if opened.producer == LEDGER_PRODUCER {
            // A remediation: it was not planned, and nothing stops it.
            return;
        }
        let importance = row.state.importance.unwrap_or(limits.importance);
        let tier = week.tiers.entry((limits.complexity, importance)).or_default();
        let utilization = figures.tokens.unwrap_or_default();
        count_breach(tier, row, figures.breach, &utilization);
        add_phases(week, row);
        if let Some(closed) = &row.closed {
            let ended = closed.at.believed(closed.recorded_at);
            let week = self.weeks.entry(week_of(ended)).or_default();
            let number = match closed.outcome {
                TaskOutcome::Completed => &mut week.closed.completed,
                TaskOutcome::Cancelled => &mut week.closed.cancelled,
                TaskOutcome::Abandoned => &mut week.closed.abandoned,
            };
            *number = number.saturating_add(1);
            if closed.outcome == TaskOutcome::Completed {
                week.closed.tokens.note(tokens);
                let duration = u64::try_from(ended.millis_since(began)).unwrap_or_default();
                week.closed.duration_ms.note(duration);
            }
        }
        self.add_for_review(tenant, task, row, present);
    }

    fn add_for_review(&mut self, tenant: &str, task: &str, row: &TaskRow, present: Present) {
        let changes = row.importance_changes.iter().map(|change| {
            let from = change.from.map_or("unknown", Importance::as_str);
            format!("{from} to {} by {} at {}: {}", change.to, change.author, change.at, change.reason)
        });
        let changes: Vec<String> = changes.collect();
        if !changes.is_empty() {
            self.importance_changed.note(tenant, task, changes.join("; "));
        }
        if row.state.stage != TaskStage::Open {
            return;
        }
        if let Some(decision) = row.blocked() {
            let why: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
            let since = format!("before {} since {}: {}", decision.advance, decision.at, why.join("; "));
            self.blocked.note(tenant, task, since);
        }
        let runs_long = |execution: &&Execution| {
            let ran = present.now.millis_since(execution.running_since());
            execution.ended_at.is_none() && u64::try_from(ran).is_ok_and(|ran| ran > present.stuck_after_ms)
        };
        if let Some(execution) = row.executions.iter().filter(|_| present.stuck_after_ms > 0).find(runs_long)
        {
            self.stuck.note(
                tenant,
                task,
                format!("{} runs since {}", execution.id, execution.running_since()),
            );
        }
        if let Some(why) = critical_for_review(row) {
            self.unjustified.note(tenant, task, why);
        }
    }
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

fn count_breach(
    tier: &mut TierFigures,
    row: &TaskRow,
    breach: Option<BreachStatus>,
    utilization: &Utilization,
) {
    count(&mut tier.tasks);
    count(match breach.unwrap_or(BreachStatus::Within) {
        BreachStatus::Within => &mut tier.within,
        BreachStatus::Warning => &mut tier.warning,
        BreachStatus::Exceeded => &mut tier.exceeded,
    });
    if row.stopped {
        count(&mut tier.stopped);
    }
    if !row.bypasses.is_empty() {
        count(&mut tier.bypassed);
    }
    if matches!(row.state.stage, TaskStage::Closed(_)) {
        tier.closed_tokens = tier.closed_tokens.saturating_add(narrow(utilization.used));
        tier.closed_limits = tier.closed_limits.saturating_add(narrow(utilization.limit));
    }
    let mark = row.mark.as_ref().map(|marked| marked.mark);
    match row.state.judged {
        None | Some(Verdict::Allow) => {}
        Some(Verdict::Warn) => {
            count(&mut tier.warned);
            match mark {
                Some(Mark::Legitimate) => count(&mut tier.warned_legitimate),
                Some(Mark::Runaway) => count(&mut tier.warned_runaway),
                None => {}
            }
        }
        Some(Verdict::Block) => {
            count(&mut tier.ruled);
            let used = utilization.used.saturating_mul(100);
            let percent = narrow(used.checked_div(utilization.limit).map_or(used, |whole| {
                whole.saturating_add(u128::from(!used.is_multiple_of(utilization.limit.max(1))))
            }));
            match mark {
                Some(Mark::Legitimate) => {
                    count(&mut tier.legitimate);
                    tier.legitimate_percent.note(percent);
                }
                Some(Mark::Runaway) => {
                    count(&mut tier.runaway);
                    tier.runaway_percent.note(percent);
                }
                None => {}
            }
        }
    }
}

fn add_phases(week: &mut WeekFigures, row: &TaskRow) {
    let Some(limits) = row.state.limits.as_deref() else { return };
    for execution in row.executions.iter().filter(|execution| execution.ended_at.is_some()) {
        let Some(limit) = limits.phase(&execution.id.phase) else { continue };
        let phase: &mut PhaseFigures = week.phases.entry(execution.id.phase.as_str().to_owned()).or_default();
        count(&mut phase.executions);
        let used = narrow(execution.activity.tokens.used());
        phase.tokens = phase.tokens.saturating_add(used);
        phase.token_limits = phase.token_limits.saturating_add(limit.tokens);
        let latency = execution.latency(row.budgeted(), None).counted();
        phase.latency_ms = phase.latency_ms.saturating_add(latency);
        phase.latency_limits_ms = phase.latency_limits_ms.saturating_add(limit.latency_ms);
        if execution.activity.usage_events == 0 {
            // Its usage was never reported: it belongs to no class.
            continue;
        }
        let used = u128::from(used).saturating_mul(100);
        let fits = |bound: &u32| used <= u128::from(*bound).saturating_mul(limit.tokens.into());
        let class = BOUNDS.iter().position(fits).unwrap_or(BOUNDS.len());
        if let Some(class) = phase.classes.get_mut(class) {
            count(class);
        }
    }
}

fn count(number: &mut u64) {
    *number = number.saturating_add(1);
}

/// Token sums beyond 1.8 · 10¹⁹ are capped there.
fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
