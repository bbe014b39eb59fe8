//! Limits proposed from what phases of past tasks took.
//!
//! [`History`] takes [`Sample`]s in any order, [`calibrate`] makes a [`Calibration`] of them: percentiles with
//! intervals, base budgets, multipliers and weights fitted to the earlier tasks, thresholds for a stated rate
//! of false positives, all judged by the later tasks, and a config file that says where each number comes from.
//!
//! Pure: the same samples in any order give the same bytes on every machine. Logarithms are libm's.

mod binomial;
mod cells;
mod error;
mod file;
mod fit;
mod groups;
mod history;
mod judge;
mod linear;
mod notes;
mod options;
mod propose;
mod quantile;
mod result;
mod sample;
mod stopped;
mod text;
mod thresholds;
mod utilization;

use tollgate_domain::config::{BudgetConfig, Rollout};
use tollgate_domain::limits::LimitError;
use tollgate_domain::time::Timestamp;

use cells::{Cells, Order, Part};
use groups::{BASE_PERCENT, Table};
use history::Measure;
use propose::Basis;
use utilization::Limits;

pub use error::CalibrateError;
pub use fit::Origin;
pub use history::History;
pub use options::{Confidence, Options, WeightRule};
pub use result::{
    BaseProposal, Calibration, Coverage, Data, Distribution, Enough, Factor, Group, Judged, Judgement,
    Percentile, PhaseProposal, Rate, Sufficiency, ThresholdProposal, TierProposal,
};
pub use sample::{Outcome, Sample, samples_of};

/// Proposes limits from a history. `current` is the config in force: what nothing is known of stays as it is there.
///
/// # Errors
///
/// [`CalibrateError::Option`] for options out of bounds, [`CalibrateError::NoSamples`] without anything to
/// learn from.
pub fn calibrate(
    history: &mut History,
    current: &BudgetConfig,
    options: &Options,
) -> Result<Calibration, CalibrateError> {
    options.check()?;
    history.seal();
    let split = split(history, options);
    let fitted = Part::Fit(split);
    let data = data(history, split);
    if data.fitted_samples == 0 {
        let excluded = history.tasks().iter().filter(|task| !task.outcome.is_good()).count() as u64;
        return Err(CalibrateError::NoSamples { tasks: data.tasks, excluded });
    }
    let order = Order::of(current, history);
    let enough = groups::enough(options);
    let base = enough.iter().find(|enough| enough.percent == BASE_PERCENT).copied();
    let base = base.expect("the percentile of base budgets is among those reported");
    let cells = |measure| Cells::of(history, fitted, measure, &order);

    let latency = cells(Measure::LatencyMs);
    let latency_table = Table::of(&latency, options, |ms| ms);
    let tokens = cells(Measure::Tokens);
    let token_table = Table::of(&tokens, options, |tokens| tokens);
    let fit_to = |cells| fit::fit(cells, BASE_PERCENT, base.for_bounds, propose::configured(current));
    let (fit, latency_fit) = (fit_to(&tokens), fit_to(&latency));
    let basis = Basis {
        current,
        options,
        enough: &base,
        tokens: &tokens,
        fit: fit.as_ref(),
        latency_fit: latency_fit.as_ref(),
        token_table: &token_table,
        latency_table: &latency_table,
    };
    let mut proposal = basis.propose();
    proposal.set_latency(&basis, &latency);
    drop((latency, tokens));
    let cost_table = Table::of(&cells(Measure::Cost), options, groups::show_usd);

    let mut config = proposal.config(current);
    let thresholds =
        thresholds::propose(history, fitted, &limits(&config, &order), options, current, &mut config);
    let judged = split.map(|at| {
        let part = Part::Judge(at);
        let tables =
            [("tokens", Measure::Tokens, &token_table), ("latency_ms", Measure::LatencyMs, &latency_table)];
        Judged {
            proposed: judge::judge(history, part, &config, &order, options),
            current: judge::judge(history, part, current, &order, options),
            coverage: judge::coverage(history, part, tables, &order, &enough, options),
        }
    });
    let mut calibration = Calibration {
        options: options.clone(),
        data,
        enough,
        groups: groups::groups(&order.phases, token_table, latency_table, cost_table, &base),
        phases: proposal.phases,
        complexity: proposal.complexity,
        importance: proposal.importance,
        thresholds,
        judged,
        notes: Vec::new(),
        config_hash: config.hash(),
        config: String::new(),
    };
    calibration.notes.extend(without_holdout(&calibration, history, &order));
    calibration.notes.extend(history.remarks().iter().cloned());
    let said = notes::notes(&calibration, current, &order);
    calibration.notes.extend(said);
    observe_if_forbidden(&mut calibration, &mut config);
    calibration.config = file::with_comments(&calibration, &config);
    Ok(calibration)
}

/// A config that should not be enforced does not say that it is.
fn observe_if_forbidden(calibration: &mut Calibration, config: &mut BudgetConfig) {
    if config.rollout != Rollout::Observe && notes::forbid_enforcing(calibration) {
        calibration.notes.push(notes::observes(config.rollout));
        config.rollout = Rollout::Observe;
        calibration.config_hash = config.hash();
    }
}

/// What to do if nothing is proposed because of the tasks that were kept to judge by.
fn without_holdout(found: &Calibration, history: &History, order: &Order) -> Option<String> {
    let _ = found.judged.as_ref()?;
    let all = Cells::of(history, Part::Fit(None), Measure::Tokens, order);
    let samples = (0..found.phases.len()).map(|nth| all.of_phase(nth, |_| true).len() as u64);
    notes::without_holdout(found, &samples.collect::<Vec<_>>())
}

/// The limits of every class of tasks. A config that was read or proposed has bases and multipliers whose
/// product fits.
fn limits(config: &BudgetConfig, order: &Order) -> Limits {
    let limits: Result<Limits, LimitError> = Limits::of(config, order.in_config());
    limits.expect("bases up to 10^10 times three factors up to 10 fit")
}

/// When the tasks begin that the proposal is judged by. `None`: all tasks are fitted to, because that was asked
/// for, because nearly all began at the same time, or because no earlier task has anything to learn from.
fn split(history: &History, options: &Options) -> Option<Timestamp> {
    let ended = history.tasks().iter().filter(|task| task.outcome != Outcome::Unfinished);
    let mut times: Vec<Timestamp> = ended.map(|task| task.at).collect();
    times.sort_unstable();
    let kept = times.len() * usize::from(100 - options.holdout_percent) / 100;
    let at = times.get(kept).copied()?;
    let part = Part::Fit(Some(at));
    let learnable = history.by_task().any(|(task, mut taken)| {
        task.outcome.is_good() && part.has(task) && taken.any(|taken| taken.phase.is_some())
    });
    (times.first().copied()? < at && learnable).then_some(at)
}

fn data(history: &History, split: Option<Timestamp>) -> Data {
    let part = Part::Fit(split);
    let (mut fitted_tasks, mut fitted_samples) = (0, 0);
    for (_, taken) in history.by_task().filter(|(task, _)| task.outcome.is_good() && part.has(task)) {
        fitted_tasks += 1;
        fitted_samples += taken.filter(|taken| taken.phase.is_some()).count() as u64;
    }
    let tasks = history.tasks();
    let outcomes = Outcome::NAMES
        .iter()
        .filter_map(|name| Outcome::from_word(name))
        .map(|outcome| (outcome, tasks.iter().filter(|task| task.outcome == outcome).count() as u64));
    let judges = |task: &&history::Task| {
        task.outcome != Outcome::Unfinished && split.is_some_and(|at| Part::Judge(at).has(task))
    };
    let (first, last) = (tasks.iter().map(|task| task.at).min(), tasks.iter().map(|task| task.at).max());
    let days = first.zip(last).map_or(0, |(first, last)| last.millis_since(first) / 86_400_000);
    Data {
        tasks: tasks.len() as u64,
        outcomes: outcomes.collect(),
        fitted_tasks,
        fitted_samples,
        judged_tasks: tasks.iter().filter(judges).count() as u64,
        split_at: split.map(|at| at.to_string()),
        first_at: first.map(|at| at.to_string()),
        last_at: last.map(|at| at.to_string()),
        days: u64::try_from(days).unwrap_or_default(),
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
