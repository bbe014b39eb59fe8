//! One model call as reported by a file, and where else the ledger may have counted it.

use tollgate_domain::event::Event;
use tollgate_domain::ids::{EventId, TaskId};
use tollgate_domain::session_phases::activity::Activity;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;

/// One model call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its usage under its own key, in the task where it originated.
    pub event: Event,
    /// Other names under which it may have been counted.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether only a copy of it was read: it is counted under its own name as long as nothing else counts it.
    pub stands_in: bool,
    /// What it did beside using tokens, if the file was opened for it: for classing alone, never recorded.
    pub activity: Activity,
}

/// A name under which the same call may have been counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The name.
    pub name: CallName,
    /// A name that the ledger has whenever it has any of this kind: if it is missing, the others need not be queried.
    pub probe: Option<CallName>,
    /// What a booking under that name means.
    pub means: Means,
}

/// What a booking under another name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The call is counted there and stays there.
    Counted,
    /// The call is counted there if the tokens are the same; different tokens belong to another call.
    CountedIfAlike,
    /// The call is counted there if it happened before this time, when the session that names it began; a
    /// later one is another call.
    CountedBefore(Timestamp),
    /// The call was counted there because its origin was missing: it is taken back there once it is counted
    /// where it belongs.
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

/// Usage that an earlier version counted from this file although it is not a call of its task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miscounted {
    /// The name under which it was counted.
    pub name: CallName,
    /// Same as [`Elsewhere::probe`].
    pub probe: CallName,
    /// When it happened, as read by that version.
    pub occurred_at: Timestamp,
    /// What it counted.
    pub tokens: TokenCounts,
}

impl Call {
    /// A call that cannot be anywhere else.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event, elsewhere: Vec::new(), stands_in: false, activity: Activity::default() }
    }

    /// Its own name.
    #[must_use]
    pub fn name(&self) -> CallName {
        CallName { task: self.event.task.clone(), id: self.event.id.clone() }
    }
}
