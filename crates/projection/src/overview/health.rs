//! The target figures of a healthy setup, each with a verdict that says `not enough data` rather than guess.

use tollgate_domain::gate::grouped;
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Day;
use tollgate_wire::api::{BudgetHealth, FigureRow, FigureVerdict, WeekRow};

use super::figures::{Counted, Overview, TierFigures, WeekFigures, unmarked};
use super::health_config::HealthConfig;
use super::proposals::proposals;
use super::share::{Share, at_least};
use super::tables::{phases, review, tiers, week_row};

/// Weeks of the baseline, from the first in which tasks were opened.
const BASELINE_WEEKS: i32 = 2;

/// The number of weeks after which a comparison with the baseline is meaningful.
const BASELINE_AFTER_WEEKS: i32 = 4;

/// The latest weeks of the ledger that are listed: ten years. Earlier ones are only counted.
const LISTED_WEEKS: usize = 520;

/// The share of critical tasks in the latest weeks.
#[must_use]
pub fn critical_share(overview: &Overview, weeks: u32) -> Share {
    let window = window(overview, weeks);
    let critical = window.all(|_, importance| importance == Importance::Critical);
    Share { part: critical.tasks, of: window.all(|_, _| true).tasks }
}

/// The share of tasks in the latest weeks that the gate blocked.
#[must_use]
pub fn stopped_share(overview: &Overview, weeks: u32) -> Share {
    let all = window(overview, weeks).all(|_, _| true);
    Share { part: all.stopped, of: all.tasks }
}

/// The share of the tasks stopped by the rules in the latest weeks that were marked legitimate.
#[must_use]
pub fn false_positive_share(overview: &Overview, weeks: u32) -> Share {
    let all = window(overview, weeks).all(|_, _| true);
    Share { part: all.legitimate, of: all.ruled }
}

/// Median tokens of completed tasks in the newest week that has enough of them, compared with the week
/// before: its Monday, before, after. `None`: one of the two has fewer than `min_tasks`.
#[must_use]
pub fn token_shift(overview: &Overview, min_tasks: u64) -> Option<(Day, u64, u64)> {
    let enough = |figures: &WeekFigures| figures.closed.tokens.count() >= min_tasks.max(1);
    let (newest, figures) = overview.weeks.iter().rev().find(|(_, figures)| enough(figures))?;
    let before = overview.weeks.get(&Day(newest.0.saturating_sub(7))).filter(|figures| enough(figures))?;
    Some((*newest, before.closed.tokens.percentile(50)?, figures.closed.tokens.percentile(50)?))
}

/// The latest weeks in which tasks were opened, combined.
fn window(overview: &Overview, weeks: u32) -> WeekFigures {
    let mut all = WeekFigures::default();
    if let Some(newest) = newest(overview) {
        between(overview, newest, weeks).for_each(|(_, figures)| all.merge(figures));
    }
    all
}

fn newest(overview: &Overview) -> Option<Day> {
    overview.weeks.iter().rev().find(|(_, figures)| !figures.tiers.is_empty()).map(|(week, _)| *week)
}

fn between(overview: &Overview, newest: Day, weeks: u32) -> impl Iterator<Item = (&Day, &WeekFigures)> {
    let days = i32::try_from(weeks.max(1)).unwrap_or(i32::MAX).saturating_mul(7);
    let behind = Day(newest.0.saturating_sub(days));
    overview.weeks.iter().filter(move |(week, _)| **week > behind && **week <= newest)
}

/// The figures with their verdicts.
#[must_use]
pub fn health(overview: &Overview, config: &HealthConfig, as_of: String) -> BudgetHealth {
    let window = window(overview, config.weeks);
    let all = window.all(|_, _| true);
    let mut figures = Figures { rows: Vec::new(), min: config.min_tasks.max(1) };
    figures.of_tasks(&all);
    figures.of_false_positives(&window);
    let used = Share { part: all.closed_tokens, of: all.closed_limits };
    figures.utilization(used, overview, config.weeks);
    figures.against_baseline(overview);
    figures.of_importance(&window);
    figures.of_tokens(overview, &window);
    let mut by_week = by_week(overview);
    let earlier_weeks = by_week.len().saturating_sub(LISTED_WEEKS);
    by_week.drain(..earlier_weeks);
    let weeks = newest(overview).map(|newest| {
        let weeks = between(overview, newest, config.weeks).filter(|(_, figures)| !figures.tiers.is_empty());
        weeks.map(|(week, _)| week.to_string()).collect()
    });
    BudgetHealth {
        as_of,
        weeks: weeks.unwrap_or_default(),
        tasks: all.tasks,
        figures: figures.rows,
        proposals: proposals(&window, config),
        blocked: review(&overview.blocked),
        stuck: review(&overview.stuck),
        unjustified: review(&overview.unjustified),
        importance_changed: review(&overview.importance_changed),
        by_tier: tiers(&window),
        by_phase: phases(&window),
        by_week,
        earlier_weeks: (earlier_weeks > 0).then_some(earlier_weeks as u64),
        degraded_tasks: overview.degraded,
    }
}

/// Weeks in which something is counted: a remediation that nobody worked on, which the ledger opens whenever
/// the gate is asked, does not count.
fn by_week(overview: &Overview) -> Vec<WeekRow> {
    let counted = overview.weeks.iter().filter(|(_, figures)| **figures != WeekFigures::default());
    counted.map(|(week, figures)| week_row(*week, figures)).collect()
}

/// Rows under construction.
struct Figures {
    rows: Vec<FigureRow>,
    min: u64,
}

impl Figures {
    fn push(
        &mut self,
        figure: &str,
        value: Option<String>,
        target: &str,
        verdict: FigureVerdict,
        counted: String,
    ) {
        let (figure, target) = (figure.to_owned(), target.to_owned());
        self.rows.push(FigureRow { figure, value, target, verdict, counted });
    }

    /// A share that should stay below `good` percent, and must not exceed `most`.
    fn below(&mut self, figure: &str, share: Share, good: u64, most: u64, noun: &str) {
        let verdict = match share {
            Share { of, .. } if of < self.min => FigureVerdict::NotEnoughData,
            _ if share.above(most) => FigureVerdict::Bad,
            _ if at_least(share, good) => FigureVerdict::Watch,
            _ => FigureVerdict::Ok,
        };
        let counted = format!("{} of {} {noun}", count(share.part), count(share.of));
        self.push(figure, share.percent().map(percent), &format!("< {good} %"), verdict, counted);
    }

    fn of_tasks(&mut self, all: &TierFigures) {
        let of = all.tasks;
        let within = Share { part: all.within, of };
        let verdict = match within {
            _ if of < self.min => FigureVerdict::NotEnoughData,
            _ if within.above(90) => FigureVerdict::Ok,
            _ if within.above(80) => FigureVerdict::Watch,
            _ => FigureVerdict::Bad,
        };
        let counted = format!("{} of {} tasks", count(within.part), count(of));
        self.push("within_limits", within.percent().map(percent), "> 90 %", verdict, counted);
        self.below(
            "breach_rate",
            Share { part: all.exceeded, of },
            5,
            10,
            "tasks above 1.5 times their limits",
        );
        self.below("stop_loss_rate", Share { part: all.stopped, of }, 5, 10, "tasks blocked by the gate");
        let stopped = Share { part: all.stopped, of };
        let verdict = match stopped {
            _ if of < self.min => FigureVerdict::NotEnoughData,
            _ if stopped.above(10) => FigureVerdict::Bad,
            _ => FigureVerdict::Ok,
        };
        let counted = format!(
            "{} of {} tasks; above this, budgets block legitimate work",
            count(stopped.part),
            count(of)
        );
        self.push("tasks_stopped", stopped.percent().map(percent), "<= 10 %", verdict, counted);
        // Only if there are any: most ledgers never have one.
        if all.bypassed > 0 {
            let bypassed = Share { part: all.bypassed, of: all.stopped };
            let counted =
                format!("{} of {} blocked tasks continued anyway", count(bypassed.part), count(bypassed.of));
            self.push(
                "blocks_bypassed",
                bypassed.percent().map(percent),
                "none",
                FigureVerdict::Bad,
                counted,
            );
        }
        let ruled = Share { part: all.ruled, of };
        self.below("would_stop", ruled, 5, 10, "tasks that the rules would block once enforced");
    }

    /// Between what is marked and what may yet be marked: an unknown rate is not zero.
    fn of_false_positives(&mut self, window: &WeekFigures) {
        self.false_positives("false_positives", &window.all(|_, _| true));
        for tier in Importance::ALL {
            let figures = window.all(|_, importance| importance == *tier);
            if figures.ruled > 0 {
                self.false_positives(&format!("false_positives of {tier}"), &figures);
            }
        }
    }

    fn false_positives(&mut self, figure: &str, tier: &TierFigures) {
        let (unmarked, of) = (unmarked(tier), tier.ruled);
        let known = Share { part: tier.legitimate, of };
        let worst = Share { part: tier.legitimate.saturating_add(unmarked), of };
        let verdict = match (known, worst) {
            _ if of == 0 => FigureVerdict::NotEnoughData,
            (known, _) if known.above(5) => FigureVerdict::Bad,
            (known, _) if at_least(known, 2) => FigureVerdict::Watch,
            (_, worst) if !at_least(worst, 2) => FigureVerdict::Ok,
            _ => FigureVerdict::NotEnoughData,
        };
        let counted = format!(
            "{} legitimate, {} runaway, {} not marked, of {} stopped by the rules",
            count(tier.legitimate),
            count(tier.runaway),
            count(unmarked),
            count(of)
        );
        self.push(figure, known.percent().map(percent), "< 2 %", verdict, counted);
    }

    fn utilization(&mut self, used: Share, overview: &Overview, weeks: u32) {
        let closed: u64 = newest(overview).map_or(0, |newest| {
            between(overview, newest, weeks)
                .fold(0, |sum, (_, figures)| sum.saturating_add(figures.closed.tasks()))
        });
        let verdict = match used {
            _ if closed < self.min || used.of == 0 => FigureVerdict::NotEnoughData,
            _ if used.above(100) => FigureVerdict::Bad,
            _ if used.above(80) || !at_least(used, 60) => FigureVerdict::Watch,
            _ => FigureVerdict::Ok,
        };
        let counted = format!("{} of {} tokens of closed tasks", count(used.part), count(used.of));
        self.push("utilization", used.percent().map(percent), "60 to 80 %", verdict, counted);
    }

    /// The latest two weeks compared with the first two.
    fn against_baseline(&mut self, overview: &Overview) {
        let first =
            overview.weeks.iter().find(|(_, figures)| figures.closed.tasks() > 0).map(|(week, _)| *week);
        let last = overview
            .weeks
            .iter()
            .rev()
            .find(|(_, figures)| figures.closed.tasks() > 0)
            .map(|(week, _)| *week);
        let (mut before, mut now) = (WeekFigures::default(), WeekFigures::default());
        let weeks = BASELINE_WEEKS.saturating_mul(7);
        let mut far = false;
        if let (Some(first), Some(last)) = (first, last) {
            far = last.0.saturating_sub(first.0) >= BASELINE_AFTER_WEEKS.saturating_mul(7);
            for (week, figures) in &overview.weeks {
                if week.0 < first.0.saturating_add(weeks) {
                    before.merge(figures);
                }
                if week.0 > last.0.saturating_sub(weeks) {
                    now.merge(figures);
                }
            }
        }
        let rate =
            |figures: &WeekFigures| Share { part: figures.closed.completed, of: figures.closed.tasks() };
        let (old, new) = (rate(&before), rate(&now));
        let known = far && old.of >= self.min && new.of >= self.min;
        let cross = |one: Share, other: Share| u128::from(one.part).saturating_mul(other.of.into());
        let verdict = match () {
            () if !known => FigureVerdict::NotEnoughData,
            () if cross(new, old) >= cross(old, new) => FigureVerdict::Ok,
            () => FigureVerdict::Bad,
        };
        let counted = format!(
            "{} of {} closed tasks completed; baseline {} of {}",
            count(new.part),
            count(new.of),
            count(old.part),
            count(old.of)
        );
        self.push("completion_rate", new.percent().map(percent), "not below the baseline", verdict, counted);
        let far = far && before.closed.completed >= self.min && now.closed.completed >= self.min;
        for (figure, unit, of, at) in [
            ("tokens_p50", "tokens", (&before.closed.tokens, &now.closed.tokens), 50),
            ("duration_p95", "ms", (&before.closed.duration_ms, &now.closed.duration_ms), 95),
        ] {
            self.saved(figure, unit, of, at, far);
        }
    }

    /// A figure that should have fallen by 5 to 10 % since the baseline.
    fn saved(&mut self, figure: &str, unit: &str, (before, now): (&Counted, &Counted), at: u64, far: bool) {
        let (Some(old), Some(new)) = (before.percentile(at), now.percentile(at)) else {
            self.push(
                figure,
                None,
                "5 to 10 % below the baseline",
                FigureVerdict::NotEnoughData,
                "no completed task".to_owned(),
            );
            return;
        };
        let share = Share { part: new, of: old };
        let verdict = match () {
            () if !far => FigureVerdict::NotEnoughData,
            () if !share.above(95) => FigureVerdict::Ok,
            () if !share.above(100) => FigureVerdict::Watch,
            () => FigureVerdict::Bad,
        };
        let counted = format!("p{at} {} {unit}; baseline {} {unit}", count(new), count(old));
        let value = share.percent().map(|percent| format!("{percent} % of the baseline"));
        self.push(figure, value, "5 to 10 % below the baseline", verdict, counted);
    }

    fn of_importance(&mut self, window: &WeekFigures) {
        let of = window.all(|_, _| true).tasks;
        let share = |tier: Importance| Share { part: window.all(|_, it| it == tier).tasks, of };
        self.below("critical_share", share(Importance::Critical), 5, 10, "tasks");
        // Many tasks of high importance are a habit worth a look, but no harm by themselves.
        self.below("high_share", share(Importance::High), 20, 100, "tasks");
        for (figure, tier, target, least, most) in [
            ("medium_share", Importance::Medium, "about 60 %", 40, 80),
            ("low_share", Importance::Low, "about 15 %", 5, 30),
        ] {
            let share = share(tier);
            let verdict = match () {
                () if of < self.min => FigureVerdict::NotEnoughData,
                () if share.above(most) || !at_least(share, least) => FigureVerdict::Watch,
                () => FigureVerdict::Ok,
            };
            let counted = format!("{} of {} tasks", count(share.part), count(share.of));
            self.push(figure, share.percent().map(percent), target, verdict, counted);
        }
    }

    fn of_tokens(&mut self, overview: &Overview, window: &WeekFigures) {
        let target = "p50 of a week within 20 % of the week before";
        match token_shift(overview, self.min) {
            None => {
                let counted =
                    format!("needs two weeks in a row with {} completed tasks each", count(self.min));
                self.push("token_trend", None, target, FigureVerdict::NotEnoughData, counted);
            }
            Some((week, before, now)) => {
                let share = Share { part: now, of: before };
                let verdict = if share.above(120) || !at_least(share, 80) {
                    FigureVerdict::Bad
                } else {
                    FigureVerdict::Ok
                };
                let counted = format!("week of {week}: p50 {} tokens, before {}", count(now), count(before));
                let value = share.percent().map(|percent| format!("{percent} % of the week before"));
                self.push("token_trend", value, target, verdict, counted);
            }
        }
        let estimated = Share { part: window.estimated_tokens, of: window.tokens };
        let verdict = match () {
            () if estimated.of == 0 => FigureVerdict::NotEnoughData,
            () if estimated.above(20) => FigureVerdict::Bad,
            () if at_least(estimated, 5) => FigureVerdict::Watch,
            () => FigureVerdict::Ok,
        };
        let counted = format!("{} of {} tokens", count(estimated.part), count(estimated.of));
        self.push("estimated_usage", estimated.percent().map(percent), "< 5 %", verdict, counted);
    }
}

fn percent(text: String) -> String {
    text + " %"
}

fn count(number: u64) -> String {
    grouped(number.into())
}
