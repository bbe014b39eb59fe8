//! Appending: one record is one message, sent with the same bytes under the same batch id until the server
//! has answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tollgate_clock::Stopwatch;
use tollgate_domain::position::Sequence;
use tollgate_log::admission::{Checked, bytes_of, new_events};

use tollgate_log::contract::{AppendError, AppendOutcome, Batch, Receipt};

use crate::decided::{Latest, last_decision};
use crate::get::message_at;
use crate::ids::{Admission, Taken, stored_at};
use crate::message;
use crate::outlive::Outlive;
use crate::publish::{Message, Published, publish};
use crate::shared::Shared;
use crate::topology;

/// A batch is decided again when the server knows more than this process did. Usually once is enough.
const DECISIONS: usize = 4;

/// Appends a batch.
pub(crate) async fn append(shared: &Arc<Shared>, batch: Batch) -> Result<Receipt, AppendError> {
    let checked = Arc::new(Checked::new(batch)?);
    let mut decisions = 0;
    loop {
        if let Some(regression) = shared.regressed() {
            return Err(AppendError::Stopped { reason: regression.to_string() });
        }
        let mut ended = shared.ended.subscribe();
        let admission = shared.ids().admit(&checked);
        match admission {
            Admission::Known(mut outcomes) => {
                // A conflict within the batch names the record that the batch would have become.
                stored_at(shared.identity.seen().next(), &mut outcomes);
                return Ok(receipt(shared, &checked, outcomes));
            }
            Admission::Busy => {
                // The sender lives as long as `shared`, so waiting for another change cannot fail.
                let _ = ended.changed().await;
            }
            Admission::Publish(outcomes, taken) => {
                let held = Held { shared: Arc::clone(shared), checked: Arc::clone(&checked), taken };
                let work = store(Arc::clone(shared), held, outcomes);
                // An append whose caller is gone is still stored, and its ids are known.
                if let Some(outcomes) = Outlive::new(work).await? {
                    return Ok(receipt(shared, &checked, outcomes));
                }
                decisions += 1;
                if decisions == DECISIONS {
                    let reason =
                        "the server holds another record under its batch id, and not these events".to_owned();
                    return Err(AppendError::Unknown { reason });
                }
            }
        }
    }
}

/// Holds the ids of a batch while it is in flight.
pub(crate) struct Held {
    pub(crate) shared: Arc<Shared>,
    pub(crate) checked: Arc<Checked>,
    pub(crate) taken: Taken,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.ids().release(&self.taken, &self.checked);
        self.shared.ended.send_modify(|count| *count += 1);
    }
}

/// Room for bytes that wait for the server, and for one of the records in flight.
pub(crate) struct Room {
    shared: Arc<Shared>,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) async fn take(shared: &Arc<Shared>, bytes: usize) -> Result<Self, AppendError> {
        let limit = shared.options.max_waiting_bytes;
        let waiting = shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut room = Self { shared: Arc::clone(shared), bytes, permit: None };
        if waiting > 0 && waiting + bytes > limit {
            return Err(AppendError::Overloaded { waiting_bytes: waiting, limit });
        }
        let permit = Arc::clone(&shared.in_flight).acquire_owned().await;
        let closed = |_| AppendError::Stopped { reason: "the log is closed".to_owned() };
        room.permit = Some(permit.map_err(closed)?);
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.waiting_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Publishes the new events of a batch as a record. `None` if the server knew some of them; their ids are
/// known here now.
async fn store(
    shared: Arc<Shared>,
    held: Held,
    mut outcomes: Vec<AppendOutcome>,
) -> Result<Option<Vec<AppendOutcome>>, AppendError> {
    let batch = held.checked.batch();
    let record = bytes_of(batch, &outcomes, shared.options.clock.now());
    let mut message = message(&held.checked, &outcomes, record);
    let _room = Room::take(&shared, message.payload.len()).await?;
    let watch = Stopwatch::start();
    let sequence = loop {
        match publish(&shared, &message).await? {
            Published::Stored(sequence) => break sequence,
            Published::Duplicate { sequence, tried_before } => {
                match twin(&shared, sequence, &message.payload, tried_before).await? {
                    Twin::Same => break sequence,
                    Twin::Other => return Ok(None),
                }
            }
            Published::WrongSequence => {
                match after_another_decision(&shared, batch, &outcomes, &message.subject).await? {
                    AfterWrong::Known => return Ok(None),
                    AfterWrong::Expect(last) => message.expected_last = Some(last),
                    AfterWrong::Open(reason) if watch.elapsed() < shared.options.append_timeout => {
                        tracing::debug!(%reason, id = %message.id, "the last decision is not known yet");
                        shared.pause().await;
                    }
                    AfterWrong::Open(reason) => return Err(AppendError::Unknown { reason }),
                }
            }
        }
    };
    stored(&held, sequence, &mut outcomes);
    Ok(Some(outcomes))
}

/// Notes a record that was published here.
pub(crate) fn stored(held: &Held, sequence: Sequence, outcomes: &mut [AppendOutcome]) {
    held.shared.note_of(held.checked.batch().partition, sequence);
    held.shared.frontier().advance(held.checked.batch().partition, sequence);
    held.shared.ids().settle(&held.taken, sequence);
    stored_at(sequence, outcomes);
}

pub(crate) fn message(checked: &Checked, outcomes: &[AppendOutcome], record: Bytes) -> Message {
    let batch = checked.batch();
    Message {
        subject: topology::subject(batch),
        id: topology::batch_id(batch, checked.new_keys(outcomes)),
        hash: topology::content_hash(new_events(batch, outcomes)),
        expected_last: batch.decision.as_ref().map(|expected| expected.last),
        payload: record,
    }
}

/// The record that the server has under a batch id.
enum Twin {
    /// The one published here: an earlier try had arrived.
    Same,
    /// A different one, from another process. Its ids are known now.
    Other,
}

async fn twin(
    shared: &Shared,
    sequence: Sequence,
    record: &Bytes,
    tried_before: bool,
) -> Result<Twin, AppendError> {
    let unknown = |reason: String| AppendError::Unknown {
        reason: format!("the server has it already, as record {sequence}, which cannot be read: {reason}"),
    };
    let found = message_at(shared, sequence).await.map_err(unknown)?;
    let found = found.ok_or_else(|| unknown("it is not there".to_owned()))?;
    // Another process that appends the same events in the same millisecond writes the same bytes: if two
    // processes claim something with an event, only one of them may be told that it appended it.
    if tried_before && found.payload == *record {
        return Ok(Twin::Same);
    }
    let found = message::read(&found.subject, Some(&found.headers), found.payload)
        .map_err(|error| unknown(error.to_string()))?
        .ok_or_else(|| unknown("no server wrote it".to_owned()))?;
    shared.note(sequence);
    shared.ids().learn(sequence, &found);
    Ok(Twin::Other)
}

/// What follows from an unexpected last message on a subject.
enum AfterWrong {
    /// The server has these events; their ids are known now.
    Known,
    /// No one has decided: foreign messages follow the expected decision, this one being the last.
    Expect(Sequence),
    /// The server refuses, and nothing is known to follow the expected decision: the leadership of the stream
    /// is changing, or the server has not heard of that decision. The same message is tried again.
    Open(String),
}

/// There is another decision about the subject in the stream. It may be this one, from an earlier try that
/// has left the server's deduplication window.
async fn after_another_decision(
    shared: &Shared,
    batch: &Batch,
    outcomes: &[AppendOutcome],
    subject: &str,
) -> Result<AfterWrong, AppendError> {
    let Some(expected) = &batch.decision else {
        return Err(AppendError::Unknown {
            reason: "the server compared a sequence that was not given".to_owned(),
        });
    };
    let wrong = |actual| AppendError::WrongExpected {
        subject: expected.subject.clone(),
        expected: expected.last,
        actual,
    };
    let open = |reason: &str| {
        let (place, last) = (shared.options.place(), expected.last);
        AfterWrong::Open(format!("{place} refuses a decision after {last}, and names no other one: {reason}"))
    };
    let latest = match last_decision(shared, subject, expected.last).await {
        Err(AppendError::Unknown { reason }) => return Ok(open(&reason)),
        latest => latest?,
    };
    let (sequence, record) = match latest {
        Latest::Decision(sequence, _) if sequence == expected.last => return Ok(open("it is the last one")),
        Latest::Decision(sequence, record) => (sequence, record),
        Latest::None if expected.last == Sequence::ZERO => return Ok(open("there is none")),
        Latest::None => return Err(wrong(Sequence::ZERO)),
        Latest::Foreign(last) => return Ok(AfterWrong::Expect(last)),
    };
    shared.note(sequence);
    let mine = record.events().any(|event| {
        new_events(batch, outcomes).any(|own| {
            (own.task.as_str(), own.producer.as_str(), own.id.as_str())
                == (event.task, event.producer, event.id)
        })
    });
    shared.ids().learn(sequence, &record);
    if mine { Ok(AfterWrong::Known) } else { Err(wrong(sequence)) }
}

pub(crate) fn receipt(shared: &Shared, checked: &Checked, outcomes: Vec<AppendOutcome>) -> Receipt {
    let mut position = shared.start();
    for outcome in &outcomes {
        if let AppendOutcome::Appended(sequence) | AppendOutcome::Duplicate(sequence) = outcome {
            position.advance(checked.batch().partition, *sequence);
        }
    }
    Receipt { outcomes, position, durability: shared.options.durability }
}
