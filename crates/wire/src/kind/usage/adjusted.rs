//! Corrections of usage.

use serde_json::Value;
use serde_json::value::RawValue;
use tollgate_domain::event::UsageAdjusted;
use tollgate_domain::ids::{EventId, InvalidId, ProducerId};
use tollgate_domain::tokens::{MAX_TOKENS_PER_EVENT, TokenCounts, TokenSums};
use tollgate_domain::usage::AdjustedUsage;

use super::{
    cost, cost_to_proto, counts, counts_as, counts_to_proto, token_object, unpriced, written_counts,
};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind::{Beside, Kind, Sent, units};
use crate::object::Object;
use crate::out::Out;
use crate::proto::{self, Added};
use crate::rules::{optional_text, text};
use crate::values::{execution, execution_fields, optional, or_empty, time_from_proto, time_to_proto};

impl Kind for UsageAdjusted {
    type Proto = proto::UsageAdjusted;

    fn to_domain(sent: Self::Proto, beside: &mut Beside) -> Result<Self, FieldError> {
        let change = match sent.tokens {
            Some(change) => change,
            None if !sent.units.is_empty() => proto::TokenChange::default(),
            None => return Err(FieldError::missing("tokens")),
        };
        Ok(Self {
            adjusts: sent.adjusts,
            adjusts_producer: sent.adjusts_producer,
            tokens: TokenSums {
                input_uncached: change.input_uncached.into(),
                cached_input: change.cached_input.into(),
                cache_write: change.cache_write.into(),
                output: change.output.into(),
                reasoning: change.reasoning.into(),
            },
            units: units::change(sent.units)?,
            reason: sent.reason,
            author: optional(sent.author),
            resolved: beside
                .added
                .resolved
                .take()
                .map(|found| resolved_to_domain(*found).map(Box::new))
                .transpose()
                .map_err(|error| error.within("resolved"))?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        let with_tokens = self.units.is_empty() || self.tokens != TokenSums::default();
        proto::UsageAdjusted {
            adjusts: self.adjusts.clone(),
            adjusts_producer: self.adjusts_producer.clone(),
            tokens: with_tokens.then(|| proto::TokenChange {
                input_uncached: units::held(self.tokens.input_uncached),
                cached_input: units::held(self.tokens.cached_input),
                cache_write: units::held(self.tokens.cache_write),
                output: units::held(self.tokens.output),
                reasoning: units::held(self.tokens.reasoning),
            }),
            reason: self.reason.clone(),
            author: or_empty(self.author.as_ref()),
            units: units::stored_change(&self.units),
        }
    }

    fn add(&self, _sent: &Self, _text_length: Option<TextLength>, added: &mut Added) {
        added.resolved = self.resolved.as_deref().map(resolved_to_proto).map(Box::new);
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        let named = |field: &str, error: InvalidId| FieldError::new(field, &error.value, error.rule);
        EventId::new(&*self.adjusts).map_err(|error| named("adjusts", error))?;
        ProducerId::new(&*self.adjusts_producer).map_err(|error| named("adjusts_producer", error))?;
        changes(&self.tokens)?;
        units::check_change(&self.units)?;
        text("reason", &self.reason)?;
        optional_text("author", self.author.as_ref())
    }

    fn write(out: &mut Out, content: &Self::Proto, added: Option<&Added>) {
        out.text("adjusts", &content.adjusts);
        out.text("adjusts_producer", &content.adjusts_producer);
        if let Some(change) = &content.tokens {
            let mut tokens = Out::default();
            tokens.count("input_uncached", change.input_uncached);
            tokens.count("cached_input", change.cached_input);
            tokens.count("cache_write", change.cache_write);
            tokens.count("output", change.output);
            tokens.count("reasoning", change.reasoning);
            out.value("tokens", tokens.object());
        }
        out.filled("units", units::written(&content.units));
        out.text("reason", &content.reason);
        out.text("author", &content.author);
        out.optional("resolved", added.and_then(|added| added.resolved.as_deref()).map(written_resolved));
    }
}

impl Sent for UsageAdjusted {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        let adjusted =
            Object::of(raw, &["adjusts", "adjusts_producer", "tokens", "units", "reason", "author"])?;
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
            units: adjusted.with("units", units::sent_change)?.unwrap_or_default(),
        })
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

fn resolved_to_proto(found: &AdjustedUsage) -> proto::AdjustedUsage {
    let (phase, attempt) = execution_fields(found.execution.as_ref());
    proto::AdjustedUsage {
        phase,
        attempt,
        provider: or_empty(found.provider.as_ref()),
        model: or_empty(found.model.as_ref()),
        component: or_empty(found.component.as_ref()),
        labels: found.labels.clone(),
        allocation: or_empty(found.allocation.as_ref()),
        service_tier: or_empty(found.service_tier.as_ref()),
        occurred_at: found.occurred_at.map(time_to_proto),
        cost: cost_to_proto(&found.cost),
        excess: (found.excess != TokenCounts::default()).then(|| counts_to_proto(&found.excess)),
        excess_units: units::stored_change(&found.excess_units),
        unpriced: found.unpriced.as_ref().map(unpriced::part_to_proto),
        counts_as: found.counts_as.as_deref().map(counts_as::to_proto),
    }
}

fn resolved_to_domain(stored: proto::AdjustedUsage) -> Result<AdjustedUsage, FieldError> {
    Ok(AdjustedUsage {
        execution: execution(&stored.phase, stored.attempt)?,
        provider: optional(stored.provider),
        model: optional(stored.model),
        component: optional(stored.component),
        allocation: optional(stored.allocation),
        counts_as: counts_as::to_domain(stored.counts_as)?,
        labels: stored.labels,
        service_tier: optional(stored.service_tier),
        occurred_at: stored
            .occurred_at
            .map(time_from_proto)
            .transpose()
            .map_err(|error| error.within("occurred_at"))?,
        cost: cost(stored.cost)?,
        excess: stored.excess.as_ref().map(counts).unwrap_or_default(),
        excess_units: units::change(stored.excess_units)?,
        unpriced: stored.unpriced.map(unpriced::part).transpose()?,
    })
}

fn written_resolved(found: &proto::AdjustedUsage) -> Value {
    let mut out = Out::default();
    out.execution(&found.phase, found.attempt);
    out.text("provider", &found.provider);
    out.text("model", &found.model);
    out.text("component", &found.component);
    out.text("allocation", &found.allocation);
    out.labels("labels", &found.labels);
    out.optional("counts_as", found.counts_as.as_ref().map(counts_as::written));
    out.text("service_tier", &found.service_tier);
    out.time("occurred_at", found.occurred_at);
    out.cost(found.cost.as_ref());
    out.optional("excess", found.excess.as_ref().map(written_counts));
    out.filled("excess_units", units::written(&found.excess_units));
    out.optional("unpriced", found.unpriced.as_ref().map(unpriced::written_part));
    out.object()
}
