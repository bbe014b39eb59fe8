//! Phases of imported sessions. A ledger has them before the usage that names them; they are held until then, so that a
//! session is judged as its files are: what it leaves is the phase that ran.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tollgate_domain::event::{
    EventBody, PhaseEnded, PhaseStarted, RecordedEvent, TaskEvent, UsageEvent, UsageRecorded,
};
use tollgate_domain::phase::ExecutionId;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

/// The phases of a task that were not met by its usage so far, in the order of the log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct HeldPhases {
    /// Owner and task, once there is something to hold.
    of: Option<(PartitionId, Box<str>, Box<str>)>,
    waiting: VecDeque<Held>,
}

/// An execution that begins or ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    sequence: Sequence,
    recorded_at: Timestamp,
    occurred_at: Timestamp,
    producer: Box<str>,
    id: Box<str>,
    execution: ExecutionId,
    change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Change {
    /// By which rules.
    Begins(Option<String>),
    Ends,
}

impl HeldPhases {
    /// Holds an event of a task that nobody opened. Returns whether it is a phase that begins or ends: only such wait.
    pub(super) fn hold(&mut self, event: &RecordedEvent<'_>) -> bool {
        let EventBody::Task(event_of_task) = event.body else { return false };
        let (phase, attempt, change) = if let TaskEvent::PhaseStarted(started) = event_of_task {
            (&started.phase, started.attempt, Change::Begins(started.concluded_by.clone()))
        } else if let TaskEvent::PhaseEnded(ended) = event_of_task {
            (&ended.phase, ended.attempt, Change::Ends)
        } else {
            return false;
        };
        let Some(attempt) = attempt else { return false };
        let execution = ExecutionId { phase: phase.clone(), attempt };
        self.of.get_or_insert_with(|| (event.partition, event.tenant.into(), event.task.into()));
        self.waiting.push_back(Held {
            sequence: event.sequence,
            recorded_at: event.recorded_at,
            occurred_at: event.occurred_at,
            producer: event.producer.into(),
            id: event.id.into(),
            execution,
            change,
        });
        true
    }

    /// How many of those that wait come before an event: with usage all up to the beginning of the execution that it
    /// names, and what ended before it; with anything else that could depend on them all.
    pub(super) fn due(&self, event: &RecordedEvent<'_>) -> usize {
        let EventBody::Usage(said) = event.body else { return self.waiting.len() };
        // A correction changes what is counted, and no phase.
        let UsageEvent::UsageRecorded(usage) = said else { return 0 };
        let is_due = |held: &Held| match held.change {
            Change::Begins(_) => names(usage, &held.execution),
            Change::Ends => held.occurred_at < event.occurred_at,
        };
        self.waiting.iter().rposition(is_due).map_or(0, |last| last.saturating_add(1))
    }

    /// The first that waits happens now.
    pub(super) fn pass_next(&mut self, take: impl FnMut(&RecordedEvent<'_>)) {
        if let (Some(held), Some(of)) = (self.waiting.pop_front(), &self.of) {
            held.pass(of, take);
        }
    }

    /// Nothing of the task follows: what ran has ended. An execution that no usage named did not happen in the files.
    pub(super) fn pass_rest(&mut self, mut take: impl FnMut(&RecordedEvent<'_>)) {
        let Some(of) = &self.of else { return };
        let mut unused: Vec<ExecutionId> = Vec::new();
        for held in self.waiting.drain(..) {
            match held.change {
                Change::Begins(_) => unused.push(held.execution),
                Change::Ends if unused.contains(&held.execution) => {}
                Change::Ends => held.pass(of, &mut take),
            }
        }
    }
}

impl Held {
    fn pass(
        self,
        (partition, tenant, task): &(PartitionId, Box<str>, Box<str>),
        mut take: impl FnMut(&RecordedEvent<'_>),
    ) {
        let ExecutionId { phase, attempt } = self.execution;
        let attempt = Some(attempt);
        let body: EventBody = match self.change {
            Change::Begins(concluded_by) => PhaseStarted { phase, attempt, concluded_by }.into(),
            Change::Ends => PhaseEnded { phase, attempt }.into(),
        };
        take(&RecordedEvent {
            sequence: self.sequence,
            partition: *partition,
            recorded_at: self.recorded_at,
            tenant,
            task,
            producer: &self.producer,
            id: &self.id,
            occurred_at: self.occurred_at,
            body: &body,
        });
    }
}

fn names(usage: &UsageRecorded, execution: &ExecutionId) -> bool {
    usage
        .execution
        .as_ref()
        .is_some_and(|named| named.phase == execution.phase && named.attempt == Some(execution.attempt))
}
