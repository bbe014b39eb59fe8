//! What passing time shows about a task. Pure: the current time is an input, and the output does not depend
//! on it, so that everyone who looks at the same task writes the same events.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::config::{BudgetedLatency, WatchConfig};
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;

use crate::duration::duration;
use crate::status::{Execution, TaskRow};

/// What to write about a task now, and when to look at it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Conditions that are true by now.
    pub observed: Vec<ConditionObserved>,
    /// When the next one becomes true if nothing happens; `None`: none does.
    pub next: Option<Timestamp>,
}

/// What passing time shows about a task: executions that run without reporting usage, or far too long. Only
/// for open tasks; an imported session never is one.
///
/// The fold ends these conditions by itself, at the task's next event that contradicts them; nothing needs to
/// be written then.
#[must_use]
pub fn outlook(task: &str, row: &TaskRow, now: Timestamp, config: &WatchConfig) -> Outlook {
    let mut outlook = Outlook::default();
    for execution in row.running() {
        for observed in [silence(task, execution, config), stuck(task, row, execution, config)] {
            let Some(observed) = observed else { continue };
            let due = observed.due();
            if due <= now {
                outlook.observed.push(observed);
            } else {
                outlook.next = Some(outlook.next.map_or(due, |next| next.min(due)));
            }
        }
    }
    outlook
}

/// Like [`outlook`], but only what is to be written.
#[must_use]
pub fn observed(task: &str, row: &TaskRow, now: Timestamp, config: &WatchConfig) -> Vec<ConditionObserved> {
    outlook(task, row, now, config).observed
}

fn silence(task: &str, execution: &Execution, config: &WatchConfig) -> Option<ConditionObserved> {
    let threshold_ms = Some(config.silence_after_ms).filter(|ms| *ms > 0)?;
    Some(ConditionObserved {
        condition: of(AlertRule::Silence, execution),
        active: true,
        since: execution.silent_since(),
        threshold_ms,
        detail: format!(
            "{} of task {task} has been running without reported usage for {}",
            execution.id,
            duration(threshold_ms)
        ),
    })
}

fn stuck(
    task: &str,
    row: &TaskRow,
    execution: &Execution,
    config: &WatchConfig,
) -> Option<ConditionObserved> {
    let limit = row.state.limits.as_deref().and_then(|limits| limits.phase(&execution.id.phase));
    // If waits are not budgeted they are not a sign of being stuck, up to the bound that applies whatever the limit.
    let waited = match row.budgeted() {
        BudgetedLatency::Full => 0,
        BudgetedLatency::Active => execution.activity.wait_ms,
    };
    let by_limit = WatchConfig { stuck_after_ms: 0, ..config.clone() };
    let by_limit = by_limit.stuck_after(limit.map(|limit| limit.latency_ms));
    let by_limit = by_limit.map(|ms| ms.saturating_add(waited));
    let threshold_ms = match (by_limit, config.stuck_after(None)) {
        (Some(one), Some(other)) => one.min(other),
        (one, other) => one.or(other)?,
    };
    let beside = limit
        .map_or_else(String::new, |limit| format!("; its latency limit is {}", duration(limit.latency_ms)));
    Some(ConditionObserved {
        condition: of(AlertRule::Stuck, execution),
        active: true,
        since: execution.running_since(),
        threshold_ms,
        detail: format!(
            "{} of task {task} has been running for more than {}{beside}",
            execution.id,
            duration(threshold_ms)
        ),
    })
}

fn of(rule: AlertRule, execution: &Execution) -> Condition {
    Condition { rule, scope: AlertScope::Execution(execution.id.clone()), level: 0 }
}

/// A view does not contain a record that was appended long ago, or contains it again. Recorded under the
/// tenant and task `_ledger`.
///
/// `appended` is when the first record missing from the view was appended: both the beginning and the end of
/// this lag follow from that state.
#[must_use]
pub fn lag(
    view: &str,
    partition: PartitionId,
    appended: Timestamp,
    active: bool,
    config: &WatchConfig,
) -> ConditionObserved {
    let scope = AlertScope::View { name: view.to_owned(), partition: Some(partition) };
    let threshold_ms = config.lag_after_ms;
    ConditionObserved {
        condition: Condition { rule: AlertRule::Lag, scope, level: 0 },
        active,
        since: appended,
        threshold_ms,
        detail: format!(
            "View {view} does not include a record of partition {} that was appended at {appended}, more than {} ago; is its projector running?",
            partition.number(),
            duration(threshold_ms)
        ),
    }
}

/// The log has one event id of a task with two contents. Recorded under that task; ends when a person
/// acknowledges it.
///
/// `recorded_at` is when the record with the second content was appended, `sequence` its sequence.
#[must_use]
pub fn conflict(
    task: &str,
    producer: &str,
    id: &str,
    sequence: u64,
    recorded_at: Timestamp,
) -> ConditionObserved {
    ConditionObserved {
        condition: Condition { rule: AlertRule::Conflict, scope: AlertScope::Task, level: 0 },
        active: true,
        since: recorded_at,
        threshold_ms: 0,
        detail: format!(
            "Task {task} has event {id} of producer {producer} with two different contents; the first one counts, record {sequence} has the \
             other"
        ),
    }
}

/// A view keeps a record in quarantine that it cannot read, or no longer does. Recorded under the tenant and
/// task `_ledger`: anything under the task itself would wait with it.
///
/// `recorded_at` is when the first such record of the partition was appended, `sequence` its sequence.
#[must_use]
pub fn unreadable(
    view: &str,
    partition: PartitionId,
    sequence: u64,
    recorded_at: Timestamp,
    active: bool,
) -> ConditionObserved {
    let scope = AlertScope::View { name: view.to_owned(), partition: Some(partition) };
    ConditionObserved {
        condition: Condition { rule: AlertRule::Quarantine, scope, level: 0 },
        active,
        since: recorded_at,
        threshold_ms: 0,
        detail: format!(
            "View {view} cannot read record {sequence} of partition {}; later events of the same task wait, and the view's answers are marked degraded",
            partition.number()
        ),
    }
}

/// The ledger's own subjects contain a message that none of its servers wrote: readers skip it, but someone
/// who should not be able to can publish there. Recorded under the tenant and task `_ledger`.
///
/// `after` is when the record before it was appended: the message itself has no trustworthy time.
#[must_use]
pub fn foreign(
    view: &str,
    partition: PartitionId,
    sequence: u64,
    what: &str,
    after: Timestamp,
) -> ConditionObserved {
    let scope = AlertScope::View { name: view.to_owned(), partition: Some(partition) };
    ConditionObserved {
        condition: Condition { rule: AlertRule::Quarantine, scope, level: 1 },
        active: true,
        since: after,
        threshold_ms: 0,
        detail: format!(
            "Record {sequence} of partition {} is not a valid record: {what}. It was skipped, and no task waits for it; find out who can publish to the \
             ledger's subjects, and take that permission away",
            partition.number()
        ),
    }
}
