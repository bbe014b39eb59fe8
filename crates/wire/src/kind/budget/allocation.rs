//! Allocations: made, refused, extended, released, expired.

use serde_json::Value;
use tollgate_domain::event::{
    Allocated, AllocationExpired, AllocationExtended, AllocationRefused, AllocationReleased,
    AllocationRequest, PolicyFigures, Ruling,
};

use super::parts::{
    amount, amount_content, limit, limit_content, required, span, span_content, time, written_amount,
    written_limit, written_span,
};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind::{Beside, Kind, units};
use crate::out::Out;
use crate::proto::{self, Added};
use crate::rules::{labels, optional_text};
use crate::values::{optional, or_empty, phase, time_to_proto, word};

impl Kind for Allocated {
    type Proto = proto::Allocated;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            request: request(stored.request)?,
            instead_of: optional(stored.instead_of),
            policies: policies(stored.policies)?,
            decided_at: required("decided_at", stored.decided_at)?,
            as_of: stored.as_of,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::Allocated {
            request: Some(request_content(&self.request)),
            instead_of: or_empty(self.instead_of.as_ref()),
            policies: self.policies.iter().map(figures_content).collect(),
            decided_at: Some(time_to_proto(self.decided_at)),
            as_of: self.as_of.clone(),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        check_request(&self.request)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.optional("request", content.request.as_ref().map(written_request));
        out.text("instead_of", &content.instead_of);
        out.value("policies", content.policies.iter().map(written_figures).collect());
        out.time("decided_at", content.decided_at);
        out.text("as_of", &content.as_of);
    }
}

impl Kind for AllocationRefused {
    type Proto = proto::AllocationRefused;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            request: request(stored.request)?,
            policies: policies(stored.policies)?,
            decided_at: required("decided_at", stored.decided_at)?,
            as_of: stored.as_of,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::AllocationRefused {
            request: Some(request_content(&self.request)),
            policies: self.policies.iter().map(figures_content).collect(),
            decided_at: Some(time_to_proto(self.decided_at)),
            as_of: self.as_of.clone(),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        check_request(&self.request)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.optional("request", content.request.as_ref().map(written_request));
        out.value("policies", content.policies.iter().map(written_figures).collect());
        out.time("decided_at", content.decided_at);
        out.text("as_of", &content.as_of);
    }
}

impl Kind for AllocationExtended {
    type Proto = proto::AllocationExtended;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            allocation: stored.allocation,
            by: amount("by", stored.by)?,
            expires_at: required("expires_at", stored.expires_at)?,
            policies: policies(stored.policies)?,
            decided_at: required("decided_at", stored.decided_at)?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::AllocationExtended {
            allocation: self.allocation.clone(),
            by: Some(amount_content(self.by)),
            expires_at: Some(time_to_proto(self.expires_at)),
            policies: self.policies.iter().map(figures_content).collect(),
            decided_at: Some(time_to_proto(self.decided_at)),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("allocation", &content.allocation);
        out.value("by", written_amount(content.by.as_ref()));
        out.time("expires_at", content.expires_at);
        out.value("policies", content.policies.iter().map(written_figures).collect());
        out.time("decided_at", content.decided_at);
    }
}

impl Kind for AllocationReleased {
    type Proto = proto::AllocationReleased;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            allocation: stored.allocation,
            author: optional(stored.author),
            decided_at: required("decided_at", stored.decided_at)?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::AllocationReleased {
            allocation: self.allocation.clone(),
            author: or_empty(self.author.as_ref()),
            decided_at: Some(time_to_proto(self.decided_at)),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        optional_text("author", self.author.as_ref())
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("allocation", &content.allocation);
        out.text("author", &content.author);
        out.time("decided_at", content.decided_at);
    }
}

impl Kind for AllocationExpired {
    type Proto = proto::AllocationExpired;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let expired_at = required("expired_at", stored.expired_at)?;
        Ok(Self { allocation: stored.allocation, expired_at })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::AllocationExpired {
            allocation: self.allocation.clone(),
            expired_at: Some(time_to_proto(self.expired_at)),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("allocation", &content.allocation);
        out.time("expired_at", content.expired_at);
    }
}

fn check_request(request: &AllocationRequest) -> Result<(), FieldError> {
    for (field, value) in [
        ("task", &request.task),
        ("component", &request.component),
        ("provider", &request.provider),
        ("model", &request.model),
    ] {
        optional_text(field, value.as_ref())?;
    }
    labels(&request.labels)
}

fn request(stored: Option<proto::AllocationRequest>) -> Result<AllocationRequest, FieldError> {
    let stored = stored.ok_or_else(|| FieldError::missing("request"))?;
    let read = || {
        Ok(AllocationRequest {
            allocation: stored.allocation,
            context: optional(stored.context),
            task: optional(stored.task),
            phase: optional(stored.phase).map(|name| phase("phase", &name)).transpose()?,
            component: optional(stored.component),
            provider: optional(stored.provider),
            model: optional(stored.model),
            labels: stored.labels,
            priority: u8::try_from(stored.priority).unwrap_or(u8::MAX),
            amount: amount("amount", stored.amount)?,
            tokens_unsaid: stored.tokens_unsaid,
            is_priced: stored.is_priced,
            expires_at: required("expires_at", stored.expires_at)?,
            priced_provider: optional(stored.priced_provider),
            priced_model: optional(stored.priced_model),
            service_tier: optional(stored.service_tier),
            units: units::change(stored.units)?,
        })
    };
    read().map_err(|error: FieldError| error.within("request"))
}

fn request_content(request: &AllocationRequest) -> proto::AllocationRequest {
    proto::AllocationRequest {
        allocation: request.allocation.clone(),
        context: or_empty(request.context.as_ref()),
        task: or_empty(request.task.as_ref()),
        component: or_empty(request.component.as_ref()),
        provider: or_empty(request.provider.as_ref()),
        model: or_empty(request.model.as_ref()),
        labels: request.labels.clone(),
        priority: request.priority.into(),
        amount: Some(amount_content(request.amount)),
        tokens_unsaid: request.tokens_unsaid,
        is_priced: request.is_priced,
        expires_at: Some(time_to_proto(request.expires_at)),
        phase: request.phase.as_ref().map(ToString::to_string).unwrap_or_default(),
        priced_provider: or_empty(request.priced_provider.as_ref()),
        priced_model: or_empty(request.priced_model.as_ref()),
        service_tier: or_empty(request.service_tier.as_ref()),
        units: units::stored_change(&request.units),
    }
}

fn written_request(content: &proto::AllocationRequest) -> Value {
    let mut out = Out::default();
    out.text("allocation", &content.allocation);
    out.text("context", &content.context);
    out.text("task", &content.task);
    out.text("phase", &content.phase);
    out.text("component", &content.component);
    out.text("provider", &content.provider);
    out.text("model", &content.model);
    out.text("priced_provider", &content.priced_provider);
    out.text("priced_model", &content.priced_model);
    out.text("service_tier", &content.service_tier);
    out.filled("units", units::written(&content.units));
    out.labels("labels", &content.labels);
    out.count("priority", content.priority);
    out.value("amount", written_amount(content.amount.as_ref()));
    if content.tokens_unsaid {
        out.value("tokens_unsaid", true.into());
    }
    out.value("is_priced", content.is_priced.into());
    out.time("expires_at", content.expires_at);
    out.object()
}

fn policies(stored: Vec<proto::PolicyFigures>) -> Result<Vec<PolicyFigures>, FieldError> {
    let stored = stored.into_iter().enumerate();
    let read = stored.map(|(nth, stored)| {
        figures(stored).map_err(|error| error.within(&format!("[{nth}]")).within("policies"))
    });
    read.collect()
}

fn figures(stored: proto::PolicyFigures) -> Result<PolicyFigures, FieldError> {
    Ok(PolicyFigures {
        policy: stored.policy,
        version: stored.version,
        window: span("window", stored.window)?,
        of: optional(stored.of),
        limit: limit("limit", stored.limit)?,
        booked: amount("booked", stored.booked)?,
        reserved: amount("reserved", stored.reserved)?,
        unpriced: amount("unpriced", stored.unpriced)?,
        unpriced_units: units::change(stored.unpriced_units)?,
        ruling: word("ruling", &stored.ruling, Ruling::NAMES, Ruling::from_word)?,
        retry_at: time("retry_at", stored.retry_at)?,
    })
}

fn figures_content(figures: &PolicyFigures) -> proto::PolicyFigures {
    // What is not known is absent: 0 would say that nothing was spent.
    let known = |amount| figures.ruling.has_figures().then(|| amount_content(amount));
    proto::PolicyFigures {
        policy: figures.policy.clone(),
        version: figures.version,
        window: figures.window.map(span_content),
        of: or_empty(figures.of.as_ref()),
        limit: Some(limit_content(figures.limit)),
        booked: known(figures.booked),
        reserved: known(figures.reserved),
        unpriced: known(figures.unpriced),
        unpriced_units: units::stored_change(&figures.unpriced_units),
        ruling: figures.ruling.as_str().to_owned(),
        retry_at: figures.retry_at.map(time_to_proto),
    }
}

fn written_figures(content: &proto::PolicyFigures) -> Value {
    let mut out = Out::default();
    out.text("policy", &content.policy);
    out.count("version", content.version);
    out.optional("window", content.window.as_ref().map(written_span));
    out.text("of", &content.of);
    out.optional("limit", content.limit.as_ref().map(written_limit));
    out.optional("booked", content.booked.as_ref().map(|amount| written_amount(Some(amount))));
    out.optional("reserved", content.reserved.as_ref().map(|amount| written_amount(Some(amount))));
    out.optional("unpriced", content.unpriced.as_ref().map(|amount| written_amount(Some(amount))));
    out.filled("unpriced_units", units::written(&content.unpriced_units));
    out.text("ruling", &content.ruling);
    out.time("retry_at", content.retry_at);
    out.object()
}
