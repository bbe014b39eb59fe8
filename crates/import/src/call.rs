//! One model call as a file reports it, and where else the ledger may have counted it.

use tollgate_domain::event::Event;
use tollgate_domain::ids::{EventId, TaskId};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;

/// One model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its usage under its own key, in the task where it originated.
    pub event: Event,
    /// Other names under which it may have been counted.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether only a copy of it was read: it is counted under its own name while nothing else counts it.
    pub stands_in: bool,
}

/// A name under which the same call may have been counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The name.
    pub name: CallName,
    /// A name that the ledger has wherever it has any of this kind: where it is missing, the others need not
    /// be asked for.
    pub probe: Option<CallName>,
    /// What a booking under that name means.
    pub means: Means,
}

/// What a booking under another name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The call is counted there and stays there.
    Counted,
    /// The call is counted there if the tokens are the same; other tokens are another call's.
    CountedIfAlike,
    /// The call is counted there if it happened before this, when the session that names it began; a later
    /// one is another call.
    CountedBefore(Timestamp),
    /// The call was counted there for want of its origin: it is taken back there once it is counted where it belongs.
    StoodIn,
}

/// The name of usage: unique together with the tenant and the producer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallName {
    /// Its task.
    pub task: TaskId,
    /// Its event id.
    pub id: EventId,
}

/// Usage that an earlier version counted from this file, and that is no call of its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miscounted {
    /// Under which name.
    pub name: CallName,
    /// As for [`Elsewhere::probe`].
    pub probe: CallName,
    /// When, as that version read it.
    pub occurred_at: Timestamp,
    /// What it counted.
    pub tokens: TokenCounts,
}

impl Call {
    /// A call that can be nowhere else.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, elsewhere: Vec::new(), stands_in: false }
    }

    /// Its own name.
    #[must_use]
    pub fn name(&self) -> CallName {
        CallName { task: self.event.task.clone(), id: self.event.id.clone() }
    }
}
