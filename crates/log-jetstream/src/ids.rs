//! The event ids that this process has seen lately, and those that it is appending right now.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tollgate_domain::position::Sequence;
use tollgate_log::admission::{Checked, Claims, admit_events};
use tollgate_log::contract::{AppendOutcome, Found, MAX_RECORD_EVENTS};
use tollgate_log::key::{ContentMark, IdScope, Key};
use tollgate_log::record::Record;

/// Number of ids in one generation: as many as 2^19 slots take before a table grows. Two generations are
/// held, about 40 MB.
const GENERATION_IDS: usize = (1 << 19) / 8 * 7 - MAX_RECORD_EVENTS;

/// Placeholder for the sequence of a record that the server has not stored yet.
const PENDING: Sequence = Sequence(u64::MAX);

/// The ids of two generations: when the newer one is full, the older one is forgotten. An id is inserted
/// once, when its batch is admitted; the result of the batch is recorded once for all of its ids.
#[derive(Debug)]
pub(crate) struct RecentIds {
    newer: Generation,
    older: Generation,
    /// How many generations there were before the newer one.
    turned: u64,
    generation_ids: usize,
    /// The last record whose ids may have been forgotten.
    forgotten: Sequence,
}

#[derive(Debug, Default)]
struct Generation {
    ids: HashMap<Key, Known, foldhash::fast::RandomState>,
    /// The sequence of each batch's record in the log, or [`PENDING`].
    batches: Vec<Sequence>,
}

/// An id that was taken.
#[derive(Clone, Copy, Debug)]
struct Known {
    batch: u32,
    content: ContentMark,
}

/// Where the ids of a batch are kept while it is in flight.
#[derive(Debug)]
pub(crate) struct Taken {
    generation: u64,
    batch: u32,
}

/// What to do with a batch.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Some of its events are already in flight: ask again when an append has ended.
    Busy,
    /// All of its events are known.
    Known(Vec<AppendOutcome>),
    /// These must be published; their ids are taken until [`RecentIds::release`].
    Publish(Vec<AppendOutcome>, Taken),
}

impl RecentIds {
    pub(crate) fn new() -> Self {
        Self::with(GENERATION_IDS)
    }

    fn with(generation_ids: usize) -> Self {
        let (newer, older) = (Generation::default(), Generation::default());
        Self { newer, older, turned: 0, generation_ids, forgotten: Sequence::ZERO }
    }

    /// Ids of records after this one that were appended here are all known.
    pub(crate) const fn forgotten(&self) -> Sequence {
        self.forgotten
    }

    /// Decides a batch, and takes the ids that must be published.
    pub(crate) fn admit(&mut self, checked: &Checked) -> Admission {
        // Nothing happens between one look-up and the next, so that the processor fetches several places of
        // the tables at once.
        let held: Vec<Option<Found>> = checked.keys().iter().map(|key| self.get(key)).collect();
        let batch = self.begin(PENDING);
        let mut claiming = Claiming { newer: &mut self.newer, batch, busy: false };
        let admitted = admit_events(checked, PENDING, &mut claiming, &held);
        if !claiming.busy && admitted.has_new() {
            let taken = Taken { generation: self.turned, batch };
            self.turn_if_full();
            return Admission::Publish(admitted.outcomes, taken);
        }
        let busy = claiming.busy;
        let outcomes = admitted.withdraw(&mut claiming);
        self.newer.batches.pop();
        if busy { Admission::Busy } else { Admission::Known(outcomes) }
    }

    /// Records the sequence of a batch's record.
    pub(crate) fn settle(&mut self, taken: &Taken, sequence: Sequence) {
        match self.generation_of(taken) {
            Some(generation) => generation.batches[taken.batch as usize] = sequence,
            // Its generation was forgotten while it was in flight.
            None => self.forgotten = self.forgotten.max(sequence),
        }
    }

    /// The append of these ids has ended. Those of a record that was not stored are free again.
    pub(crate) fn release(&mut self, taken: &Taken, checked: &Checked) {
        let Some(generation) = self.generation_of(taken) else { return };
        if generation.batches[taken.batch as usize] != PENDING {
            return;
        }
        for key in checked.keys() {
            if let Entry::Occupied(known) = generation.ids.entry(*key)
                && known.get().batch == taken.batch
            {
                known.remove();
            }
        }
    }

    /// Adds the ids of a stored record. An id already known stays under its first record.
    pub(crate) fn learn(&mut self, sequence: Sequence, record: &Record) {
        let batch = self.begin(sequence);
        for event in record.events() {
            let key = IdScope::of(record.tenant(), event.task, event.producer).key(event.id);
            if self.older.find(&key).is_some() {
                continue;
            }
            let new = Known { batch, content: event.content_hash.mark() };
            match self.newer.ids.entry(key) {
                Entry::Vacant(free) => drop(free.insert(new)),
                // What is in flight here is stored already: by an earlier try, or by another process.
                Entry::Occupied(mut known) if self.newer.batches[known.get().batch as usize] == PENDING => {
                    known.insert(new);
                }
                Entry::Occupied(_) => {}
            }
        }
        self.turn_if_full();
    }

    /// What a key holds, in flight or stored.
    fn get(&self, key: &Key) -> Option<Found> {
        self.older.get(key).or_else(|| self.newer.get(key))
    }

    /// What is known about a name.
    pub(crate) fn find(&self, key: &Key) -> Option<Found> {
        self.newer.find(key).or_else(|| self.older.find(key))
    }

    fn turn_if_full(&mut self) {
        if self.newer.ids.len() >= self.generation_ids {
            std::mem::swap(&mut self.newer, &mut self.older);
            let stored = self.newer.batches.iter().copied().filter(|sequence| *sequence != PENDING);
            self.forgotten = stored.max().unwrap_or_default().max(self.forgotten);
            self.newer.ids.clear();
            self.newer.batches.clear();
            self.turned += 1;
        }
    }

    /// A slot for a batch in the newer generation, which has room for its ids.
    fn begin(&mut self, sequence: Sequence) -> u32 {
        let batch = u32::try_from(self.newer.batches.len())
            .expect("fewer batches than ids, or one that is taken back");
        self.newer.batches.push(sequence);
        batch
    }

    /// The generation that holds a batch, unless it was forgotten.
    fn generation_of(&mut self, taken: &Taken) -> Option<&mut Generation> {
        match self.turned - taken.generation {
            0 => Some(&mut self.newer),
            1 => Some(&mut self.older),
            _ => None,
        }
    }
}

impl Generation {
    /// What a key holds, in flight or stored.
    fn get(&self, key: &Key) -> Option<Found> {
        self.ids.get(key).map(|known| self.found(*known))
    }

    /// The stored record of a key.
    fn find(&self, key: &Key) -> Option<Found> {
        self.get(key).filter(|found| found.sequence != PENDING)
    }

    fn found(&self, known: Known) -> Found {
        Found { sequence: self.batches[known.batch as usize], content: known.content }
    }
}

/// A batch that is taking its ids.
struct Claiming<'a> {
    newer: &'a mut Generation,
    batch: u32,
    /// One of its ids is in flight in another batch.
    busy: bool,
}

impl Claims for Claiming<'_> {
    /// What was there before the batch came is in `held`; anything found now belongs to the batch itself.
    fn claim(&mut self, key: Key, new: Found, held: Option<Found>) -> Option<Found> {
        if let Some(found) = held {
            self.busy |= found.sequence == PENDING;
            return held;
        }
        match self.newer.ids.entry(key) {
            Entry::Vacant(free) => {
                free.insert(Known { batch: self.batch, content: new.content });
                None
            }
            Entry::Occupied(known) => {
                let known = *known.get();
                Some(self.newer.found(known))
            }
        }
    }

    fn undo(&mut self, key: &Key, _previous: Option<Found>) {
        self.newer.ids.remove(key);
    }
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

    fn take(ids: &mut RecentIds, checked: &Checked) -> (Vec<AppendOutcome>, Taken) {
        let Admission::Publish(outcomes, taken) = ids.admit(checked) else { panic!("it is new") };
        (outcomes, taken)
    }

    fn record(checked: &Checked) -> Record {
        record_of(checked.batch(), &[AppendOutcome::Appended(Sequence(9))], Timestamp::default())
    }

    fn append(ids: &mut RecentIds, id: &str, sequence: u64) {
        let checked = checked(id, "x");
        let (mut outcomes, taken) = take(ids, &checked);
        stored_at(Sequence(sequence), &mut outcomes);
        assert_eq!(outcomes, [AppendOutcome::Appended(Sequence(sequence))]);
        ids.settle(&taken, Sequence(sequence));
        ids.release(&taken, &checked);
    }

    #[test]
    fn an_id_in_flight_is_waited_for_and_then_known() {
        let mut ids = RecentIds::new();
        let first = checked("e", "x");
        let (_, taken) = take(&mut ids, &first);
        assert!(matches!(ids.admit(&first), Admission::Busy));
        assert_eq!(ids.find(&first.keys()[0]), None, "it is not stored yet");
        ids.release(&taken, &first);
        append(&mut ids, "e", 7);
        let Admission::Known(outcomes) = ids.admit(&first) else { panic!("it is known") };
        assert_eq!(outcomes, [AppendOutcome::Duplicate(Sequence(7))]);
        let Admission::Known(outcomes) = ids.admit(&checked("e", "y")) else { panic!("it is a conflict") };
        assert_eq!(outcomes, [AppendOutcome::Conflict(Sequence(7))]);
    }

    #[test]
    fn a_batch_that_has_to_wait_takes_nothing() {
        let mut ids = RecentIds::new();
        let first = checked("e", "x");
        let (_, taken) = take(&mut ids, &first);
        let both = Checked::new(batch(vec![event("T-1", "new", "x"), event("T-1", "e", "x")])).unwrap();
        assert!(matches!(ids.admit(&both), Admission::Busy));
        append(&mut ids, "new", 1);
        ids.settle(&taken, Sequence(2));
        ids.release(&taken, &first);
        let Admission::Known(outcomes) = ids.admit(&both) else { panic!("both are known") };
        assert_eq!(outcomes, [AppendOutcome::Duplicate(Sequence(1)), AppendOutcome::Duplicate(Sequence(2))]);
    }

    #[test]
    fn an_id_on_its_way_is_known_once_its_record_was_read() {
        let mut ids = RecentIds::new();
        let first = checked("e", "x");
        let (_, taken) = take(&mut ids, &first);
        ids.learn(Sequence(9), &record(&first));
        assert!(matches!(ids.admit(&first), Admission::Known(_)));
        ids.release(&taken, &first);
        assert_eq!(ids.find(&first.keys()[0]).map(|found| found.sequence), Some(Sequence(9)));
    }

    #[test]
    fn an_id_on_its_way_outlives_its_generation() {
        let mut ids = RecentIds::with(2);
        let first = checked("e", "x");
        let (_, taken) = take(&mut ids, &first);
        append(&mut ids, "f", 1);
        assert!(matches!(ids.admit(&first), Admission::Busy));
        ids.settle(&taken, Sequence(2));
        ids.release(&taken, &first);
        assert!(matches!(ids.admit(&first), Admission::Known(_)));
        for (id, sequence) in [("g", 3), ("h", 4)] {
            append(&mut ids, id, sequence);
        }
        ids.settle(&taken, Sequence(5));
        ids.release(&taken, &first);
        assert!(matches!(ids.admit(&first), Admission::Publish(..)), "it is forgotten");
    }

    #[test]
    fn the_oldest_generation_is_forgotten() {
        let mut ids = RecentIds::with(2);
        for number in 1..=3 {
            append(&mut ids, &format!("e{number}"), number);
        }
        for number in 1..=3 {
            assert!(matches!(ids.admit(&checked(&format!("e{number}"), "x")), Admission::Known(_)));
        }
        append(&mut ids, "e4", 4);
        assert!(matches!(ids.admit(&checked("e3", "x")), Admission::Known(_)));
        assert!(matches!(ids.admit(&checked("e1", "x")), Admission::Publish(..)));
    }

    #[test]
    fn what_was_appended_after_what_is_forgotten_is_known() {
        let mut ids = RecentIds::with(2);
        for number in 1..=9 {
            append(&mut ids, &format!("e{number}"), number * 10);
            let forgotten = ids.forgotten();
            for earlier in 1..=number {
                let found = ids.find(&checked(&format!("e{earlier}"), "x").keys()[0]);
                assert_eq!(found.is_some(), Sequence(earlier * 10) > forgotten, "{earlier} after {number}");
            }
        }
        // One whose generation is forgotten while it is in flight.
        let slow = checked("slow", "x");
        let (_, taken) = take(&mut ids, &slow);
        (10..=15).for_each(|number| append(&mut ids, &format!("e{number}"), number * 10));
        ids.settle(&taken, Sequence(155));
        assert!(ids.forgotten() >= Sequence(155) && ids.find(&slow.keys()[0]).is_none());
    }

    #[test]
    fn an_id_stays_under_its_first_record() {
        let mut ids = RecentIds::with(1);
        append(&mut ids, "e", 1);
        let again = checked("e", "x");
        ids.learn(Sequence(9), &record(&again));
        assert_eq!(ids.find(&again.keys()[0]).map(|found| found.sequence), Some(Sequence(1)));
    }
}
