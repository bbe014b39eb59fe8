//! Remediations: a block opens a task `FIX-BUDGET-BREACH-{task}` for the people who look at it. Off the gate's way: the block holds
//! whether it could be opened or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use tollgate_domain::event::{Event, EventBody, TaskOpened};
use tollgate_domain::gate::remediation_of;
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::metadata::{Enforcement, TaskMetadata};
use tollgate_wire::Submitted;
use tollgate_wire::api::Outcome;

use super::{Ledger, OWN_PRODUCER, ReadEvent};

/// The id of its opening: each further block of the same task is a duplicate.
const OPENED_ID: &str = "remediation";

/// Remediations that are to be opened.
#[derive(Debug, Default)]
pub(super) struct Due {
    tasks: std::sync::Mutex<BTreeSet<(TenantId, TaskId)>>,
    added: tokio::sync::Notify,
}

impl Ledger {
    /// Notes that a task was blocked. A reactor opens its remediation, or whoever closes the ledger.
    pub(super) fn remediate(&self, tenant: &TenantId, task: &TaskId) {
        let mut tasks = self.remediations.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert((tenant.clone(), task.clone()));
        self.metrics.remediations_waiting(tasks.len());
        self.remediations.added.notify_one();
    }

    /// Waits until a task was blocked.
    pub async fn blocked(&self) {
        self.remediations.added.notified().await;
    }

    /// Opens the remediations of blocked tasks, each once for the life of the ledger; how many could not be. They are tried
    /// again with the next call, and with each further block of their task.
    pub async fn open_remediations(&self) -> usize {
        let due = self.remediations.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (tenant, task) in due {
            let opened = self.open_remediation(&tenant, &task).await;
            if let Err(reason) = opened {
                tracing::error!(%tenant, %task, reason, "the remediation of a blocked task could not be opened; it stays blocked, tried again");
                continue;
            }
            let mut tasks = self.remediations.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.remove(&(tenant, task));
        }
        let waiting = self.remediations.tasks.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.metrics.remediations_waiting(waiting);
        waiting
    }

    async fn open_remediation(&self, tenant: &TenantId, task: &TaskId) -> Result<(), String> {
        let invalid = |error: tollgate_domain::ids::InvalidId| error.to_string();
        let metadata = TaskMetadata {
            title: Some(format!("Task {task} was blocked: find out why it is above its budget")),
            tags: vec!["budget-breach".to_owned()],
            labels: BTreeMap::from([("remediates".to_owned(), task.as_str().to_owned())]),
            // It is for people, and nobody is helped by a remediation that is blocked itself.
            enforcement: Enforcement::Off,
            author: Some(OWN_PRODUCER.to_owned()),
            ..TaskMetadata::default()
        };
        let event = Event {
            tenant: tenant.clone(),
            task: remediation_of(task),
            producer: ProducerId::new(OWN_PRODUCER).map_err(invalid)?,
            id: EventId::new(OPENED_ID).map_err(invalid)?,
            occurred_at: None,
            trace_parent: None,
            body: EventBody::TaskOpened(Box::new(TaskOpened { metadata, limits: None })),
        };
        let submitted = Submitted::from_event(event).map_err(|error| error.to_string())?;
        let appended = self.append(vec![ReadEvent::Good(Box::new(submitted))]).await;
        let outcome = appended.outcomes.first().ok_or("no outcome")?;
        match (outcome.outcome, outcome.code.as_deref()) {
            (Outcome::Appended | Outcome::Duplicate, _) => Ok(()),
            // Somebody opened one by hand: it is the remediation.
            (_, Some("task_already_open" | "task_closed")) => Ok(()),
            (Outcome::Conflict | Outcome::Refused, _) => {
                Err(outcome.detail.clone().unwrap_or_else(|| "refused without a reason".to_owned()))
            }
        }
    }
}
