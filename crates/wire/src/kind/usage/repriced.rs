//! Usage that was priced again.

use tollgate_domain::event::UsageRepriced;
use tollgate_domain::usage::Cost;

use super::{cost, cost_to_proto, counts_as, unpriced};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind::{Beside, Kind, units};
use crate::out::Out;
use crate::proto::{self, Added};
use crate::values::{execution, execution_fields, optional, or_empty, time_from_proto, time_to_proto};

impl Kind for UsageRepriced {
    type Proto = proto::UsageRepriced;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let new = cost(stored.new)?;
        if new == Cost::Unpriced {
            return Err(FieldError::missing("new"));
        }
        Ok(Self {
            adjusts: stored.adjusts,
            adjusts_producer: stored.adjusts_producer,
            used_at: time_from_proto(stored.used_at.ok_or_else(|| FieldError::missing("used_at"))?)?,
            execution: execution(&stored.phase, stored.attempt)?,
            provider: optional(stored.provider),
            model: optional(stored.model),
            component: optional(stored.component),
            labels: stored.labels,
            allocation: optional(stored.allocation),
            counts_as: counts_as::to_domain(stored.counts_as)?,
            old: cost(stored.old)?,
            new,
            tokens: stored.tokens,
            units: units::counts(stored.units)?,
            unpriced: stored.unpriced.map(unpriced::to_domain).transpose()?,
            by: stored.by,
            reason: optional(stored.reason),
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        let (phase, attempt) = execution_fields(self.execution.as_ref());
        proto::UsageRepriced {
            adjusts: self.adjusts.clone(),
            adjusts_producer: self.adjusts_producer.clone(),
            used_at: Some(time_to_proto(self.used_at)),
            phase,
            attempt,
            provider: or_empty(self.provider.as_ref()),
            model: or_empty(self.model.as_ref()),
            component: or_empty(self.component.as_ref()),
            labels: self.labels.clone(),
            allocation: or_empty(self.allocation.as_ref()),
            old: cost_to_proto(&self.old),
            new: cost_to_proto(&self.new),
            tokens: self.tokens,
            units: units::stored(&self.units),
            unpriced: self.unpriced.as_ref().map(unpriced::to_proto),
            counts_as: self.counts_as.as_deref().map(counts_as::to_proto),
            by: self.by.clone(),
            reason: or_empty(self.reason.as_ref()),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("adjusts", &content.adjusts);
        out.text("adjusts_producer", &content.adjusts_producer);
        out.time("used_at", content.used_at);
        out.execution(&content.phase, content.attempt);
        out.text("provider", &content.provider);
        out.text("model", &content.model);
        out.text("component", &content.component);
        out.labels("labels", &content.labels);
        out.text("allocation", &content.allocation);
        out.optional("counts_as", content.counts_as.as_ref().map(counts_as::written));
        for (name, stored) in [("old", content.old.as_ref()), ("new", content.new.as_ref())] {
            let mut cost = Out::default();
            cost.cost(stored);
            out.value(name, cost.object());
        }
        out.count("tokens", content.tokens);
        out.filled("units", units::written(&content.units));
        out.optional("unpriced", content.unpriced.as_ref().map(unpriced::written));
        out.text("by", &content.by);
        out.text("reason", &content.reason);
    }
}
