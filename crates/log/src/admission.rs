//! Which events of a batch are new: idempotency and expected sequences, decided before anything is written.

use bytes::Bytes;
use tollgate_domain::position::Sequence;
use tollgate_domain::time::Timestamp;

use crate::contract::{
    AppendError, AppendOutcome, Batch, Found, MAX_EVENT_BYTES, MAX_RECORD_BYTES, MAX_RECORD_EVENTS, NewEvent,
};
use crate::index::{IdIndex, subject_entry};
use crate::key::Key;
use crate::record::{self, Record, RecordHead};

/// A batch whose limits are checked and whose keys are computed: everything that does not need the lock.
#[derive(Clone, Debug)]
pub struct Checked {
    pub(crate) batch: Batch,
    pub(crate) keys: Vec<Key>,
    pub(crate) subject: Option<Key>,
}

impl Checked {
    /// Checks the limits of a batch.
    ///
    /// # Errors
    ///
    /// [`AppendError::TooLarge`], [`AppendError::Malformed`].
    pub fn new(batch: Batch) -> Result<Self, AppendError> {
        let events = batch.events.len();
        if events == 0 {
            return Err(AppendError::Malformed("a batch needs at least one event".to_owned()));
        }
        let within = |what, value, limit| {
            if value > limit { Err(AppendError::TooLarge { events, what, value, limit }) } else { Ok(()) }
        };
        within("the number of events", events, MAX_RECORD_EVENTS)?;
        for event in &batch.events {
            within("an event's size in bytes", event.payload.len(), MAX_EVENT_BYTES)?;
        }
        let subject = batch.decision.as_ref().map(|expected| expected.subject.as_str());
        let bytes = record::encoded_bytes(batch.tenant.as_str(), subject, &batch.events);
        within("the record's size in bytes", bytes, MAX_RECORD_BYTES)?;
        let keys = Key::of_events(batch.tenant.as_str(), &batch.events);
        let subject = subject.map(|subject| Key::of_subject(batch.tenant.as_str(), subject));
        Ok(Self { batch, keys, subject })
    }

    /// The batch.
    #[must_use]
    pub const fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The keys of its events, in their order.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys of the events that admission found to be new.
    pub fn new_keys(&self, outcomes: &[AppendOutcome]) -> impl Iterator<Item = Key> {
        let new = |(_, outcome): &(&Key, &AppendOutcome)| matches!(outcome, AppendOutcome::Appended(_));
        self.keys.iter().zip(outcomes).filter(new).map(|(key, _)| *key)
    }

    /// All keys to look up: those of the events, then that of the decision subject.
    pub(crate) fn all_keys(&self) -> Vec<Key> {
        self.keys.iter().copied().chain(self.subject).collect()
    }
}

/// The ids already taken, as admission queries and updates them.
pub trait Claims {
    /// Claims a key for a record unless it is already taken. Returns the existing holder, from this index or
    /// from `older`, which is what the caller found elsewhere.
    fn claim(&mut self, key: Key, found: Found, older: Option<Found>) -> Option<Found>;

    /// Undoes a claim. `previous` is what the key had before.
    fn undo(&mut self, key: &Key, previous: Option<Found>);
}

impl Claims for IdIndex {
    fn claim(&mut self, key: Key, found: Found, older: Option<Found>) -> Option<Found> {
        Self::claim(self, key, found, older)
    }

    fn undo(&mut self, key: &Key, previous: Option<Found>) {
        Self::undo(self, key, previous);
    }
}

/// What admission decided. The ids of the new events are already in the index, under the given sequence.
#[derive(Debug)]
pub struct Admitted {
    /// One outcome per event.
    pub outcomes: Vec<AppendOutcome>,
    /// What to restore in the index if the record does not become durable.
    pub(crate) undo: Vec<(Key, Option<Found>)>,
}

impl Admitted {
    /// Whether there is anything to write.
    #[must_use]
    pub fn has_new(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Removes the new ids from the index again and returns the outcomes: for a log that learns a record's
    /// sequence only from its server.
    #[must_use]
    pub fn withdraw(self, index: &mut impl Claims) -> Vec<AppendOutcome> {
        roll_back(index, self.undo);
        self.outcomes
    }
}

/// Decides a batch against the index. `older` is what the index's runs hold for [`Checked::all_keys`]; a log
/// without runs passes nothing.
pub(crate) fn admit(
    checked: &Checked,
    next: Sequence,
    index: &mut IdIndex,
    older: &[Option<Found>],
) -> Result<Admitted, AppendError> {
    let mut admitted = admit_events(checked, next, index, older);
    if let (Some(subject), Some(expected)) = (checked.subject, &checked.batch.decision)
        && admitted.has_new()
    {
        let actual = index.get_recent(&subject).or(older.get(checked.keys.len()).copied().flatten());
        let last = actual.map(|found| found.sequence).unwrap_or_default();
        if last != expected.last {
            roll_back(index, admitted.undo);
            let (subject, expected) = (expected.subject.clone(), expected.last);
            return Err(AppendError::WrongExpected { subject, expected, actual: last });
        }
        let previous = index.insert(subject, subject_entry(next));
        admitted.undo.push((subject, previous));
    }
    Ok(admitted)
}

/// Decides the events of a batch by their ids alone: for a log whose server decides expected sequences.
/// `older` is what each key held before, as far as the caller looked.
pub fn admit_events(
    checked: &Checked,
    next: Sequence,
    index: &mut impl Claims,
    older: &[Option<Found>],
) -> Admitted {
    let older = |nth: usize| older.get(nth).copied().flatten();
    let events = checked.keys.len();
    let mut admitted = Admitted { outcomes: Vec::with_capacity(events), undo: Vec::with_capacity(events) };
    let mut conflicts: Vec<usize> = Vec::new();
    for (nth, (event, key)) in checked.batch.events.iter().zip(&checked.keys).enumerate() {
        let content = event.content_hash.mark();
        let outcome = match index.claim(*key, Found { sequence: next, content }, older(nth)) {
            Some(taken) if taken.content == content => AppendOutcome::Duplicate(taken.sequence),
            Some(taken) => {
                conflicts.push(nth);
                AppendOutcome::Conflict(taken.sequence)
            }
            None => {
                admitted.undo.push((*key, None));
                AppendOutcome::Appended(next)
            }
        };
        admitted.outcomes.push(outcome);
    }
    if !conflicts.is_empty() {
        refuse(checked, &conflicts, next, index, &mut admitted);
    }
    admitted
}

/// Restores the index to what it was before an admission.
pub(crate) fn roll_back(index: &mut impl Claims, undo: Vec<(Key, Option<Found>)>) {
    for (key, previous) in undo.into_iter().rev() {
        index.undo(&key, previous);
    }
}

/// The record of the events of a batch that admission found new.
pub fn record_of(batch: &Batch, outcomes: &[AppendOutcome], now: Timestamp) -> Record {
    Record::parse(bytes_of(batch, outcomes, now))
        .expect("what encode wrote can be parsed: a property test checks it")
}

/// The bytes of the record that [`record_of`] would return.
pub fn bytes_of(batch: &Batch, outcomes: &[AppendOutcome], now: Timestamp) -> Bytes {
    let new: Vec<&NewEvent> = new_events(batch, outcomes).collect();
    let head = RecordHead {
        partition: batch.partition,
        recorded_at: batch.recorded_at.unwrap_or(now),
        tenant: batch.tenant.as_str(),
        decision_subject: batch.decision.as_ref().map(|expected| expected.subject.as_str()),
    };
    let room = record::encoded_bytes(head.tenant, head.decision_subject, &batch.events);
    let mut bytes = Vec::with_capacity(room);
    record::encode(&head, new.into_iter(), &mut bytes);
    bytes.into()
}

/// The events of a batch that admission found new.
pub fn new_events<'a>(
    batch: &'a Batch,
    outcomes: &'a [AppendOutcome],
) -> impl Iterator<Item = &'a NewEvent> + Clone {
    batch
        .events
        .iter()
        .zip(outcomes)
        .filter(|(_, outcome)| matches!(outcome, AppendOutcome::Appended(_)))
        .map(|(event, _)| event)
}

/// One conflict refuses all new events of its task. A batch with a decision is about a single task, so it is
/// refused whole.
fn refuse(
    checked: &Checked,
    conflicts: &[usize],
    next: Sequence,
    index: &mut impl Claims,
    admitted: &mut Admitted,
) {
    let events = &checked.batch.events;
    for (nth, event) in events.iter().enumerate() {
        let because = conflicts
            .iter()
            .copied()
            .find(|&conflict| checked.subject.is_some() || events[conflict].task == event.task);
        let in_this_record = |outcome| match outcome {
            AppendOutcome::Appended(_) => true,
            // The same event twice in this batch: its original is refused, so this one is too.
            AppendOutcome::Duplicate(sequence) => sequence == next,
            AppendOutcome::Conflict(_) | AppendOutcome::Refused { .. } => false,
        };
        if let Some(because) = because
            && in_this_record(admitted.outcomes[nth])
        {
            admitted.outcomes[nth] = AppendOutcome::Refused { because };
            let key = checked.keys[nth];
            if let Some(at) = admitted.undo.iter().position(|(inserted, _)| *inserted == key) {
                let (key, previous) = admitted.undo.swap_remove(at);
                index.undo(&key, previous);
            }
        }
    }
}
