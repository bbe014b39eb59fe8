//! Tasks as this process last decided about them: what the next decision depends on, without querying anyone.
//!
//! It may be out of date: other processes decide too. So a decision based on it is appended under the
//! sequence of the last decision it contains, which makes an outdated one lose; and nothing is refused before
//! the view has been asked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::phase::Advance;
use tollgate_domain::position::Sequence;
use tollgate_domain::task::TaskState;
use tollgate_domain::time::Timestamp;
use tollgate_projection::alerts::out_of_step::Phases;
use tollgate_projector::queries::{DecidedTask, DecisionBasis};

/// Tasks of one generation. Two generations are kept.
const GENERATION: usize = 2048;

/// A task as of its last decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Decidable {
    /// The fold of its decisions.
    pub(in crate::ledger) state: TaskState,
    /// Whether the ledger has an event of it.
    pub(in crate::ledger) is_known: bool,
    /// The record of the last one; zero: there is none yet.
    pub(in crate::ledger) last: Sequence,
    /// When the active execution started.
    pub(in crate::ledger) started_at: Option<Timestamp>,
    /// The state of its phases, according to the view. Meaningless in memory: only a refusal needs it.
    pub(in crate::ledger) phases: Phases,
    /// Which advance the gate blocks it from, according to the view. In memory it is what this process's gate
    /// last answered, which is enough to warn but not to refuse: the gate's answers are not decisions about
    /// the task, and other gates give them too.
    pub(in crate::ledger) blocked: Option<Advance>,
    /// Tokens and milliseconds it has used, according to the view. Meaningless in memory: only an opening
    /// needs them.
    pub(in crate::ledger) used: (u128, u128),
    /// Where this process saw the task begin: no record up to here has an event of it, and every decision
    /// about it since then was appended by this process. `None`: it began earlier, or others have decided
    /// about it too.
    pub(in crate::ledger) begun_after: Option<Sequence>,
}

/// The tasks that this process has recently decided about.
#[derive(Default)]
pub(in crate::ledger) struct KnownTasks {
    tasks: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    newer: HashMap<(TenantId, TaskId), Decidable>,
    older: HashMap<(TenantId, TaskId), Decidable>,
}

impl KnownTasks {
    /// The task as it was after the last decision noted here.
    pub(in crate::ledger) fn get(&self, tenant: &TenantId, task: &TaskId) -> Option<Decidable> {
        let name = (tenant.clone(), task.clone());
        let mut tasks = self.tasks();
        if let Some(known) = tasks.newer.get(&name) {
            return Some(known.clone());
        }
        let known = tasks.older.remove(&name)?;
        tasks.put(name, known.clone());
        Some(known)
    }

    /// Notes the task after a decision that is in the log. A later decision stays.
    pub(in crate::ledger) fn note(&self, tenant: &TenantId, task: &TaskId, decided: Decidable) {
        let name = (tenant.clone(), task.clone());
        let mut tasks = self.tasks();
        let later = |known: &Decidable| known.last > decided.last;
        if tasks.newer.get(&name).is_some_and(later) || tasks.older.get(&name).is_some_and(later) {
            return;
        }
        tasks.older.remove(&name);
        tasks.put(name, decided);
    }

    /// Notes what this process's gate last answered about a task known here: which advance it blocks.
    pub(in crate::ledger) fn gated(&self, tenant: &TenantId, task: &TaskId, blocked: Option<Advance>) {
        let name = (tenant.clone(), task.clone());
        let mut tasks = self.tasks();
        let Generations { newer, older } = &mut *tasks;
        if let Some(known) = newer.get_mut(&name).or_else(|| older.get_mut(&name)) {
            known.blocked = blocked;
        }
    }

    /// Forgets the task, unless a later decision has been noted.
    pub(in crate::ledger) fn forget(&self, tenant: &TenantId, task: &TaskId, through: Sequence) {
        let name = (tenant.clone(), task.clone());
        let mut tasks = self.tasks();
        let Generations { newer, older } = &mut *tasks;
        for generation in [newer, older] {
            if generation.get(&name).is_some_and(|known| known.last <= through) {
                generation.remove(&name);
            }
        }
    }

    /// Some event of the task cannot be read: nothing is decided about it until that is repaired.
    pub(in crate::ledger) fn degraded(&self, tenant: &TenantId, task: &TaskId) {
        self.forget(tenant, task, Sequence(u64::MAX));
    }

    /// Compares with what the view says about a task. Where the view knows better, that is noted: the next
    /// decision then needs no query.
    pub(in crate::ledger) fn compare(&self, tenant: &TenantId, task: &TaskId, found: &DecisionBasis) {
        let Some(decided) = &found.task else { return };
        if found.degraded {
            return self.degraded(tenant, task);
        }
        if let Some(known) = self.get(tenant, task) {
            if known.last > decided.last_decision {
                return;
            }
            if known.last == decided.last_decision && known.says_the_same(decided) {
                return;
            }
            if known.last == decided.last_decision {
                tracing::error!(%task, last = %known.last, "the view folded another state of the task than was decided here: the view's holds");
            }
            self.forget(tenant, task, known.last);
        }
        if decided.last_decision > Sequence::ZERO {
            self.note(tenant, task, Decidable::of(decided));
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Generations> {
        // Every change under the lock is complete in itself.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Decidable {
    /// A task as the view has it.
    pub(in crate::ledger) fn of(decided: &DecidedTask) -> Self {
        let DecidedTask {
            state, last_decision, started_at, phases, blocked, tokens_used, latency_ms, ..
        } = decided.clone();
        let used = (tokens_used, latency_ms);
        let is_known = true;
        Self { state, is_known, last: last_decision, started_at, phases, blocked, used, begun_after: None }
    }

    /// Whether the view has the same state, apart from the gate's answers, and what was drawn with them: those are
    /// facts, which arrive without a decision.
    fn says_the_same(&self, decided: &DecidedTask) -> bool {
        let mut state = TaskState { judged: decided.state.judged, ..self.state.clone() };
        if let (Some(limits), Some(found)) = (&mut state.limits, &decided.state.limits) {
            limits.drawn_tokens = found.drawn_tokens;
        }
        state == decided.state
    }
}

impl Generations {
    fn put(&mut self, name: (TenantId, TaskId), known: Decidable) {
        if self.newer.len() >= GENERATION && !self.newer.contains_key(&name) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(name, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> (TenantId, TaskId) {
        (TenantId::default_tenant(), TaskId::new(format!("T-{number}")).unwrap())
    }

    fn at(last: u64) -> Decidable {
        Decidable { last: Sequence(last), ..Decidable::default() }
    }

    #[test]
    fn a_later_decision_is_neither_overwritten_nor_forgotten() {
        let (known, (tenant, task)) = (KnownTasks::default(), name(1));
        let last = || known.get(&tenant, &task).map(|known| known.last.0);
        known.note(&tenant, &task, at(7));
        known.note(&tenant, &task, at(5));
        assert_eq!(last(), Some(7), "that of 5 came late");
        known.forget(&tenant, &task, Sequence(6));
        assert_eq!(last(), Some(7), "7 was noted after 6 was found to be old");
        known.forget(&tenant, &task, Sequence(7));
        assert_eq!(last(), None);
    }

    #[test]
    fn tasks_that_nobody_decides_about_are_forgotten_first() {
        let known = KnownTasks::default();
        let (tenant, kept) = name(0);
        for number in 0..3 * GENERATION {
            let (tenant, task) = name(number);
            known.note(&tenant, &task, at(1));
            assert!(known.get(&tenant, &kept).is_some(), "{number}: it was asked for all the time");
        }
        assert!(known.get(&tenant, &name(1).1).is_none());
        let tasks = known.tasks();
        assert!(tasks.newer.len() <= GENERATION && tasks.older.len() <= GENERATION);
    }
}
