//! What was decided about a tenant's money, read out of the log itself: where the view that has it does not answer,
//! policies do what they say of figures that are behind, also on a server that has not decided for the tenant before.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_domain::budget::BudgetState;
use tollgate_domain::event::{BudgetEvent, EventBody};
use tollgate_domain::ids::{BUDGET_TASK, EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Sequence;
use tollgate_log::contract::{DedupScope, EventName, Partitions, RecordReader};
use tollgate_log::key::{IdScope, Key};
use tollgate_log::record::{EventFrame, StoredRecord};
use tollgate_wire::api::Problem;
use tollgate_wire::decode_stored;

use super::Decider;
use crate::problem::{Answer, BUSY, STALE, of_read};

/// For how many tenants a server reads at once: each reading goes through all of a partition, on JetStream through all
/// of the stream, with some MiB on their way.
pub(in crate::ledger::budgets) const READ_AT_ONCE: usize = 4;

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
    repeats: Repeats,
}

/// What tells that a decision is in the log once more: a late retry can be where the log knows ids for a while only.
enum Repeats {
    /// The log has each event once.
    Never,
    /// The ids of all decisions from the first one.
    Seen(HashSet<Key>),
    /// Those before the first one that is read are not known here: who knows all ids is asked.
    Asked,
}

impl Decider {
    /// The state at this record of its partition, and the last decision; `None`: the log is too long to be read in
    /// this time. May be dropped, and may fail: what was read so far stays.
    pub(super) async fn read_out(
        &mut self,
        end: Sequence,
        up_to: Duration,
    ) -> Answer<Option<(BudgetState, Sequence)>> {
        let (turns, mut has_turn) = (Arc::clone(&self.turns), false);
        let in_turn = async {
            let _turn = turns.acquire().await;
            has_turn = true;
            self.read_to(end).await
        };
        match tokio::time::timeout(up_to, in_turn).await {
            Ok(read) => read?,
            Err(_) if has_turn => {}
            Err(_) => {
                return Err(BUSY.with(format!(
                    "deciding about money of tenant `{}`: the view `spending` does not answer, and what was decided about \
                     {READ_AT_ONCE} other tenants is being read out of the log already, as many as are at once: ask again",
                    self.tenant
                )));
            }
        }
        let Some(reading) = self.reading.take_if(|reading| reading.at >= end) else {
            return Ok(None);
        };
        let (mut state, last) = if self.others_decide() {
            // What they decide next is read on from here.
            let found = (reading.state.clone(), reading.last);
            self.reading = Some(reading);
            found
        } else {
            (reading.state, reading.last)
        };
        self.uses.loaded(&mut state);
        Ok(Some((state, last)))
    }

    async fn read_to(&mut self, end: Sequence) -> Answer<()> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => {
                let (state, last) = self.known.clone().unwrap_or_default();
                let repeats = match self.log.dedup() {
                    DedupScope::Life => Repeats::Never,
                    DedupScope::Window if last == Sequence::ZERO => Repeats::Seen(HashSet::new()),
                    DedupScope::Window => Repeats::Asked,
                };
                let read = self.log.read_unchained(Partitions::only(self.partition), last).await;
                let reader = Mutex::new(read.map_err(|error| of_read(&error))?);
                none.insert(Reading { reader, unread: VecDeque::new(), state, last, at: last, repeats })
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
            let mut repeated = HashSet::new();
            if matches!(reading.repeats, Repeats::Asked) {
                let names = names(&self.tenant, &reading.unread);
                let found = self.ask.find(names.iter().map(|(_, name)| name.clone()).collect()).await?;
                let known = names.iter().zip(found);
                let earlier =
                    known.filter(|((at, _), found)| found.is_some_and(|found| found.sequence < *at));
                repeated.extend(earlier.map(|((at, name), _)| (*at, Key::of_event(name))));
            }
            while let Some(stored) = reading.unread.front() {
                let at = stored.sequence;
                if let Some(decided) = decided(self.tenant.as_str(), stored)? {
                    for (key, event) in decided {
                        if !repeated.contains(&(at, key)) && reading.repeats.is_first(key) {
                            reading.state.apply(&event);
                        }
                    }
                    reading.last = at;
                }
                reading.at = at;
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

impl Repeats {
    /// Whether a decision was not read before, as far as it is known here.
    fn is_first(&mut self, key: Key) -> bool {
        match self {
            Self::Seen(seen) => seen.insert(key),
            Self::Never | Self::Asked => true,
        }
    }
}

fn decides(frame: &EventFrame<'_>) -> bool {
    frame.task == BUDGET_TASK
}

/// The names of a tenant's decisions, and their records.
fn names<'a>(
    tenant: &TenantId,
    records: impl IntoIterator<Item = &'a StoredRecord>,
) -> Vec<(Sequence, EventName)> {
    let of_tenant = records.into_iter().filter(|stored| stored.record.tenant() == tenant.as_str());
    let frames = of_tenant.flat_map(|stored| {
        stored.record.events().filter(decides).map(|frame| (stored.sequence, frame.producer, frame.id))
    });
    let name = |(at, producer, id): (Sequence, &str, &str)| {
        // What was appended has valid names.
        let (producer, id) = (ProducerId::new(producer).ok()?, EventId::new(id).ok()?);
        Some((at, EventName { tenant: tenant.clone(), task: TaskId::budget(), producer, id }))
    };
    frames.filter_map(name).collect()
}

/// What a record decides about a tenant's money; `None`: it is about something else.
fn decided(tenant: &str, stored: &StoredRecord) -> Answer<Option<Vec<(Key, BudgetEvent)>>> {
    if stored.record.tenant() != tenant {
        return Ok(None);
    }
    let mut decided = None;
    for frame in stored.record.events().filter(decides) {
        let decoded = decode_stored(frame.payload).map_err(|error| {
            STALE.with(format!(
                "deciding about money of tenant `{tenant}`: record {} of the log cannot be read, and the view `spending` does not \
                 answer: {error}",
                stored.sequence.0
            ))
        })?;
        let decided = decided.get_or_insert_with(Vec::new);
        if let EventBody::Budget(event) = decoded.body {
            decided.push((IdScope::of(tenant, frame.task, frame.producer).key(frame.id), event));
        }
    }
    Ok(decided)
}
