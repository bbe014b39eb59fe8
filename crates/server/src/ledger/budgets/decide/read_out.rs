//! What was decided about a tenant's money, read out of the log itself: where the view that has it does not answer,
//! policies do what they say of figures that are behind, also on a server that has not decided for the tenant before.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::budget::BudgetState;
use tollgate_domain::event::EventBody;
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
    state: BudgetState,
    /// The tenant's last decision so far.
    last: Sequence,
    /// The last record that was looked at.
    at: Sequence,
}

impl Decider {
    /// The state at this record of its partition, and the last decision; `None`: the log is too long to be read in
    /// this time. `kept`: what is known of an earlier record.
    pub(super) async fn read_out(
        &mut self,
        kept: Option<(BudgetState, Sequence)>,
        end: Sequence,
        up_to: Duration,
    ) -> Answer<Option<(BudgetState, Sequence)>> {
        let began = Stopwatch::start();
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => {
                let (state, last) = kept.unwrap_or_default();
                let read = self.log.read_unchained(Partitions::only(self.partition), last).await;
                Reading { reader: Mutex::new(read.map_err(|error| of_read(&error))?), state, last, at: last }
            }
        };
        while reading.at < end && began.elapsed() < up_to {
            let reader = reading.reader.get_mut().unwrap_or_else(PoisonError::into_inner);
            let records = reader.try_next().await.map_err(|error| of_read(&error))?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                self.read(&mut reading, record)?;
            }
        }
        let is_there = reading.at >= end;
        let mut found = (reading.state.clone(), reading.last);
        self.reading = Some(reading);
        self.uses.loaded(&mut found.0);
        Ok(is_there.then_some(found))
    }

    fn read(&self, reading: &mut Reading, stored: &StoredRecord) -> Answer<()> {
        reading.at = stored.sequence;
        if stored.record.tenant() != self.tenant.as_str() {
            return Ok(());
        }
        for frame in stored.record.events().filter(|frame| frame.task == BUDGET_TASK) {
            let decoded = decode_stored(frame.payload).map_err(|error| {
                STALE.with(format!(
                    "deciding about money of tenant `{}`: record {} of the log cannot be read, and the view `spending` does not \
                     answer: {error}",
                    self.tenant, stored.sequence.0
                ))
            })?;
            if let EventBody::Budget(decided) = &decoded.body {
                reading.state.apply(decided);
            }
            reading.last = stored.sequence;
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
            problem.detail.trim_end_matches('.'),
            at.0,
            end.0
        ))
    }
}
