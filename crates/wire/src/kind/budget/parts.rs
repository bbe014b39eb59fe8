//! What several decisions about money have: amounts, limits, spans of time.

use serde_json::Value;
use tollgate_domain::budget::{Amount, AmountLimit};
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Span;

use crate::error::FieldError;
use crate::out::{Out, whole};
use crate::proto;
use crate::values::{time_from_proto, time_to_proto};

/// A time that must be there.
pub(super) fn required(field: &str, time: Option<prost_types::Timestamp>) -> Result<Timestamp, FieldError> {
    let time = time.ok_or_else(|| FieldError::missing(field))?;
    time_from_proto(time).map_err(|error| error.within(field))
}

/// A time that may be absent.
pub(super) fn time(
    field: &str,
    time: Option<prost_types::Timestamp>,
) -> Result<Option<Timestamp>, FieldError> {
    time.map(|time| time_from_proto(time).map_err(|error| error.within(field))).transpose()
}

/// Money; empty: nothing.
fn usd(field: &str, text: &str) -> Result<Usd, FieldError> {
    if text.is_empty() {
        return Ok(Usd::ZERO);
    }
    text.parse().map_err(|error: tollgate_domain::money::MoneyError| {
        FieldError::new(&*format!("{field}.usd"), text, error.to_string())
    })
}

pub(super) fn amount(field: &str, stored: Option<proto::Amount>) -> Result<Amount, FieldError> {
    let stored = stored.unwrap_or_default();
    Ok(Amount { tokens: stored.tokens.into(), usd: usd(field, &stored.usd)? })
}

pub(super) fn amount_content(amount: Amount) -> proto::Amount {
    let bound = if amount.tokens < 0 { i64::MIN } else { i64::MAX };
    proto::Amount {
        tokens: i64::try_from(amount.tokens).unwrap_or(bound),
        usd: if amount.usd == Usd::ZERO { String::new() } else { amount.usd.to_string() },
    }
}

pub(super) fn written_amount(content: Option<&proto::Amount>) -> Value {
    let mut out = Out::default();
    if let Some(content) = content {
        out.count("tokens", content.tokens);
        let usd = if content.usd.is_empty() { "0" } else { &content.usd };
        out.text("usd", usd);
    }
    out.object()
}

pub(super) fn limit(field: &str, stored: Option<proto::AmountLimit>) -> Result<AmountLimit, FieldError> {
    let stored = stored.unwrap_or_default();
    let money = (!stored.usd.is_empty()).then(|| usd(field, &stored.usd)).transpose()?;
    Ok(AmountLimit { tokens: stored.tokens, usd: money })
}

pub(super) fn limit_content(limit: AmountLimit) -> proto::AmountLimit {
    proto::AmountLimit { tokens: limit.tokens, usd: limit.usd.map(|usd| usd.to_string()).unwrap_or_default() }
}

pub(super) fn written_limit(content: &proto::AmountLimit) -> Value {
    let mut out = Out::default();
    out.optional("tokens", content.tokens.map(whole));
    out.text("usd", &content.usd);
    out.object()
}

pub(super) fn span(field: &str, stored: Option<proto::Span>) -> Result<Option<Span>, FieldError> {
    let Some(stored) = stored else { return Ok(None) };
    let inner = |name: &str, time| required(name, time).map_err(|error: FieldError| error.within(field));
    Ok(Some(Span { from: inner("from", stored.from)?, to: inner("to", stored.to)? }))
}

pub(super) fn span_content(span: Span) -> proto::Span {
    proto::Span { from: Some(time_to_proto(span.from)), to: Some(time_to_proto(span.to)) }
}

pub(super) fn written_span(content: &proto::Span) -> Value {
    let mut out = Out::default();
    out.time("from", content.from);
    out.time("to", content.to);
    out.object()
}
