//! Usage records: read from the ledger's list, or from one event of its log.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tollgate_domain::money::Usd;
use tollgate_domain::usage::BOOKED;
use tollgate_wire::api::UsageRecord;

use super::kept;
use crate::json::{Json, object};
use crate::names::{BUDGET, CONTEXT, DEFAULT_TASK_TYPE, METADATA, OPERATION, TASK_TYPE, USER, record_id};

/// A usage record, as far as both sides know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsageEntry {
    pub(crate) id: String,
    pub(crate) task: String,
    pub(crate) component: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) allocation: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) input: i64,
    pub(crate) output: i64,
    /// What it cost; `None`: its price is not known.
    pub(crate) cost: Option<Usd>,
    pub(crate) price_version: Option<String>,
    pub(crate) at: String,
}

/// The parts of what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Costs {
    pub(crate) input: Usd,
    pub(crate) output: Usd,
}

/// An event as the log has it.
#[derive(Debug, Deserialize)]
struct Said {
    sequence: u64,
    task: String,
    producer: String,
    id: String,
    recorded_at: String,
    occurred_at: Option<String>,
    usage_recorded: Option<Usage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    provider: Option<String>,
    model: Option<String>,
    component: Option<String>,
    request_id: Option<String>,
    allocation: Option<String>,
    labels: BTreeMap<String, String>,
    tokens: BTreeMap<String, i64>,
    cost_usd: Option<String>,
    price_version: Option<String>,
    counts_as: Counts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    allocation: Option<String>,
    component: Option<String>,
    provider: Option<String>,
    model: Option<String>,
    labels: BTreeMap<String, String>,
    unmade: bool,
}

impl UsageEntry {
    /// From the ledger's list of usage.
    pub(crate) fn of_list(found: &UsageRecord) -> Self {
        let tokens = &found.tokens;
        Self {
            id: record_id(found.sequence, &found.task, &found.producer, &found.id),
            task: found.task.clone(),
            component: found.component.clone(),
            provider: found.provider.clone(),
            model: found.model.clone(),
            allocation: found.allocation.clone(),
            request_id: found.request_id.clone(),
            labels: found.labels.clone(),
            input: tokens.total - tokens.output,
            output: tokens.output,
            cost: found.cost_usd.as_ref().and_then(|usd| usd.parse().ok()),
            price_version: found.price_version.clone(),
            at: found.occurred_at.clone(),
        }
    }

    /// From an event of the log; `None`: it is no usage.
    pub(crate) fn of_event(event: &Value) -> Option<Self> {
        let said: Said = serde_json::from_value(event.clone()).ok()?;
        let usage = said.usage_recorded?;
        let count = |kind: &str| usage.tokens.get(kind).copied().unwrap_or_default();
        let (counts, mut labels) = (usage.counts_as, usage.labels.clone());
        for (key, value) in counts.labels {
            labels.entry(key).or_insert(value);
        }
        let named = usage.allocation.filter(|_| !counts.unmade);
        Some(Self {
            id: record_id(said.sequence, &said.task, &said.producer, &said.id),
            component: usage.component.or(counts.component),
            provider: usage.provider.or(counts.provider),
            model: usage.model.or(counts.model),
            allocation: counts.allocation.or(named),
            request_id: usage.request_id,
            labels,
            input: count("input_uncached") + count("cached_input") + count("cache_write"),
            output: count("output"),
            cost: usage.cost_usd.and_then(|usd| usd.parse().ok()),
            price_version: usage.price_version,
            at: said.occurred_at.unwrap_or(said.recorded_at),
            task: said.task,
        })
    }

    /// What it was for.
    pub(crate) fn context(&self) -> &str {
        self.labels.get(CONTEXT).unwrap_or(&self.task)
    }

    /// Whether its cost was booked elsewhere, so that nobody knows its parts.
    pub(crate) fn is_booked(&self) -> bool {
        self.price_version.as_deref() == Some(BOOKED)
    }
}

/// A usage record. One whose price is not known costs 0 here, since clients compute with it, and says so.
pub(crate) fn usage(record: &UsageEntry, costs: Costs) -> Json {
    let label = |name: &str| record.labels.get(name);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let cost = record.cost.unwrap_or_default();
    let told = object! {
        "record_id" => &record.id,
        "allocation_id" => record.allocation.as_ref(),
        "budget_id" => label(BUDGET),
        "context_id" => record.context(),
        "component" => text(&record.component),
        "provider" => text(&record.provider),
        "model" => text(&record.model),
        "task_type" => label(TASK_TYPE).map_or(DEFAULT_TASK_TYPE, String::as_str),
        "input_tokens" => record.input,
        "output_tokens" => record.output,
        "input_cost" => costs.input,
        "output_cost" => costs.output,
        "total_cost" => cost,
        "pricing_version" => record.price_version.as_ref(),
        "timestamp" => &record.at,
        "operation_id" => label(OPERATION),
        "request_id" => record.request_id.as_ref(),
        "user_id" => label(USER),
        "metadata" => kept(label(METADATA)),
        "cost" => cost,
        "total_tokens" => record.input + record.output,
    };
    if record.cost.is_none() { told.with("unpriced", true) } else { told }
}
