//! One event as a producer sends it in JSON, to the protobuf message of the same names.

use serde_json::value::RawValue;
use tollgate_domain::event::MAX_EVENT_BYTES;

use super::object::{Object, is_null, shown, text};
use crate::error::FieldError;
use crate::kinds::{BODIES, FIELDS, OWN_BODIES};
use crate::proto::{self, event::Body, override_granted::Scope};
use crate::rules;

/// Longest JSON text of one event: the largest event with each byte of its texts escaped, and room for white space.
pub const MAX_JSON_BYTES: usize = 8 * MAX_EVENT_BYTES;

/// Reads the form of an event; what its values may be is checked on the message.
///
/// # Errors
///
/// The first field that is unknown, given twice or of the wrong type.
pub(crate) fn read_event(raw: &str) -> Result<proto::Event, FieldError> {
    if raw.len() > MAX_JSON_BYTES {
        let rule = format!("must be at most {MAX_JSON_BYTES} bytes of JSON");
        return Err(FieldError::new("event", &format!("{} bytes", raw.len()), rule));
    }
    let parsed: &RawValue = serde_json::from_str(raw)
        .map_err(|error| FieldError::new("event", raw, format!("must be valid JSON: {error}")))?;
    event(parsed).map_err(|error| if error.field.is_empty() { error.within("event") } else { error })
}

fn event(raw: &RawValue) -> Result<proto::Event, FieldError> {
    let event = Object::any(raw)?;
    if let Some(own) = OWN_BODIES.iter().find(|kind| event.get(kind).is_some()) {
        return Err(rules::own_kind(own));
    }
    let event = event.only(&FIELDS)?;
    let mut bodies = event.iter().filter(|(key, raw)| BODIES.contains(key) && !is_null(raw));
    let (kind, raw) = bodies.next().ok_or_else(|| rules::no_body("nothing"))?;
    if let Some((second, raw)) = bodies.next() {
        let rule = format!("must not stand beside {kind}: an event has one body");
        return Err(FieldError::new(second, &shown(raw), rule));
    }
    Ok(proto::Event {
        tenant: event.text("tenant")?,
        task: event.text("task")?,
        producer: event.text("producer")?,
        id: event.text("id")?,
        occurred_at: event.time("occurred_at")?,
        trace_parent: event.text("trace_parent")?,
        body: Some(body(kind, raw).map_err(|error| error.within(kind))?),
    })
}

fn body(kind: &str, raw: &RawValue) -> Result<Body, FieldError> {
    match kind {
        "task_opened" => task_opened(raw).map(Box::new).map(Body::TaskOpened),
        "task_closed" => task_closed(raw).map(Body::TaskClosed),
        "phase_started" => phase_started(raw).map(Body::PhaseStarted),
        "phase_ended" => phase_ended(raw).map(Body::PhaseEnded),
        "override_granted" => override_granted(raw).map(Body::OverrideGranted),
        "importance_changed" => importance_changed(raw).map(Body::ImportanceChanged),
        "task_marked" => task_marked(raw).map(Body::TaskMarked),
        "alert_acknowledged" => alert_acknowledged(raw).map(Body::AlertAcknowledged),
        "usage_recorded" => usage_recorded(raw).map(Body::UsageRecorded),
        "usage_adjusted" => usage_adjusted(raw).map(Body::UsageAdjusted),
        "wait_recorded" => wait_recorded(raw).map(Body::WaitRecorded),
        "signal_recorded" => signal_recorded(raw).map(Body::SignalRecorded),
        "phase_explained" => phase_explained(raw).map(Body::PhaseExplained),
        other => Err(rules::no_body(other)),
    }
}

fn task_opened(raw: &RawValue) -> Result<proto::TaskOpened, FieldError> {
    const FIELDS: [&str; 10] = [
        "title",
        "complexity",
        "importance",
        "justification",
        "budget_multiplier",
        "budget_overrides",
        "tags",
        "labels",
        "enforcement",
        "author",
    ];
    let opened = Object::of(raw, &FIELDS)?;
    Ok(proto::TaskOpened {
        title: opened.text("title")?,
        complexity: opened.text("complexity")?,
        importance: opened.text("importance")?,
        justification: opened.text("justification")?,
        budget_multiplier: opened.decimal("budget_multiplier")?,
        budget_overrides: opened.map("budget_overrides", limit_override)?,
        tags: opened.texts("tags")?,
        labels: opened.map("labels", text)?,
        enforcement: opened.text("enforcement")?,
        author: opened.text("author")?,
    })
}

fn limit_override(raw: &RawValue) -> Result<proto::LimitOverride, FieldError> {
    let limit = Object::of(raw, &["tokens", "latency_ms"])?;
    Ok(proto::LimitOverride { tokens: limit.count("tokens")?, latency_ms: limit.count("latency_ms")? })
}

fn task_closed(raw: &RawValue) -> Result<proto::TaskClosed, FieldError> {
    let closed = Object::of(raw, &["outcome", "reason", "author"])?;
    Ok(proto::TaskClosed {
        outcome: closed.text("outcome")?,
        reason: closed.text("reason")?,
        author: closed.text("author")?,
    })
}

fn phase_started(raw: &RawValue) -> Result<proto::PhaseStarted, FieldError> {
    let started = Object::of(raw, &["phase"])?;
    Ok(proto::PhaseStarted { phase: started.text("phase")? })
}

fn phase_ended(raw: &RawValue) -> Result<proto::PhaseEnded, FieldError> {
    let ended = Object::of(raw, &["phase", "attempt"])?;
    Ok(proto::PhaseEnded { phase: ended.text("phase")?, attempt: ended.small_count("attempt")? })
}

fn override_granted(raw: &RawValue) -> Result<proto::OverrideGranted, FieldError> {
    let granted = Object::of(raw, &["limit", "block", "approver", "reason"])?;
    let limit = granted.with("limit", |raw| {
        let limit = Object::of(raw, &["phase", "tokens", "latency_ms"])?;
        Ok(Scope::Limit(proto::LimitScope {
            phase: limit.text("phase")?,
            tokens: limit.count("tokens")?,
            latency_ms: limit.count("latency_ms")?,
        }))
    })?;
    let block = granted.with("block", |raw| {
        let block = Object::of(raw, &["advance"])?;
        Ok(Scope::Block(proto::BlockScope { advance: block.text("advance")? }))
    })?;
    if limit.is_some() && block.is_some() {
        return Err(FieldError::new("block", "given", "must not stand beside limit: send two events"));
    }
    Ok(proto::OverrideGranted {
        scope: limit.or(block),
        approver: granted.text("approver")?,
        reason: granted.text("reason")?,
    })
}

fn importance_changed(raw: &RawValue) -> Result<proto::ImportanceChanged, FieldError> {
    let changed = Object::of(raw, &["from", "to", "author", "reason"])?;
    Ok(proto::ImportanceChanged {
        from: changed.text("from")?,
        to: changed.text("to")?,
        author: changed.text("author")?,
        reason: changed.text("reason")?,
    })
}

fn task_marked(raw: &RawValue) -> Result<proto::TaskMarked, FieldError> {
    let marked = Object::of(raw, &["mark", "author", "reason"])?;
    Ok(proto::TaskMarked {
        mark: marked.text("mark")?,
        author: marked.text("author")?,
        reason: marked.text("reason")?,
    })
}

fn alert_acknowledged(raw: &RawValue) -> Result<proto::AlertAcknowledged, FieldError> {
    let acknowledged = Object::of(raw, &["alert", "by", "note"])?;
    Ok(proto::AlertAcknowledged {
        alert: acknowledged.text("alert")?,
        by: acknowledged.text("by")?,
        note: acknowledged.text("note")?,
    })
}

fn usage_recorded(raw: &RawValue) -> Result<proto::UsageRecorded, FieldError> {
    const FIELDS: [&str; 12] = [
        "phase",
        "attempt",
        "provider",
        "model",
        "component",
        "request_id",
        "tokens",
        "estimated",
        "prompt_chars",
        "completion_chars",
        "service_tier",
        "labels",
    ];
    let usage = Object::of(raw, &FIELDS)?;
    Ok(proto::UsageRecorded {
        phase: usage.text("phase")?,
        attempt: usage.small_count("attempt")?,
        provider: usage.text("provider")?,
        model: usage.text("model")?,
        component: usage.text("component")?,
        request_id: usage.text("request_id")?,
        tokens: usage.with("tokens", |raw| {
            let tokens = token_object(raw, &["cache_write_1h"])?;
            Ok(proto::TokenCounts {
                input_uncached: tokens.count("input_uncached")?.unwrap_or_default(),
                cached_input: tokens.count("cached_input")?.unwrap_or_default(),
                cache_write: tokens.count("cache_write")?.unwrap_or_default(),
                output: tokens.count("output")?.unwrap_or_default(),
                reasoning: tokens.count("reasoning")?.unwrap_or_default(),
                cache_write_1h: tokens.count("cache_write_1h")?.unwrap_or_default(),
            })
        })?,
        estimated: usage.flag("estimated")?,
        prompt_chars: usage.count("prompt_chars")?,
        completion_chars: usage.count("completion_chars")?,
        service_tier: usage.text("service_tier")?,
        labels: usage.map("labels", text)?,
    })
}

fn usage_adjusted(raw: &RawValue) -> Result<proto::UsageAdjusted, FieldError> {
    let adjusted = Object::of(raw, &["adjusts", "adjusts_producer", "tokens", "reason", "author"])?;
    Ok(proto::UsageAdjusted {
        adjusts: adjusted.text("adjusts")?,
        adjusts_producer: adjusted.text("adjusts_producer")?,
        tokens: adjusted.with("tokens", |raw| {
            let tokens = token_object(raw, &[])?;
            Ok(proto::TokenChange {
                input_uncached: tokens.signed("input_uncached")?.unwrap_or_default(),
                cached_input: tokens.signed("cached_input")?.unwrap_or_default(),
                cache_write: tokens.signed("cache_write")?.unwrap_or_default(),
                output: tokens.signed("output")?.unwrap_or_default(),
                reasoning: tokens.signed("reasoning")?.unwrap_or_default(),
            })
        })?,
        reason: adjusted.text("reason")?,
        author: adjusted.text("author")?,
    })
}

/// Kinds that are not named are zero; an object that names none says nothing, and unknown is not zero. `parts` are
/// taken too, and are no kind by themselves.
fn token_object<'a>(raw: &'a RawValue, parts: &[&str]) -> Result<Object<'a>, FieldError> {
    const KINDS: [&str; 5] = ["input_uncached", "cached_input", "cache_write", "output", "reasoning"];
    let tokens = Object::of(raw, &[&KINDS, parts].concat())?;
    if KINDS.iter().all(|kind| tokens.get(kind).is_none()) {
        let rule = format!("must name at least one kind of {}", KINDS.join(", "));
        return Err(FieldError::new("", raw.get(), rule));
    }
    Ok(tokens)
}

fn wait_recorded(raw: &RawValue) -> Result<proto::WaitRecorded, FieldError> {
    let wait = Object::of(raw, &["phase", "attempt", "kind", "wait_ms"])?;
    Ok(proto::WaitRecorded {
        phase: wait.text("phase")?,
        attempt: wait.small_count("attempt")?,
        kind: wait.text("kind")?,
        wait_ms: wait.count("wait_ms")?,
    })
}

fn signal_recorded(raw: &RawValue) -> Result<proto::SignalRecorded, FieldError> {
    let signal = Object::of(raw, &["phase", "attempt", "name", "value"])?;
    Ok(proto::SignalRecorded {
        phase: signal.text("phase")?,
        attempt: signal.small_count("attempt")?,
        name: signal.text("name")?,
        value: signal.signed("value")?,
    })
}

fn phase_explained(raw: &RawValue) -> Result<proto::PhaseExplained, FieldError> {
    let explained = Object::of(raw, &["phase", "attempt", "author", "explanation"])?;
    Ok(proto::PhaseExplained {
        phase: explained.text("phase")?,
        attempt: explained.small_count("attempt")?,
        author: explained.text("author")?,
        explanation: explained.text("explanation")?,
    })
}
