//! How usage counts in budgets, as its appender found it.

use serde_json::Value;
use tollgate_domain::usage::CountsAs;

use crate::error::FieldError;
use crate::out::Out;
use crate::proto;
use crate::values::{execution, optional, or_empty};

pub(super) fn to_proto(found: &CountsAs) -> proto::CountsAs {
    proto::CountsAs {
        allocation: found.allocation.clone(),
        phase: found.phase.as_ref().map(ToString::to_string).unwrap_or_default(),
        component: or_empty(found.component.as_ref()),
        provider: or_empty(found.provider.as_ref()),
        model: or_empty(found.model.as_ref()),
        labels: found.labels.clone(),
        priced_provider: or_empty(found.priced_provider.as_ref()),
        priced_model: or_empty(found.priced_model.as_ref()),
        unmade: found.unmade,
    }
}

pub(super) fn to_domain(stored: Option<proto::CountsAs>) -> Result<Option<Box<CountsAs>>, FieldError> {
    let Some(stored) = stored else { return Ok(None) };
    let phase = execution(&stored.phase, None).map_err(|error| error.within("counts_as"))?;
    Ok(Some(Box::new(CountsAs {
        allocation: stored.allocation,
        phase: phase.map(|execution| execution.phase),
        component: optional(stored.component),
        provider: optional(stored.provider),
        model: optional(stored.model),
        labels: stored.labels,
        priced_provider: optional(stored.priced_provider),
        priced_model: optional(stored.priced_model),
        unmade: stored.unmade,
    })))
}

pub(super) fn written(stored: &proto::CountsAs) -> Value {
    let mut out = Out::default();
    out.text("allocation", &stored.allocation);
    out.text("phase", &stored.phase);
    out.text("component", &stored.component);
    out.text("provider", &stored.provider);
    out.text("model", &stored.model);
    out.labels("labels", &stored.labels);
    out.text("priced_provider", &stored.priced_provider);
    out.text("priced_model", &stored.priced_model);
    if stored.unmade {
        out.value("unmade", true.into());
    }
    out.object()
}
