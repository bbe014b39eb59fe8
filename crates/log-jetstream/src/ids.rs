//! The event ids that this process has seen lately, and those it is appending right now.

use std::collections::HashSet;

use tollgate_domain::position::Sequence;
use tollgate_log::admission::{Checked, admit_events};
use tollgate_log::contract::{AppendOutcome, Found};
use tollgate_log::index::IdIndex;
use tollgate_log::key::{IdScope, Key};
use tollgate_log::record::Record;

/// Ids of one generation. Two are held: at most 1,048,576 ids, about 60 MB.
const GENERATION_IDS: usize = 512 * 1024;

/// Stands for the sequence of a record that the server has not stored yet.
const PENDING: Sequence = Sequence(u64::MAX);

/// The ids of two generations: when the newer is full, the older is forgotten.
#[derive(Debug)]
pub(crate) struct RecentIds {
    newer: IdIndex,
    older: IdIndex,
    in_newer: usize,
    generation_ids: usize,
    in_flight: HashSet<Key, foldhash::fast::RandomState>,
}

/// What is to be done about a batch.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Some of its events are on their way already: ask again when an append has ended.
    Busy,
    /// All of its events are known.
    Known(Vec<AppendOutcome>),
    /// These are to be published; their ids are in flight until [`RecentIds::release`].
    Publish(Vec<AppendOutcome>),
}

impl RecentIds {
    pub(crate) fn new() -> Self {
        Self::with(GENERATION_IDS)
    }

    fn with(generation_ids: usize) -> Self {
        let (newer, older) = (IdIndex::in_memory(), IdIndex::in_memory());
        Self { newer, older, in_newer: 0, generation_ids, in_flight: HashSet::default() }
    }

    /// Decides a batch, and takes the ids that are to be published.
    pub(crate) fn admit(&mut self, checked: &Checked) -> Admission {
        if !self.in_flight.is_empty() && checked.keys().iter().any(|key| self.in_flight.contains(key)) {
            return Admission::Busy;
        }
        let older: Vec<Option<Found>> = checked.keys().iter().map(|key| found(&self.older, key)).collect();
        let admitted = admit_events(checked, PENDING, &mut self.newer, &older);
        let new = admitted.has_new();
        let outcomes = admitted.withdraw(&mut self.newer);
        if !new {
            return Admission::Known(outcomes);
        }
        self.in_flight.extend(checked.keys());
        Admission::Publish(outcomes)
    }

    /// The append of these ids has ended, however it did.
    pub(crate) fn release(&mut self, checked: &Checked) {
        for key in checked.keys() {
            self.in_flight.remove(key);
        }
    }

    /// Learns the ids of a stored record. One that is known stays under its first record.
    pub(crate) fn learn(&mut self, sequence: Sequence, record: &Record) {
        self.make_room();
        for event in record.events() {
            let key = IdScope::of(record.tenant(), event.task, event.producer).key(event.id);
            self.claim(key, Found { sequence, content: event.content_hash });
        }
    }

    /// Learns the new ids of a batch that was stored: as [`Self::learn`], with keys that are known.
    pub(crate) fn learn_own(&mut self, sequence: Sequence, checked: &Checked, outcomes: &[AppendOutcome]) {
        self.make_room();
        for ((key, event), outcome) in checked.keys().iter().zip(&checked.batch().events).zip(outcomes) {
            if matches!(outcome, AppendOutcome::Appended(_)) {
                self.claim(*key, Found { sequence, content: event.content_hash });
            }
        }
    }

    fn make_room(&mut self) {
        if self.in_newer >= self.generation_ids {
            self.older = std::mem::replace(&mut self.newer, IdIndex::in_memory());
            self.in_newer = 0;
        }
    }

    fn claim(&mut self, key: Key, new: Found) {
        let known = found(&self.older, &key);
        if self.newer.claim(key, new, known).is_none() {
            self.in_newer += 1;
        }
    }

    /// What is known under a name.
    pub(crate) fn find(&self, key: &Key) -> Option<Found> {
        found(&self.newer, key).or_else(|| found(&self.older, key))
    }
}

/// An index in memory has no runs that could be unreadable.
fn found(index: &IdIndex, key: &Key) -> Option<Found> {
    index.get(key).ok().flatten()
}

/// The outcomes of a batch once its record is stored.
pub(crate) fn stored_at(sequence: Sequence, outcomes: &mut [AppendOutcome]) {
    for outcome in outcomes {
        match outcome {
            AppendOutcome::Appended(at) | AppendOutcome::Duplicate(at) | AppendOutcome::Conflict(at)
                if *at == PENDING =>
            {
                *at = sequence;
            }
            AppendOutcome::Appended(_)
            | AppendOutcome::Duplicate(_)
            | AppendOutcome::Conflict(_)
            | AppendOutcome::Refused { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::time::Timestamp;
    use tollgate_log::admission::record_of;
    use tollgate_log::conformance::{batch, event};

    use super::*;

    fn checked(id: &str, payload: &str) -> Checked {
        Checked::new(batch(vec![event("T-1", id, payload)])).unwrap()
    }

    fn append(ids: &mut RecentIds, id: &str, sequence: u64) {
        let checked = checked(id, "x");
        let Admission::Publish(mut outcomes) = ids.admit(&checked) else { panic!("{id} is new") };
        stored_at(Sequence(sequence), &mut outcomes);
        assert_eq!(outcomes, [AppendOutcome::Appended(Sequence(sequence))]);
        ids.learn(Sequence(sequence), &record_of(checked.batch(), &outcomes, Timestamp::default()));
        ids.release(&checked);
    }

    #[test]
    fn an_id_in_flight_is_waited_for_and_then_known() {
        let mut ids = RecentIds::new();
        let first = checked("e", "x");
        assert!(matches!(ids.admit(&first), Admission::Publish(_)));
        assert!(matches!(ids.admit(&first), Admission::Busy));
        ids.release(&first);
        append(&mut ids, "e", 7);
        let Admission::Known(outcomes) = ids.admit(&first) else { panic!("it is known") };
        assert_eq!(outcomes, [AppendOutcome::Duplicate(Sequence(7))]);
        let Admission::Known(outcomes) = ids.admit(&checked("e", "y")) else { panic!("it is a conflict") };
        assert_eq!(outcomes, [AppendOutcome::Conflict(Sequence(7))]);
    }

    #[test]
    fn the_oldest_generation_is_forgotten() {
        let mut ids = RecentIds::with(2);
        for number in 1..=4 {
            append(&mut ids, &format!("e{number}"), number);
        }
        for number in 1..=4 {
            assert!(matches!(ids.admit(&checked(&format!("e{number}"), "x")), Admission::Known(_)));
        }
        append(&mut ids, "e5", 5);
        assert!(matches!(ids.admit(&checked("e3", "x")), Admission::Known(_)));
        assert!(matches!(ids.admit(&checked("e1", "x")), Admission::Publish(_)));
    }

    #[test]
    fn an_id_stays_under_its_first_record() {
        let mut ids = RecentIds::with(1);
        append(&mut ids, "e", 1);
        let again = checked("e", "x");
        let record = record_of(again.batch(), &[AppendOutcome::Appended(Sequence(9))], Timestamp::default());
        ids.learn(Sequence(9), &record);
        assert_eq!(ids.find(&again.keys()[0]).map(|found| found.sequence), Some(Sequence(1)));
    }
}
