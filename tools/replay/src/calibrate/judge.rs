//! What later tasks say about a config.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::gate::Switches;

use super::binomial;
use super::cells::{CLASSES, Order, Part};
use super::groups::Table;
use super::history::{History, Measure};
use super::options::Options;
use super::quantile::PERCENTS;
use super::result::{Coverage, Enough, Judgement, Rate};
use super::sample::Outcome;
use super::stopped::is_stopped;
use super::utilization::PPM;

/// When a task counts as stopped, for whoever reads the shares.
pub(super) const WHEN_STOPPED: &str = "Stopped means that the gate blocks, asked as each phase is left and at completion, also where a task was abandoned \
                                       within a phase and nothing followed: there `tollgate replay what-if` does not ask, and finds fewer runaways";

/// How a config does on a part of the history.
pub(super) fn judge(
    history: &History,
    part: Part,
    config: &BudgetConfig,
    order: &Order,
    options: &Options,
) -> Judgement {
    let (limits, switches) = (super::limits(config, order), Switches::from(config));
    let (mut good, mut breaches, mut stops) = (0, 0, 0);
    let (mut phases, mut phase_breaches) = (0, 0);
    let (mut runaways, mut caught) = (0, 0);
    let mut tokens = Vec::new();
    for (task, taken) in history.by_task().filter(|(task, _)| part.has(task)) {
        if task.outcome.is_good() {
            let used = limits.used(task, taken.clone());
            good += 1;
            breaches += u64::from(used.tokens > PPM || used.latency > PPM);
            stops += u64::from(is_stopped(&limits, task, taken, switches));
            phases += used.phases.0;
            phase_breaches += used.phases.1;
            tokens.push(used.tokens);
        } else if task.outcome == Outcome::Runaway {
            runaways += 1;
            caught += u64::from(is_stopped(&limits, task, taken, switches));
        }
    }
    tokens.sort_unstable();
    let rate = |count, of| rate(count, of, options);
    Judgement {
        breaches: rate(breaches, good),
        phase_breaches: rate(phase_breaches, phases),
        false_positives: rate(stops, good),
        runaways_stopped: rate(caught, runaways),
        median_utilization_ppm: tokens.get(tokens.len() / 2).copied().unwrap_or_default(),
    }
}

/// How many later samples are at most the percentiles that earlier ones of their group have, over all groups with
/// enough samples for both bounds.
pub(super) fn coverage(
    history: &History,
    part: Part,
    tables: [(&'static str, Measure, &Table<u64>); 2],
    order: &Order,
    enough: &[Enough],
    options: &Options,
) -> Vec<Coverage> {
    let mut found = Vec::new();
    for (name, measure, table) in tables {
        let mut counts = [(0_u64, 0_u64); PERCENTS.len()];
        for (task, taken) in history.by_task().filter(|(task, _)| task.outcome.is_good() && part.has(task)) {
            debug_assert!(task.class() < CLASSES, "classes are four by four");
            for taken in taken {
                let place = taken.phase.and_then(|phase| order.place(phase));
                let cell = place.and_then(|place| table.of_cell(place, task.class()));
                let (Some(cell), Some(value)) = (cell, taken.value(measure)) else { continue };
                let of_cell = cell.percentiles.iter().zip(enough).zip(&mut counts);
                for ((percentile, enough), (within, of)) in of_cell {
                    if cell.samples >= enough.for_bounds {
                        *of += 1;
                        *within += u64::from(value <= percentile.value);
                    }
                }
            }
        }
        for (percent, (within, of)) in PERCENTS.into_iter().zip(counts) {
            if of > 0 {
                found.push(Coverage { measure: name, percent, within: rate(within, of, options) });
            }
        }
    }
    found
}

/// A share with its interval.
fn rate(count: u64, of: u64, options: &Options) -> Rate {
    let (low_ppm, high_ppm) = binomial::rate_interval(count, of, options.confidence.tail());
    Rate { count, of, low_ppm, high_ppm }
}
