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

    /// The state to decide with, and whether nothing more can be known of it. What is known is good enough where nobody
    /// else decides. Where the view does not answer, the log says what was decided since, or ever; what is known has to
    /// do where that takes too long. Then policies do what they say of figures that are behind.
    pub(super) async fn current(
        &mut self,
        may_be_behind: bool,
        wait: Duration,
    ) -> Answer<(BudgetState, Sequence, bool)> {
        let kept = match self.known.take() {
            Some((state, last)) if !may_be_behind => return Ok((state, last, !self.others_decide())),
            kept => kept,
        };
        let up_to = if kept.is_some() { wait.max(BRIEFLY) } else { VIEW_WAIT };
        let problem = match self.load(up_to).await {
            Ok((state, last)) => {
                self.reading = None;
                return Ok((state, last, true));
            }
            Err(problem) if is_behind(&problem) => problem,
            Err(problem) => return Err(problem),
        };
        let end = self.log.tail_of(self.partition).await.map_err(|error| of_read(&error))?;
        match (self.read_out(kept.clone(), end, up_to).await?, kept) {
            (Some((state, last)), _) | (None, Some((state, last))) => Ok((state, last, true)),
            (None, None) => Err(self.still_reading(&problem, end)),
        }
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
