//! Remediations: what the gate blocked, the task `FIX-BUDGET-BREACH-{task}` for the people who look into it,
//! and marks of who was notified. This is off the gate's path: the block holds whether or not it could be
//! opened.

use std::collections::BTreeMap;

use tollgate_deliver::notice::Remediation;
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::event::{
    AlertEvent, ConditionObserved, EventBody, SignalRecorded, TaskOpened, UsageEvent,
};
use tollgate_domain::gate::{Requirement, Verdict, remediation_of};
use tollgate_domain::ids::{EventId, InvalidId, ProducerId, TaskId, TenantId};
use tollgate_domain::metadata::{Enforcement, TaskMetadata};
use tollgate_domain::position::{PartitionId, Position, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{AppendOutcome, EventName};
use tollgate_projection::status::Decision;
use tollgate_projector::Wait;
use tollgate_projector::queries::AlertStateFilter;
use tollgate_wire::Submitted;
use tollgate_wire::api::Outcome;

use super::{Name, Operations, append_one};
use crate::ledger::gate::sentences;
use crate::ledger::own::own;
use crate::ledger::{AlertQuery, OWN_PRODUCER, Read, ReadEvent};

/// The id of its opening: each further block of the same task is a duplicate.
const OPENED_ID: &str = "remediation";

/// Maximum number of tasks that are queried together.
const BLOCKED_AT_ONCE: usize = 10_000;

/// What the log says about notifying one channel of one remediation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RemediationState {
    /// It was notified.
    Done,
    /// The last attempt that anyone began, if any, and when.
    Attempted(u32, Option<Timestamp>),
}

impl Operations {
    /// Waits until a task was blocked.
    pub(crate) async fn blocked(&self) {
        self.blocked.added().await;
    }

    /// Tasks that were blocked here since the last call.
    pub(crate) fn take_blocked(&self) -> BTreeMap<Name, Remediation> {
        self.blocked.take()
    }

    /// Tasks that are blocked as of now by the token rule, whichever gate blocked them.
    ///
    /// # Errors
    ///
    /// Why they are not known, as a sentence.
    pub(crate) async fn still_blocked(
        &self,
        settled: impl Fn(&Name) -> bool,
    ) -> Result<BTreeMap<Name, Remediation>, String> {
        let query = AlertQuery {
            rule: Some(AlertRule::StopLoss),
            state: AlertStateFilter::Raised,
            limit: BLOCKED_AT_ONCE,
            ..AlertQuery::default()
        };
        let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
        let list = self.ask.alerts(&query, &read).await.map_err(|problem| problem.detail.clone())?;
        let as_of: Position = list.as_of.parse().map_err(|_| format!("`{}` is no position", list.as_of))?;
        let mut found = BTreeMap::new();
        for alert in list.alerts {
            let invalid = |error: InvalidId| error.to_string();
            let tenant = TenantId::new(alert.tenant.as_str()).map_err(invalid)?;
            let name = (tenant, TaskId::new(alert.task.as_str()).map_err(invalid)?);
            if settled(&name) {
                continue;
            }
            let partition = PartitionId::of(name.0.as_str(), name.1.as_str());
            // The other view has to know what this one does.
            let wait = Wait { at_least: Some(&as_of.only(partition)), up_to: read.wait };
            let row = self.ask.task_row(&name.0, &name.1, partition, wait).await;
            let (answer, _) = row.map_err(|error| error.to_string())?;
            let decision = answer.row.as_ref().and_then(|row| row.decisions.last());
            if let Some(told) = decision.and_then(|decision| of_decision(&name, decision)) {
                found.insert(name, told);
            }
        }
        Ok(found)
    }

    /// Opens the task of a remediation, once in the life of the ledger.
    ///
    /// # Errors
    ///
    /// Why it could not be opened, as a sentence.
    pub(crate) async fn open_remediation_task(&self, (tenant, task): &Name) -> Result<(), String> {
        let metadata = TaskMetadata {
            title: Some(format!("Task {task} was blocked: find out why it is above its budget")),
            tags: vec!["budget-breach".to_owned()],
            labels: BTreeMap::from([("remediates".to_owned(), task.as_str().to_owned())]),
            // It is for people, and a remediation that is itself blocked helps no one.
            enforcement: Enforcement::Off,
            author: Some(OWN_PRODUCER.to_owned()),
            ..TaskMetadata::default()
        };
        let body = EventBody::from(TaskOpened { metadata, limits: None });
        let submitted = own(tenant, &remediation_of(task), OPENED_ID, None, body)?;
        let appended = self.write.append(vec![ReadEvent::Good(Box::new(submitted))]).await;
        let outcome = appended.outcomes.first().ok_or("no outcome")?;
        match (outcome.outcome, outcome.code.as_deref()) {
            (Outcome::Appended | Outcome::Duplicate, _) => Ok(()),
            // Someone opened one by hand: that is the remediation.
            (_, Some("task_already_open" | "task_closed")) => Ok(()),
            (Outcome::Ignored, _) => Err("tracking is switched off".to_owned()),
            (Outcome::Conflict | Outcome::Refused, _) => {
                Err(outcome.detail.clone().unwrap_or_else(|| "refused without a reason".to_owned()))
            }
        }
    }

    /// Whether a channel was notified of a remediation; if not, the last attempt after `from` in the log.
    ///
    /// # Errors
    ///
    /// Why that is not known, as a sentence.
    pub(crate) async fn remediation_state(
        &self,
        (tenant, task): &Name,
        way: &str,
        from: u32,
    ) -> Result<RemediationState, String> {
        let fix = remediation_of(task);
        if self.mark_at(tenant, &fix, done_id(way)).await?.is_some() {
            return Ok(RemediationState::Done);
        }
        let (mut last, mut at) = (from, None);
        loop {
            let next = last.saturating_add(1);
            let Some(sequence) = self.mark_at(tenant, &fix, attempt_id(way, next)).await? else { break };
            let record = self.log.record_at(sequence).await.map_err(|error| error.to_string())?;
            (last, at) = (next, record.map(|record| record.recorded_at()));
        }
        Ok(RemediationState::Attempted(last, at))
    }

    /// Claims the n-th attempt to notify a channel: returns whether this caller has it. If several servers
    /// try, only one gets it.
    ///
    /// # Errors
    ///
    /// Why the log did not accept it, as a sentence.
    pub(crate) async fn take_attempt(&self, name: &Name, way: &str, attempt: u32) -> Result<bool, String> {
        self.mark(name, &attempt_id(way, attempt), format!("remediation.{way}.attempt")).await
    }

    /// Notes that a channel was notified.
    ///
    /// # Errors
    ///
    /// Why the log did not accept it, as a sentence.
    pub(crate) async fn note_told(&self, name: &Name, way: &str) -> Result<(), String> {
        self.mark(name, &done_id(way), format!("remediation.{way}.told")).await.map(|_| ())
    }

    /// Raises the alert that a remediation cannot be opened, or resolves it.
    ///
    /// # Errors
    ///
    /// Why the log did not accept it, as a sentence.
    pub(crate) async fn observe_remediation(
        &self,
        (tenant, task): &Name,
        active: bool,
        since: Timestamp,
    ) -> Result<(), String> {
        let seen = ConditionObserved {
            condition: Condition { rule: AlertRule::Remediation, scope: AlertScope::Task, level: 0 },
            active,
            since,
            threshold_ms: 0,
            detail: format!(
                "The remediation {} of task {task} cannot be opened everywhere: the task stays blocked, it is tried again",
                remediation_of(task)
            ),
        };
        let (id, at) = (seen.event_id(), active.then(|| seen.due()));
        let body = EventBody::Alert(AlertEvent::ConditionObserved(Box::new(seen)));
        self.append_mark(&own(tenant, task, id.as_str(), at, body)?).await.map(|_| ())
    }

    /// Appends a mark under the remediation; returns whether it is new.
    async fn mark(&self, (tenant, task): &Name, id: &str, name: String) -> Result<bool, String> {
        let signal = SignalRecorded { execution: None, name, value: 1, key: None };
        let fix = remediation_of(task);
        // A log that only knows ids for a while would accept it again.
        if self.mark_at(tenant, &fix, id.to_owned()).await?.is_some() {
            return Ok(false);
        }
        let body = EventBody::Usage(UsageEvent::SignalRecorded(signal));
        self.append_mark(&own(tenant, &fix, id, None, body)?).await
    }

    async fn append_mark(&self, submitted: &Submitted) -> Result<bool, String> {
        let receipt = append_one(&*self.log, submitted).await.map_err(|error| error.to_string())?;
        Ok(matches!(receipt.outcomes.first(), Some(AppendOutcome::Appended(_))))
    }

    async fn mark_at(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        id: String,
    ) -> Result<Option<Sequence>, String> {
        let name = EventName {
            tenant: tenant.clone(),
            task: task.clone(),
            producer: ProducerId::new(OWN_PRODUCER).map_err(|error| error.to_string())?,
            id: EventId::new(id).map_err(|error| error.to_string())?,
        };
        let found = self.ask.find(vec![name]).await.map_err(|problem| problem.detail.clone())?;
        Ok(found.into_iter().next().flatten().map(|found| found.sequence))
    }
}

fn attempt_id(way: &str, attempt: u32) -> String {
    format!("remediation/{way}/{attempt}")
}

fn done_id(way: &str) -> String {
    format!("remediation/{way}/told")
}

/// The remediation of a recorded block; `None` if the block does not require one.
fn of_decision((tenant, task): &Name, decision: &Decision) -> Option<Remediation> {
    let asked = decision.requirements.contains(&Requirement::Remediation);
    let tokens = decision.tokens.as_ref();
    (decision.verdict == Verdict::Block && asked).then(|| Remediation {
        remediation: remediation_of(task).as_str().to_owned(),
        tenant: tenant.as_str().to_owned(),
        task: task.as_str().to_owned(),
        advance_to: decision.advance.to_string(),
        message: sentences(decision.reasons.iter().map(|(_, verdict, message)| (verdict.as_str(), message))),
        tokens_used: tokens.and_then(|tokens| u64::try_from(tokens.used).ok()),
        tokens_limit: tokens.and_then(|tokens| u64::try_from(tokens.limit).ok()),
        report: tollgate_projection::report::report_path(tenant.as_str(), task.as_str()),
        blocked_at: decision.at,
    })
}
