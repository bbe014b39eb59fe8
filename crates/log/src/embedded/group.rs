//! Group commit: whatever is appended while the last sync runs becomes the next group. No timer.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tollgate_domain::position::{PARTITIONS, Sequence};

use super::frame;
use super::segment::Heads;
use crate::admission::{Admitted, Checked, new_events, roll_back};
use crate::contract::{AppendError, Found};
use crate::index::IdIndex;
use crate::key::{ChainHash, Key, RecordHash};
use crate::record::{self, RecordHead};

/// The most bytes that may wait for the disk. More means that producers are far ahead of it; they are asked
/// to try again.
pub(super) const MAX_WAITING_BYTES: usize = 64 << 20;

/// Notified when a sequence is durable, or with the reason why it will not be.
pub(super) type Waiter = oneshot::Sender<Result<(), AppendError>>;

/// The state shared by appenders and the writer, behind one lock.
pub(super) struct Shared {
    /// Ids of everything appended, whether durable or in flight.
    pub(super) index: IdIndex,
    /// The last sequence assigned.
    pub(super) assigned: Sequence,
    /// Chains after the last assigned sequence.
    chains: [ChainHash; PARTITIONS],
    /// The last durable sequence.
    pub(super) durable: Sequence,
    /// The last sequence that is certainly on the disk, whatever the durability class: what a frame records
    /// about those before it.
    pub(super) synced: Sequence,
    /// The group for the next sync.
    pub(super) building: Group,
    /// A group's buffers after use, ready to be filled again.
    pub(super) recycled: Option<Group>,
    /// Waiting appends, by ascending sequence.
    waiters: VecDeque<(Sequence, Waiter)>,
    /// What to restore in the index if a record does not become durable, by ascending sequence.
    undo: VecDeque<(Sequence, Key, Option<Found>)>,
    /// How often records that did not become durable were rolled back.
    pub(super) taken_back: u64,
    /// Bytes handed to the writer that are not durable yet.
    pub(super) in_flight_bytes: usize,
    /// Set while the disk is full or something else is missing: appends are still attempted.
    pub(super) refusing: Option<String>,
    /// Set while the id index is being rebuilt: nothing is appended meanwhile.
    pub(super) indexing: Option<String>,
    /// Set when the writer has stopped for good.
    pub(super) stopped: Option<String>,
    /// Set when the log is being closed.
    pub(super) closing: bool,
}

/// Frames that are written and synced together.
#[derive(Default)]
pub(super) struct Group {
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends.
    pub(super) ends: Vec<usize>,
}

impl Group {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

impl Shared {
    pub(super) fn new(index: IdIndex, heads: &Heads) -> Self {
        Self {
            index,
            assigned: heads.last,
            chains: heads.chains,
            durable: heads.last,
            synced: heads.last,
            building: Group::default(),
            recycled: None,
            waiters: VecDeque::new(),
            undo: VecDeque::new(),
            taken_back: 0,
            in_flight_bytes: 0,
            refusing: None,
            indexing: None,
            stopped: None,
            closing: false,
        }
    }

    /// Returns an error if nothing can be appended.
    pub(super) fn check_open(&self) -> Result<(), AppendError> {
        if let Some(reason) = &self.stopped {
            return Err(AppendError::Stopped { reason: reason.clone() });
        }
        if self.closing {
            return Err(AppendError::Stopped { reason: "it is being closed".to_owned() });
        }
        if let Some(reason) = &self.indexing {
            return Err(AppendError::Unavailable { reason: reason.clone() });
        }
        let waiting_bytes = self.building.bytes.len() + self.in_flight_bytes;
        if waiting_bytes > MAX_WAITING_BYTES {
            return Err(AppendError::Overloaded { waiting_bytes, limit: MAX_WAITING_BYTES });
        }
        Ok(())
    }

    /// Builds the record of an admitted batch into the next group.
    pub(super) fn build(
        &mut self,
        checked: &Checked,
        admitted: &mut Admitted,
        now: tollgate_domain::time::Timestamp,
    ) {
        let batch = &checked.batch;
        let sequence = self.assigned.next();
        let head = RecordHead {
            partition: batch.partition,
            recorded_at: batch.recorded_at.unwrap_or(now),
            tenant: batch.tenant.as_str(),
            decision_subject: batch.decision.as_ref().map(|expected| expected.subject.as_str()),
        };
        let buffer = &mut self.building.bytes;
        let start = frame::begin(buffer);
        // `encode` asks for the number of events, which a filter does not know, so the new ones are collected.
        let new: Vec<_> = new_events(batch, &admitted.outcomes).collect();
        record::encode(&head, new.into_iter(), buffer);
        let chain = &mut self.chains[batch.partition.index()];
        *chain = chain.then(RecordHash::of(&buffer[start + frame::FRAME_HEADER..]));
        frame::finish(buffer, start, sequence, self.synced, *chain);
        self.building.ends.push(buffer.len());
        self.assigned = sequence;
        let undo = std::mem::take(&mut admitted.undo);
        self.undo.extend(undo.into_iter().map(|(key, previous)| (sequence, key, previous)));
    }

    /// Waits for a sequence to be durable; `None` when it is.
    pub(super) fn wait_for(
        &mut self,
        sequence: Sequence,
    ) -> Option<oneshot::Receiver<Result<(), AppendError>>> {
        if sequence <= self.durable {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        // Mostly the newest; but a duplicate of a pending event may wait for an earlier one.
        let at = self.waiters.partition_point(|(other, _)| *other <= sequence);
        self.waiters.insert(at, (sequence, sender));
        Some(receiver)
    }

    /// The group that formed, for the writer; `None` if nothing is waiting.
    pub(super) fn take_group(&mut self) -> Option<Group> {
        if self.building.ends.is_empty() {
            self.in_flight_bytes = 0;
            return None;
        }
        let empty = self.recycled.take().unwrap_or_default();
        let group = std::mem::replace(&mut self.building, empty);
        self.in_flight_bytes = group.bytes.len();
        Some(group)
    }

    /// Records what is durable. Returns those that waited for it.
    pub(super) fn make_durable(&mut self, durable: Sequence) -> Vec<Waiter> {
        self.durable = durable;
        let kept = self.undo.partition_point(|(sequence, ..)| *sequence <= durable);
        self.undo.drain(..kept);
        let served = self.waiters.partition_point(|(sequence, _)| *sequence <= durable);
        self.waiters.drain(..served).map(|(_, waiter)| waiter).collect()
    }

    /// Drops all waiters.
    pub(super) fn forget_waiters(&mut self) {
        self.waiters.clear();
    }

    /// Rolls back everything that is not durable. Returns those that waited for it.
    pub(super) fn take_back(&mut self, heads: &Heads) -> Vec<Waiter> {
        let undo = self.undo.drain(..).map(|(_, key, previous)| (key, previous)).collect();
        roll_back(&mut self.index, undo);
        self.taken_back += 1;
        self.assigned = heads.last;
        self.chains = heads.chains;
        self.building.clear();
        self.waiters.drain(..).map(|(_, waiter)| waiter).collect()
    }
}
