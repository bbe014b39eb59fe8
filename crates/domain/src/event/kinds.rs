//! The kinds of events, one row each. Everything that has to cover all kinds is generated from these rows.

use super::{
    AlertAcknowledged, Allocated, AllocationExpired, AllocationExtended, AllocationRefused,
    AllocationReleased, BillDayRecorded, BudgetSet, ConditionObserved, ConfigLoaded, ConfigRejected,
    DeliveryAttempted, DeliveryRequested, GateDecided, ImportanceChanged, InboxRejected, InboxResolved,
    KeyCreated, KeyRevoked, KeyRotated, LimitRaised, LossAccepted, OverrideGranted, PhaseEnded,
    PhaseExplained, PhaseStarted, PolicySet, PoolDrawn, PoolGiven, PriceBookLoaded, PriceChanged,
    PriceDecided, PriceDisputed, PriceProposed, PriceSourceChecked, PriceUpdateBegun, ReportRead,
    SignalRecorded, TaskClosed, TaskMarked, TaskOpened, TaskOutcome, TransitionsMeasured, UsageAdjusted,
    UsageRecorded, UsageRepriced, WaitRecorded,
};
use crate::phase::Advance;

/// Passes the table of kinds to the named macro, as `Subject(enum) { Kind(payload type), "name", sender; … }`.
///
/// The name is the one used in JSON and in the fields of `proto/tollgate/v1/event.proto`. Large and rare
/// kinds are boxed. The sender is `producer`, or `ledger` for kinds that only the ledger writes and that it
/// refuses from everyone else.
#[macro_export]
macro_rules! each_kind {
    ($then:ident) => {
        $then! {
            /// The lifecycle of a task. The only subject whose events a rule may refuse: they are decided.
            Task(TaskEvent) {
                /// A task was opened.
                TaskOpened(Box<TaskOpened>), "task_opened", producer;
                /// A task was closed.
                TaskClosed(TaskClosed), "task_closed", producer;
                /// A phase began.
                PhaseStarted(PhaseStarted), "phase_started", producer;
                /// A phase ended.
                PhaseEnded(PhaseEnded), "phase_ended", producer;
                /// A person set aside a limit or a block.
                OverrideGranted(OverrideGranted), "override_granted", producer;
                /// A task became more or less important.
                ImportanceChanged(ImportanceChanged), "importance_changed", producer;
                /// A person judged a task that the gate had warned about or blocked.
                TaskMarked(TaskMarked), "task_marked", producer;
            }
            /// Usage, and statements about it.
            Usage(UsageEvent) {
                /// A model call used tokens.
                UsageRecorded(UsageRecorded), "usage_recorded", producer;
                /// Earlier usage was corrected.
                UsageAdjusted(Box<UsageAdjusted>), "usage_adjusted", producer;
                /// Earlier usage was priced again.
                UsageRepriced(Box<UsageRepriced>), "usage_repriced", ledger;
                /// An execution waited.
                WaitRecorded(WaitRecorded), "wait_recorded", producer;
                /// An execution showed a sign of progress or trouble.
                SignalRecorded(SignalRecorded), "signal_recorded", producer;
                /// Someone explained what a phase used.
                PhaseExplained(PhaseExplained), "phase_explained", producer;
            }
            /// What the gate said.
            Gate(GateEvent) {
                /// The gate decided.
                GateDecided(Box<GateDecided>), "gate_decided", ledger;
            }
            /// Facts about the ledger itself.
            Ledger(LedgerEvent) {
                /// A config came into force.
                ConfigLoaded(ConfigLoaded), "config_loaded", ledger;
                /// A config was refused; the one named stayed in force.
                ConfigRejected(ConfigRejected), "config_rejected", ledger;
                /// A price book came into force.
                PriceBookLoaded(PriceBookLoaded), "price_book_loaded", ledger;
                /// How long the ledger took for phase transitions.
                TransitionsMeasured(TransitionsMeasured), "transitions_measured", ledger;
                /// The log lost its end, and someone accepted that.
                LossAccepted(LossAccepted), "loss_accepted", ledger;
            }
            /// Prices: what sources said, what came into force, and what people decided.
            Price(PriceEvent) {
                /// A price came into force.
                PriceChanged(Box<PriceChanged>), "price_changed", ledger;
                /// A price waits for a person.
                PriceProposed(Box<PriceProposed>), "price_proposed", ledger;
                /// A person decided about a price that waited.
                PriceDecided(Box<PriceDecided>), "price_decided", ledger;
                /// A source was asked for its list.
                PriceSourceChecked(Box<PriceSourceChecked>), "price_source_checked", ledger;
                /// Sources do not agree on a price.
                PriceDisputed(PriceDisputed), "price_disputed", ledger;
                /// A server begins to update the prices by itself.
                PriceUpdateBegun(PriceUpdateBegun), "price_update_begun", ledger;
            }
            /// Alerts and their delivery.
            Alert(AlertEvent) {
                /// A person has seen an alert.
                AlertAcknowledged(AlertAcknowledged), "alert_acknowledged", producer;
                /// A condition that only passing time shows became true or false.
                ConditionObserved(Box<ConditionObserved>), "condition_observed", ledger;
                /// An attempt to deliver a change of an alert.
                DeliveryAttempted(Box<DeliveryAttempted>), "delivery_attempted", ledger;
                /// A person asked to deliver a change again.
                DeliveryRequested(Box<DeliveryRequested>), "delivery_requested", ledger;
            }
            /// Invalid messages of the inbox.
            Inbox(InboxEvent) {
                /// A message of the inbox was refused.
                InboxRejected(Box<InboxRejected>), "inbox_rejected", ledger;
                /// A person ended the quarantine of a message.
                InboxResolved(InboxResolved), "inbox_resolved", ledger;
            }
            /// Decisions about money. Decided in one order per tenant, under one reserved task name.
            Budget(BudgetEvent) {
                /// A budget was made or changed.
                BudgetSet(Box<BudgetSet>), "budget_set", ledger;
                /// A policy was made, or another version of it.
                PolicySet(Box<PolicySet>), "policy_set", ledger;
                /// A policy's limit was raised for a time.
                LimitRaised(Box<LimitRaised>), "limit_raised", ledger;
                /// An allocation was made.
                Allocated(Box<Allocated>), "allocated", ledger;
                /// An allocation was refused.
                AllocationRefused(Box<AllocationRefused>), "allocation_refused", ledger;
                /// An allocation was made larger, or lasts longer.
                AllocationExtended(Box<AllocationExtended>), "allocation_extended", ledger;
                /// What an allocation has left is free again.
                AllocationReleased(AllocationReleased), "allocation_released", ledger;
                /// An allocation's time is over.
                AllocationExpired(AllocationExpired), "allocation_expired", ledger;
                /// A closed task gave a pool what it left.
                PoolGiven(Box<PoolGiven>), "pool_given", ledger;
                /// A task drew from a pool.
                PoolDrawn(Box<PoolDrawn>), "pool_drawn", ledger;
            }
            /// Who read what.
            Report(ReportEvent) {
                /// Someone read a report.
                ReportRead(Box<ReportRead>), "report_read", ledger;
            }
            /// What providers billed.
            Bill(BillEvent) {
                /// A day of a provider's bill was imported.
                BillDayRecorded(Box<BillDayRecorded>), "bill_day_recorded", ledger;
            }
            /// Keys of the API. Decided in one order, under one reserved task name of the ledger's tenant.
            Key(KeyEvent) {
                /// A key was made.
                KeyCreated(Box<KeyCreated>), "key_created", ledger;
                /// A key got another secret.
                KeyRotated(KeyRotated), "key_rotated", ledger;
                /// A key is refused from now on.
                KeyRevoked(KeyRevoked), "key_revoked", ledger;
            }
        }
    };
}

/// Who may send a kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Every producer.
    Producer,
    /// The ledger alone.
    Ledger,
}

/// One kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindRow {
    /// Its name.
    pub name: &'static str,
    /// Who may send it.
    pub sender: Sender,
}

macro_rules! sender {
    (producer) => {
        Sender::Producer
    };
    (ledger) => {
        Sender::Ledger
    };
}

macro_rules! bodies {
    ($($(#[$about:meta])* $Subject:ident($Event:ident) {
        $($(#[$doc:meta])* $Kind:ident($Held:ty), $name:literal, $sender:ident;)+
    })+) => {
        /// What happened, by subject.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum EventBody {
            $($(#[$about])* $Subject($Event),)+
        }

        /// Every kind, in the order of the subjects.
        pub const KINDS: &[KindRow] = &[$($(KindRow { name: $name, sender: sender!($sender) },)+)+];

        impl EventBody {
            /// The kind, as written in JSON and answers.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$Subject(event) => event.kind(),)+
                }
            }
        }

        $(
            $(#[$about])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub enum $Event {
                $($(#[$doc])* $Kind($Held),)+
            }

            impl $Event {
                /// The kind, as written in JSON and answers.
                #[must_use]
                pub const fn kind(&self) -> &'static str {
                    match self {
                        $(Self::$Kind(_) => $name,)+
                    }
                }
            }

            impl From<$Event> for EventBody {
                fn from(event: $Event) -> Self {
                    Self::$Subject(event)
                }
            }

            $(
                impl From<$Kind> for $Event {
                    fn from(event: $Kind) -> Self {
                        Self::$Kind(event.into())
                    }
                }

                impl From<$Kind> for EventBody {
                    fn from(event: $Kind) -> Self {
                        Self::$Subject(event.into())
                    }
                }
            )+
        )+
    };
}

each_kind!(bodies);

impl TaskEvent {
    /// Where it would move a task that the gate may have blocked: into a phase, or to completion. Cancelling
    /// a task moves it nowhere.
    #[must_use]
    pub fn goes_on(&self) -> Option<Advance> {
        match self {
            Self::PhaseStarted(started) => Some(Advance::Phase(started.phase.clone())),
            Self::TaskClosed(closed) if closed.outcome == TaskOutcome::Completed => Some(Advance::Completion),
            Self::TaskOpened(_)
            | Self::TaskClosed(_)
            | Self::PhaseEnded(_)
            | Self::OverrideGranted(_)
            | Self::ImportanceChanged(_)
            | Self::TaskMarked(_) => None,
        }
    }
}

impl EventBody {
    /// See [`TaskEvent::goes_on`]; facts never move a task.
    #[must_use]
    pub fn goes_on(&self) -> Option<Advance> {
        if let Self::Task(event) = self { event.goes_on() } else { None }
    }

    /// Whether a rule may refuse it when a producer sends it. Everything else is a fact and is never refused
    /// because of state, or is decided by the ledger itself.
    #[must_use]
    pub const fn is_decision(&self) -> bool {
        match self {
            Self::Task(_) => true,
            Self::Usage(_)
            | Self::Gate(_)
            | Self::Ledger(_)
            | Self::Price(_)
            | Self::Alert(_)
            | Self::Inbox(_)
            | Self::Budget(_)
            | Self::Bill(_)
            | Self::Key(_)
            | Self::Report(_) => false,
        }
    }

    /// Whether it is part of its task's history. Events about alerts, their delivery, the inbox, money,
    /// readers, bills and keys are not: no view of tasks counts them, updates a time for them, or creates a task for
    /// them.
    #[must_use]
    pub const fn concerns_task(&self) -> bool {
        match self {
            Self::Task(_) | Self::Usage(_) | Self::Gate(_) | Self::Ledger(_) => true,
            Self::Price(_)
            | Self::Alert(_)
            | Self::Inbox(_)
            | Self::Budget(_)
            | Self::Bill(_)
            | Self::Key(_)
            | Self::Report(_) => false,
        }
    }
}
