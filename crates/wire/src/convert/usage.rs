//! Usage, corrections, waits and signals.

use tollgate_domain::event::{SignalRecorded, WaitRecorded};
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_domain::tokens::{TokenCounts, TokenSums};
use tollgate_domain::usage::{AdjustedUsage, Cost, UsageAdjusted, UsageRecorded, estimate};

use super::text::{execution, execution_fields, optional, or_empty};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::proto::{self, Added};

/// Usage as the domain counts it, and the text lengths, where it came as such.
pub(super) fn recorded(
    sent: proto::UsageRecorded,
    added: Added,
) -> Result<(UsageRecorded, Option<TextLength>), FieldError> {
    let text_length = TextLength { prompt_chars: sent.prompt_chars, completion_chars: sent.completion_chars };
    let text_length = (text_length != TextLength::default()).then_some(text_length);
    let (tokens, estimated) = match (sent.tokens, text_length) {
        (Some(tokens), None) => (counts(&tokens), sent.estimated),
        (None, Some(length)) => {
            // Recorded usage keeps the tokens that it was counted with, whatever the formula is today.
            let computed = added.estimated_tokens.map(|tokens| counts(&tokens));
            (computed.unwrap_or_else(|| estimated(length)), true)
        }
        (Some(_), Some(_)) => {
            let rule = "must not stand beside prompt_chars or completion_chars: send what the model reported, or text lengths";
            return Err(FieldError::new("tokens", "given", rule));
        }
        (None, None) => {
            let rule = "must be given; where the model reported none, send prompt_chars and completion_chars";
            return Err(FieldError::new("tokens", "nothing", rule));
        }
    };
    let usage = UsageRecorded {
        execution: execution(&sent.phase, sent.attempt)?,
        provider: optional(sent.provider),
        model: optional(sent.model),
        component: optional(sent.component),
        request_id: optional(sent.request_id),
        service_tier: optional(sent.service_tier),
        labels: sent.labels,
        tokens,
        estimated,
        cost: cost(added.cost)?,
    };
    Ok((usage, text_length))
}

pub(super) fn recorded_content(
    usage: &UsageRecorded,
    text_length: Option<TextLength>,
) -> proto::UsageRecorded {
    let (phase, attempt) = execution_fields(usage.execution.as_ref());
    let reported = text_length.is_none();
    let length = text_length.unwrap_or_default();
    proto::UsageRecorded {
        phase,
        attempt,
        provider: or_empty(usage.provider.as_ref()),
        model: or_empty(usage.model.as_ref()),
        component: or_empty(usage.component.as_ref()),
        request_id: or_empty(usage.request_id.as_ref()),
        tokens: reported.then(|| counts_to_proto(&usage.tokens)),
        estimated: reported && usage.estimated,
        prompt_chars: length.prompt_chars,
        completion_chars: length.completion_chars,
        service_tier: or_empty(usage.service_tier.as_ref()),
        labels: usage.labels.clone(),
    }
}

pub(super) fn adjusted(
    sent: proto::UsageAdjusted,
    resolved: Option<Box<proto::AdjustedUsage>>,
) -> Result<UsageAdjusted, FieldError> {
    let change = sent.tokens.ok_or_else(|| FieldError::missing("tokens"))?;
    Ok(UsageAdjusted {
        adjusts: sent.adjusts,
        adjusts_producer: sent.adjusts_producer,
        tokens: TokenSums {
            input_uncached: change.input_uncached.into(),
            cached_input: change.cached_input.into(),
            cache_write: change.cache_write.into(),
            output: change.output.into(),
            reasoning: change.reasoning.into(),
        },
        reason: sent.reason,
        author: optional(sent.author),
        resolved: resolved
            .map(|found| resolved_to_domain(*found))
            .transpose()
            .map_err(|error| error.within("resolved"))?,
    })
}

pub(super) fn adjusted_content(adjusted: &UsageAdjusted) -> proto::UsageAdjusted {
    proto::UsageAdjusted {
        adjusts: adjusted.adjusts.clone(),
        adjusts_producer: adjusted.adjusts_producer.clone(),
        tokens: Some(proto::TokenChange {
            input_uncached: held(adjusted.tokens.input_uncached),
            cached_input: held(adjusted.tokens.cached_input),
            cache_write: held(adjusted.tokens.cache_write),
            output: held(adjusted.tokens.output),
            reasoning: held(adjusted.tokens.reasoning),
        }),
        reason: adjusted.reason.clone(),
        author: or_empty(adjusted.author.as_ref()),
    }
}

pub(super) fn resolved_to_proto(found: &AdjustedUsage) -> proto::AdjustedUsage {
    let (phase, attempt) = execution_fields(found.execution.as_ref());
    proto::AdjustedUsage {
        phase,
        attempt,
        provider: or_empty(found.provider.as_ref()),
        model: or_empty(found.model.as_ref()),
        cost: cost_to_proto(&found.cost),
        excess: (found.excess != TokenCounts::default()).then(|| counts_to_proto(&found.excess)),
    }
}

pub(super) fn wait(sent: proto::WaitRecorded) -> Result<WaitRecorded, FieldError> {
    Ok(WaitRecorded {
        execution: execution(&sent.phase, sent.attempt)?,
        kind: sent.kind,
        wait_ms: sent.wait_ms.ok_or_else(|| FieldError::missing("wait_ms"))?,
    })
}

pub(super) fn wait_content(wait: &WaitRecorded) -> proto::WaitRecorded {
    let (phase, attempt) = execution_fields(wait.execution.as_ref());
    proto::WaitRecorded { phase, attempt, kind: wait.kind.clone(), wait_ms: Some(wait.wait_ms) }
}

pub(super) fn signal(sent: proto::SignalRecorded) -> Result<SignalRecorded, FieldError> {
    Ok(SignalRecorded {
        execution: execution(&sent.phase, sent.attempt)?,
        name: sent.name,
        value: sent.value.ok_or_else(|| FieldError::missing("value"))?,
    })
}

pub(super) fn signal_content(signal: &SignalRecorded) -> proto::SignalRecorded {
    let (phase, attempt) = execution_fields(signal.execution.as_ref());
    proto::SignalRecorded { phase, attempt, name: signal.name.clone(), value: Some(signal.value) }
}

pub(super) fn cost_to_proto(cost: &Cost) -> Option<proto::Cost> {
    match cost {
        Cost::Priced { usd, price_version } => {
            Some(proto::Cost { cost_usd: usd.to_string(), price_version: price_version.clone() })
        }
        Cost::Unpriced => None,
    }
}

pub(super) fn counts_to_proto(tokens: &TokenCounts) -> proto::TokenCounts {
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

fn cost(stored: Option<proto::Cost>) -> Result<Cost, FieldError> {
    let Some(stored) = stored else { return Ok(Cost::Unpriced) };
    let usd: Usd = stored
        .cost_usd
        .parse()
        .map_err(|error: MoneyError| FieldError::new("cost_usd", &stored.cost_usd, error.to_string()))?;
    Ok(Cost::Priced { usd, price_version: stored.price_version })
}

fn resolved_to_domain(stored: proto::AdjustedUsage) -> Result<AdjustedUsage, FieldError> {
    Ok(AdjustedUsage {
        execution: execution(&stored.phase, stored.attempt)?,
        provider: optional(stored.provider),
        model: optional(stored.model),
        cost: cost(stored.cost)?,
        excess: stored.excess.as_ref().map(counts).unwrap_or_default(),
    })
}

/// `rules` keeps corrections within ±10¹² before they come here, so nothing is ever cut.
fn held(change: i128) -> i64 {
    i64::try_from(change).unwrap_or(if change < 0 { i64::MIN } else { i64::MAX })
}
