//! Phases of sessions for a ledger that imports them: what has to be recorded, given what it already has.

use std::collections::{BTreeMap, HashMap};

use tollgate_domain::event::Event;
use tollgate_domain::ids::{EventId, InvalidId, ProducerId, TaskId, TenantId};
use tollgate_domain::session_phases::{Recorded, Sorted, placed};
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::NamedExecution;
use tollgate_import::reader::Format;
use tollgate_import::sources::Sources;

use super::sorting::{end_of, named, start_of};
use super::{PhaseCoverage, Rules, Sorting};
use crate::source::books::Reading;

/// What rules say of the calls of sessions: the same that a replay of the files goes by.
#[derive(Debug)]
pub struct PhasePlan {
    pub(super) concluded_by: String,
    /// What the phases came from.
    pub coverage: PhaseCoverage,
    pub(super) sessions: BTreeMap<TaskId, Vec<PlannedCall>>,
}

/// A call of a session, in the order of time.
#[derive(Debug)]
pub(super) struct PlannedCall {
    pub(super) id: EventId,
    pub(super) at: Option<Timestamp>,
    pub(super) sorted: Sorted,
}

/// The phases of a session that a ledger has to be told about.
#[derive(Debug, Default)]
pub struct SessionPlaces {
    /// Phases that begin and end, in order; to be recorded before the usage that names them.
    pub events: Vec<Event>,
    /// The execution that each call without a record is to name.
    pub places: HashMap<EventId, NamedExecution>,
    /// Calls that rules give a phase, but that the ledger has without one: they stay so.
    pub recorded_without: u64,
}

impl PhasePlan {
    /// Reads session files and applies the rules. Every call is kept in memory meanwhile, about half a kilobyte each.
    /// What cannot be read is left out: whoever imports the files says so.
    #[must_use]
    pub fn read(found: &Sources, order: &[String], format: Format, tenant: &TenantId, rules: &Rules) -> Self {
        let reading = Reading { format, tenant, activity: true };
        let (books, _) = reading.books(found, order, &mut Vec::new());
        let mut sorting = Sorting::new(rules, format.word());
        books.counted(None).into_iter().for_each(|(event, activity)| sorting.add(event, activity));
        sorting.into_plan()
    }

    /// The calls of a session, by the ids of their usage.
    pub fn calls(&self, task: &TaskId) -> impl Iterator<Item = &EventId> {
        self.sessions.get(task).into_iter().flatten().map(|call| &call.id)
    }

    /// Places the calls of a session; `recorded` says what the ledger has of each.
    ///
    /// # Errors
    ///
    /// [`InvalidId`]: never for ids as they are made here.
    pub fn place(
        &self,
        (tenant, task, producer): (&TenantId, &TaskId, &ProducerId),
        recorded: impl Fn(&EventId) -> Recorded,
    ) -> Result<SessionPlaces, InvalidId> {
        let calls = self.sessions.get(task).map(Vec::as_slice).unwrap_or_default();
        let sorted: Vec<Sorted> = calls.iter().map(|call| call.sorted.clone()).collect();
        let recorded: Vec<Recorded> = calls.iter().map(|call| recorded(&call.id)).collect();
        let found = placed(&sorted, &recorded);
        let mut session = SessionPlaces::default();
        let at = |nth: usize| calls.get(nth).and_then(|call| call.at);
        let event = |(id, body), occurred_at| Event {
            tenant: tenant.clone(),
            task: task.clone(),
            producer: producer.clone(),
            id,
            occurred_at,
            trace_parent: None,
            body,
        };
        for execution in &found.executions {
            let begins = start_of(&execution.id, &self.concluded_by)?;
            session.events.push(event(begins, at(execution.first)));
            session.events.push(event(end_of(&execution.id)?, at(execution.last)));
        }
        for ((call, place), recorded) in calls.iter().zip(found.calls).zip(recorded) {
            match (recorded, place) {
                (Recorded::No, Some(id)) => {
                    session.places.insert(call.id.clone(), named(id));
                }
                (Recorded::In(None), _) if call.sorted.phase.is_some() => session.recorded_without += 1,
                (Recorded::No | Recorded::In(_), _) => {}
            }
        }
        Ok(session)
    }
}
