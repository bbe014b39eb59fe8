//! Usage is recorded: a fact, never refused for a budget.

use serde_json::{Map, Value, json};
use tollgate_client::{ClientError, Read};
use tollgate_domain::ids::MAX_ID_BYTES;
use tollgate_wire::api::{AppendRequest, FindRequest};

use super::allocate::context_label;
use crate::app::Tekton;
use crate::fault::{Fault, Handled};
use crate::names::{BUDGET, METADATA, OPERATION, PRODUCER, TASK_TYPE, USER, fresh, task_of};
use crate::views::allocation::{context, remaining};
use crate::views::usage::UsageEntry;

/// What somebody used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsageReport {
    /// Its id, if it has one.
    pub(crate) id: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) allocation: Option<String>,
    pub(crate) component: String,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) task_type: String,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Whether the tokens are computed from texts.
    pub(crate) estimated: bool,
    pub(crate) operation: Option<String>,
    pub(crate) request: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) metadata: Option<String>,
}

impl Tekton {
    /// Records usage. It is durable on return, linked to the allocation that it names or to the open one of its
    /// context.
    pub(crate) async fn spend(&self, spent: UsageReport) -> Handled<UsageEntry> {
        let allocation = match &spent.allocation {
            Some(id) => Some(self.allocation(id).await?),
            None => match &spent.context {
                Some(context) => self.allocation_of(context).await?,
                None => None,
            },
        };
        // Usage belongs to the budget that its allocation names.
        let budget = allocation.as_ref().and_then(|made| made.labels.get(BUDGET)).cloned();
        let of_allocation = allocation.as_ref().and_then(context).cloned();
        let context = spent.context.clone().or(of_allocation);
        let Some(context) = context.filter(|context| !context.is_empty()) else {
            return Err(Fault::bad("Either context_id or allocation_id must be provided"));
        };
        let of_named = allocation.as_ref().filter(|_| spent.allocation.is_some());
        let task = of_named.and_then(|made| made.task.clone()).unwrap_or_else(|| task_of(&context));
        let id = spent.id.clone().unwrap_or_else(fresh);
        let event = json!({
            "id": id,
            "task": task,
            "usage_recorded": usage_event(&spent, &context, &task, budget),
        });
        let raw = serde_json::value::to_raw_value(&event).map_err(|error| Fault::bad(error.to_string()))?;
        let request = AppendRequest {
            tenant: Some(self.tenant.clone()),
            producer: Some(PRODUCER.to_owned()),
            events: vec![raw],
            gates: Vec::new(),
        };
        self.ledger.append(&request).await?;
        self.recorded(&task, &id).await
    }

    /// Usage as the log has it.
    async fn recorded(&self, task: &str, id: &str) -> Handled<UsageEntry> {
        let wanted = FindRequest {
            tenant: Some(self.tenant.clone()),
            task: task.to_owned(),
            producer: PRODUCER.to_owned(),
            ids: vec![id.to_owned()],
        };
        let found = self.ledger.find_events(&wanted).await?;
        let record = found.events.into_iter().flatten().find_map(|event| UsageEntry::of_event(&event));
        record.ok_or_else(|| Fault::unknown("Usage record", id))
    }

    /// What is left of the allocation that usage was linked to.
    pub(crate) async fn left_of(&self, record: &UsageEntry) -> Handled<i64> {
        let Some(allocation) = &record.allocation else { return Ok(0) };
        let read = Read { at_least: Some("tail".to_owned()), wait_ms: None };
        let found: Result<_, ClientError> = self.ledger.allocation(allocation, &read).await;
        Ok(remaining(&found?))
    }
}

/// Usage as the ledger takes it.
fn usage_event(spent: &UsageReport, context: &str, task: &str, budget: Option<String>) -> Value {
    let mut labels = Map::new();
    labels.extend(context_label(context, task).map(|(name, value)| (name, Value::String(value))));
    labels.extend(budget.map(|budget| (BUDGET.to_owned(), Value::String(budget))));
    labels.insert(TASK_TYPE.to_owned(), spent.task_type.clone().into());
    for (name, value) in [(OPERATION, &spent.operation), (USER, &spent.user), (METADATA, &spent.metadata)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            labels.insert(name.to_owned(), value.clone().into());
        }
    }
    let mut usage = json!({
        "tokens": {"input_uncached": spent.input, "output": spent.output},
        "labels": labels,
        "estimated": spent.estimated,
    });
    let context = (spent.allocation.is_none() && task.len() <= MAX_ID_BYTES).then(|| task.to_owned());
    let given = [
        ("component", Some(spent.component.clone())),
        ("provider", Some(spent.provider.clone())),
        ("model", Some(spent.model.clone())),
        ("request_id", spent.request.clone()),
        ("allocation", spent.allocation.clone()),
        ("context", context),
    ];
    for (name, value) in given {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            usage[name] = value.into();
        }
    }
    usage
}
