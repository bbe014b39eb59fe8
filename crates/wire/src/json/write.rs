//! Events as JSON for people and programs. Names are the contract's; empty and absent fields are left out; times are
//! RFC 3339 in UTC, money and factors decimal texts, counts plain numbers (as text above 2^53, as they are read).

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tollgate_domain::event::Event;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;

use super::noted;
use super::object::MAX_JSON_INTEGER;
use crate::convert;
use crate::decoded::DecodedEvent;
use crate::proto::{self, Added, override_granted::Scope, stored_event::Body};

/// Where an event stands in the log, and the names in the frame of its record.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The sequence of its record.
    pub sequence: Sequence,
    /// The partition of its record.
    pub partition: PartitionId,
    /// When it was appended.
    pub recorded_at: Timestamp,
    /// Owner of the task.
    pub tenant: &'a str,
    /// Which task.
    pub task: &'a str,
    /// Who appended it.
    pub producer: &'a str,
    /// Its id.
    pub id: &'a str,
}

impl DecodedEvent {
    /// The recorded event as JSON: its place, what was sent and, beside it, what was added (`limits`, `attempt`,
    /// `cost_usd` and `price_version`, `resolved`, the tokens of an estimate). `cost_usd: null` is unpriced. Without
    /// `occurred_at` the producer gave none.
    #[must_use]
    pub fn to_json(&self, place: &Place<'_>) -> Value {
        let mut out = Out::default();
        out.count("sequence", place.sequence.0);
        out.count("partition", place.partition.number());
        out.text("recorded_at", &place.recorded_at.to_string());
        out.text("tenant", place.tenant);
        out.text("task", place.task);
        out.text("producer", place.producer);
        out.text("id", place.id);
        out.text("occurred_at", &self.occurred_at.map(|time| time.to_string()).unwrap_or_default());
        out.text("trace_parent", self.trace_parent.as_deref().unwrap_or_default());
        let content = convert::content(&self.body, self.text_length);
        let added = convert::added(&self.body, &self.body, self.text_length, None);
        out.value(self.body.kind(), body(&content, Some(&added)));
        out.object()
    }
}

/// An event as its producer sends it; `content` is its body.
pub(crate) fn sent(event: &Event, content: &Body) -> Value {
    let mut out = Out::default();
    out.text("tenant", event.tenant.as_str());
    out.text("task", event.task.as_str());
    out.text("producer", event.producer.as_str());
    out.text("id", event.id.as_str());
    out.text("occurred_at", &event.occurred_at.map(|time| time.to_string()).unwrap_or_default());
    out.text("trace_parent", event.trace_parent.as_deref().unwrap_or_default());
    out.value(event.body.kind(), body(content, None));
    out.object()
}

/// A body; with `added` as recorded, without as sent.
fn body(content: &Body, added: Option<&Added>) -> Value {
    let mut out = Out::default();
    match content {
        Body::TaskOpened(opened) => {
            task_opened(&mut out, opened);
            out.optional("limits", added.and_then(|added| added.limits.as_deref()).map(task_limits));
        }
        Body::TaskClosed(closed) => {
            out.text("outcome", &closed.outcome);
            out.text("reason", &closed.reason);
            out.text("author", &closed.author);
        }
        Body::PhaseStarted(started) => {
            out.execution(&started.phase, added.map(|added| added.attempt).filter(|attempt| *attempt > 0));
        }
        Body::PhaseEnded(ended) => out.execution(&ended.phase, ended.attempt),
        Body::OverrideGranted(granted) => override_granted(&mut out, granted),
        Body::ImportanceChanged(changed) => {
            let added = added.map(|added| added.importance_from.as_str()).unwrap_or_default();
            out.text("from", if changed.from.is_empty() { added } else { &changed.from });
            out.text("to", &changed.to);
            out.text("author", &changed.author);
            out.text("reason", &changed.reason);
        }
        Body::TaskMarked(marked) => task_marked(&mut out, marked),
        Body::UsageRecorded(usage) => usage_recorded(&mut out, usage, added),
        Body::UsageAdjusted(adjusted) => {
            usage_adjusted(&mut out, adjusted);
            out.optional("resolved", added.and_then(|added| added.resolved.as_deref()).map(resolved));
        }
        Body::WaitRecorded(wait) => {
            out.execution(&wait.phase, wait.attempt);
            out.text("kind", &wait.kind);
            out.optional("wait_ms", wait.wait_ms.map(whole));
        }
        Body::SignalRecorded(signal) => {
            out.execution(&signal.phase, signal.attempt);
            out.text("name", &signal.name);
            out.optional("value", signal.value.map(whole));
        }
        Body::PhaseExplained(explained) => phase_explained(&mut out, explained),
        Body::GateDecided(decided) => gate_decided(&mut out, decided),
        Body::ConfigLoaded(loaded) => {
            out.text("config_hash", &loaded.config_hash);
            out.text("canonical", &loaded.canonical);
            out.text("source", &loaded.source);
        }
        Body::ConfigRejected(rejected) => {
            out.text("source", &rejected.source);
            out.texts("problems", &rejected.problems);
            out.text("config_hash", &rejected.config_hash);
        }
        Body::PriceBookLoaded(loaded) => {
            out.text("price_version", &loaded.price_version);
            out.text("source", &loaded.source);
            out.count("models", loaded.models);
        }
        Body::TransitionsMeasured(measured) => noted::measured(&mut out, measured),
        Body::AlertAcknowledged(acknowledged) => noted::acknowledged(&mut out, acknowledged),
        Body::ConditionObserved(observed) => noted::observed(&mut out, observed),
        Body::DeliveryAttempted(attempted) => noted::attempted(&mut out, attempted),
        Body::DeliveryRequested(requested) => noted::requested(&mut out, requested),
        Body::InboxRejected(rejected) => noted::rejected(&mut out, rejected),
        Body::InboxResolved(resolved) => noted::resolved(&mut out, resolved),
        Body::ReportRead(read) => noted::report_read(&mut out, read),
    }
    out.object()
}

fn task_marked(out: &mut Out, marked: &proto::TaskMarked) {
    out.text("mark", &marked.mark);
    out.text("author", &marked.author);
    out.text("reason", &marked.reason);
}

fn phase_explained(out: &mut Out, explained: &proto::PhaseExplained) {
    out.execution(&explained.phase, explained.attempt);
    out.text("author", &explained.author);
    out.text("explanation", &explained.explanation);
}

fn task_opened(out: &mut Out, opened: &proto::TaskOpened) {
    out.text("title", &opened.title);
    out.text("complexity", &opened.complexity);
    out.text("importance", &opened.importance);
    out.text("justification", &opened.justification);
    out.text("budget_multiplier", &opened.budget_multiplier);
    let overrides = opened.budget_overrides.iter();
    let overrides: Map<_, _> =
        overrides.map(|(phase, limit)| (phase.clone(), limit_override(limit))).collect();
    out.filled("budget_overrides", overrides);
    out.texts("tags", &opened.tags);
    out.filled("labels", labels(&opened.labels));
    out.text("enforcement", &opened.enforcement);
    out.text("author", &opened.author);
}

fn labels(labels: &BTreeMap<String, String>) -> Map<String, Value> {
    labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
}

fn limit_override(limit: &proto::LimitOverride) -> Value {
    let mut out = Out::default();
    out.optional("tokens", limit.tokens.map(whole));
    out.optional("latency_ms", limit.latency_ms.map(whole));
    out.object()
}

fn task_limits(limits: &proto::TaskLimits) -> Value {
    let mut out = Out::default();
    out.text("complexity", &limits.complexity);
    out.text("complexity_multiplier", &limits.complexity_multiplier);
    out.text("importance", &limits.importance);
    out.text("importance_multiplier", &limits.importance_multiplier);
    out.text("importance_source", &limits.importance_source);
    out.text("importance_tag", &limits.importance_tag);
    out.text("budget_multiplier", &limits.budget_multiplier);
    out.value("phases", limits.phases.iter().map(phase_limit).collect());
    out.optional("thresholds", limits.thresholds.as_ref().map(thresholds));
    out.value("pressure_levels", limits.pressure_levels.iter().copied().map(whole).collect());
    out.text("budgeted_latency", &limits.budgeted_latency);
    out.text("config_hash", &limits.config_hash);
    out.texts("warnings", &limits.warnings);
    out.object()
}

fn phase_limit(limit: &proto::PhaseLimit) -> Value {
    let mut out = Out::default();
    out.text("phase", &limit.phase);
    out.count("base_tokens", limit.base_tokens);
    out.count("base_latency_ms", limit.base_latency_ms);
    out.text("weight", &limit.weight);
    out.count("tokens", limit.tokens);
    out.count("latency_ms", limit.latency_ms);
    out.optional("overridden", limit.overridden.as_ref().map(limit_override));
    out.object()
}

fn thresholds(thresholds: &proto::Thresholds) -> Value {
    let mut out = Out::default();
    out.text("profile", &thresholds.profile);
    out.text("cumulative_token", &thresholds.cumulative_token);
    out.text("cumulative_latency", &thresholds.cumulative_latency);
    out.text("per_phase", &thresholds.per_phase);
    out.text("allow_completion", &thresholds.allow_completion);
    out.text("checkpoint_phase", &thresholds.checkpoint_phase);
    out.text("early_warn", &thresholds.early_warn);
    out.text("early_block", &thresholds.early_block);
    out.texts("nearly_done_phases", &thresholds.nearly_done_phases);
    out.object()
}

fn override_granted(out: &mut Out, granted: &proto::OverrideGranted) {
    let mut scope = Out::default();
    match &granted.scope {
        Some(Scope::Limit(limit)) => {
            scope.text("phase", &limit.phase);
            scope.optional("tokens", limit.tokens.map(whole));
            scope.optional("latency_ms", limit.latency_ms.map(whole));
            out.value("limit", scope.object());
        }
        Some(Scope::Block(block)) => {
            scope.text("advance", &block.advance);
            out.value("block", scope.object());
        }
        None => {}
    }
    out.text("approver", &granted.approver);
    out.text("reason", &granted.reason);
}

fn usage_recorded(out: &mut Out, usage: &proto::UsageRecorded, added: Option<&Added>) {
    out.execution(&usage.phase, usage.attempt);
    out.text("provider", &usage.provider);
    out.text("model", &usage.model);
    out.text("component", &usage.component);
    out.text("request_id", &usage.request_id);
    let computed = added.and_then(|added| added.estimated_tokens.as_ref());
    out.optional("tokens", usage.tokens.as_ref().or(computed).map(token_counts));
    out.optional("prompt_chars", usage.prompt_chars.map(whole));
    out.optional("completion_chars", usage.completion_chars.map(whole));
    out.text("service_tier", &usage.service_tier);
    out.filled("labels", labels(&usage.labels));
    let estimated = usage.estimated || computed.is_some();
    if estimated || added.is_some() {
        out.value("estimated", estimated.into());
    }
    if let Some(added) = added {
        out.cost(added.cost.as_ref());
    }
}

fn token_counts(tokens: &proto::TokenCounts) -> Value {
    let mut out = Out::default();
    out.count("input_uncached", tokens.input_uncached);
    out.count("cached_input", tokens.cached_input);
    out.count("cache_write", tokens.cache_write);
    out.count("output", tokens.output);
    out.count("reasoning", tokens.reasoning);
    // A part that most usage does not have.
    out.optional("cache_write_1h", (tokens.cache_write_1h > 0).then(|| whole(tokens.cache_write_1h)));
    out.object()
}

fn usage_adjusted(out: &mut Out, adjusted: &proto::UsageAdjusted) {
    out.text("adjusts", &adjusted.adjusts);
    out.text("adjusts_producer", &adjusted.adjusts_producer);
    if let Some(change) = &adjusted.tokens {
        let mut tokens = Out::default();
        tokens.count("input_uncached", change.input_uncached);
        tokens.count("cached_input", change.cached_input);
        tokens.count("cache_write", change.cache_write);
        tokens.count("output", change.output);
        tokens.count("reasoning", change.reasoning);
        out.value("tokens", tokens.object());
    }
    out.text("reason", &adjusted.reason);
    out.text("author", &adjusted.author);
}

fn resolved(found: &proto::AdjustedUsage) -> Value {
    let mut out = Out::default();
    out.execution(&found.phase, found.attempt);
    out.text("provider", &found.provider);
    out.text("model", &found.model);
    out.cost(found.cost.as_ref());
    out.optional("excess", found.excess.as_ref().map(token_counts));
    out.object()
}

fn gate_decided(out: &mut Out, decided: &proto::GateDecided) {
    out.text("advance", &decided.advance);
    out.text("verdict", &decided.verdict);
    out.text("ruled", &decided.ruled);
    let reason = |reason: &proto::Reason| {
        let mut out = Out::default();
        out.text("code", &reason.code);
        out.text("verdict", &reason.verdict);
        out.text("message", &reason.message);
        out.object()
    };
    out.value("reasons", decided.reasons.iter().map(reason).collect());
    out.texts("requirements", &decided.requirements);
    out.optional("tokens", decided.tokens.as_ref().map(utilization));
    out.optional("latency", decided.latency.as_ref().map(utilization));
    out.optional(
        "active",
        decided.active.as_ref().map(|active| {
            let mut out = Out::default();
            out.execution(&active.phase, Some(active.attempt));
            out.object()
        }),
    );
    out.optional("remaining_tokens", decided.remaining_tokens.map(whole));
    out.optional("remaining_latency_ms", decided.remaining_latency_ms.map(whole));
    out.text("config_hash", &decided.config_hash);
    out.text("as_of", &decided.as_of);
    out.value("stale", decided.stale.into());
    out.text("rollout", &decided.rollout);
}

fn utilization(utilization: &proto::Utilization) -> Value {
    let digits =
        |text: &String| text.parse().map_or_else(|_| Value::from(text.as_str()), |value: i128| whole(value));
    let mut out = Out::default();
    out.value("used", digits(&utilization.used));
    out.value("limit", digits(&utilization.limit));
    out.object()
}

/// A whole number; as text where binary floats would change it.
pub(super) fn whole(value: impl Into<i128>) -> Value {
    let value = value.into();
    match i64::try_from(value) {
        Ok(small) if value.unsigned_abs() <= MAX_JSON_INTEGER => Value::from(small),
        Ok(_) | Err(_) => Value::from(value.to_string()),
    }
}

/// An object that grows.
#[derive(Default)]
pub(super) struct Out(Map<String, Value>);

impl Out {
    pub(super) fn object(self) -> Value {
        Value::Object(self.0)
    }

    pub(super) fn value(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    pub(super) fn optional(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.value(key, text.into());
        }
    }

    pub(super) fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.value(key, texts.iter().map(String::as_str).collect());
        }
    }

    pub(super) fn filled(&mut self, key: &str, entries: Map<String, Value>) {
        if !entries.is_empty() {
            self.value(key, Value::Object(entries));
        }
    }

    pub(super) fn count(&mut self, key: &str, value: impl Into<i128>) {
        self.value(key, whole(value));
    }

    pub(super) fn execution(&mut self, phase: &str, attempt: Option<u32>) {
        self.text("phase", phase);
        self.optional("attempt", attempt.map(whole));
    }

    pub(super) fn cost(&mut self, cost: Option<&proto::Cost>) {
        match cost {
            Some(cost) => {
                self.text("cost_usd", &cost.cost_usd);
                self.text("price_version", &cost.price_version);
            }
            None => self.value("cost_usd", Value::Null),
        }
    }
}
