//! Events: facts of the domain, in the past tense. Stored: rename never, add only.

mod alerting;
mod governing;
mod inbox;
mod reading;
mod settings;

pub use alerting::{
    AlertAcknowledged, Change, ConditionObserved, DeliveryAttempted, DeliveryOutcome, DeliveryRequested,
};
pub use governing::{Mark, TaskMarked, TransitionsMeasured};
pub use inbox::{InboxRejected, InboxResolved, MAX_KEPT_PAYLOAD, QuarantineAction};
pub use reading::{PhaseExplained, ReportKind, ReportRead};
pub use settings::{ConfigLoaded, ConfigRejected, PriceBookLoaded};

use crate::gate::GateDecided;
use crate::ids::{EventId, ProducerId, TaskId, TenantId};
use crate::limits::TaskLimits;
use crate::metadata::{LimitOverride, TaskMetadata};
use crate::phase::{Advance, ExecutionId, Phase};
use crate::position::{PartitionId, Sequence};
use crate::tier::Importance;
use crate::time::Timestamp;
use crate::usage::{NamedExecution, UsageAdjusted, UsageRecorded};

/// Largest stored form of one event, in bytes, with what the ledger adds.
pub const MAX_EVENT_BYTES: usize = 16 * 1024;

/// An event on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Owner of the task.
    pub tenant: TenantId,
    /// Which task.
    pub task: TaskId,
    /// Who appends it.
    pub producer: ProducerId,
    /// The idempotency key, the producer's.
    pub id: EventId,
    /// When it happened, by the producer's clock. `None`: the producer did not say, so the time of the append counts;
    /// that time is not part of the content, so a retry without one is still a duplicate.
    pub occurred_at: Option<Timestamp>,
    /// W3C trace context, where the producer has one.
    pub trace_parent: Option<String>,
    /// What happened.
    pub body: EventBody,
}

/// An event as folds see it: with its place in the log.
#[derive(Clone, Copy, Debug)]
pub struct RecordedEvent<'a> {
    /// The sequence of its record.
    pub sequence: Sequence,
    /// The partition of its record.
    pub partition: PartitionId,
    /// When it was appended.
    pub recorded_at: Timestamp,
    /// Owner of the task.
    pub tenant: &'a str,
    /// Which task.
    pub task: &'a str,
    /// Who appended it.
    pub producer: &'a str,
    /// Its id.
    pub id: &'a str,
    /// When it happened: by the producer's clock, else [`Self::recorded_at`].
    pub occurred_at: Timestamp,
    /// What happened.
    pub body: &'a EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventBody {
    /// A task was opened.
    TaskOpened(Box<TaskOpened>),
    /// A task was closed.
    TaskClosed(TaskClosed),
    /// A phase began.
    PhaseStarted(PhaseStarted),
    /// A phase ended.
    PhaseEnded(PhaseEnded),
    /// A limit or a block was set aside by a person.
    OverrideGranted(OverrideGranted),
    /// A task became more or less important.
    ImportanceChanged(ImportanceChanged),
    /// A person judged a task that the gate had warned of or blocked.
    TaskMarked(TaskMarked),
    /// A model call used tokens.
    UsageRecorded(UsageRecorded),
    /// Earlier usage was corrected.
    UsageAdjusted(Box<UsageAdjusted>),
    /// An execution waited.
    WaitRecorded(WaitRecorded),
    /// An execution showed a sign of progress or trouble.
    SignalRecorded(SignalRecorded),
    /// Someone explained what a phase used.
    PhaseExplained(PhaseExplained),
    /// The gate decided.
    GateDecided(Box<GateDecided>),
    /// A config came into force.
    ConfigLoaded(ConfigLoaded),
    /// A config was refused; the one named stayed in force.
    ConfigRejected(ConfigRejected),
    /// A price book came into force.
    PriceBookLoaded(PriceBookLoaded),
    /// How long the ledger took for phase transitions.
    TransitionsMeasured(TransitionsMeasured),
    /// A person has seen an alert.
    AlertAcknowledged(AlertAcknowledged),
    /// A condition that only passing time shows became true or false.
    ConditionObserved(Box<ConditionObserved>),
    /// Someone tried to deliver a change of an alert.
    DeliveryAttempted(Box<DeliveryAttempted>),
    /// A person asked to deliver a change again.
    DeliveryRequested(Box<DeliveryRequested>),
    /// A message of the inbox was refused.
    InboxRejected(Box<InboxRejected>),
    /// A person ended the quarantine of a message.
    InboxResolved(InboxResolved),
    /// Someone read a report.
    ReportRead(Box<ReportRead>),
}

impl EventBody {
    /// The kind, as JSON and answers write it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TaskOpened(_) => "task_opened",
            Self::TaskClosed(_) => "task_closed",
            Self::PhaseStarted(_) => "phase_started",
            Self::PhaseEnded(_) => "phase_ended",
            Self::OverrideGranted(_) => "override_granted",
            Self::ImportanceChanged(_) => "importance_changed",
            Self::TaskMarked(_) => "task_marked",
            Self::UsageRecorded(_) => "usage_recorded",
            Self::UsageAdjusted(_) => "usage_adjusted",
            Self::WaitRecorded(_) => "wait_recorded",
            Self::SignalRecorded(_) => "signal_recorded",
            Self::PhaseExplained(_) => "phase_explained",
            Self::GateDecided(_) => "gate_decided",
            Self::ConfigLoaded(_) => "config_loaded",
            Self::ConfigRejected(_) => "config_rejected",
            Self::PriceBookLoaded(_) => "price_book_loaded",
            Self::TransitionsMeasured(_) => "transitions_measured",
            Self::AlertAcknowledged(_) => "alert_acknowledged",
            Self::ConditionObserved(_) => "condition_observed",
            Self::DeliveryAttempted(_) => "delivery_attempted",
            Self::DeliveryRequested(_) => "delivery_requested",
            Self::InboxRejected(_) => "inbox_rejected",
            Self::InboxResolved(_) => "inbox_resolved",
            Self::ReportRead(_) => "report_read",
        }
    }

    /// Where it takes a task that the gate may have blocked: into a phase, or to completion. A task that is called off goes nowhere.
    #[must_use]
    pub fn goes_on(&self) -> Option<Advance> {
        if let Self::PhaseStarted(started) = self {
            return Some(Advance::Phase(started.phase.clone()));
        }
        let completed = matches!(self, Self::TaskClosed(closed) if closed.outcome == TaskOutcome::Completed);
        completed.then_some(Advance::Completion)
    }

    /// Whether a rule may refuse it. Everything else is a fact and never refused for state.
    #[must_use]
    pub const fn is_decision(&self) -> bool {
        match self {
            Self::TaskOpened(_)
            | Self::TaskClosed(_)
            | Self::PhaseStarted(_)
            | Self::PhaseEnded(_)
            | Self::OverrideGranted(_)
            | Self::ImportanceChanged(_)
            | Self::TaskMarked(_) => true,
            Self::UsageRecorded(_)
            | Self::UsageAdjusted(_)
            | Self::WaitRecorded(_)
            | Self::SignalRecorded(_)
            | Self::PhaseExplained(_)
            | Self::GateDecided(_)
            | Self::ConfigLoaded(_)
            | Self::ConfigRejected(_)
            | Self::PriceBookLoaded(_)
            | Self::TransitionsMeasured(_)
            | Self::AlertAcknowledged(_)
            | Self::ConditionObserved(_)
            | Self::DeliveryAttempted(_)
            | Self::DeliveryRequested(_)
            | Self::InboxRejected(_)
            | Self::InboxResolved(_)
            | Self::ReportRead(_) => false,
        }
    }

    /// Whether it says what became of its task. What is noted about alerts, their delivery and the inbox does not: no view of
    /// tasks counts it, moves a time for it, or makes a task of it.
    #[must_use]
    pub const fn concerns_task(&self) -> bool {
        match self {
            Self::TaskOpened(_)
            | Self::TaskClosed(_)
            | Self::PhaseStarted(_)
            | Self::PhaseEnded(_)
            | Self::OverrideGranted(_)
            | Self::ImportanceChanged(_)
            | Self::TaskMarked(_)
            | Self::UsageRecorded(_)
            | Self::UsageAdjusted(_)
            | Self::WaitRecorded(_)
            | Self::SignalRecorded(_)
            | Self::PhaseExplained(_)
            | Self::GateDecided(_)
            | Self::ConfigLoaded(_)
            | Self::ConfigRejected(_)
            | Self::PriceBookLoaded(_)
            | Self::TransitionsMeasured(_) => true,
            Self::AlertAcknowledged(_)
            | Self::ConditionObserved(_)
            | Self::DeliveryAttempted(_)
            | Self::DeliveryRequested(_)
            | Self::InboxRejected(_)
            | Self::InboxResolved(_)
            | Self::ReportRead(_) => false,
        }
    }
}

/// A task was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOpened {
    /// What it says of itself.
    pub metadata: TaskMetadata,
    /// Its limits; added by the appender. `None` only while it is on its way in.
    pub limits: Option<TaskLimits>,
}

/// A task was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskClosed {
    /// How it ended.
    pub outcome: TaskOutcome,
    /// Why, where said.
    pub reason: Option<String>,
    /// Who closed it.
    pub author: Option<String>,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TaskOutcome {
    /// Its work is done.
    Completed,
    /// It was called off.
    Cancelled,
    /// Nobody goes on with it.
    Abandoned,
}

impl TaskOutcome {
    /// The words, in order.
    pub const NAMES: [&'static str; 3] = ["completed", "cancelled", "abandoned"];

    /// The word that answers and commands use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// The outcome of a word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "completed" => Some(Self::Completed),
            "cancelled" => Some(Self::Cancelled),
            "abandoned" => Some(Self::Abandoned),
            _ => None,
        }
    }
}

/// A phase began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseStarted {
    /// Which phase.
    pub phase: Phase,
    /// Which attempt, from 1; assigned by the decision. `None` only while it is on its way in.
    pub attempt: Option<u32>,
}

/// A phase ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseEnded {
    /// Which phase.
    pub phase: Phase,
    /// Which attempt; the active one where the producer names none.
    pub attempt: Option<u32>,
}

/// A limit or a block was set aside by a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideGranted {
    /// What was set aside.
    pub scope: OverrideScope,
    /// Who approved it.
    pub approver: String,
    /// Why.
    pub reason: String,
}

/// What an override sets aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideScope {
    /// The limit of a phase: these numbers hold from now on.
    Limit {
        /// Which phase.
        phase: Phase,
        /// The new limits.
        limit: LimitOverride,
    },
    /// Blocks of one advance: the gate lets the task go there, with a warning.
    Block {
        /// Where to.
        advance: Advance,
    },
}

/// A task became more or less important. Its limits stay as they are: only an override moves those of an open task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportanceChanged {
    /// What it was; the present one where the producer names none. `None` only while it is on its way in.
    pub from: Option<Importance>,
    /// What it is from now on.
    pub to: Importance,
    /// Who says so.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// An execution waited: for a queue, a rate limit, a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitRecorded {
    /// Which execution; `None`: the task as a whole.
    pub execution: Option<NamedExecution>,
    /// For what: `queue`, `rate_limit`, `human` or another word.
    pub kind: String,
    /// How long, in milliseconds.
    pub wait_ms: u64,
}

/// An execution showed a sign of progress or trouble: files read, model calls repeated, tests passing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRecorded {
    /// Which execution; `None`: the task as a whole.
    pub execution: Option<NamedExecution>,
    /// What was counted or measured.
    pub name: String,
    /// By how much it grew.
    pub value: i64,
}

/// The execution a decision is about, once it has its attempt.
impl PhaseStarted {
    /// Phase and attempt, if the attempt is assigned.
    #[must_use]
    pub fn execution(&self) -> Option<ExecutionId> {
        Some(ExecutionId { phase: self.phase.clone(), attempt: self.attempt? })
    }
}

impl PhaseEnded {
    /// Phase and attempt, if the attempt is assigned.
    #[must_use]
    pub fn execution(&self) -> Option<ExecutionId> {
        Some(ExecutionId { phase: self.phase.clone(), attempt: self.attempt? })
    }
}
