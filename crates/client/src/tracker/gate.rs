//! Asking the gate, and answering on its behalf if the ledger cannot be reached.

use std::time::Duration;

use tollgate_clock::sleep;
use tollgate_domain::gate::Verdict;
use tollgate_domain::ids::TaskId;
use tollgate_domain::phase::Advance;
use tollgate_wire::FieldError;
use tollgate_wire::api::{GateAfter, GateRequest, GateResponse};

use super::Tracker;
use super::outcome::FlushError;
use super::report::invalid;
use crate::error::ClientError;

/// How often one gate request is tried.
const TRIES: u32 = 3;

/// What the tracker answers if the ledger cannot be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnreachable {
    /// Go on: a budget ledger must not stop the work because it is itself away.
    #[default]
    Open,
    /// Do not go on: nothing is spent that was not allowed.
    Closed,
}

/// Whether the task may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateAnswer {
    /// The answer.
    pub verdict: Verdict,
    /// The ledger's full answer, with reasons; absent if the policy decided.
    pub response: Option<GateResponse>,
    /// Who decided.
    pub decided_by: DecidedBy,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// The ledger, based on everything reported before.
    Server,
    /// The tracker's [`OnUnreachable`].
    Policy {
        /// Why the ledger could not be reached.
        reason: String,
    },
}

/// Why the request got no answer, not even by policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// The request breaks a rule.
    #[error("asking the gate: {0}")]
    Invalid(#[from] FieldError),
    /// The ledger is there and refuses the request: no such task, no such phase.
    #[error("asking the gate: {0}")]
    Refused(ClientError),
    /// The tracker has ended.
    #[error("asking the gate: the tracker is closed")]
    Closed,
}

/// Whether a problem is caused by the request itself, rather than by a ledger that is away or busy, that takes no key
/// of ours (401, 403), or that is a different one (421).
const fn is_about_the_question(status: u16) -> bool {
    status < 500 && !matches!(status, 401 | 403 | 408 | 421 | 429)
}

/// Why the ledger gave no verdict.
enum NoVerdict {
    Unreachable(String),
    Error(GateError),
}

impl Tracker {
    /// Asks whether a task may enter a phase, or `completion`. What was reported before is delivered first,
    /// and the answer takes it into account. If the ledger cannot be reached within the tracker's patience,
    /// or accepts no events or no key, the [`OnUnreachable`] policy answers, and the answer says so.
    ///
    /// # Errors
    ///
    /// [`GateError`]. A `block` is an answer, not an error.
    pub async fn gate(&self, task: &str, advance_to: &str) -> Result<GateAnswer, GateError> {
        let task = TaskId::new(task).map_err(|error| invalid(&error))?;
        let advance: Advance = advance_to.parse().map_err(|_| FieldError {
            field: "advance_to".to_owned(),
            value: advance_to.chars().take(80).collect(),
            rule: "must be the phase to enter, or `completion`".to_owned(),
        })?;
        let patience = self.inner.gate_patience;
        let asked = tokio::time::timeout(patience, self.ask(&task, &advance)).await;
        let late = || Err(NoVerdict::Unreachable(format!("no answer within {} ms", patience.as_millis())));
        match asked.unwrap_or_else(|_| late()) {
            Ok(answer) => Ok(answer),
            Err(NoVerdict::Unreachable(reason)) => Ok(self.by_policy(&task, &advance, reason)),
            Err(NoVerdict::Error(error)) => Err(error),
        }
    }

    async fn ask(&self, task: &TaskId, advance: &Advance) -> Result<GateAnswer, NoVerdict> {
        let along = GateAfter {
            tenant: Some(self.inner.tenant.as_str().to_owned()),
            task: task.as_str().to_owned(),
            advance_to: advance.to_string(),
            producer: Some(self.inner.producer.as_str().to_owned()),
            id: Some(self.inner.random.id()),
            wait_ms: None,
        };
        // Sent together with what was reported before, if anything is waiting: one request. Sent alone it
        // gets the same answer, under the same id.
        if let Some(answered) = self.inner.shared.ask_along(along.clone())
            && let Ok(response) = answered.await
        {
            return Ok(self.answered(response));
        }
        let at_least = self.flush().await.map_err(|error| match error {
            FlushError::Away { .. } => NoVerdict::Unreachable(error.to_string()),
            FlushError::Closed => NoVerdict::Error(GateError::Closed),
        })?;
        let request = GateRequest {
            advance_to: along.advance_to,
            producer: along.producer,
            id: along.id,
            at_least: at_least.map(|position| position.to_string()),
            wait_ms: None,
        };
        let mut failures = 0;
        loop {
            failures += 1;
            match self.inner.client.gate(task.as_str(), &request).await {
                Ok(response) => return Ok(self.answered(response)),
                Err(error) if error.is_retryable() && failures < TRIES => {
                    let delay = self.inner.backoff.delay(failures, self.inner.random.number(), None);
                    sleep(delay.min(Duration::from_secs(1))).await;
                }
                Err(ClientError::Problem(problem)) if is_about_the_question(problem.status) => {
                    return Err(NoVerdict::Error(GateError::Refused(ClientError::Problem(problem))));
                }
                Err(error) => return Err(NoVerdict::Unreachable(error.to_string())),
            }
        }
    }

    fn answered(&self, response: GateResponse) -> GateAnswer {
        if let Some(Ok(new)) = response.position.as_deref().map(str::parse) {
            let mut state = self.inner.shared.state();
            match &mut state.position {
                Some(position) => position.merge(&new),
                None => state.position = Some(new),
            }
        }
        GateAnswer { verdict: response.verdict, response: Some(response), decided_by: DecidedBy::Server }
    }

    fn by_policy(&self, task: &TaskId, advance: &Advance, reason: String) -> GateAnswer {
        let verdict = match self.inner.on_unreachable {
            OnUnreachable::Open => Verdict::Allow,
            OnUnreachable::Closed => Verdict::Block,
        };
        self.inner.shared.state().stats.gates_by_policy += 1;
        tracing::warn!(
            %task, %advance, verdict = verdict.as_str(), reason,
            "the gate could not be asked, the policy answers"
        );
        GateAnswer { verdict, response: None, decided_by: DecidedBy::Policy { reason } }
    }
}
