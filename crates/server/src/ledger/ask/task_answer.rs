//! The state of a task, for those who decide about it.

use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::phase::Advance;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{DedupScope, EventName, Found};
use tollgate_projector::queries::{DecisionBasis, DecisionBasisOf, FindEvents};
use tollgate_projector::{Answered, QueryError, Source, Wait};

use super::decided::Decidable;
use super::{Queries, VIEW_WAIT};
use crate::problem::{Answer, of_query, of_read};

/// What to ask the view.
pub(in crate::ledger) struct Ask<'a> {
    pub(in crate::ledger) tenant: &'a TenantId,
    pub(in crate::ledger) task: &'a TaskId,
    /// Events of the task to look up as well, where the log only knows them within a window.
    pub(in crate::ledger) names: &'a [EventName],
    /// What the asker has seen: the answer contains it.
    pub(in crate::ledger) at_least: Option<&'a Position>,
    /// What else it has to contain.
    pub(in crate::ledger) through: Through,
    /// How long to wait for the view.
    pub(in crate::ledger) up_to: Duration,
}

/// How much of the task's partition an answer contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Through {
    /// The log's end at the time of the question.
    End,
    /// What this process has appended and read. On a data directory that is the end; over NATS other
    /// processes may have appended more a moment ago, and the log is not asked.
    Seen,
}

/// An answer, and up to where it is true.
pub(in crate::ledger) struct TaskAnswer {
    pub(in crate::ledger) found: DecisionBasis,
    pub(in crate::ledger) as_of: Position,
}

impl Queries {
    /// The state of a task. If it has to contain the log's end, the log and the view are asked at the same
    /// time: usually the view already contains it. If not, the view is asked again.
    ///
    /// # Errors
    ///
    /// The outer error is from reading the log's end; the inner one says why the view gave no answer.
    pub(in crate::ledger) async fn task_answer(
        &self,
        ask: Ask<'_>,
    ) -> Answer<Result<TaskAnswer, QueryError>> {
        let took = Stopwatch::start();
        let partition = PartitionId::of(ask.tenant.as_str(), ask.task.as_str());
        let names = if self.log.dedup() == DedupScope::Life { &[] } else { ask.names };
        let query = DecisionBasisOf::new(ask.tenant.as_str(), ask.task.as_str(), self.clock.now(), names);
        let end = async { self.log.tail_of(partition).await.map_err(|error| of_read(&error)) };
        let (end, first) = match self.status() {
            // In one process the end costs nothing to read, so nothing is asked twice.
            Source::Local(_) => (end.await?, None),
            Source::Remote(_) if ask.through == Through::Seen => (self.log.seen_of(partition), None),
            Source::Remote(_) => {
                let wait = Wait { at_least: ask.at_least, up_to: ask.up_to };
                let first = async { Ok(self.status().ask(partition, wait, &query).await) };
                let (end, first) = tokio::try_join!(end, first)?;
                (end, Some(first))
            }
        };
        let answered = match first {
            Some(Ok(answered)) if answered.as_of.get(partition) >= end => Ok(answered),
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => {
                let mut wanted = Position::start(self.log.epoch().id);
                wanted.advance(partition, end);
                if let Some(asked) = ask.at_least {
                    wanted.merge(asked);
                }
                let wait = Wait { at_least: Some(&wanted), up_to: ask.up_to.saturating_sub(took.elapsed()) };
                self.status().ask(partition, wait, &query).await
            }
        };
        Ok(answered.map(|answered| self.learned(ask.tenant, ask.task, answered)))
    }

    /// Records that the gate answered about a task, and which advance it blocks.
    pub(in crate::ledger) fn gated(&self, tenant: &TenantId, task: &TaskId, blocked: Option<Advance>) {
        self.known.gated(tenant, task, blocked);
    }

    /// Records what the view said about a task.
    pub(in crate::ledger) fn learned(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        answered: Answered<DecisionBasis>,
    ) -> TaskAnswer {
        let Answered { answer: found, as_of, .. } = answered;
        self.known.compare(tenant, task, &found);
        TaskAnswer { found, as_of }
    }

    /// Which of these events, all of one task, are already in the log; `None`: that cannot be told without
    /// the task's state as of the log's end.
    ///
    /// A decision's id can only collide with that of another decision about the task, or of one of this
    /// process's appends. Both are known here if the task began here. If it did not, the projector's id index
    /// has the earlier ones.
    pub(in crate::ledger) async fn known_events(
        &self,
        known: &Decidable,
        names: &[EventName],
    ) -> Answer<Vec<Option<Found>>> {
        let mut found = self.log.find(names.to_vec()).await.map_err(|error| of_read(&error))?;
        let all_remembered = known.begun_after.is_some_and(|begun| self.log.remembers_after() <= begun);
        if self.log.dedup() == DedupScope::Life || all_remembered || found.iter().all(Option::is_some) {
            return Ok(found);
        }
        let (Some(query), Some(first)) = (FindEvents::of(names), names.first()) else { return Ok(found) };
        let partition = PartitionId::of(first.tenant.as_str(), first.task.as_str());
        let mut decided = Position::start(self.log.epoch().id);
        decided.advance(partition, known.last);
        let wait = Wait { at_least: Some(&decided), up_to: VIEW_WAIT };
        let asked = self.status().ask(partition, wait, &query).await;
        let indexed = asked.map_err(|error| of_query(&error))?.answer;
        for (found, indexed) in found.iter_mut().zip(indexed) {
            *found = found.or(indexed.map(Found::from));
        }
        Ok(found)
    }
}
