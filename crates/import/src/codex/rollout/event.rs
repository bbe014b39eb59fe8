//! The event of a call, with all that its session says of it.

use tollgate_domain::event::{Event, EventBody};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_domain::usage::{Cost, UsageRecorded};

use super::{Origin, Rollout};
use crate::call::CallName;

/// The provider of the model if the session does not say: Codex's own default.
const DEFAULT_PROVIDER: &str = "openai";

impl Rollout {
    pub(super) fn event(
        &self,
        origin: &Origin,
        name: CallName,
        response: Option<String>,
        at: Timestamp,
        tokens: TokenCounts,
    ) -> Event {
        let provider = origin.model_provider.as_deref().unwrap_or(DEFAULT_PROVIDER);
        Event {
            tenant: self.tenant.clone(),
            task: name.task,
            producer: self.producer.clone(),
            id: name.id,
            occurred_at: Some(at),
            trace_parent: None,
            body: EventBody::from(UsageRecorded {
                context: None,
                counts_as: None,
                execution: None,
                provider: Some(provider.to_owned()),
                model: self.model.clone(),
                component: origin.originator.clone(),
                request_id: response,
                service_tier: self.tier.clone(),
                allocation: None,
                labels: origin.labels.clone(),
                tokens,
                units: UnitCounts::default(),
                estimated: false,
                cost: Cost::Unpriced,
            }),
        }
    }
}
