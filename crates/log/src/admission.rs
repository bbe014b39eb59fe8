//! Which events of a batch are new: idempotency and expected sequences, decided before anything is written.

use tollgate_domain::position::Sequence;

use crate::contract::{
    AppendError, AppendOutcome, Batch, Found, MAX_EVENT_BYTES, MAX_RECORD_BYTES, MAX_RECORD_EVENTS,
};
use crate::index::{IdIndex, subject_entry};
use crate::key::Key;
use crate::record;

/// A batch whose limits are checked and whose keys are computed: all that needs no lock.
pub(crate) struct Checked {
    pub(crate) batch: Batch,
    pub(crate) keys: Vec<Key>,
    pub(crate) subject: Option<Key>,
}

impl Checked {
    /// Checks the limits of a batch.
    pub(crate) fn new(batch: Batch) -> Result<Self, AppendError> {
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

    /// All keys to look up: the events', then the subject's.
    pub(crate) fn all_keys(&self) -> Vec<Key> {
        self.keys.iter().copied().chain(self.subject).collect()
    }
}

/// What admission decided. The new events' ids are in the index already, under the sequence given.
pub(crate) struct Admitted {
    /// One outcome per event.
    pub(crate) outcomes: Vec<AppendOutcome>,
    /// What to restore in the index should the record not become durable.
    pub(crate) undo: Vec<(Key, Option<Found>)>,
}

impl Admitted {
    /// Whether anything is to be written.
    pub(crate) fn has_new(&self) -> bool {
        !self.undo.is_empty()
    }
}

/// Decides a batch against the index. `older` is what the index's runs have under [`Checked::all_keys`]; a log without
/// runs gives nothing.
pub(crate) fn admit(
    checked: &Checked,
    next: Sequence,
    index: &mut IdIndex,
    older: &[Option<Found>],
) -> Result<Admitted, AppendError> {
    let older = |nth: usize| older.get(nth).copied().flatten();
    let events = checked.keys.len();
    let mut admitted = Admitted { outcomes: Vec::with_capacity(events), undo: Vec::with_capacity(events) };
    let mut conflicts: Vec<usize> = Vec::new();
    for (nth, (event, key)) in checked.batch.events.iter().zip(&checked.keys).enumerate() {
        let content = event.content_hash;
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
    if let (Some(subject), Some(expected)) = (checked.subject, &checked.batch.decision)
        && admitted.has_new()
    {
        let actual = index.get_recent(&subject).or(older(events));
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

/// Restores the index to what it was before an admission.
pub(crate) fn roll_back(index: &mut IdIndex, undo: Vec<(Key, Option<Found>)>) {
    for (key, previous) in undo.into_iter().rev() {
        index.undo(&key, previous);
    }
}

/// One conflict refuses its task's new events; a batch with a decision is about one task, so it is refused whole.
fn refuse(
    checked: &Checked,
    conflicts: &[usize],
    next: Sequence,
    index: &mut IdIndex,
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
            // The same event twice in this batch: its original is refused, so it is too.
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
