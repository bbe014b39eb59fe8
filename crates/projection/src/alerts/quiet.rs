//! Up to where further usage changes nothing about what is true for a task.
//!
//! Most events are usage below the next level of any limit. Instead of telling anew all that is true after each, it is
//! kept how much may be used before something is. It follows from the rest of the row, so it is not stored.

use tollgate_domain::breach::Utilization;
use tollgate_domain::task::TaskStage;

use super::row::Watch;
use crate::status::TaskRow;

/// What may be used of a task before something else becomes true; nothing, if that is not known.
#[derive(Clone, Debug, Default)]
pub(super) struct Quiet(Option<Box<Bounds>>);

/// Usage that reaches one of these makes something true that is not.
#[derive(Clone, Debug)]
struct Bounds {
    /// Of the task as a whole.
    task: u128,
    /// Of each of its executions.
    executions: Box<[u128]>,
    /// Whether a producer's clock was far away.
    is_skewed: bool,
}

/// Rows are the same whether it is known or not.
impl PartialEq for Quiet {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Quiet {}

impl Quiet {
    /// Something other than usage happened.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// What may be used from here on, if everything that is true has its alert.
    pub(super) fn learn(watch: &Watch) -> Self {
        let row = &watch.task;
        let Some(limits) = row.state.limits.as_deref().filter(|_| is_plain(watch)) else {
            return Self::default();
        };
        let next = |used, limit: u64| next(Utilization::new(used, limit), &limits.pressure_levels);
        let executions = row.executions.iter().map(|execution| {
            let used = execution.activity.tokens.used();
            limits.phase(&execution.id.phase).map_or(u128::MAX, |of_phase| next(used, of_phase.tokens))
        });
        let executions = executions.collect();
        let task = next(used(row), limits.total_tokens());
        Self(Some(Box::new(Bounds { task, executions, is_skewed: !row.skews.is_empty() })))
    }

    /// Whether everything that is true is still what it was, given that nothing but usage was added.
    pub(super) fn lasts(watch: &Watch) -> bool {
        let row = &watch.task;
        watch.quiet.0.as_deref().is_some_and(|bounds| {
            let below = |(execution, bound): (&crate::status::Execution, &u128)| {
                execution.activity.tokens.used() < *bound
            };
            is_plain(watch)
                && row.skews.is_empty() != bounds.is_skewed
                && row.executions.len() == bounds.executions.len()
                && row.executions.iter().zip(&bounds.executions).all(below)
                && used(row) < bounds.task
        })
    }
}

/// An open task of which nothing was observed or refused: what is true of it follows from its limits and decisions.
/// Limits that follow progress move with usage.
fn is_plain(watch: &Watch) -> bool {
    let row = &watch.task;
    let is_open = row.state.stage == TaskStage::Open && row.progress.is_none();
    is_open && watch.observed.is_empty() && watch.rejections == 0
}

/// Tokens of everything recorded about a task.
fn used(row: &TaskRow) -> u128 {
    let mut tokens = row.unphased.tokens;
    row.unmatched.values().for_each(|activity| tokens.add(&activity.tokens));
    row.executions.iter().for_each(|execution| tokens.add(&execution.activity.tokens));
    tokens.used()
}

/// The smallest usage above this one that reaches another pressure level or exceeds another bound.
fn next(utilization: Utilization, levels: &[u32]) -> u128 {
    let Utilization { used, limit } = utilization;
    // Of a limit of zero any usage is all levels, and above all bounds.
    let reached =
        |level: &u32| limit.saturating_mul(u128::from(*level)).div_ceil(100).max(u128::from(limit == 0));
    let exceeded =
        [100, 150].map(|percent: u128| limit.saturating_mul(percent).div_euclid(100).saturating_add(1));
    levels.iter().map(reached).chain(exceeded).filter(|bound| *bound > used).min().unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use tollgate_domain::breach::BreachStatus;

    use super::*;

    #[test]
    fn the_next_bound_is_where_level_or_status_change() {
        let levels = [50, 80, 90, 100, 150];
        let standing = |used: u128, limit: u128| -> (Option<u32>, BreachStatus) {
            let utilization = Utilization::new(used, limit);
            (utilization.level(&levels), utilization.breach())
        };
        for limit in [0_u128, 1, 2, 3, 7, 10, 99, 100, 101, 333] {
            for used in 0..=2 * limit + 2 {
                let changes =
                    (used + 1..=2 * limit + 3).find(|more| standing(*more, limit) != standing(used, limit));
                let found = next(Utilization::new(used, limit), &levels);
                assert_eq!(found, changes.unwrap_or(u128::MAX), "{used} of {limit}");
            }
        }
    }
}
