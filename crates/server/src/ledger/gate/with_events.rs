//! Questions that come with events: one request says what happened and asks whether the task may go on.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tollgate_domain::position::Position;
use tollgate_projector::queries::{DecisionBasis, DecisionBasisOf};
use tollgate_projector::{Answered, Source, Wait};
use tollgate_wire::api::{GateAfter, GateRequest, GateResponse, Outcome};

use super::{Gate, Question};
use crate::asked::tenant;
use crate::ledger::breaker::Transition;
use crate::ledger::{Appended, ReadEvent};

/// How long the answer to the events waits for a decision if the asker does not say.
const WAIT_MS: u64 = 50;

/// Longest wait that may be asked for.
const MAX_WAIT_MS: u64 = 1_000;

/// What is known about a question that came with events.
pub(super) struct WithEvents {
    /// Since when the events have been in the log.
    pub(super) since: Transition,
    /// The task's state after them, if the view has already reported it.
    pub(super) found: Option<Answered<DecisionBasis>>,
}

/// How the append of the events went, for the questions that wait for it.
#[derive(Clone)]
enum Progress {
    /// It is under way.
    Appending,
    /// All are in the log, up to here.
    InLog(Position),
    /// Some of them are not in the log.
    NotAll,
}

impl Gate {
    /// Appends the events of a request, as [`Self::append`] does, and asks the gate about them. A question
    /// has no answer if an event of the request is not in the log, or if it could not be decided in time:
    /// then nothing was recorded, and it has to be asked on its own.
    pub async fn append_and_ask(
        &self,
        events: Vec<ReadEvent>,
        gates: &[GateAfter],
    ) -> (Appended, Vec<Option<GateResponse>>) {
        let (appended, progress) = watch::channel(Progress::Appending);
        let appending = async {
            let done = self.write.append(events).await;
            let in_log = all_in_log(&done);
            appended.send_replace(if in_log {
                Progress::InLog(done.position.clone())
            } else {
                Progress::NotAll
            });
            done
        };
        let asking = gates.iter().map(|gate| self.ask_with_events(gate, progress.clone()));
        tokio::join!(appending, join_all(asking))
    }

    /// Asks one question. If the view is in another process, it is asked at once for a state later than the
    /// one this process has seen: usually that is the one with the events, and the view's answer arrives with
    /// their acknowledgement.
    async fn ask_with_events(
        &self,
        gate: &GateAfter,
        mut progress: watch::Receiver<Progress>,
    ) -> Option<GateResponse> {
        let wait = Duration::from_millis(gate.wait_ms.unwrap_or(WAIT_MS).min(MAX_WAIT_MS));
        let tenant = tenant(gate.tenant.as_deref());
        let mut request = GateRequest {
            advance_to: gate.advance_to.clone(),
            producer: gate.producer.clone(),
            id: gate.id.clone(),
            at_least: None,
            wait_ms: None,
        };
        let question = super::question(tenant, &gate.task, &request).ok()?;
        let before = self.log.seen_of(question.partition());
        let mut early = pin!(self.next_state(&question, request.id.is_some(), wait));
        let (position, found) = tokio::select! {
            position = in_log(&mut progress) => (position?, None),
            found = &mut early => (in_log(&mut progress).await?, Some(found)),
        };
        let since = self.write.transition();
        let found = match found {
            Some(found) => found,
            None if position.get(question.partition()) > before => {
                tokio::time::timeout(wait, early).await.ok().flatten()
            }
            // Events that were already in the log bring no new state to wait for.
            None => None,
        };
        let found = found.filter(|found| found.as_of.covers(&position.only(question.partition())));
        request.at_least = Some(position.to_string());
        let left = wait.saturating_sub(since.elapsed());
        request.wait_ms = Some(u64::try_from(left.as_millis()).unwrap_or(MAX_WAIT_MS));
        // Why a question has no answer is only reported when it is asked on its own.
        let with_events = WithEvents { since, found };
        self.gate_checked(tenant, &gate.task, &request, Some(with_events)).await.ok().flatten()
    }

    /// The task's state after the next record of its partition. `None`: it is not known in time, or nothing
    /// has to be asked for it.
    async fn next_state(
        &self,
        question: &Question,
        with_id: bool,
        up_to: Duration,
    ) -> Option<Answered<DecisionBasis>> {
        let Source::Remote(view) = self.ask.status() else { return None };
        let partition = question.partition();
        let names = if with_id { vec![question.name()] } else { Vec::new() };
        let query =
            DecisionBasisOf::new(question.tenant.as_str(), question.task.as_str(), self.ask.now(), &names);
        let mut next = Position::start(self.log.epoch().id);
        next.advance(partition, self.log.seen_of(partition).next());
        view.ask(partition, Wait { at_least: Some(&next), up_to }, &query).await.ok()
    }
}

/// Waits until the events are appended; `None` if not all of them are in the log.
async fn in_log(progress: &mut watch::Receiver<Progress>) -> Option<Position> {
    let done = progress.wait_for(|progress| !matches!(progress, Progress::Appending)).await.ok()?;
    match &*done {
        Progress::InLog(position) => Some(position.clone()),
        Progress::Appending | Progress::NotAll => None,
    }
}

fn all_in_log(appended: &Appended) -> bool {
    let in_log = |outcome: Outcome| matches!(outcome, Outcome::Appended | Outcome::Duplicate);
    appended.trouble.is_none() && appended.outcomes.iter().all(|answer| in_log(answer.outcome))
}
