//! The figures as rows of an answer.

use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Day;
use tollgate_wire::api::{PhaseRow, ReviewList, ReviewTask, TierRow, UtilizationClass, WeekRow};

use super::figures::{BOUNDS, Review, TierFigures, WeekFigures, unmarked};
use super::share::Share;

pub(super) fn review(review: &Review) -> ReviewList {
    let one = |((tenant, task), why): (&(String, String), &String)| ReviewTask {
        tenant: tenant.clone(),
        task: task.clone(),
        why: why.clone(),
    };
    ReviewList { count: review.count, tasks: review.tasks.iter().map(one).collect() }
}

pub(super) fn tiers(window: &WeekFigures) -> Vec<TierRow> {
    let row = |((complexity, importance), figures): (&(_, _), &TierFigures)| {
        let (complexity, importance): (&Complexity, &Importance) = (complexity, importance);
        TierRow {
            complexity: *complexity,
            importance: *importance,
            tasks: figures.tasks,
            within: figures.within,
            warning: figures.warning,
            exceeded: figures.exceeded,
            stopped: figures.stopped,
            would_stop: figures.ruled,
            legitimate: figures.legitimate,
            runaway: figures.runaway,
            unmarked: unmarked(figures),
        }
    };
    window.tiers.iter().map(row).collect()
}

pub(super) fn phases(window: &WeekFigures) -> Vec<PhaseRow> {
    let bounds = BOUNDS.into_iter().map(Some).chain([None]);
    let rows = window.phases.iter().map(|(phase, figures)| PhaseRow {
        phase: phase.clone(),
        executions: figures.executions,
        tokens: figures.tokens,
        token_limits: figures.token_limits,
        percent: Share { part: figures.tokens, of: figures.token_limits }.percent(),
        latency_ms: figures.latency_ms,
        latency_limits_ms: figures.latency_limits_ms,
        classes: bounds
            .clone()
            .zip(figures.classes)
            .map(|(up_to_percent, executions)| UtilizationClass { up_to_percent, executions })
            .collect(),
    });
    rows.collect()
}

pub(super) fn week_row(week: Day, figures: &WeekFigures) -> WeekRow {
    let of = |tier: Importance| figures.all(|_, importance| importance == tier).tasks;
    WeekRow {
        week: week.to_string(),
        opened: figures.all(|_, _| true).tasks,
        by_importance: [Importance::Low, Importance::Medium, Importance::High, Importance::Critical].map(of),
        closed: figures.closed.tasks(),
        completed: figures.closed.completed,
        tokens_p50: figures.closed.tokens.percentile(50),
        duration_p95_ms: figures.closed.duration_ms.percentile(95),
        implicit: figures.implicit_tasks,
        tokens: figures.tokens,
        estimated_tokens: figures.estimated_tokens,
    }
}
