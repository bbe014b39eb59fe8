//! Limits as a product of factors, fitted to percentiles of groups: a sum of logarithms.
//!
//! The logarithm of a group's percentile is that of its phase plus those of its tiers. Huber's M-estimator fits
//! it: least squares, weighted by samples, in which groups far off count less (Huber and Ronchetti, Robust
//! Statistics, 2nd edition, sections 7.3 and 7.8). Errors come from 31 balanced halves of the tasks (McCarthy,
//! Review of the International Statistical Institute 37, 1969; for percentiles: Shao and Wu, Annals of
//! Statistics 20, 1992). Whole tasks are left out, so that phases of the same task may depend on each other.
#![expect(
    clippy::float_arithmetic,
    reason = "logarithms of factors are fitted; what is proposed is a decimal"
)]

use super::cells::{Cells, halves};
use super::history::TIERS;
use super::linear::{self, Observation};
use super::options::Confidence;

/// Residuals above so many times their usual size count less: 95 % as efficient as least squares when all is normal.
const HUBER: f64 = 1.345;

/// The median of the sizes of normal deviates.
const NORMAL_MEDIAN: f64 = 0.674_489_750_196_081_7;

/// The most rounds of weighting. Rarely are twenty needed.
const ROUNDS: usize = 50;

/// A round that moves no logarithm by more is the last one.
const SETTLED: f64 = 1e-9;

/// In the first rounds, the usual size of residuals is found again in each.
const SCALE_ROUNDS: usize = 10;

tollgate_domain::words!(
    /// Where a multiplier comes from.
    Origin {
        /// Fitted.
        Fitted = "fitted",
        /// What the other tiers are compared with: as configured.
        Reference = "reference",
        /// As configured: that was asked for.
        Kept = "kept",
        /// As configured: too few samples.
        TooFew = "too_few",
        /// As configured: it occurs only together with other tiers, so that nothing tells them apart.
        Confounded = "confounded"
    }
);

/// What a factor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Phase(usize),
    Complexity(usize),
    Importance(usize),
}

/// A fitted model.
pub(super) struct Fit {
    columns: Vec<Column>,
    pub(super) complexity: [Tier; TIERS],
    pub(super) importance: [Tier; TIERS],
    /// The coefficients from all samples.
    full: Vec<f64>,
    /// From each half; `None`: it leaves them open.
    replicates: Vec<Option<Vec<f64>>>,
}

/// A tier's factor: as configured until it is fitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tier {
    pub(super) origin: Origin,
    pub(super) samples: u64,
    /// The logarithm of its factor.
    pub(super) log: f64,
}

/// A logarithm and how far off it may be, at the confidence asked for; `None`: not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Logarithm {
    pub(super) value: f64,
    pub(super) error: Option<f64>,
}

/// A group with enough samples: where it is, how many, and its percentile from all and from each half.
struct Group {
    phase: usize,
    complexity: usize,
    importance: usize,
    samples: u64,
    logs: Vec<Option<f64>>,
}

/// Fits a percentile of the groups with at least `fewest` samples. `configured` are the logarithms of the multipliers
/// in force: they hold for tiers that nothing is known of. `None` if no group has enough.
pub(super) fn fit(cells: &Cells, percent: u64, fewest: u64, configured: [[f64; TIERS]; 2]) -> Option<Fit> {
    let groups: Vec<Group> = cells
        .each()
        .filter(|(.., values)| values.len() as u64 >= fewest.max(1))
        .map(|(phase, complexity, importance, values)| {
            let parts = std::iter::once(None).chain(halves().map(Some));
            let logs = parts.map(|half| values.log_percentile(percent, half)).collect();
            Group { phase, complexity, importance, samples: values.len() as u64, logs }
        })
        .collect();
    let mut tiers = [
        tiers(&groups, |group| group.complexity, configured[0]),
        tiers(&groups, |group| group.importance, configured[1]),
    ];
    let columns = choose(&groups, cells.phases(), &mut tiers);
    let [mut complexity, mut importance] = tiers;
    let solve = |nth: usize| coefficients(&groups, &columns, &complexity, &importance, nth);
    let full = solve(0)?;
    let replicates = halves().zip(1..).map(|(_, nth)| solve(nth)).collect();
    for (column, &log) in columns.iter().zip(&full) {
        match column {
            Column::Phase(_) => {}
            Column::Complexity(tier) => complexity[*tier].log = log,
            Column::Importance(tier) => importance[*tier].log = log,
        }
    }
    Some(Fit { columns, complexity, importance, full, replicates })
}

impl Fit {
    /// The percentile of a phase at multipliers of 1.
    pub(super) fn phase(&self, phase: usize) -> Option<Replicated> {
        self.replicated(Column::Phase(phase))
    }

    /// The error of a fitted tier.
    pub(super) fn of_complexity(&self, tier: usize, confidence: Confidence) -> Option<f64> {
        self.replicated(Column::Complexity(tier))?.logarithm(confidence).error
    }

    /// The error of a fitted tier.
    pub(super) fn of_importance(&self, tier: usize, confidence: Confidence) -> Option<f64> {
        self.replicated(Column::Importance(tier))?.logarithm(confidence).error
    }

    fn replicated(&self, column: Column) -> Option<Replicated> {
        let place = self.columns.iter().position(|other| *other == column)?;
        // Coefficients have the places of their columns.
        let at = |coefficients: &Vec<f64>| coefficients.get(place).copied();
        let halves = self.replicates.iter().map(|replicate| replicate.as_ref().and_then(at)).collect();
        Some(Replicated { full: at(&self.full)?, halves })
    }
}

/// A value from all samples, and from each half.
pub(super) struct Replicated {
    pub(super) full: f64,
    pub(super) halves: Vec<Option<f64>>,
}

impl Replicated {
    /// The variance is the mean of the squared deviations of the halves: what half of the tasks miss varies as
    /// much as what all tasks have.
    pub(super) fn logarithm(&self, confidence: Confidence) -> Logarithm {
        let known: Option<Vec<f64>> = self.halves.iter().copied().collect();
        let error = known.map(|values| {
            let squares: f64 = values.iter().map(|value| (value - self.full) * (value - self.full)).sum();
            confidence.student_t_31() * libm::sqrt(squares / values.len() as f64)
        });
        Logarithm { value: self.full, error }
    }
}

/// The tiers of one kind as configured, with how many samples each has. Tiers are compared with the one whose
/// multiplier is 1 in the config in force; if it has no samples, with the most frequent.
fn tiers(groups: &[Group], of: impl Fn(&Group) -> usize, configured: [f64; TIERS]) -> [Tier; TIERS] {
    let mut tiers = configured.map(|log| Tier { origin: Origin::TooFew, samples: 0, log });
    for group in groups {
        if let Some(tier) = tiers.get_mut(of(group)) {
            tier.samples += group.samples;
            tier.origin = Origin::Confounded;
        }
    }
    let neutral = |tier: &Tier| tier.samples > 0 && tier.log == 0.0;
    let most = tiers.iter().map(|tier| tier.samples).max().unwrap_or_default();
    let reference = tiers
        .iter()
        .position(neutral)
        .or_else(|| tiers.iter().position(|tier| tier.samples > 0 && tier.samples == most));
    if let Some(reference) = reference {
        tiers[reference].origin = Origin::Reference;
    }
    tiers
}

/// The columns that the groups determine: phases first, then tiers with many samples before those with few.
fn choose(groups: &[Group], phases: usize, tiers: &mut [[Tier; TIERS]; 2]) -> Vec<Column> {
    let mut candidates: Vec<(u64, Column)> = Vec::new();
    for (kind, of_kind) in tiers.iter().enumerate() {
        for (nth, tier) in of_kind.iter().enumerate() {
            let column = if kind == 0 { Column::Complexity(nth) } else { Column::Importance(nth) };
            if tier.origin == Origin::Confounded {
                candidates.push((tier.samples, column));
            }
        }
    }
    // Stable: the same order of tiers for the same numbers of samples.
    candidates.sort_by_key(|(samples, _)| std::cmp::Reverse(*samples));
    let of_phases = (0..phases).map(Column::Phase);
    let ordered: Vec<Column> = of_phases.chain(candidates.into_iter().map(|(_, column)| column)).collect();
    let tables: Vec<Vec<bool>> =
        ordered.iter().map(|column| groups.iter().map(|group| has(group, *column)).collect()).collect();
    let independent = linear::independent(&tables);
    let mut columns = Vec::new();
    for (column, independent) in ordered.into_iter().zip(independent) {
        if !independent {
            continue;
        }
        match column {
            Column::Phase(_) => {}
            // Tiers are numbered by their place.
            Column::Complexity(tier) => tiers[0][tier].origin = Origin::Fitted,
            Column::Importance(tier) => tiers[1][tier].origin = Origin::Fitted,
        }
        columns.push(column);
    }
    columns
}

fn has(group: &Group, column: Column) -> bool {
    match column {
        Column::Phase(phase) => group.phase == phase,
        Column::Complexity(tier) => group.complexity == tier,
        Column::Importance(tier) => group.importance == tier,
    }
}

/// The coefficients of the columns; `nth` 0: from all samples, otherwise from that half.
fn coefficients(
    groups: &[Group],
    columns: &[Column],
    complexity: &[Tier; TIERS],
    importance: &[Tier; TIERS],
    nth: usize,
) -> Option<Vec<f64>> {
    let observations: Vec<Observation> = groups
        .iter()
        .filter_map(|group| {
            let log = group.logs.get(nth).copied().flatten()?;
            let of: Vec<usize> = (0..columns.len()).filter(|place| has(group, columns[*place])).collect();
            // What is not fitted is as configured.
            let known = |tier: Tier| if tier.origin == Origin::Fitted { 0.0 } else { tier.log };
            let known = known(complexity[group.complexity]) + known(importance[group.importance]);
            Some(Observation { columns: of, value: log - known, weight: group.samples as f64 })
        })
        .collect();
    huber(&observations, columns.len())
}

/// Huber's M-estimate, weighted by samples.
fn huber(observations: &[Observation], columns: usize) -> Option<Vec<f64>> {
    let samples: Vec<f64> = observations.iter().map(|observation| observation.weight).collect();
    let mut found = linear::least_squares(observations, columns, &samples)?;
    let mut scale = 0.0;
    for round in 0..ROUNDS {
        // In units in which a percentile of many samples varies as much as one of few.
        let residuals: Vec<f64> = observations
            .iter()
            .map(|observation| {
                // Columns are places of coefficients.
                let fitted: f64 = observation.columns.iter().map(|&column| found[column]).sum();
                libm::fabs(observation.value - fitted) * libm::sqrt(observation.weight)
            })
            .collect();
        if round < SCALE_ROUNDS {
            scale = median(&residuals) / NORMAL_MEDIAN;
        }
        if scale < 1e-9 {
            break;
        }
        let weights: Vec<f64> = residuals
            .iter()
            .zip(&samples)
            .map(|(residual, samples)| {
                samples * libm::fmin(1.0, HUBER * scale / libm::fmax(*residual, 1e-12))
            })
            .collect();
        let next = linear::least_squares(observations, columns, &weights)?;
        let moved = next.iter().zip(&found).any(|(next, before)| libm::fabs(next - before) > SETTLED);
        found = next;
        if !moved {
            break;
        }
    }
    Some(found)
}

/// The middle value, the upper one of two; 0 without values.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_far_off_does_not_move_the_others() {
        // Two phases, two tiers, four clean groups each; one group of eight is ten times too large.
        let mut observations: Vec<Observation> = Vec::new();
        for (phase, tier, extra) in [
            (0, 0, 0.0),
            (0, 0, 0.0),
            (0, 1, 0.0),
            (0, 1, 2.3),
            (1, 0, 0.0),
            (1, 0, 0.0),
            (1, 1, 0.0),
            (1, 1, 0.0),
        ] {
            let columns = if tier == 1 { vec![phase, 2] } else { vec![phase] };
            let wobble = 0.01
                * observations.len() as f64
                * if observations.len().is_multiple_of(2) { 1.0 } else { -1.0 };
            let value = 5.0 + phase as f64 + 0.4 * f64::from(tier) + extra + wobble;
            observations.push(Observation { columns, value, weight: 100.0 });
        }
        let samples = vec![100.0; 8];
        let squares = linear::least_squares(&observations, 3, &samples).unwrap();
        let robust = huber(&observations, 3).unwrap();
        assert!((squares[2] - 0.4).abs() > 0.4, "least squares alone are off: {squares:?}");
        assert!((robust[2] - 0.4).abs() < 0.1, "{robust:?}");
    }

    #[test]
    fn the_error_of_a_mean_is_its_standard_error() {
        // One task in each of 32 groups, with the values 0 to 31: s / √32 = 9.38083 / 5.65685 = 1.65831.
        let mean = |has: &dyn Fn(u8) -> bool| {
            let values: Vec<f64> = (0..32_u8).filter(|fold| has(*fold)).map(f64::from).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let halves = (1..32_u8).map(|row| Some(mean(&|fold| (row & fold).count_ones() % 2 == 0))).collect();
        let found = Replicated { full: 15.5, halves }.logarithm(Confidence::NinetyFive);
        assert!((found.error.unwrap() / 2.039_513 - 1.658_312).abs() < 1e-5, "{found:?}");
        let unknown = Replicated { full: 9.5, halves: vec![Some(1.0), None] };
        assert_eq!(unknown.logarithm(Confidence::NinetyFive).error, None);
    }
}
