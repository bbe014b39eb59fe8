//! What a decision starts from.

use std::time::Duration;

use tollgate_domain::budget::BudgetState;
use tollgate_domain::position::{Position, Sequence};
use tollgate_log::contract::DedupScope;
use tollgate_wire::api::Problem;

use super::{Command, Decider};
use crate::ledger::ask::VIEW_WAIT;
use crate::ledger::budgets::command::BRIEFLY;
use crate::problem::{Answer, NO_PROJECTOR, STALE, of_read};

/// What a decision starts from.
pub(super) struct Start {
    pub(super) state: BudgetState,
    /// The last decision in it.
    pub(super) last: Sequence,
    /// Whether nothing more can be known.
    pub(super) is_current: bool,
    /// Whether the view was asked and did not answer.
    pub(super) without_view: bool,
}

impl Decider {
    /// Whether others may have decided since, and nothing would show it: a question is not appended, so the log
    /// cannot object.
    pub(super) fn may_be_behind(&self, commands: &[Command]) -> bool {
        self.others_decide() && commands.iter().any(|command| command.what.is_question())
    }

    /// Whether other servers append to this log, too.
    pub(super) fn others_decide(&self) -> bool {
        self.log.dedup() == DedupScope::Window
    }

    /// The state to decide with. What is known is good enough where nobody else decides. Where the view does not
    /// answer, the log says what was decided since, or ever; what is known has to do where that takes too long, or
    /// fails. Then policies do what they say of figures that are behind.
    ///
    /// The view and the log share the time. Whoever asks may go away at any moment: what is known, and what was read
    /// so far, stays.
    pub(super) async fn current(&mut self, may_be_behind: bool, wait: Duration) -> Answer<Start> {
        if !may_be_behind && let Some((state, last)) = self.known.take() {
            return Ok(Start { state, last, is_current: !self.others_decide(), without_view: false });
        }
        let up_to = if self.known.is_some() { wait } else { VIEW_WAIT };
        // A view for which the log is being read already is only looked at.
        let for_view = if self.reading.is_some() { BRIEFLY } else { BRIEFLY.max(up_to / 2) };
        let problem = match self.load(for_view).await {
            Ok((state, last)) => {
                (self.known, self.reading) = (None, None);
                return Ok(Start { state, last, is_current: true, without_view: false });
            }
            Err(problem) if is_behind(&problem) => problem,
            Err(problem) => return Err(problem),
        };
        let end = self.log.tail_of(self.partition).await.map_err(|error| of_read(&error))?;
        let read = self.read_out(end, BRIEFLY.max(up_to.saturating_sub(for_view))).await;
        let found = match (read, self.known.take()) {
            (Ok(Some(found)), _) => found,
            (Ok(None), Some(known)) => known,
            (Err(unread), Some(known)) => {
                tracing::warn!(tenant = self.tenant.as_str(), problem = %unread.detail, "decides without later decisions of others");
                known
            }
            (Ok(None), None) => return Err(self.still_reading(&problem, end)),
            (Err(unread), None) => return Err(unread),
        };
        let (state, last) = found;
        Ok(Start { state, last, is_current: true, without_view: true })
    }

    /// What was decided by now as far as it can be known here, and the position of the last decision.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub(in crate::ledger::budgets) async fn state(&mut self) -> Answer<(BudgetState, String)> {
        let Start { state, last, .. } = self.current(self.others_decide(), BRIEFLY).await?;
        self.known = Some((state.clone(), last));
        let mut as_of = Position::start(self.log.epoch().id);
        as_of.advance(self.partition, last);
        Ok((state, as_of.to_string()))
    }

    /// The state as the view has it, as of the end of its partition.
    async fn load(&mut self, up_to: Duration) -> Answer<(BudgetState, Sequence)> {
        let end = self.log.tail_of(self.partition).await.map_err(|error| of_read(&error))?;
        let mut at_least = Position::start(self.log.epoch().id);
        at_least.advance(self.partition, end);
        if let Some(seen) = &self.seen {
            at_least.merge(seen);
        }
        let found = self.ask.tenant_budgets(&self.tenant, &at_least, up_to).await?;
        self.seen = None;
        let mut state = found.state;
        self.uses.loaded(&mut state);
        Ok((state, found.last_decision))
    }
}

/// Whether a view does not answer, or not in time.
pub(in crate::ledger::budgets) fn is_behind(problem: &Problem) -> bool {
    [STALE.code, NO_PROJECTOR.code].contains(&problem.code.as_str())
}
