//! An orchestrator and the ledger disagree on the phase of a task. Refused commands are not events, so the
//! refusal is recorded as an observation by the server that refused them.

use serde::{Deserialize, Serialize};
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{ConditionObserved, TaskEvent};
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::position::Sequence;
use tollgate_domain::task::{Rejection, TaskStage};
use tollgate_domain::time::Timestamp;

use crate::status::TaskRow;

/// The state of a task's phases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// The active execution.
    pub active: Option<ExecutionId>,
    /// Since when: the append of its start; if none is active, the last end, or the opening.
    pub since: Timestamp,
    /// The task's last decision.
    pub decided: Sequence,
}

impl Phases {
    /// The phases of a task, according to its row.
    #[must_use]
    pub fn of(row: &TaskRow) -> Self {
        let active = row.state.active.clone();
        let opened = row.opened.as_ref().map(|opened| opened.at);
        let ended = || row.executions.iter().filter_map(|execution| execution.ended_at).max().or(opened);
        let since = match &active {
            Some(id) => row.executions.iter().rev().find(|run| run.id == *id).map(|run| run.appended_at),
            None => ended(),
        };
        Self { active, since: since.unwrap_or_default(), decided: row.last_decision }
    }

    fn scope(&self) -> AlertScope {
        self.active.clone().map_or(AlertScope::Task, AlertScope::Execution)
    }
}

/// The observation that a command was refused because its sender does not know the phase; `None`: it was
/// refused for another reason.
///
/// It follows only from the command's kind and phase and from the state of the task: however often it is
/// tried, by however many orchestrators, on however many servers, this is one event. The task's next accepted
/// start or end makes it outdated.
#[must_use]
pub fn out_of_step(
    task: &str,
    phases: &Phases,
    refused: &TaskEvent,
    rejection: &Rejection,
) -> Option<ConditionObserved> {
    let rule = rule_of(rejection)?;
    let asked = if let TaskEvent::PhaseStarted(started) = refused {
        format!("two phases at once: the start of {}", started.phase)
    } else if let TaskEvent::PhaseEnded(ended) = refused {
        let another = matches!(rejection, Rejection::AttemptNotActive { .. });
        format!(
            "phase mismatch: the end of {}{}",
            if another { "another attempt of " } else { "" },
            ended.phase
        )
    } else {
        return None;
    };
    let has = match &phases.active {
        Some(active) => format!("the ledger's active phase is {active}"),
        None => "the ledger has no active phase".to_owned(),
    };
    let detail = format!(
        "Task {task}: {asked} was refused, {has} as of record {}; two orchestrators work on it, or one lost its place: \
         `tollgate task recover {task}` shows it, and repairs it with --to",
        phases.decided
    );
    let condition = Condition { rule, scope: phases.scope(), level: 0 };
    Some(ConditionObserved { condition, active: true, since: phases.since, threshold_ms: 0, detail })
}

/// The rule for a rejection that shows that the sender does not know the phase.
fn rule_of(rejection: &Rejection) -> Option<AlertRule> {
    match rejection {
        Rejection::PhaseAlreadyActive(_) => Some(AlertRule::PhaseAlreadyActive),
        Rejection::PhaseNotActive { .. } | Rejection::AttemptNotActive { .. } => {
            Some(AlertRule::PhaseMismatch)
        }
        Rejection::TaskNotOpen
        | Rejection::PhasesAreReported
        | Rejection::TaskAlreadyOpen
        | Rejection::TaskClosed(_)
        | Rejection::ImportanceMismatch { .. }
        | Rejection::ImportanceUnchanged(_)
        | Rejection::TaskUnknown
        | Rejection::Blocked(_)
        | Rejection::UnknownPhase(_) => None,
    }
}

/// Whether a refusal still matches the state of the task's phases.
pub(super) fn stands(row: &TaskRow, scope: &AlertScope, since: Timestamp) -> bool {
    let phases = Phases::of(row);
    row.state.stage == TaskStage::Open && phases.since == since && phases.scope() == *scope
}
