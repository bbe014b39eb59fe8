//! From the rows of tasks to sums by class and side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::money::Usd;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::units::UnitSums;

use crate::overview::Counted;
use crate::reports::Blocks;
use crate::status::TaskRow;

use super::task::{SavedTask, SavedUse};

/// Units per micro-dollar: cost distributions are kept in micro-dollars.
const MICRO: i128 = 1_000_000_000_000;

/// The configs of a ledger, by hash. A config that the log does not have blocks nobody.
pub type Configs = BTreeMap<String, Blocks>;

/// The tasks of a ledger, or of a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Savings {
    /// By complexity and importance, as they were when the limits were fixed.
    #[serde(with = "crate::pairs")]
    pub classes: BTreeMap<(Complexity, Importance), ClassSavings>,
    /// Opened tasks that belong to neither side: only tracked, or never checked by a gate that could have
    /// blocked them.
    pub left_out: u64,
    /// Tasks with an event that could not be read: it is missing from the figures.
    pub degraded: u64,
}

/// Tasks of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassSavings {
    /// Those that the gate could not block: the baseline.
    pub observed: Side,
    /// Those that the gate could block.
    pub enforced: Side,
    /// Of the enforced ones, those that were blocked.
    pub stopped: Stopped,
}

/// One side of a class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// How many tasks.
    pub tasks: u64,
    /// What each completed task used.
    pub completed: TaskCosts,
    /// What each closed task used, whatever the outcome.
    pub closed: TaskCosts,
    /// Overrides that people granted.
    pub overrides: u64,
}

/// What tasks used. Costs cover only tasks for which everything is priced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCosts {
    /// How many tasks.
    pub tasks: u64,
    /// All their tokens.
    pub tokens: u64,
    /// Tokens of each, to three digits.
    pub token_counts: Counted,
    /// Of them, those with usage that has no price.
    pub unpriced_tasks: u64,
    /// What the others cost together.
    pub cost: Usd,
    /// What each of the others cost, in micro-dollars to three digits.
    pub cost_counts: Counted,
}

/// Tasks that the gate blocked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// How many.
    pub tasks: u64,
    /// Of them, those that a person marked legitimate: false positives.
    pub legitimate: u64,
    /// Those marked runaway: the block was right.
    pub runaway: u64,
    /// Those that were completed anyway.
    pub completed: u64,
    /// What was spent on those that ended otherwise or are still blocked.
    pub sunk: TaskCosts,
    /// Of that, tokens for which no price is known.
    pub sunk_unpriced_tokens: u64,
    /// And other units.
    pub sunk_unpriced_units: UnitSums,
    /// What was spent on those of them that were marked runaway.
    pub runaways: TaskCosts,
}

impl Savings {
    /// Adds the task of a row. A task that was not opened has no class, and a remediation is not planned work.
    pub fn add(&mut self, row: &TaskRow, configs: &Configs) {
        if let Some(task) = SavedTask::of(row) {
            self.add_task(&task, configs);
        }
    }

    /// Adds a task.
    pub fn add_task(&mut self, task: &SavedTask, configs: &Configs) {
        let (_, importance) = task.class;
        let blocks = |hash: &str| configs.get(hash).is_some_and(|blocks| blocks.reaches(importance));
        let Some(enforced) = task.is_enforced(blocks) else {
            count(&mut self.left_out);
            return;
        };
        let class = self.classes.entry(task.class).or_default();
        if enforced {
            class.stopped.add(task);
        }
        let side = if enforced { &mut class.enforced } else { &mut class.observed };
        count(&mut side.tasks);
        side.overrides = side.overrides.saturating_add(task.overrides);
        if let TaskStage::Closed(outcome) = task.stage {
            side.closed.note(&task.used);
            if outcome == TaskOutcome::Completed {
                side.completed.note(&task.used);
            }
        }
    }

    /// Adds the figures of another part.
    pub fn merge(&mut self, other: &Self) {
        for (class, theirs) in &other.classes {
            let own = self.classes.entry(*class).or_default();
            own.observed.merge(&theirs.observed);
            own.enforced.merge(&theirs.enforced);
            own.stopped.merge(&theirs.stopped);
        }
        self.left_out = self.left_out.saturating_add(other.left_out);
        self.degraded = self.degraded.saturating_add(other.degraded);
    }
}

impl Side {
    fn merge(&mut self, other: &Self) {
        self.tasks = self.tasks.saturating_add(other.tasks);
        self.overrides = self.overrides.saturating_add(other.overrides);
        self.completed.merge(&other.completed);
        self.closed.merge(&other.closed);
    }
}

impl TaskCosts {
    fn note(&mut self, used: &SavedUse) {
        let tokens = used.counted_tokens();
        count(&mut self.tasks);
        self.tokens = self.tokens.saturating_add(tokens);
        self.token_counts.note(tokens);
        if used.is_unpriced() {
            count(&mut self.unpriced_tasks);
            return;
        }
        self.cost = self.cost.saturating_add(used.cost);
        let micros = used.cost.units().max(0).saturating_add(MICRO.saturating_sub(1)).div_euclid(MICRO);
        self.cost_counts.note(u64::try_from(micros).unwrap_or(u64::MAX));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.tasks = self.tasks.saturating_add(other.tasks);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.token_counts.merge(&other.token_counts);
        self.unpriced_tasks = self.unpriced_tasks.saturating_add(other.unpriced_tasks);
        self.cost = self.cost.saturating_add(other.cost);
        self.cost_counts.merge(&other.cost_counts);
    }
}

impl Stopped {
    fn add(&mut self, task: &SavedTask) {
        if !task.stopped {
            return;
        }
        count(&mut self.tasks);
        match task.mark {
            Some(Mark::Legitimate) => count(&mut self.legitimate),
            Some(Mark::Runaway) => count(&mut self.runaway),
            None => {}
        }
        match task.stage {
            TaskStage::Closed(TaskOutcome::Completed) => {
                count(&mut self.completed);
                return;
            }
            // It was let through, and continues.
            TaskStage::Open | TaskStage::Implicit if !task.is_blocked => return,
            TaskStage::Open | TaskStage::Implicit | TaskStage::Closed(_) => {}
        }
        let used = &task.used;
        self.sunk.note(used);
        let unpriced = u64::try_from(used.unpriced_tokens).unwrap_or_default();
        self.sunk_unpriced_tokens = self.sunk_unpriced_tokens.saturating_add(unpriced);
        self.sunk_unpriced_units.add(&used.unpriced_units);
        if task.mark == Some(Mark::Runaway) {
            self.runaways.note(used);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.tasks = self.tasks.saturating_add(other.tasks);
        self.legitimate = self.legitimate.saturating_add(other.legitimate);
        self.runaway = self.runaway.saturating_add(other.runaway);
        self.completed = self.completed.saturating_add(other.completed);
        self.sunk.merge(&other.sunk);
        self.sunk_unpriced_tokens = self.sunk_unpriced_tokens.saturating_add(other.sunk_unpriced_tokens);
        self.sunk_unpriced_units.add(&other.sunk_unpriced_units);
        self.runaways.merge(&other.runaways);
    }
}

fn count(number: &mut u64) {
    *number = number.saturating_add(1);
}
