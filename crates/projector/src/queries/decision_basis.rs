//! What decisions about a task depend on, and what the gate compares with its limits. Small, however long the
//! task's history is.

use serde::{Deserialize, Serialize};
use tollgate_domain::gate::{PhaseFigures, TaskFigures};
use tollgate_domain::phase::Advance;
use tollgate_domain::position::Sequence;
use tollgate_domain::progress::TaskProgress;
use tollgate_domain::task::TaskState;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::EventName;
use tollgate_projection::alerts::out_of_step::Phases;
use tollgate_projection::fold::task_key;
use tollgate_projection::status::{Status, TaskRow, task_figures};

use super::any::{FindEvents, FoundEvent};
use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The state of a task, as needed to decide about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecisionBasisOf {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
    /// The current time, for an execution that is running.
    pub now: Timestamp,
    /// Producer and id of events of the task to look up as well.
    pub events: Vec<(String, String)>,
}

/// The state of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionBasis {
    /// `None` if the ledger has no event of it.
    pub task: Option<DecidedTask>,
    /// Whether some of its events could not be read.
    pub degraded: bool,
    /// What the view's id index has under the requested names, as in [`FindEvents`].
    pub events: Vec<Option<FoundEvent>>,
}

/// A task at its last decision, and its sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedTask {
    /// What decisions about it depend on.
    pub state: TaskState,
    /// The record of its last decision; zero if there is none yet.
    pub last_decision: Sequence,
    /// When the active execution started.
    pub started_at: Option<Timestamp>,
    /// Tokens of all its executions and unphased usage.
    pub tokens_used: u128,
    /// Budgeted latency of all its executions in milliseconds, counting the running one up to the current
    /// time.
    pub latency_ms: u128,
    /// The phase about to be left: the active one, otherwise the one that ended last.
    pub leaving: Option<PhaseFigures>,
    /// What its phases achieved for their tokens, if its budget follows progress.
    #[serde(default)]
    pub progress: Option<Box<TaskProgress>>,
    /// The state of its phases, for error messages.
    pub phases: Phases,
    /// The advance that the gate currently blocks, if any.
    #[serde(default)]
    pub blocked: Option<Advance>,
}

impl DecisionBasisOf {
    /// The query for a task, with what is known under these names, all of which belong to it.
    #[must_use]
    pub fn new(tenant: &str, task: &str, now: Timestamp, names: &[EventName]) -> Self {
        let events = FindEvents::of(names).map(|find| find.events).unwrap_or_default();
        Self { tenant: tenant.to_owned(), task: task.to_owned(), now, events }
    }
}

impl Query<Status> for DecisionBasisOf {
    const VERB: &'static str = "standing";
    type Answer = DecisionBasis;

    fn answer(&self, view: &Seen<'_, Status>) -> Result<DecisionBasis, RowError> {
        let key = task_key(&self.tenant, &self.task);
        let task = view.get(&key)?.map(|row| DecidedTask::of(&self.task, &row, self.now));
        let find =
            FindEvents { tenant: self.tenant.clone(), task: self.task.clone(), events: self.events.clone() };
        Ok(DecisionBasis { task, degraded: view.is_degraded(&key), events: find.answer(view)? })
    }
}

impl DecidedTask {
    fn of(task: &str, row: &TaskRow, now: Timestamp) -> Self {
        let active =
            row.executions.iter().rev().find(|execution| Some(&execution.id) == row.state.active.as_ref());
        let TaskFigures { tokens_used, latency_ms, leaving, .. } = task_figures(task, row, Some(now));
        Self {
            state: row.state.clone(),
            last_decision: row.last_decision,
            started_at: active.map(|execution| execution.started_at),
            tokens_used,
            latency_ms,
            leaving,
            progress: row.progress.clone(),
            phases: Phases::of(row),
            blocked: row.blocked().map(|decision| decision.advance.clone()),
        }
    }

    /// Its figures for the gate.
    #[must_use]
    pub fn figures<'a>(&'a self, task: &'a str) -> TaskFigures<'a> {
        TaskFigures {
            task,
            limits: self.state.limits.as_deref(),
            enforcement: self.state.enforcement,
            tokens_used: self.tokens_used,
            latency_ms: self.latency_ms,
            leaving: self.leaving.clone(),
            active: self.state.active.as_ref(),
            passes: &self.state.passes,
            progress: self.progress.as_deref(),
        }
    }
}
