//! Tasks that the gate blocked, for the reactor that opens their remediations.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use tollgate_deliver::notice::Remediation;
use tollgate_domain::gate::{Requirement, Verdict, remediation_of};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::GateResponse;

/// A tenant's task.
pub(crate) type Name = (TenantId, TaskId);

/// Tasks that the gate blocked since they were last collected.
#[derive(Debug, Default)]
pub(in crate::ledger) struct BlockedTasks {
    tasks: std::sync::Mutex<BTreeMap<Name, Remediation>>,
    added: tokio::sync::Notify,
}

impl BlockedTasks {
    /// Notes that an answer blocks and asks people to look into it.
    pub(super) fn note(&self, tenant: &TenantId, task: &TaskId, answer: &GateResponse, now: Timestamp) {
        let asked = |asked: &String| asked == Requirement::Remediation.as_str();
        if answer.verdict != Verdict::Block || !answer.requirements.iter().any(asked) {
            return;
        }
        let tokens = answer.tokens.as_ref();
        let told = Remediation {
            remediation: remediation_of(task).as_str().to_owned(),
            tenant: answer.tenant.clone(),
            task: answer.task.clone(),
            advance_to: answer.advance_to.clone(),
            message: sentences(
                answer.reasons.iter().map(|reason| (reason.verdict.as_str(), &reason.message)),
            ),
            tokens_used: tokens.map(|tokens| tokens.used),
            tokens_limit: tokens.map(|tokens| tokens.limit),
            report: answer.report.clone(),
            blocked_at: now,
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.entry((tenant.clone(), task.clone())).or_insert(told);
        self.added.notify_one();
    }

    /// Waits until a task was blocked.
    pub(in crate::ledger) async fn added(&self) {
        self.added.notified().await;
    }

    /// Tasks that were blocked here since the last call.
    pub(in crate::ledger) fn take(&self) -> BTreeMap<Name, Remediation> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The sentences of the reasons for blocking.
pub(in crate::ledger) fn sentences<'a>(reasons: impl Iterator<Item = (&'a str, &'a String)>) -> String {
    let blocking = reasons.filter(|(verdict, _)| *verdict == Verdict::Block.as_str());
    blocking.map(|(_, message)| message.as_str()).collect::<Vec<_>>().join("; ")
}
