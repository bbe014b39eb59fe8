//! Everything that is true for a task: from its own figures, and from clock-based observations.
//!
//! Most events change nothing about that, so it is told piece by piece, each with its sentence only if that is asked
//! for: [`is_unchanged`] looks whether every piece has its alert already, [`conditions`] collects them.

use std::collections::BTreeMap;

use tollgate_domain::alert::{AlertRule, AlertScope, Condition, Severity};
use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::gate::grouped;
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Importance;

use super::bypass::kept_block;
use super::row::Watch;
use crate::duration::duration;
use crate::overview::critical_for_review;
use crate::status::{TaskRow, figures};

/// Conditions that are true, each with its severity and a sentence.
pub(super) type Conditions = BTreeMap<Condition, (Severity, String)>;

/// Everything that is true for a task. For a closed task or one without limits, only findings about its records.
pub(super) fn conditions(watch: &Watch, task: &str) -> Conditions {
    let mut found = Conditions::new();
    tell(watch, task, &mut found);
    found
}

/// Whether what is true is what has an alert.
pub(super) fn is_unchanged(watch: &Watch, task: &str) -> bool {
    let mut open = Open { conditions: &watch.open, found: 0, all: true };
    tell(watch, task, &mut open);
    open.all && open.found == watch.open.len()
}

/// What a condition is about.
#[derive(Clone, Copy)]
enum About<'a> {
    Task,
    Execution(&'a ExecutionId),
    Any(&'a AlertScope),
}

/// Whoever is told what is true, each condition once.
trait Told {
    fn add(
        &mut self,
        rule: AlertRule,
        about: About<'_>,
        level: u32,
        truth: impl FnOnce() -> (Severity, String),
    );
}

/// The conditions that have an alert, and how many of them are true.
struct Open<'a> {
    conditions: &'a BTreeMap<Condition, String>,
    found: usize,
    /// Whether all that is true has one.
    all: bool,
}

impl About<'_> {
    fn is(self, scope: &AlertScope) -> bool {
        match (self, scope) {
            (Self::Task, AlertScope::Task) => true,
            (Self::Execution(id), AlertScope::Execution(other)) => id == other,
            (Self::Any(own), other) => own == other,
            (Self::Task | Self::Execution(_), _) => false,
        }
    }

    fn scope(self) -> AlertScope {
        match self {
            Self::Task => AlertScope::Task,
            Self::Execution(id) => AlertScope::Execution(id.clone()),
            Self::Any(scope) => scope.clone(),
        }
    }
}

impl Told for Conditions {
    fn add(
        &mut self,
        rule: AlertRule,
        about: About<'_>,
        level: u32,
        truth: impl FnOnce() -> (Severity, String),
    ) {
        self.insert(Condition { rule, scope: about.scope(), level }, truth());
    }
}

impl Told for Open<'_> {
    fn add(&mut self, rule: AlertRule, about: About<'_>, level: u32, _: impl FnOnce() -> (Severity, String)) {
        self.found = self.found.saturating_add(1);
        let is_it = |open: &Condition| open.rule == rule && open.level == level && about.is(&open.scope);
        self.all = self.all && self.conditions.keys().any(is_it);
    }
}

fn tell(watch: &Watch, task: &str, told: &mut impl Told) {
    let is_blocked = of_task(told, &watch.task, task);
    clock_skew(told, &watch.task, task);
    let has_rejections = watch.rejections > 0;
    for (condition, observed) in &watch.observed {
        let Condition { rule, scope, level } = condition;
        if has_rejections && (*rule, scope) == (AlertRule::Quarantine, &AlertScope::Inbox) {
            continue;
        }
        told.add(*rule, About::Any(scope), *level, || {
            (Severity::of_condition(condition), observed.detail.clone())
        });
    }
    if let Some(blocked) = kept_block(watch).filter(|_| !is_blocked) {
        let message = || format!("Task {task} is blocked before {blocked}, and went on");
        told.add(AlertRule::StopLoss, About::Task, 0, || (Severity::Critical, message()));
    }
    if has_rejections {
        let message =
            || format!("A message of the inbox was refused and waits in quarantine: {}", watch.rejected);
        told.add(AlertRule::Quarantine, About::Any(&AlertScope::Inbox), 0, || {
            (Severity::of_observed(AlertRule::Quarantine), message())
        });
    }
}

/// Tells what is true of an open task with limits. Returns whether it is blocked.
fn of_task(told: &mut impl Told, row: &TaskRow, task: &str) -> bool {
    let Some(limits) = row.state.limits.as_deref().filter(|_| row.state.stage == TaskStage::Open) else {
        return false;
    };
    // Without a clock: a running execution counts once it has ended.
    let figures = figures(row, None);
    let levels = &limits.pressure_levels;
    let name = || format!("Task {task}");
    if let (Some(tokens), Some(latency)) = (figures.tokens, figures.latency) {
        limit(told, About::Task, name, (&tokens, &latency), levels);
    }
    for execution in &row.executions {
        let Some((of_phase, tokens)) = row.limit_of(&execution.id.phase) else { continue };
        let name = || format!("{} of task {task}", execution.id);
        let tokens = Utilization::new(execution.activity.tokens.used(), tokens);
        let latency = execution.latency(row.budgeted(), None).counted();
        let latency = Utilization::new(latency, of_phase.latency_ms);
        limit(told, About::Execution(&execution.id), name, (&tokens, &latency), levels);
    }
    let blocked = row.blocked();
    if let Some(decision) = blocked {
        told.add(AlertRule::StopLoss, About::Task, 0, || {
            let why: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
            let message = format!("Task {task} is blocked before {}: {}", decision.advance, why.join("; "));
            (Severity::Critical, message)
        });
    }
    drift(told, row, task, limits.importance);
    if let Some(why) = critical_for_review(row) {
        told.add(AlertRule::Unjustified, About::Task, 0, || {
            let message = format!("Task {task} needs review: {why}");
            (Severity::of_observed(AlertRule::Unjustified), message)
        });
    }
    blocked.is_some()
}

/// Producers whose clocks are far from the ledger's. Their usage still counts; for a closed task there is
/// nothing to do.
fn clock_skew(told: &mut impl Told, row: &TaskRow, task: &str) {
    if matches!(row.state.stage, TaskStage::Closed(_)) || row.skews.is_empty() {
        return;
    }
    let clock = |(producer, ms): (&String, &i64)| {
        let far = duration(ms.unsigned_abs().div_euclid(60_000).saturating_mul(60_000));
        if *ms > 0 {
            format!("the clock of producer {producer} is {far} ahead of the ledger's")
        } else {
            format!(
                "events of producer {producer} arrive {far} after they happened by its clock: the clock is behind, or the producer reports late"
            )
        }
    };
    told.add(AlertRule::ClockSkew, About::Task, 0, || {
        let clocks = row.skews.iter().map(clock).collect::<Vec<_>>().join("; ");
        let message = format!("Task {task} has implausible timestamps: {clocks}");
        (Severity::of_observed(AlertRule::ClockSkew), message)
    });
}

/// Two tiers or more above the lowest importance that the task ever had: raising it step by step does not
/// evade the rule.
fn drift(told: &mut impl Told, row: &TaskRow, task: &str, opened: Importance) {
    let changes = &row.importance_changes;
    let Some(last) = changes.last() else { return };
    let lowest = changes.iter().map(|change| change.to).min().map_or(opened, |lowest| lowest.min(opened));
    let level = (last.to as u32).saturating_sub(lowest as u32);
    if level < 2 {
        return;
    }
    let severity = if level == 2 { Severity::Warning } else { Severity::Error };
    told.add(AlertRule::Drift, About::Task, level, || {
        let (from, to) = (lowest.as_str(), last.to.as_str());
        let message = format!(
            "Task {task} went from {from} to {to} importance after it was opened; the last step by {}: {}",
            last.author, last.reason
        );
        (severity, message)
    });
}

/// The levels reached and the breach status. Tokens and latency share them: whichever gets there names the alert,
/// tokens if both do.
fn limit(
    told: &mut impl Told,
    about: About<'_>,
    name: impl Fn() -> String,
    (tokens, latency): (&Utilization, &Utilization),
    levels: &[u32],
) {
    let numbers = |(utilization, unit): (&Utilization, &str)| {
        let percent = utilization.shown_percent().map(|percent| format!(" ({percent}%)")).unwrap_or_default();
        format!("{} / {}{unit}{percent}", grouped(utilization.used), grouped(utilization.limit))
    };
    let which = |is_tokens: bool| {
        if is_tokens { ("token", (tokens, "")) } else { ("latency", (latency, " ms")) }
    };
    let (by_tokens, by_latency) = (tokens.level(levels), latency.level(levels));
    let reached = by_tokens.max(by_latency);
    for &level in levels.iter().filter(|&&level| reached.is_some_and(|reached| level <= reached)) {
        told.add(AlertRule::Pressure, about, level, || {
            let (what, of) = which(by_tokens.is_some_and(|reached| level <= reached));
            // A phase that has nearly used up its limit can still end in time.
            let nearly = (90..100).contains(&level) && matches!(about, About::Execution(_));
            let advice = if nearly { "; consider wrapping up" } else { "" };
            let message =
                format!("{} reached {level}% of its {what} budget: {}{advice}", name(), numbers(of));
            (Severity::of_level(level), message)
        });
    }
    let (by_tokens, by_latency) = (breached(tokens), breached(latency));
    let all = if by_tokens.len() < by_latency.len() { by_latency } else { by_tokens };
    for (nth, &(level, severity)) in all.iter().enumerate() {
        told.add(AlertRule::Breach, about, level, || {
            let (what, of) = which(nth < by_tokens.len());
            (severity, format!("{} is above {level}% of its {what} budget: {}", name(), numbers(of)))
        });
    }
}

/// The bounds that are exceeded: above the second the first is exceeded, too.
fn breached(utilization: &Utilization) -> &'static [(u32, Severity)] {
    match utilization.breach() {
        BreachStatus::Within => &[],
        BreachStatus::Warning => &[(100, Severity::Warning)],
        BreachStatus::Exceeded => &[(100, Severity::Warning), (150, Severity::Error)],
    }
}
