//! Folding the events of a record, and parking those that cannot be read.

use std::sync::{MutexGuard, PoisonError};

use tollgate_domain::event::RecordedEvent;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::EventLog;
use tollgate_log::record::{EventFrame, Record, StoredRecord};
use tollgate_projection::fold::{Conflict, Projection, write_task_key};
use tollgate_wire::{DecodedEvent, decode_stored};

use super::foreign::foreign_key;
use super::{View, ViewError};
use crate::quarantine::Parked;

impl<P: Projection> View<P> {
    /// What is kept up to date beside its rows.
    pub fn live(&self) -> MutexGuard<'_, P::Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn apply_event(
        &mut self,
        stored: &StoredRecord,
        place: usize,
        frame: &EventFrame<'_>,
    ) -> Result<(), ViewError> {
        // The index is below the 500 events of a record.
        let at = (stored.sequence, place as u32);
        if !self.quarantine.is_empty() {
            write_task_key(stored.record.tenant(), frame.task, &mut self.task_key);
            if self.quarantine.holds(&self.task_key) {
                self.quarantine.park(&self.task_key, at, None);
                return Ok(());
            }
        }
        // Taken out while what it read is folded: it is as large as a pointer.
        let mut decoder = self.decoder.take().unwrap_or_default();
        let folded = match decoder.decode(frame.payload) {
            Ok(decoded) => self.fold(stored.sequence, &stored.record, frame, decoded),
            Err(error) => {
                write_task_key(stored.record.tenant(), frame.task, &mut self.task_key);
                let (sequence, task) = (stored.sequence.0, frame.task);
                tracing::error!(view = P::NAME, sequence, task, %error, "event set aside, its task waits");
                self.quarantine.park(&self.task_key, at, Some(error.to_string()));
                Ok(())
            }
        };
        self.decoder = Some(decoder);
        folded
    }

    /// Records an event whose id another event already took.
    pub(super) fn apply_conflict(
        &mut self,
        stored: &StoredRecord,
        frame: &EventFrame<'_>,
        original: Sequence,
    ) -> Result<(), ViewError> {
        let (sequence, task, id) = (stored.sequence.0, frame.task, frame.id);
        tracing::warn!(
            view = P::NAME,
            sequence,
            task,
            id,
            original = original.0,
            "not counted: its id is taken"
        );
        let conflict = Conflict {
            sequence: stored.sequence,
            original,
            recorded_at: stored.record.recorded_at(),
            tenant: stored.record.tenant(),
            task: frame.task,
            producer: frame.producer,
            id: frame.id,
        };
        self.projection.conflict(&conflict, &mut self.rows)?;
        Ok(())
    }

    fn fold(
        &mut self,
        sequence: Sequence,
        record: &Record,
        frame: &EventFrame<'_>,
        decoded: &DecodedEvent,
    ) -> Result<(), ViewError> {
        let recorded_at = record.recorded_at();
        let event = RecordedEvent {
            sequence,
            partition: record.partition(),
            recorded_at,
            tenant: record.tenant(),
            task: frame.task,
            producer: frame.producer,
            id: frame.id,
            occurred_at: decoded.occurred_at.unwrap_or(recorded_at),
            body: &decoded.body,
        };
        self.projection.apply(&event, &mut self.rows)?;
        self.projection.follow(&event, self.live.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.events += 1;
        Ok(())
    }

    /// Folds the waiting events, in order, as far as they can be read now: after an upgrade, for example.
    pub(super) async fn redrive(&mut self, log: &dyn EventLog) -> Result<(), ViewError> {
        let tasks: Vec<(Vec<u8>, Parked)> =
            self.quarantine.tasks().iter().map(|(key, parked)| (key.clone(), parked.clone())).collect();
        for (key, parked) in tasks.into_iter().filter(|(key, _)| *key != foreign_key()) {
            let mut waiting = parked.waiting.iter().copied().peekable();
            let mut error = None;
            while let Some(&(sequence, place)) = waiting.peek() {
                let Some(record) = log.record_at(sequence).await? else {
                    let what = format!("record {sequence}, which waits in quarantine, is not there");
                    return Err(ViewError::OtherHistory(what));
                };
                let frame = record.event(place as usize);
                match frame.map(|frame| (frame, decode_stored(frame.payload))) {
                    Some((frame, Ok(decoded))) => self.fold(sequence, &record, &frame, &decoded)?,
                    Some((_, Err(still))) => {
                        error = Some(still.to_string());
                        break;
                    }
                    None => {}
                }
                waiting.next();
            }
            let left: Vec<_> = waiting.collect();
            if left.len() < parked.waiting.len() {
                let folded = parked.waiting.len() - left.len();
                tracing::info!(view = P::NAME, folded, left = left.len(), "events that waited were folded");
                let still = error.map(|error| Parked { error, waiting: left });
                self.quarantine.replace(&key, still);
            }
        }
        Ok(())
    }
}
