//! What was delivered about alerts, and requesting another delivery.

use tollgate_domain::event::DeliveryOutcome;
use tollgate_projection::alerts::{Attempt, Delivery};
use tollgate_projector::Wait;
use tollgate_projector::queries::{DeliveryPage, ListDeliveries};
use tollgate_wire::api::{AttemptView, DeliveryList, DeliveryState, DeliveryView};

use super::{Queries, Read};
use crate::problem::{Answer, of_query};

/// Which deliveries to return.
#[derive(Clone, Debug, Default)]
pub struct DeliveryQuery {
    /// Only of this alert.
    pub alert: Option<String>,
    /// Only to this endpoint.
    pub endpoint: Option<String>,
    /// Settled ones too.
    pub all: bool,
    /// Maximum number of deliveries to return.
    pub limit: usize,
}

impl Queries {
    /// The attempts to notify endpoints of changes, latest first.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn deliveries(&self, query: &DeliveryQuery, read: &Read) -> Answer<DeliveryList> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let DeliveryQuery { alert, endpoint, all, limit } = query.clone();
        let asked = self.alerts.ask_all(wait, &ListDeliveries { alert, endpoint, all, limit }).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut page = DeliveryPage::default();
        parts.into_iter().for_each(|part| page.merge(part, limit));
        let deliveries = page.deliveries.into_iter().map(delivery_view).collect();
        Ok(DeliveryList { deliveries, more: page.more, as_of: as_of.to_string() })
    }
}

fn delivery_view(delivery: Delivery) -> DeliveryView {
    let state = match (delivery.next_attempt_at, delivery.outcome) {
        (Some(_), _) | (None, DeliveryOutcome::Failed) => DeliveryState::Pending,
        (None, DeliveryOutcome::Delivered) => DeliveryState::Delivered,
        (None, DeliveryOutcome::GaveUp) => DeliveryState::GaveUp,
        (None, DeliveryOutcome::Disabled) => DeliveryState::Disabled,
        (None, DeliveryOutcome::Skipped) => DeliveryState::Skipped,
    };
    DeliveryView {
        endpoint: delivery.endpoint,
        alert: delivery.alert,
        tenant: delivery.tenant,
        change: delivery.change,
        state,
        attempts: delivery.attempts,
        next_attempt_at: delivery.next_attempt_at.map(|at| at.to_string()),
        delivered_at: delivery.delivered_at.map(|at| at.to_string()),
        history: delivery.history.into_iter().map(attempt_view).collect(),
    }
}

fn attempt_view(attempt: Attempt) -> AttemptView {
    AttemptView {
        attempt: attempt.number,
        at: attempt.at.to_string(),
        outcome: attempt.outcome,
        status_code: attempt.status_code,
        error: attempt.error,
    }
}
