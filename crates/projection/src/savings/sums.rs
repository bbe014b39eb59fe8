//! From the rows of tasks to sums by class and side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{Mark, TaskOutcome};
use tollgate_domain::ids::LEDGER_PRODUCER;
use tollgate_domain::metadata::Enforcement;
use tollgate_domain::money::Usd;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::units::UnitSums;

use crate::overview::Counted;
use crate::reports::Blocks;
use crate::status::{Activity, TaskRow, figures};

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
    /// Adds a task. A task that was not opened has no class, and a remediation is not planned work.
    pub fn add(&mut self, row: &TaskRow, configs: &Configs) {
        let (Some(limits), Some(opened)) = (row.state.limits.as_deref(), &row.opened) else { return };
        if opened.producer == LEDGER_PRODUCER {
            return;
        }
        let blocks = |hash: &str| configs.get(hash).is_some_and(|blocks| blocks.reaches(limits.importance));
        let Some(enforced) = is_enforced(row, &limits.config_hash, blocks) else {
            count(&mut self.left_out);
            return;
        };
        let total = figures(row, None).total;
        let class = self.classes.entry((limits.complexity, limits.importance)).or_default();
        if enforced {
            class.stopped.add(row, &total);
        }
        let side = if enforced { &mut class.enforced } else { &mut class.observed };
        count(&mut side.tasks);
        let overrides = u64::try_from(row.overrides.len()).unwrap_or(u64::MAX);
        side.overrides = side.overrides.saturating_add(overrides);
        if let TaskStage::Closed(outcome) = row.state.stage {
            side.closed.note(&total);
            if outcome == TaskOutcome::Completed {
                side.completed.note(&total);
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

/// Whether the gate could block a task; `None`: it is on neither side.
///
/// It could, once it decided under a config that allows blocking. It could not if it only decided, or the
/// task was opened, under one that does not. A task that was never checked by a gate that blocks says nothing
/// about either.
fn is_enforced(row: &TaskRow, opened_under: &str, blocks: impl Fn(&str) -> bool) -> Option<bool> {
    if row.state.enforcement == Enforcement::Off {
        return None;
    }
    if row.stopped || row.decisions.iter().any(|decision| blocks(&decision.config_hash)) {
        return Some(true);
    }
    (!row.decisions.is_empty() || !blocks(opened_under)).then_some(false)
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
    fn note(&mut self, used: &Activity) {
        let tokens = u64::try_from(used.tokens.used()).unwrap_or(u64::MAX);
        count(&mut self.tasks);
        self.tokens = self.tokens.saturating_add(tokens);
        self.token_counts.note(tokens);
        if used.unpriced_tokens != 0 || !used.units.unpriced.is_empty() {
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
    fn add(&mut self, row: &TaskRow, used: &Activity) {
        if !row.stopped {
            return;
        }
        count(&mut self.tasks);
        let mark = row.mark.as_ref().map(|marked| marked.mark);
        match mark {
            Some(Mark::Legitimate) => count(&mut self.legitimate),
            Some(Mark::Runaway) => count(&mut self.runaway),
            None => {}
        }
        match row.state.stage {
            TaskStage::Closed(TaskOutcome::Completed) => {
                count(&mut self.completed);
                return;
            }
            // It was let through, and continues.
            TaskStage::Open | TaskStage::Implicit if row.blocked().is_none() => return,
            TaskStage::Open | TaskStage::Implicit | TaskStage::Closed(_) => {}
        }
        self.sunk.note(used);
        let unpriced = u64::try_from(used.unpriced_tokens).unwrap_or_default();
        self.sunk_unpriced_tokens = self.sunk_unpriced_tokens.saturating_add(unpriced);
        self.sunk_unpriced_units.add(&used.units.unpriced);
        if mark == Some(Mark::Runaway) {
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
