//! The sessions of conversations that share calls, and which of them such a call belongs to. Pure.

use std::collections::HashMap;

use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_domain::ids::TaskId;

use crate::call::{Call, CallName, Elsewhere, Means};
use crate::family::{Family, ROOT};

/// The sessions of each conversation that was met, by its root.
#[derive(Debug, Default)]
pub struct Families {
    sessions: HashMap<String, Vec<String>>,
    /// The rank of a session among those that may contain the same calls: the first of them is where a call
    /// originated.
    order: HashMap<String, usize>,
    /// The one that the following calls belong to.
    current: Option<Family>,
}

impl Families {
    /// None yet. `order`: the sessions that may contain the same calls, the one where they originated first, as
    /// [`Format::arrange`](crate::reader::Format::arrange) returns them.
    #[must_use]
    pub fn new(order: &[String]) -> Self {
        let order = order.iter().cloned().zip(0..).collect();
        Self { order, ..Self::default() }
    }

    /// Begins another file: its calls belong to no conversation so far.
    pub fn next_file(&mut self) {
        self.current = None;
    }

    /// Whether the sessions of a conversation are known.
    #[must_use]
    pub fn knows(&self, root: &str) -> bool {
        self.sessions.contains_key(root)
    }

    /// Sets the sessions of a conversation, in the order in which they were met.
    pub fn set(&mut self, root: &str, sessions: Vec<String>) {
        self.sessions.insert(root.to_owned(), sessions);
    }

    /// The conversation that the following calls belong to. Returns the session's number in it, from 1, if it is new.
    pub fn enter(&mut self, family: Family) -> Option<u32> {
        let sessions = self.sessions.entry(family.root.clone()).or_default();
        let is_new = !sessions.contains(&family.session);
        if is_new {
            sessions.push(family.session.clone());
        }
        let nth = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        self.current = Some(family);
        is_new.then_some(nth)
    }

    /// Adds to a call where else it may be counted, and the session where it originated.
    pub fn place(&self, call: &mut Call) {
        let Some(family) = &self.current else { return };
        if Family::task_of(&family.session).as_ref() != Some(&call.event.task) {
            return;
        }
        let others = self.sessions.get(&family.root).into_iter().flatten();
        let own = self.order.get(&family.session);
        let first = self.first_of(family);
        call.elsewhere.extend(others.filter(|session| **session != family.session).filter_map(|session| {
            let younger = own.zip(self.order.get(session)).is_some_and(|(own, other)| other > own);
            Some(Elsewhere {
                name: CallName { task: Family::task_of(session)?, id: call.event.id.clone() },
                probe: None,
                means: if younger { Means::StoodIn } else { Means::Counted },
            })
        }));
        if let Some(root) = first.and_then(Family::task_of)
            && root != call.event.task
        {
            label_root(&mut call.event, &root);
        }
    }

    /// The session that owns calls which several sessions of the family have: sessions that only the ledger
    /// knows come before those that this import reads, which are ordered by age.
    fn first_of(&self, family: &Family) -> Option<&str> {
        let sessions = self.sessions.get(&family.root)?.iter();
        let in_order = self.order.contains_key(&family.session);
        let first = sessions.min_by_key(|session| self.order.get(*session).filter(|_| in_order));
        first.map(String::as_str)
    }
}

/// Records the task that a fork or a sub-agent comes from.
fn label_root(event: &mut Event, root: &TaskId) {
    if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut event.body {
        usage.labels.insert(ROOT.to_owned(), root.to_string());
    }
}
