//! Booking calls: each once, whatever the ledger already has of them. `settle` decides what to append; this
//! queries and appends.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_import::call::{Call, CallName, Miscounted};
use tollgate_import::families::Families;
use tollgate_import::family::{Family, session_of};
use tollgate_import::settle::{self, Bookings};
use tollgate_wire::api::{EventOutcome, Outcome};

use super::Interrupted;
use super::ledger::{ImportTarget, REQUEST_EVENTS};
use super::outcomes::{Outcomes, requests};
use super::phasing::Phasing;
use crate::exit::Failure;

/// How many calls one import recognizes when it reads them again; beyond that, a repetition counts as a call
/// that was already there.
const READ_KEPT: usize = 1 << 20;

/// How often events that were rejected because of a conflict are sent again: each time the conflicts are
/// settled first.
const ROUNDS: usize = 4;

/// Calls that are waiting, and what is known about the ledger.
pub(super) struct Books<'a> {
    ledger: ImportTarget<'a>,
    calls: Vec<Call>,
    places: HashMap<CallName, usize>,
    /// Names under which a waiting call may also have been counted.
    elsewhere: BTreeSet<CallName>,
    /// Waiting calls that this import has already read.
    repeated: BTreeSet<CallName>,
    /// Which calls this import has read, by the hashes of their names.
    read: HashSet<u64>,
    hasher: RandomState,
    miscounted: Vec<Miscounted>,
    /// Sessions that the ledger has yet to be told about.
    met: Vec<(Family, u32)>,
    /// Whether the ledger has the events of these names, as far as it was asked.
    probed: HashMap<CallName, bool>,
    families: Families,
    phasing: Option<Phasing>,
    interrupted: Interrupted,
    pub(super) outcomes: Outcomes,
}

impl<'a> Books<'a> {
    /// `phasing`: what gives calls phases, if anything does.
    pub(super) fn new(
        ledger: ImportTarget<'a>,
        order: &[String],
        phasing: Option<Phasing>,
        interrupted: Interrupted,
    ) -> Self {
        Self {
            ledger,
            calls: Vec::new(),
            places: HashMap::new(),
            elsewhere: BTreeSet::new(),
            repeated: BTreeSet::new(),
            read: HashSet::new(),
            hasher: RandomState::new(),
            miscounted: Vec::new(),
            met: Vec::new(),
            probed: HashMap::new(),
            families: Families::new(order),
            phasing,
            interrupted,
            outcomes: Outcomes::default(),
        }
    }

    /// What became of the calls, and of their phases.
    pub(super) fn finished(self) -> (Outcomes, Option<Phasing>) {
        (self.outcomes, self.phasing)
    }

    /// Starts another file.
    pub(super) fn next_file(&mut self) {
        self.families.next_file();
    }

    /// Which conversation the following calls belong to.
    pub(super) async fn family(&mut self, family: Family) -> Result<(), Failure> {
        if !self.families.knows(&family.root) {
            let known = self.ledger.known_sessions(&family.root).await?;
            self.families.set(&family.root, known);
        }
        if let Some(nth) = self.families.enter(family.clone()) {
            self.met.push((family, nth));
        }
        Ok(())
    }

    /// A call, to be counted once.
    pub(super) async fn call(&mut self, mut call: Call) -> Result<(), Failure> {
        self.families.place(&mut call);
        let name = call.name();
        // Calls that may be the same are settled one after the other.
        let related = self.elsewhere.contains(&name)
            || call.elsewhere.iter().any(|other| self.places.contains_key(&other.name));
        if related || self.calls.len() >= REQUEST_EVENTS {
            self.flush().await?;
        }
        let hash = self.hasher.hash_one(&name);
        let is_repeated = self.read.contains(&hash);
        if is_repeated {
            self.outcomes.copy(&call);
        } else if self.read.len() < READ_KEPT {
            self.read.insert(hash);
        }
        if let Some(&place) = self.places.get(&name) {
            settle::merge(&mut self.calls[place], call);
            return Ok(());
        }
        if is_repeated {
            self.repeated.insert(name.clone());
        }
        self.elsewhere.extend(call.elsewhere.iter().map(|other| other.name.clone()));
        self.places.insert(name, self.calls.len());
        self.calls.push(call);
        Ok(())
    }

    /// What an earlier version counted although it is not a call.
    pub(super) async fn miscounted(&mut self, miscounted: Miscounted) -> Result<(), Failure> {
        if self.miscounted.len() >= REQUEST_EVENTS {
            self.flush().await?;
        }
        self.miscounted.push(miscounted);
        Ok(())
    }

    /// Books everything that is waiting, unless the import was interrupted.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        if self.interrupted.is_set() {
            return Ok(());
        }
        let mut calls = std::mem::take(&mut self.calls);
        let mut miscounted = std::mem::take(&mut self.miscounted);
        let met = std::mem::take(&mut self.met);
        let signals = met
            .iter()
            .filter_map(|(family, nth)| family.signal(*nth, &self.ledger.tenant, &self.ledger.producer));
        let mut events: Vec<Event> = signals.collect();
        self.places.clear();
        self.elsewhere.clear();
        self.probe(&calls, &miscounted).await?;
        let known = |probe: &CallName| self.probed.get(probe).copied().unwrap_or_default();
        for call in &mut calls {
            call.elsewhere.retain(|other| other.probe.as_ref().is_none_or(known));
        }
        miscounted.retain(|event| known(&event.probe));
        let mut asked: BTreeSet<CallName> = miscounted.iter().map(|event| event.name.clone()).collect();
        for call in calls.iter().filter(|call| !call.elsewhere.is_empty()) {
            asked.insert(call.name());
            asked.extend(call.elsewhere.iter().map(|other| other.name.clone()));
        }
        let bookings = self.ledger.bookings(asked).await?;
        for call in &calls {
            events.extend(self.settled(call, &bookings));
        }
        let taken_back = miscounted.iter();
        events.extend(taken_back.filter_map(|event| {
            settle::take_back(event, &self.ledger.tenant, &self.ledger.producer, &bookings)
        }));
        if let Some(phasing) = &mut self.phasing {
            phasing.place(&self.ledger, &mut events).await?;
            self.outcomes.messages.append(&mut phasing.messages);
        }
        self.append(events).await?;
        self.repeated.clear();
        Ok(())
    }

    fn settled(&mut self, call: &Call, bookings: &Bookings) -> Vec<Event> {
        let settled = settle::settle(call, bookings);
        if self.repeated.contains(&call.name()) {
            return settled.events;
        }
        if settled.is_copy {
            self.outcomes.copy(call);
        } else {
            self.outcomes.duplicate += u64::from(settled.events.is_empty());
        }
        settled.events
    }

    /// Asks which of the names exist, where absence is all that needs to be known.
    async fn probe(&mut self, calls: &[Call], miscounted: &[Miscounted]) -> Result<(), Failure> {
        let elsewhere =
            calls.iter().flat_map(|call| &call.elsewhere).filter_map(|other| other.probe.as_ref());
        let probes: BTreeSet<CallName> = elsewhere
            .chain(miscounted.iter().map(|event| &event.probe))
            .filter(|probe| !self.probed.contains_key(probe))
            .cloned()
            .collect();
        let found = self.ledger.find(probes).await?;
        self.probed.extend(found.into_iter().map(|(name, event)| (name, event.is_some())));
        Ok(())
    }

    /// Appends events; those whose id is taken by different content are settled with what the ledger has.
    async fn append(&mut self, mut events: Vec<Event>) -> Result<(), Failure> {
        for _ in 0..ROUNDS {
            let mut kept_out = Vec::new();
            let mut conflicts = Vec::new();
            let mut taken = Vec::new();
            for request in requests(std::mem::take(&mut events), &mut self.outcomes) {
                if self.interrupted.is_set() {
                    return Ok(());
                }
                let outcomes = self.ledger.send(&request).await?;
                for ((event, _), outcome) in request.into_iter().zip(&outcomes) {
                    let is_signal = matches!(event.body, EventBody::Usage(UsageEvent::SignalRecorded(_)));
                    if is_signal && outcome.outcome == Outcome::Duplicate {
                        taken.push(event);
                    } else {
                        self.take(event, outcome, &mut kept_out, &mut conflicts);
                    }
                }
            }
            for signal in taken {
                events.extend(self.signal_again(&signal).await?);
            }
            let bookings = self.ledger.bookings(conflicts.iter().map(Call::name).collect()).await?;
            for call in &conflicts {
                events.extend(self.settled(call, &bookings));
            }
            events.extend(kept_out);
            if events.is_empty() {
                return Ok(());
            }
        }
        self.outcomes.refused += events.len() as u64;
        let id = events.first().map(|event| event.id.to_string()).unwrap_or_default();
        self.outcomes
            .messages
            .push(format!("event `{id}` and others conflict with another running import: import again"));
        Ok(())
    }

    /// Another import has recorded a different session under the same number: this one gets the next.
    async fn signal_again(&mut self, signal: &Event) -> Result<Option<Event>, Failure> {
        let session = signal.trace_parent.as_deref().and_then(session_of);
        let (Some(root), Some(session)) = (Family::root_of_signal(&signal.id), session) else {
            return Ok(None);
        };
        let known = self.ledger.known_sessions(root).await?;
        let nth = u32::try_from(known.len()).unwrap_or(u32::MAX).saturating_add(1);
        let is_known = known.contains(&session);
        self.families.set(root, known);
        let family = Family { root: root.to_owned(), session };
        Ok(if is_known { None } else { family.signal(nth, &self.ledger.tenant, &self.ledger.producer) })
    }

    fn take(
        &mut self,
        event: Event,
        outcome: &EventOutcome,
        kept_out: &mut Vec<Event>,
        conflicts: &mut Vec<Call>,
    ) {
        let counted = matches!(event.body, EventBody::Usage(UsageEvent::UsageRecorded(_)));
        let corrects = matches!(event.body, EventBody::Usage(UsageEvent::UsageAdjusted(_)));
        match outcome.outcome {
            Outcome::Appended => {
                self.probed.insert(CallName { task: event.task, id: event.id }, true);
                self.outcomes.new += u64::from(counted);
                self.outcomes.corrected += u64::from(corrects);
                let unpriced = outcome.warnings.iter().any(|warning| warning.contains("cannot be priced"));
                self.outcomes.corrected_unpriced += u64::from(corrects && unpriced);
            }
            Outcome::Duplicate => {
                let is_repeated = self.repeated.contains(&CallName { task: event.task, id: event.id });
                self.outcomes.duplicate += u64::from(counted && !is_repeated);
            }
            Outcome::Conflict if counted => conflicts.push(Call::new(event)),
            Outcome::Refused if outcome.code.as_deref() == Some("refused_with") => kept_out.push(event),
            Outcome::Ignored => {
                self.outcomes.refused += 1;
                self.outcomes
                    .messages
                    .push(outcome.warnings.first().map_or("ignored", String::as_str).to_owned());
            }
            Outcome::Conflict | Outcome::Refused => {
                self.outcomes.refused += 1;
                self.outcomes.messages.push(outcome.detail.clone().unwrap_or_else(|| "refused".to_owned()));
            }
        }
    }
}
