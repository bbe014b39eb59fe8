//! Percentiles of each group of executed phases.

use tollgate_domain::phase::Phase;
use tollgate_domain::tier::{Complexity, Importance};

use super::binomial;
use super::cells::Cells;
use super::history::{self, TIERS};
use super::options::Options;
use super::quantile::{self, PERCENTS};
use super::result::{Distribution, Enough, Group, Percentile, Sufficiency};

/// The percentile that base budgets are made of.
pub(super) const BASE_PERCENT: u64 = 75;

/// The percentile that base latencies are made of.
pub(super) const LATENCY_PERCENT: u64 = 95;

/// One measure after the other: while one is at hand, the sorted samples of the others need no memory.
pub(super) struct Table<T> {
    /// By phase, then by complexity (first: all), then by importance (first: all).
    distributions: Vec<Distribution<T>>,
}

/// Places of groups within a phase: all, then each complexity, each with all and each importance.
const GROUPS: usize = 1 + TIERS * (1 + TIERS);

impl<T> Table<T> {
    /// The percentiles of a measure, its values written by `show`.
    pub(super) fn of(cells: &Cells, options: &Options, show: impl Fn(u64) -> T) -> Self {
        let mut distributions = Vec::with_capacity(cells.phases() * GROUPS);
        for phase in 0..cells.phases() {
            let mut add = |sorted: &[u64]| distributions.push(distribution(sorted, options, &show));
            add(&cells.of_phase(phase, |_| true).sorted());
            for complexity in 0..TIERS {
                add(&cells.of_phase(phase, |class| class / TIERS == complexity).sorted());
                for importance in 0..TIERS {
                    add(&cells.cell(phase, complexity * TIERS + importance).sorted());
                }
            }
        }
        Self { distributions }
    }

    /// The percentile of a phase over all tiers.
    pub(super) fn of_phase(&self, phase: usize, percent: u64) -> Option<&Percentile<T>> {
        let distribution = self.distributions.get(phase * GROUPS)?;
        distribution.percentiles.iter().find(|percentile| percentile.percent == percent)
    }

    /// The percentiles of a phase and class, with the number of samples.
    pub(super) fn of_cell(&self, phase: usize, class: usize) -> Option<&Distribution<T>> {
        let (complexity, importance) = (class / TIERS, class % TIERS);
        self.distributions.get(phase * GROUPS + 1 + complexity * (1 + TIERS) + 1 + importance)
    }
}

/// All groups that have samples. `phases` are in the order of the cells.
pub(super) fn groups(
    phases: &[Phase],
    tokens: Table<u64>,
    latency_ms: Table<u64>,
    cost: Table<String>,
    enough: &Enough,
) -> Vec<Group> {
    let all = tokens.distributions.into_iter().zip(latency_ms.distributions).zip(cost.distributions);
    all.enumerate()
        .filter(|(_, ((tokens, _), _))| tokens.samples > 0)
        .filter_map(|(nth, ((tokens, latency_ms), cost_usd))| {
            let place = (nth % GROUPS).checked_sub(1);
            let complexity = place.and_then(|place| Complexity::ALL.get(place / (1 + TIERS)).copied());
            let importance = place.and_then(|place| (place % (1 + TIERS)).checked_sub(1));
            let importance = importance.and_then(|place| Importance::ALL.get(place).copied());
            let data = sufficiency(tokens.samples, enough);
            let phase = phases.get(nth / GROUPS)?.clone();
            Some(Group { phase, complexity, importance, data, tokens, latency_ms, cost_usd })
        })
        .collect()
}

/// How many samples each percentile needs.
pub(super) fn enough(options: &Options) -> Vec<Enough> {
    let (tail, points) = (options.confidence.tail(), u64::from(options.precision_points));
    PERCENTS
        .iter()
        .map(|&percent| Enough {
            percent,
            for_bounds: binomial::fewest_for_bounds(percent * 10, tail),
            for_precision: binomial::fewest_for_precision(percent * 10, tail, points),
        })
        .collect()
}

/// Whether so many samples are enough for a percentile.
pub(super) const fn sufficiency(samples: u64, enough: &Enough) -> Sufficiency {
    if samples >= enough.for_precision {
        Sufficiency::Enough
    } else if samples >= enough.for_bounds {
        Sufficiency::Thin
    } else {
        Sufficiency::TooFew
    }
}

/// An amount of money as text.
pub(super) fn show_usd(pico: u64) -> String {
    history::usd(pico).to_string()
}

fn distribution<T>(sorted: &[u64], options: &Options, show: &impl Fn(u64) -> T) -> Distribution<T> {
    let percentiles = PERCENTS
        .iter()
        .filter_map(|&percent| {
            let found = quantile::estimate(sorted, percent, options.confidence)?;
            let (low, high) = (found.low.map(show), found.high.map(show));
            Some(Percentile { percent, value: show(found.value), low, high })
        })
        .collect();
    Distribution { samples: sorted.len() as u64, percentiles }
}
