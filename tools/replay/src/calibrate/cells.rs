//! One measure of all samples that limits are fitted to, sorted, by phase and tiers.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::phase::Phase;
use tollgate_domain::time::Timestamp;

use super::history::{FOLDS, History, Measure, TIERS, Task};
use super::quantile;

/// Classes of tasks: complexity × importance.
pub(super) const CLASSES: usize = TIERS * TIERS;

/// The part of a history that a task belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What is fitted to: tasks that began before this time; `None`: all.
    Fit(Option<Timestamp>),
    /// What is judged by: tasks that began at this time or later.
    Judge(Timestamp),
}

impl Part {
    pub(super) fn has(self, task: &Task) -> bool {
        match self {
            Self::Fit(end) => end.is_none_or(|end| task.at < end),
            Self::Judge(start) => task.at >= start,
        }
    }
}

/// The phases of a config in its order, then those that only the history has, by name.
pub(super) struct Order {
    pub(super) phases: Vec<Phase>,
    /// How many of them are the config's.
    pub(super) configured: usize,
    /// Of each phase of the history, its place here.
    places: Vec<usize>,
}

impl Order {
    pub(super) fn of(config: &BudgetConfig, history: &History) -> Self {
        let mut phases: Vec<Phase> = config.phases.iter().map(|base| base.phase.clone()).collect();
        let configured = phases.len();
        let mut others: Vec<Phase> =
            history.phases().iter().filter(|phase| !phases.contains(phase)).cloned().collect();
        others.sort();
        phases.extend(others);
        let place = |phase: &Phase| phases.iter().position(|other| other == phase);
        let places = history.phases().iter().filter_map(place).collect();
        Self { phases, configured, places }
    }

    /// The place of a phase of the history.
    pub(super) fn place(&self, phase: usize) -> Option<usize> {
        self.places.get(phase).copied()
    }

    /// Of each phase of the history, its place in the config.
    pub(super) fn in_config(&self) -> Vec<Option<usize>> {
        self.places.iter().map(|place| Some(*place).filter(|place| *place < self.configured)).collect()
    }
}

/// Sorted values, each with its group of tasks: 16 bytes a sample while a measure is at hand.
pub(super) struct Values(Vec<(u64, u8)>);

impl Values {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn sorted(&self) -> Vec<u64> {
        self.0.iter().map(|(value, _)| *value).collect()
    }

    /// The logarithm of a percentile; with a half, of the samples in it alone.
    pub(super) fn log_percentile(&self, percent: u64, half: Option<Half>) -> Option<f64> {
        let has = |fold: u8| half.is_none_or(|half| half.has(fold));
        let samples = match half {
            None => self.0.len(),
            Some(_) => self.0.iter().filter(|(_, fold)| has(*fold)).count(),
        };
        let ascending = self.0.iter().filter(|(_, fold)| has(*fold)).map(|(value, _)| *value);
        quantile::log_percentile(ascending, samples, percent)
    }
}

/// Sorted values by phase and class.
pub(super) struct Cells {
    phases: usize,
    cells: Vec<Values>,
}

impl Cells {
    /// One measure of the good tasks of a part.
    pub(super) fn of(history: &History, part: Part, measure: Measure, order: &Order) -> Self {
        let phases = order.phases.len();
        let mut cells: Vec<Values> = (0..phases * CLASSES).map(|_| Values(Vec::new())).collect();
        for (task, taken) in history.by_task() {
            if !task.outcome.is_good() || !part.has(task) {
                continue;
            }
            for taken in taken {
                let place = taken.phase.and_then(|phase| order.place(phase));
                let (Some(place), Some(value)) = (place, taken.value(measure)) else { continue };
                if let Some(cell) = cells.get_mut(place * CLASSES + task.class()) {
                    cell.0.push((value, task.fold));
                }
            }
        }
        for cell in &mut cells {
            cell.0.sort_unstable();
        }
        Self { phases, cells }
    }

    pub(super) const fn phases(&self) -> usize {
        self.phases
    }

    /// The samples of a phase and class. Both are in range: phases below [`Self::phases`], classes below [`CLASSES`].
    pub(super) fn cell(&self, phase: usize, class: usize) -> &Values {
        &self.cells[phase * CLASSES + class]
    }

    /// The samples of a phase in those classes that are wanted.
    pub(super) fn of_phase(&self, phase: usize, wanted: impl Fn(usize) -> bool) -> Values {
        let classes = (0..CLASSES).filter(|class| wanted(*class));
        let mut values: Vec<(u64, u8)> =
            classes.flat_map(|class| self.cell(phase, class).0.iter().copied()).collect();
        // Made of sorted runs, which this sort merges.
        values.sort();
        Values(values)
    }

    /// Each cell with its phase, complexity and importance.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, usize, usize, &Values)> {
        self.cells.iter().enumerate().map(|(nth, values)| {
            let (phase, class) = (nth / CLASSES, nth % CLASSES);
            (phase, class / TIERS, class % TIERS, values)
        })
    }
}

/// Half of the groups of tasks: those where a row of Sylvester's matrix of Hadamard is 1. In any two rows, half
/// of the groups agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Half(u8);

impl Half {
    fn has(self, fold: u8) -> bool {
        (self.0 & fold).count_ones().is_multiple_of(2)
    }
}

/// Balanced halves: every row of the matrix but the first, which has all groups.
pub(super) fn halves() -> impl Iterator<Item = Half> {
    (1..FOLDS).map(Half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_halves_and_any_two_agree_in_half_of_the_groups() {
        let all: Vec<Half> = halves().collect();
        assert_eq!(all.len(), 31);
        for (nth, one) in all.iter().enumerate() {
            assert_eq!((0..FOLDS).filter(|fold| one.has(*fold)).count(), 16);
            for other in all.iter().skip(nth + 1) {
                assert_eq!((0..FOLDS).filter(|fold| one.has(*fold) == other.has(*fold)).count(), 16);
            }
        }
    }
}
