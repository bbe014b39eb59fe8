//! The gate fails open: whatever happens to the ledger, the asker gets an answer soon and can go on.

use std::sync::Arc;
use std::time::Duration;

use tollgate_log::contract::{Batch, Receipt};
use tollgate_wire::api::{GateRequest, GateResponse, Problem};

use super::{Gate, Recorded, question, response};
use crate::problem::{Answer, INTERNAL};

impl Gate {
    /// Decides whether a task may advance. The view behind the answer has seen the asker's position and what
    /// this server has appended and read; if no position is given, it has seen the log's end at the time of
    /// the question. If the view does not get there in time, the answer follows `on_stale` and says so. A
    /// failure of the check itself (the log or the rows cannot be read) is not an error: the answer is
    /// `allow` with the reason `degraded`.
    ///
    /// # Errors
    ///
    /// The problem to answer with: an unknown task, an invalid phase, an id that was already used for a
    /// different question.
    pub async fn ask(&self, tenant: &str, task: &str, request: &GateRequest) -> Answer<GateResponse> {
        let undecided = || INTERNAL.with(format!("asking the gate for task `{task}`: it was not decided"));
        let answered = self.gate_checked(tenant, task, request, None).await;
        match answered.and_then(|answer| answer.ok_or_else(undecided)) {
            Err(problem) if is_ours(&problem) => self.gate_open(tenant, task, request, &problem).await,
            answered => answered,
        }
    }

    /// Allows because the check itself failed; the decision is recorded as soon as the log accepts it.
    async fn gate_open(
        &self,
        tenant: &str,
        task: &str,
        request: &GateRequest,
        problem: &Problem,
    ) -> Answer<GateResponse> {
        let question = question(tenant, task, request)?;
        let decided = self.failed_open(&question, &problem.detail);
        self.metrics.decided(decided.verdict, decided.stale);
        match self.record_decision(&question, &decided).await {
            Ok(Recorded::Now(position)) => Ok(response(&question, decided, position)),
            Ok(Recorded::Before(first)) => Ok(*first),
            Err(problem) if is_ours(&problem) => Ok(response(&question, decided, None)),
            Err(problem) => Err(problem),
        }
    }

    /// Appends, and waits this long for the result. An append that takes longer still happens if the log
    /// comes back; its outcome is not known here.
    pub(super) async fn append_within(&self, up_to: Duration, batch: Batch) -> Result<Receipt, String> {
        let log = Arc::clone(&self.log);
        let appending = tokio::spawn(async move { log.append(batch).await });
        match tokio::time::timeout(up_to, appending).await {
            Ok(Ok(appended)) => appended.map_err(|error| error.to_string()),
            Ok(Err(died)) => Err(format!("the task that appended it died: {died}")),
            Err(_) => Err(format!("the log has not acknowledged it within {} s", up_to.as_secs())),
        }
    }
}

/// Whether the fault is the ledger's rather than the asker's.
const fn is_ours(problem: &Problem) -> bool {
    problem.status >= 500
}
