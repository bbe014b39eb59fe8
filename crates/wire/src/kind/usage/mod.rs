//! Recorded usage. Corrections, and statements about an execution, have files of their own.

mod adjusted;
mod counts_as;
mod repriced;
mod said;
mod unpriced;

use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_domain::event::UsageRecorded;
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts, TokenError};
use tollgate_domain::usage::{Cost, estimate};

use super::{Beside, Kind, Sent, units};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::object::{self, Object};
use crate::out::{Out, whole};
use crate::proto::{self, Added};
use crate::rules::{at_most, labels, optional_id, optional_text};
use crate::values::{execution, execution_fields, optional, or_empty};

impl Kind for UsageRecorded {
    type Proto = proto::UsageRecorded;

    fn to_domain(sent: Self::Proto, beside: &mut Beside) -> Result<Self, FieldError> {
        let text_length =
            TextLength { prompt_chars: sent.prompt_chars, completion_chars: sent.completion_chars };
        let text_length = (text_length != TextLength::default()).then_some(text_length);
        let (tokens, estimated) = match (sent.tokens, text_length) {
            (Some(tokens), None) => (counts(&tokens), sent.estimated),
            (None, Some(length)) => {
                // Recorded usage keeps the tokens that it was counted with, even if the formula has changed since.
                let computed = beside.added.estimated_tokens.map(|tokens| counts(&tokens));
                (computed.unwrap_or_else(|| estimated(length)), true)
            }
            (Some(_), Some(_)) => {
                let rule = "cannot be combined with prompt_chars or completion_chars: send what the model reported, or text lengths";
                return Err(FieldError::new("tokens", "given", rule));
            }
            // Not every model is billed by the token.
            (None, None) if !sent.units.is_empty() => (TokenCounts::default(), sent.estimated),
            (None, None) => {
                let rule = "must be given; where the model reported none, send prompt_chars and completion_chars, or units \
                            if it is not billed by the token";
                return Err(FieldError::new("tokens", "nothing", rule));
            }
        };
        beside.text_length = text_length;
        Ok(Self {
            execution: execution(&sent.phase, sent.attempt)?,
            provider: optional(sent.provider),
            model: optional(sent.model),
            component: optional(sent.component),
            request_id: optional(sent.request_id),
            service_tier: optional(sent.service_tier),
            allocation: optional(sent.allocation),
            context: optional(sent.context),
            labels: sent.labels,
            tokens,
            units: units::counts(sent.units)?,
            estimated,
            cost: match booked(&sent.booked_usd)? {
                Some(usd) => Cost::of_booked(usd),
                None => cost(beside.added.cost.take())?,
            },
            counts_as: counts_as::to_domain(beside.added.counts_as.take())?,
        })
    }

    fn content(&self, text_length: Option<TextLength>) -> Self::Proto {
        let (phase, attempt) = execution_fields(self.execution.as_ref());
        let reported = text_length.is_none();
        let length = text_length.unwrap_or_default();
        let with_tokens = self.units.is_empty() || self.tokens != TokenCounts::default();
        proto::UsageRecorded {
            phase,
            attempt,
            provider: or_empty(self.provider.as_ref()),
            model: or_empty(self.model.as_ref()),
            component: or_empty(self.component.as_ref()),
            request_id: or_empty(self.request_id.as_ref()),
            tokens: (reported && with_tokens).then(|| counts_to_proto(&self.tokens)),
            estimated: reported && self.estimated,
            prompt_chars: length.prompt_chars,
            completion_chars: length.completion_chars,
            service_tier: or_empty(self.service_tier.as_ref()),
            labels: self.labels.clone(),
            allocation: or_empty(self.allocation.as_ref()),
            units: units::stored(&self.units),
            context: or_empty(self.context.as_ref()),
            booked_usd: self.cost.booked().map(|usd| usd.to_string()).unwrap_or_default(),
        }
    }

    fn add(&self, _sent: &Self, text_length: Option<TextLength>, added: &mut Added) {
        added.cost = cost_to_proto(&self.cost);
        added.counts_as = self.counts_as.as_deref().map(counts_as::to_proto);
        added.estimated_tokens = text_length.map(|_| counts_to_proto(&self.tokens));
    }

    fn check(&self, text_length: Option<TextLength>) -> Result<(), FieldError> {
        crate::rules::execution(self.execution.as_ref())?;
        optional_text("provider", self.provider.as_ref())?;
        optional_text("model", self.model.as_ref())?;
        optional_text("component", self.component.as_ref())?;
        optional_text("request_id", self.request_id.as_ref())?;
        optional_text("service_tier", self.service_tier.as_ref())?;
        optional_id("allocation", self.allocation.as_ref())?;
        optional_id("context", self.context.as_ref())?;
        labels(&self.labels)?;
        units::check(&self.units, &self.tokens)?;
        let Some(length) = text_length else { return check_counts(&self.tokens) };
        at_most("prompt_chars", length.prompt_chars.unwrap_or_default(), MAX_TOKENS_PER_EVENT)?;
        at_most("completion_chars", length.completion_chars.unwrap_or_default(), MAX_TOKENS_PER_EVENT)
    }

    fn write(out: &mut Out, content: &Self::Proto, added: Option<&Added>) {
        out.execution(&content.phase, content.attempt);
        out.text("provider", &content.provider);
        out.text("model", &content.model);
        out.text("component", &content.component);
        out.text("request_id", &content.request_id);
        let computed = added.and_then(|added| added.estimated_tokens.as_ref());
        out.optional("tokens", content.tokens.as_ref().or(computed).map(written_counts));
        out.filled("units", units::written(&content.units));
        out.optional("prompt_chars", content.prompt_chars.map(whole));
        out.optional("completion_chars", content.completion_chars.map(whole));
        out.text("service_tier", &content.service_tier);
        out.text("allocation", &content.allocation);
        out.text("context", &content.context);
        out.text("booked_usd", &content.booked_usd);
        out.labels("labels", &content.labels);
        let estimated = content.estimated || computed.is_some();
        if estimated || added.is_some() {
            out.value("estimated", estimated.into());
        }
        if let Some(added) = added {
            out.cost(added.cost.as_ref());
            out.optional("counts_as", added.counts_as.as_ref().map(counts_as::written));
        }
    }
}

impl Sent for UsageRecorded {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        const FIELDS: [&str; 16] = [
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
            "allocation",
            "context",
            "booked_usd",
            "units",
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
            labels: usage.map("labels", object::text)?,
            allocation: usage.text("allocation")?,
            context: usage.text("context")?,
            booked_usd: usage.text("booked_usd")?,
            units: usage.with("units", units::sent)?.unwrap_or_default(),
        })
    }
}

/// Kinds that are not named are zero; an object that names none is unknown, which is not zero. `parts` are
/// accepted too, but do not count as kinds on their own.
fn token_object<'a>(raw: &'a RawValue, parts: &[&str]) -> Result<Object<'a>, FieldError> {
    const KINDS: [&str; 5] = ["input_uncached", "cached_input", "cache_write", "output", "reasoning"];
    let tokens = Object::of(raw, &[&KINDS, parts].concat())?;
    if KINDS.iter().all(|kind| tokens.get(kind).is_none()) {
        let rule = format!("must name at least one kind of {}", KINDS.join(", "));
        return Err(FieldError::new("", raw.get(), rule));
    }
    Ok(tokens)
}

fn cost_to_proto(cost: &Cost) -> Option<proto::Cost> {
    match cost {
        Cost::Priced { usd, price_version } => {
            Some(proto::Cost { cost_usd: usd.to_string(), price_version: price_version.clone() })
        }
        Cost::Unpriced => None,
    }
}

fn counts_to_proto(tokens: &TokenCounts) -> proto::TokenCounts {
    proto::TokenCounts {
        input_uncached: tokens.input_uncached,
        cached_input: tokens.cached_input,
        cache_write: tokens.cache_write,
        output: tokens.output,
        reasoning: tokens.reasoning,
        cache_write_1h: tokens.cache_write_1h,
    }
}

fn counts(tokens: &proto::TokenCounts) -> TokenCounts {
    TokenCounts {
        input_uncached: tokens.input_uncached,
        cached_input: tokens.cached_input,
        cache_write: tokens.cache_write,
        output: tokens.output,
        reasoning: tokens.reasoning,
        cache_write_1h: tokens.cache_write_1h,
    }
}

fn estimated(length: TextLength) -> TokenCounts {
    estimate(length.prompt_chars.unwrap_or_default(), length.completion_chars.unwrap_or_default())
}

fn booked(text: &str) -> Result<Option<Usd>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = |rule: String| FieldError::new("booked_usd", text, rule);
    let usd: Usd = text.parse().map_err(|error: MoneyError| invalid(error.to_string()))?;
    if usd < Usd::ZERO { Err(invalid("must not be negative".to_owned())) } else { Ok(Some(usd)) }
}

fn cost(stored: Option<proto::Cost>) -> Result<Cost, FieldError> {
    let Some(stored) = stored else { return Ok(Cost::Unpriced) };
    let usd: Usd = stored
        .cost_usd
        .parse()
        .map_err(|error: MoneyError| FieldError::new("cost_usd", &stored.cost_usd, error.to_string()))?;
    Ok(Cost::Priced { usd, price_version: stored.price_version })
}

fn written_counts(tokens: &proto::TokenCounts) -> Value {
    let mut out = Out::default();
    out.count("input_uncached", tokens.input_uncached);
    out.count("cached_input", tokens.cached_input);
    out.count("cache_write", tokens.cache_write);
    out.count("output", tokens.output);
    out.count("reasoning", tokens.reasoning);
    // A part that most usage lacks.
    out.optional("cache_write_1h", (tokens.cache_write_1h > 0).then(|| whole(tokens.cache_write_1h)));
    out.object()
}

fn check_counts(tokens: &TokenCounts) -> Result<(), FieldError> {
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
