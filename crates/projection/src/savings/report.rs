//! From sums to what is reported, and what is not.

use crate::report::unit_totals;
use tollgate_domain::money::Usd;
use tollgate_wire::api::{AvoidedRow, SavingsReport, SavingsRow, SavingsSide, StoppedRow};

use super::returned::{Between, Effect, Stated, return_on_investment};
use super::sums::{ClassSavings, Savings, Side, Stopped, TaskCosts};
use crate::overview::{Counted, Share};

/// Units per micro-dollar.
const MICRO: i128 = 1_000_000_000_000;

/// The assumptions, and what is not claimed.
const ASSUMPTIONS: [&str; 4] = [
    "avoided: a stopped task that was marked runaway and not completed would have gone on to use what 9 of 10 closed tasks of its class' baseline \
     used; one that had used more counts as 0. The lower end is 0: it might have ended by itself. Stops that nobody marked are not counted",
    "baseline: tasks that the gate could not block (rollout observe, or an importance that is not enforced yet); both sides ran at different times, \
     so whatever else changed meanwhile is in the comparison too",
    "sunk: what was spent on stopped tasks that were not completed; work on follow-ups of a block, and people's time, is not counted",
    "costs cover only tasks whose usage is fully priced; medians and p90 are kept to three digits, rounded up",
];

/// The assumptions of the return that are not those of the report.
const RETURN_ASSUMPTIONS: [&str; 4] = [
    "return: (saved − overhead) / cost; saved is what was avoided, as above, and the cost is what was stated",
    "overhead: each block of a task that is marked legitimate interrupted somebody, at most each that is not marked runaway; what that costs is \
     what was stated for an interruption",
    "runaways: stopped tasks marked runaway, at most those that nobody marked and nobody completed as well, of the tasks that the gate could block",
    "`replay what-if` says this return of the live gate, too, and by the same formula those of limits that were not in force: what a block would have \
     saved did happen there and is measured; here the work after a block never happened, so it is assumed from the baseline, and nothing was done again",
];

/// The report. `min_tasks`: the smallest sample that gives numbers. `stated`: what no log knows.
#[must_use]
pub fn report(savings: &Savings, min_tasks: u64, stated: Stated, as_of: String) -> SavingsReport {
    let min = min_tasks.max(1);
    let mut all = (Stopped::default(), 0_u64);
    let mut classes = Vec::new();
    for ((complexity, importance), class) in &savings.classes {
        all.0.merge(&class.stopped);
        all.1 = all.1.saturating_add(class.enforced.tasks);
        let (baseline, enforced) = (side(&class.observed, min), side(&class.enforced, min));
        let median_percent = baseline
            .median_tokens
            .zip(enforced.median_tokens)
            .and_then(|(before, after)| Share { part: after, of: before }.percent());
        let lacks = median_percent.is_none().then(|| {
            let smaller = class.observed.completed.tasks.min(class.enforced.completed.tasks);
            too_few(smaller, min, "completed tasks on each side")
        });
        classes.push(SavingsRow {
            complexity: *complexity,
            importance: *importance,
            baseline,
            enforced,
            median_percent,
            lacks,
            stopped: stopped(&class.stopped, class.enforced.tasks),
            avoided: avoided(class, min),
        });
    }
    let avoided = together(&classes);
    SavingsReport {
        as_of,
        min_tasks: min,
        return_on_investment: return_on_investment(&effect(&avoided, &all.0, all.1), stated),
        avoided,
        classes,
        stopped: stopped(&all.0, all.1),
        assumptions: ASSUMPTIONS.map(str::to_owned).to_vec(),
        left_out_tasks: savings.left_out,
        degraded_tasks: savings.degraded,
    }
}

/// What the stop-loss did, of `tasks` that it could block.
fn effect(avoided: &AvoidedRow, stopped: &Stopped, tasks: u64) -> Effect {
    let up_to = avoided.cost_usd_up_to.as_ref().and_then(|usd| usd.parse().ok());
    let saved = up_to.map(|up_to| Between { from: Usd::ZERO, up_to });
    let unpriced = || "not enough data: what was avoided has parts without a price".to_owned();
    let unmarked = stopped.tasks.saturating_sub(stopped.legitimate).saturating_sub(stopped.runaway);
    let ended = stopped.tasks.saturating_sub(stopped.completed).saturating_sub(stopped.runaway);
    Effect {
        lacks: saved.is_none().then(|| avoided.lacks.clone().unwrap_or_else(unpriced)),
        saved,
        open_end: None,
        repeated: Between::default(),
        interruptions: Between {
            from: stopped.legitimate,
            up_to: stopped.legitimate.saturating_add(unmarked),
        },
        runaways: Between {
            from: stopped.runaway,
            up_to: stopped.runaway.saturating_add(unmarked.min(ended)),
        },
        tasks,
        assumptions: RETURN_ASSUMPTIONS.map(str::to_owned).to_vec(),
    }
}

fn too_few(found: u64, min: u64, of_what: &str) -> String {
    format!("not enough data: {found} of at least {min} {of_what}")
}

fn side(side: &Side, min: u64) -> SavingsSide {
    let completed = &side.completed;
    let enough = completed.tasks >= min;
    let priced = completed.tasks.saturating_sub(completed.unpriced_tasks);
    let enough_priced = enough && priced >= min;
    let mean_tokens = Share { part: completed.tokens, of: completed.tasks.saturating_mul(100) }.percent();
    let mean_cost = completed.cost.units().checked_div(priced.into()).map(Usd::from_units);
    SavingsSide {
        tasks: side.tasks,
        completed: completed.tasks,
        median_tokens: completed.token_counts.percentile(50).filter(|_| enough),
        mean_tokens: mean_tokens.filter(|_| enough),
        median_cost_usd: completed.cost_counts.percentile(50).filter(|_| enough_priced).map(usd),
        mean_cost_usd: mean_cost.filter(|_| enough_priced).map(|cost| cost.to_string()),
        unpriced_tasks: completed.unpriced_tasks,
        overrides: side.overrides,
        lacks: if !enough {
            Some(too_few(completed.tasks, min, "tasks"))
        } else {
            (!enough_priced).then(|| too_few(priced, min, "priced tasks"))
        },
    }
}

fn stopped(stopped: &Stopped, of: u64) -> StoppedRow {
    let marked = stopped.legitimate.saturating_add(stopped.runaway);
    StoppedRow {
        tasks: stopped.tasks,
        of,
        percent: Share { part: stopped.tasks, of }.percent(),
        legitimate: stopped.legitimate,
        runaway: stopped.runaway,
        unmarked: stopped.tasks.saturating_sub(marked),
        completed: stopped.completed,
        sunk_tasks: stopped.sunk.tasks,
        sunk_tokens: stopped.sunk.tokens,
        sunk_cost_usd: stopped.sunk.cost.to_string(),
        sunk_unpriced_tokens: stopped.sunk_unpriced_tokens,
        sunk_unpriced_units: unit_totals(&stopped.sunk_unpriced_units),
    }
}

fn avoided(class: &ClassSavings, min: u64) -> AvoidedRow {
    let (baseline, runaways): (&TaskCosts, &TaskCosts) = (&class.observed.closed, &class.stopped.runaways);
    let mut row = AvoidedRow {
        tasks: runaways.tasks,
        tokens_from: None,
        tokens_up_to: None,
        cost_usd_up_to: None,
        baseline_p90_tokens: None,
        lacks: None,
    };
    if baseline.tasks < min {
        row.lacks = Some(too_few(baseline.tasks, min, "closed tasks of the baseline"));
        return row;
    }
    row.baseline_p90_tokens = baseline.token_counts.percentile(90);
    if runaways.tasks == 0 {
        row.lacks = Some(too_few(0, 1, "stopped tasks marked runaway"));
        return row;
    }
    row.tokens_from = Some(0);
    row.tokens_up_to = row.baseline_p90_tokens.map(|p90| missing(&runaways.token_counts, p90));
    // A task with an unpriced part cost more than is known: then nothing is claimed about any.
    let priced = baseline.unpriced_tasks == 0 && runaways.unpriced_tasks == 0;
    let p90 = baseline.cost_counts.percentile(90).filter(|_| priced);
    row.cost_usd_up_to = p90.map(|p90| usd(missing(&runaways.cost_counts, p90)));
    row
}

/// The sum of the values' distances below a bound.
fn missing(counted: &Counted, bound: u64) -> u64 {
    counted.0.iter().fold(0, |sum, (value, times)| {
        let below = u64::saturating_sub(bound, *value);
        u64::saturating_add(sum, below.saturating_mul(*times))
    })
}

/// The combined ranges of all classes that have one.
fn together(classes: &[SavingsRow]) -> AvoidedRow {
    let known = || classes.iter().map(|row| &row.avoided).filter(|avoided| avoided.tokens_up_to.is_some());
    let tasks = known().fold(0, |sum: u64, avoided| sum.saturating_add(avoided.tasks));
    let tokens = known().filter_map(|avoided| avoided.tokens_up_to).fold(0, u64::saturating_add);
    let costs: Option<Vec<Usd>> =
        known().map(|avoided| avoided.cost_usd_up_to.as_ref()?.parse().ok()).collect();
    let cost = costs.map(|costs| costs.into_iter().fold(Usd::ZERO, Usd::saturating_add).to_string());
    let some = tasks > 0;
    AvoidedRow {
        tasks,
        tokens_from: some.then_some(0),
        tokens_up_to: some.then_some(tokens),
        cost_usd_up_to: cost.filter(|_| some),
        baseline_p90_tokens: None,
        lacks: (!some)
            .then(|| "not enough data: no class has a baseline and a stopped task marked runaway".to_owned()),
    }
}

fn usd(micros: u64) -> String {
    Usd::from_units(i128::from(micros).saturating_mul(MICRO)).to_string()
}
