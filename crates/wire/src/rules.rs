//! The limits that an event keeps on its way in. Recorded events are never checked again: limits may change, facts not.

use std::collections::BTreeMap;

use tollgate_domain::decimal::Decimal;
use tollgate_domain::event::{Event, EventBody, MAX_EVENT_BYTES, OverrideGranted, OverrideScope};
use tollgate_domain::ids::{EventId, InvalidId, ProducerId};
use tollgate_domain::metadata::{LimitOverride, MAX_LABELS, MAX_TEXT_BYTES, TaskMetadata};
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts, TokenError, TokenSums};
use tollgate_domain::usage::{NamedExecution, UsageAdjusted, UsageRecorded};

use crate::decoded::TextLength;
use crate::error::FieldError;

/// Longest name of a signal or kind of a wait, in bytes: it is a column of reports.
pub const MAX_NAME_BYTES: usize = 64;

/// Longest wait in one event, in milliseconds: 366 days. More is a producer's error.
pub const MAX_WAIT_MS: u64 = 366 * 24 * 60 * 60 * 1000;

/// Largest `budget_multiplier`, the same as of multipliers in a config.
const MAX_MULTIPLIER: Decimal = Decimal::new(10, 0);

/// Decimal places of a `budget_multiplier`, the same as of multipliers in a config.
const MULTIPLIER_PLACES: u8 = 6;

/// Longest trace context: version 00 has 55 bytes, later ones may append to it.
const MAX_TRACE_PARENT_BYTES: usize = 128;

/// Checks an event against every limit.
///
/// # Errors
///
/// The first field that breaks one.
pub(crate) fn check(event: &Event, text_length: Option<TextLength>) -> Result<(), FieldError> {
    if let Some(text) = &event.trace_parent
        && !is_trace_parent(text)
    {
        let rule =
            "must be a W3C traceparent, for example 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        return Err(FieldError::new("trace_parent", text, rule));
    }
    check_body(&event.body, text_length).map_err(|error| error.within(event.body.kind()))
}

/// Checks the size of an event's bytes.
pub(crate) fn check_size(bytes: usize, which: &str) -> Result<(), FieldError> {
    if bytes <= MAX_EVENT_BYTES {
        return Ok(());
    }
    let rule = format!("must be at most {MAX_EVENT_BYTES} bytes {which}: shorten its texts, tags and labels");
    Err(FieldError::new("event", &format!("{bytes} bytes"), rule))
}

/// The refusal of a kind that producers may not send.
pub(crate) fn own_kind(kind: &str) -> FieldError {
    FieldError::new(kind, "given", "is written by the ledger itself, no producer may send it")
}

/// The refusal of an event that says nothing.
pub(crate) fn no_body(value: &str) -> FieldError {
    let rule = format!("must have one body, one of {}", crate::kinds::BODIES.join(", "));
    FieldError::new("event", value, rule)
}

fn check_body(body: &EventBody, text_length: Option<TextLength>) -> Result<(), FieldError> {
    match body {
        EventBody::TaskOpened(opened) => metadata(&opened.metadata),
        EventBody::TaskClosed(closed) => {
            optional_text("reason", closed.reason.as_ref())?;
            optional_text("author", closed.author.as_ref())
        }
        EventBody::PhaseStarted(started) => attempt(started.attempt),
        EventBody::PhaseEnded(ended) => attempt(ended.attempt),
        EventBody::OverrideGranted(granted) => override_granted(granted),
        EventBody::UsageRecorded(usage) => usage_recorded(usage, text_length),
        EventBody::UsageAdjusted(adjusted) => usage_adjusted(adjusted),
        EventBody::WaitRecorded(wait) => {
            execution(wait.execution.as_ref())?;
            name("kind", &wait.kind)?;
            at_most("wait_ms", wait.wait_ms, MAX_WAIT_MS)
        }
        EventBody::SignalRecorded(signal) => {
            execution(signal.execution.as_ref())?;
            name("name", &signal.name)
        }
        EventBody::PhaseExplained(explained) => {
            attempt(explained.execution.attempt)?;
            text("author", &explained.author)?;
            text("explanation", &explained.explanation)
        }
        EventBody::ImportanceChanged(changed) => {
            text("author", &changed.author)?;
            text("reason", &changed.reason)
        }
        EventBody::TaskMarked(marked) => {
            text("author", &marked.author)?;
            text("reason", &marked.reason)
        }
        EventBody::AlertAcknowledged(acknowledged) => {
            alert_id(&acknowledged.alert)?;
            text("by", &acknowledged.by)?;
            optional_text("note", acknowledged.note.as_ref())
        }
        EventBody::DeliveryRequested(requested) => {
            text("by", &requested.by)?;
            text("reason", &requested.reason)
        }
        EventBody::InboxResolved(resolved) => {
            text("by", &resolved.by)?;
            text("reason", &resolved.reason)
        }
        // Made by the ledger's own code, from what was checked before.
        EventBody::GateDecided(_)
        | EventBody::ConfigLoaded(_)
        | EventBody::ConfigRejected(_)
        | EventBody::PriceBookLoaded(_)
        | EventBody::TransitionsMeasured(_)
        | EventBody::ConditionObserved(_)
        | EventBody::DeliveryAttempted(_)
        | EventBody::InboxRejected(_)
        | EventBody::ReportRead(_) => Ok(()),
    }
}

fn alert_id(id: &str) -> Result<(), FieldError> {
    if id.is_empty() {
        return Err(FieldError::missing("alert"));
    }
    if id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(FieldError::new(
        "alert",
        id,
        "must be the id of an alert: 32 hex digits, as `GET /v1/alerts` shows it",
    ))
}

fn metadata(metadata: &TaskMetadata) -> Result<(), FieldError> {
    optional_text("title", metadata.title.as_ref())?;
    optional_text("justification", metadata.justification.as_ref())?;
    if let Some(factor) = metadata.budget_multiplier {
        if factor.is_zero() || factor > MAX_MULTIPLIER {
            let rule = "must be above 0 and at most 10; use budget_overrides for more";
            return Err(FieldError::new("budget_multiplier", &factor.to_string(), rule));
        }
        if factor.scale() > MULTIPLIER_PLACES {
            let rule = "must have at most 6 decimal places";
            return Err(FieldError::new("budget_multiplier", &factor.to_string(), rule));
        }
    }
    for (phase, limit) in &metadata.budget_overrides {
        limit_override(limit)
            .map_err(|error| error.within(&phase.to_lowercase()).within("budget_overrides"))?;
    }
    count("tags", metadata.tags.len())?;
    for (nth, tag) in metadata.tags.iter().enumerate() {
        text(&format!("tags[{nth}]"), tag)?;
    }
    labels(&metadata.labels)?;
    optional_text("author", metadata.author.as_ref())
}

fn labels(labels: &BTreeMap<String, String>) -> Result<(), FieldError> {
    count("labels", labels.len())?;
    for (key, value) in labels {
        text("labels", key)?;
        // Also because libraries differ in how they encode an empty value of a map.
        text(&format!("labels.{key}"), value)?;
    }
    Ok(())
}

fn override_granted(granted: &OverrideGranted) -> Result<(), FieldError> {
    match &granted.scope {
        OverrideScope::Limit { limit, .. } => {
            limit_override(limit).map_err(|error| error.within("limit"))?;
        }
        OverrideScope::Block { .. } => {}
    }
    text("approver", &granted.approver)?;
    text("reason", &granted.reason)
}

fn usage_recorded(usage: &UsageRecorded, text_length: Option<TextLength>) -> Result<(), FieldError> {
    execution(usage.execution.as_ref())?;
    optional_text("provider", usage.provider.as_ref())?;
    optional_text("model", usage.model.as_ref())?;
    optional_text("component", usage.component.as_ref())?;
    optional_text("request_id", usage.request_id.as_ref())?;
    optional_text("service_tier", usage.service_tier.as_ref())?;
    labels(&usage.labels)?;
    let Some(length) = text_length else { return counts(&usage.tokens) };
    at_most("prompt_chars", length.prompt_chars.unwrap_or_default(), MAX_TOKENS_PER_EVENT)?;
    at_most("completion_chars", length.completion_chars.unwrap_or_default(), MAX_TOKENS_PER_EVENT)
}

fn usage_adjusted(adjusted: &UsageAdjusted) -> Result<(), FieldError> {
    let named = |field: &str, error: InvalidId| FieldError::new(field, &error.value, error.rule);
    EventId::new(&*adjusted.adjusts).map_err(|error| named("adjusts", error))?;
    ProducerId::new(&*adjusted.adjusts_producer).map_err(|error| named("adjusts_producer", error))?;
    changes(&adjusted.tokens)?;
    text("reason", &adjusted.reason)?;
    optional_text("author", adjusted.author.as_ref())
}

fn counts(tokens: &TokenCounts) -> Result<(), FieldError> {
    match tokens.check() {
        Ok(()) => Ok(()),
        Err(TokenError::ReasoningAboveOutput { reasoning, output }) => {
            let rule = format!("must not be above tokens.output ({output}): reasoning is a part of output");
            Err(FieldError::new("tokens.reasoning", &reasoning.to_string(), rule))
        }
        Err(TokenError::OneHourAboveCacheWrite { one_hour, written }) => {
            let rule =
                format!("must not be above tokens.cache_write ({written}): it is a part of cache_write");
            Err(FieldError::new("tokens.cache_write_1h", &one_hour.to_string(), rule))
        }
        Err(TokenError::TooMany { kind, value }) => {
            at_most(&format!("tokens.{kind}"), value, MAX_TOKENS_PER_EVENT)
        }
    }
}

fn changes(tokens: &TokenSums) -> Result<(), FieldError> {
    for (kind, change) in [
        ("input_uncached", tokens.input_uncached),
        ("cached_input", tokens.cached_input),
        ("cache_write", tokens.cache_write),
        ("output", tokens.output),
        ("reasoning", tokens.reasoning),
    ] {
        if change.unsigned_abs() > MAX_TOKENS_PER_EVENT.into() {
            let rule = format!("must lie within ±{MAX_TOKENS_PER_EVENT}, the most one event may correct");
            return Err(FieldError::new(format!("tokens.{kind}"), &change.to_string(), rule));
        }
    }
    Ok(())
}

fn execution(execution: Option<&NamedExecution>) -> Result<(), FieldError> {
    attempt(execution.and_then(|execution| execution.attempt))
}

fn attempt(attempt: Option<u32>) -> Result<(), FieldError> {
    if attempt == Some(0) {
        return Err(FieldError::new("attempt", "0", "must be 1 or more: attempts count from 1"));
    }
    Ok(())
}

fn limit_override(limit: &LimitOverride) -> Result<(), FieldError> {
    if *limit == LimitOverride::default() {
        return Err(FieldError::new("", "nothing", "must set tokens, latency_ms or both"));
    }
    for (field, value) in [("tokens", limit.tokens), ("latency_ms", limit.latency_ms)] {
        if value == Some(0) {
            return Err(FieldError::new(field, "0", "must be 1 or more"));
        }
    }
    Ok(())
}

fn at_most(field: &str, value: u64, most: u64) -> Result<(), FieldError> {
    if value <= most {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        &value.to_string(),
        format!("must be at most {most}, the most one event may hold"),
    ))
}

fn count(field: &str, count: usize) -> Result<(), FieldError> {
    if count <= MAX_LABELS {
        return Ok(());
    }
    Err(FieldError::new(
        field,
        &format!("{count} entries"),
        format!("must have at most {MAX_LABELS} entries"),
    ))
}

/// A short word that must be there.
fn name(field: &str, text: &str) -> Result<(), FieldError> {
    if text.is_empty() {
        return Err(FieldError::missing(field));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(FieldError::new(field, text, format!("must have at most {MAX_NAME_BYTES} bytes")));
    }
    Ok(())
}

/// A text that must be there.
fn text(field: &str, text: &str) -> Result<(), FieldError> {
    if text.is_empty() { Err(FieldError::missing(field)) } else { bounded(field, text) }
}

/// A text that may be absent. Absent has one form: an empty text is only possible from our own code.
fn optional_text(field: &str, value: Option<&String>) -> Result<(), FieldError> {
    match value {
        Some(value) if value.is_empty() => Err(FieldError::new(field, "", "must be absent instead of empty")),
        Some(value) => bounded(field, value),
        None => Ok(()),
    }
}

fn bounded(field: &str, text: &str) -> Result<(), FieldError> {
    if text.len() <= MAX_TEXT_BYTES {
        return Ok(());
    }
    let rule = format!("must have at most {MAX_TEXT_BYTES} bytes, has {}", text.len());
    Err(FieldError::new(field, text, rule))
}

/// `version-trace id-parent id-flags` in lower-case hex; a later version may append to it.
fn is_trace_parent(text: &str) -> bool {
    let hex = |part: Option<&str>, digits: usize| {
        part.is_some_and(|part| {
            part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let mut parts = text.split('-');
    let known =
        hex(parts.next(), 2) && hex(parts.next(), 32) && hex(parts.next(), 16) && hex(parts.next(), 2);
    known
        && text.len() <= MAX_TRACE_PARENT_BYTES
        && (parts.next().is_none() || !text.starts_with("00"))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}
