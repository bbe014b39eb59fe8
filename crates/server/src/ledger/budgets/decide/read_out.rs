//! What was decided about a tenant's money, read out of the log itself: where the view that has it does not answer,
//! policies do what they say of figures that are behind, also on a server that has not decided for the tenant before.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_domain::budget::BudgetState;
use tollgate_domain::event::{BudgetEvent, EventBody};
use tollgate_domain::ids::BUDGET_TASK;
use tollgate_domain::position::Sequence;
use tollgate_log::contract::{Partitions, RecordReader};
use tollgate_log::record::StoredRecord;
use tollgate_wire::api::Problem;
use tollgate_wire::decode_stored;

use super::Decider;
use crate::problem::{Answer, STALE, of_read};

/// A reading of the log that goes on where it was left: of a long log, the next request does.
pub(super) struct Reading {
    /// Nobody else has it: only so can what decides be shared.
    reader: Mutex<Box<dyn RecordReader>>,
    /// Records that were read and not looked at.
    unread: VecDeque<StoredRecord>,
    state: BudgetState,
    /// The tenant's last decision so far.
    last: Sequence,
    /// The last record that was looked at.
    at: Sequence,
}

impl Decider {
    /// The state at this record of its partition, and the last decision; `None`: the log is too long to be read in
    /// this time. May be dropped, and may fail: what was read so far stays.
    pub(super) async fn read_out(
        &mut self,
        end: Sequence,
        up_to: Duration,
    ) -> Answer<Option<(BudgetState, Sequence)>> {
        if let Ok(read) = tokio::time::timeout(up_to, self.read_to(end)).await {
            read?;
        }
        let Some(reading) = self.reading.as_ref().filter(|reading| reading.at >= end) else {
            return Ok(None);
        };
        let (mut state, last) = (reading.state.clone(), reading.last);
        self.uses.loaded(&mut state);
        Ok(Some((state, last)))
    }

    async fn read_to(&mut self, end: Sequence) -> Answer<()> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => {
                let (state, last) = self.known.clone().unwrap_or_default();
                let read = self.log.read_unchained(Partitions::only(self.partition), last).await;
                let reader = Mutex::new(read.map_err(|error| of_read(&error))?);
                none.insert(Reading { reader, unread: VecDeque::new(), state, last, at: last })
            }
        };
        while reading.at < end {
            if reading.unread.is_empty() {
                let reader = reading.reader.get_mut().unwrap_or_else(PoisonError::into_inner);
                reading.unread = reader.try_next().await.map_err(|error| of_read(&error))?.into();
            }
            if reading.unread.is_empty() {
                break;
            }
            while let Some(stored) = reading.unread.front() {
                if let Some(decided) = decided(self.tenant.as_str(), stored)? {
                    decided.iter().for_each(|event| reading.state.apply(event));
                    reading.last = stored.sequence;
                }
                reading.at = stored.sequence;
                reading.unread.pop_front();
            }
            // So that the time can end, and others run, also where records come without waiting.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Why nothing can be decided yet.
    pub(super) fn still_reading(&self, problem: &Problem, end: Sequence) -> Box<Problem> {
        let at = self.reading.as_ref().map_or(Sequence::ZERO, |reading| reading.at);
        STALE.with(format!(
            "deciding about money of tenant `{}`: its policies are not known here. {}. They are being read out of the log, up \
             to record {} of {} so far: ask again",
            self.tenant,
            problem.detail.trim_end_matches('.').trim_end_matches("; ask again"),
            at.0,
            end.0
        ))
    }
}

/// What a record decides about a tenant's money; `None`: it is about something else.
fn decided(tenant: &str, stored: &StoredRecord) -> Answer<Option<Vec<BudgetEvent>>> {
    if stored.record.tenant() != tenant {
        return Ok(None);
    }
    let mut decided = None;
    for frame in stored.record.events().filter(|frame| frame.task == BUDGET_TASK) {
        let decoded = decode_stored(frame.payload).map_err(|error| {
            STALE.with(format!(
                "deciding about money of tenant `{tenant}`: record {} of the log cannot be read, and the view `spending` does not \
                 answer: {error}",
                stored.sequence.0
            ))
        })?;
        let decided = decided.get_or_insert_with(Vec::new);
        if let EventBody::Budget(event) = decoded.body {
            decided.push(event);
        }
    }
    Ok(decided)
}
