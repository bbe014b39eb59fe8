//! Requesting that a change of an alert be delivered again.

use tollgate_domain::event::{Change, DeliveryRequested, Event, EventBody};
use tollgate_domain::ids::{EventId, InvalidId, ProducerId, TaskId, TenantId};
use tollgate_log::contract::AppendOutcome;
use tollgate_projector::Wait;
use tollgate_projector::queries::{EndpointOf, OneAlert};
use tollgate_wire::Submitted;
use tollgate_wire::api::{AlertView, ResendRequest, ResendResponse};
use uuid::Uuid;

use super::{Operations, append_one, of_append_one};
use crate::ledger::{OWN_PRODUCER, Read};
use crate::problem::{ALERT_UNKNOWN, Answer, CONFLICT, INVALID, of_field, of_query};

impl Operations {
    /// Requests another delivery of a change of an alert. On return the request is as durable as the log
    /// says; whatever delivers finds it there.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn resend(&self, id: &str, request: &ResendRequest) -> Answer<ResendResponse> {
        let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
        let at_least = self.ask.wanted(&read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.views.alerts.ask_all(wait, &OneAlert { id: id.to_owned() }).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let shown: String = id.chars().take(80).collect();
        let alert = parts.into_iter().flatten().next().ok_or_else(|| {
            ALERT_UNKNOWN.with(format!(
                "alert `{shown}`: not found as of {}; `GET /v1/alerts?state=all` lists all alerts",
                as_of.in_words()
            ))
        })?;
        let change = change_of(&alert, request.change.as_deref().unwrap_or("raised"))?;
        if let Some(endpoint) = &request.endpoint {
            let known = self.views.alerts.ask_all(wait, &EndpointOf { endpoint: endpoint.clone() }).await;
            let (parts, _) = known.map_err(|error| of_query(&error))?;
            if parts.iter().all(Vec::is_empty) {
                let rule =
                    "must be the name of an endpoint that alerts are delivered to, as alerts.yaml has it";
                return Err(INVALID.of_field("endpoint", endpoint, rule));
            }
        }
        let event = requested(&alert, change, request)
            .map_err(|error| INVALID.of_field(error.field, &error.value, error.rule))?;
        let submitted = Submitted::from_event(event).map_err(|error| of_field(&error))?;
        let receipt = append_one(&*self.log, &submitted).await.map_err(|error| of_append_one(&error))?;
        if let Some(AppendOutcome::Conflict(_)) = receipt.outcomes.first() {
            let rule = "is already used by another request; a retry must repeat that request, another request needs an id of its own";
            return Err(CONFLICT.with(format!("id: `{}`: {rule}", submitted.event.id)));
        }
        Ok(ResendResponse {
            alert: alert.id,
            change,
            endpoint: request.endpoint.clone(),
            position: receipt.position.to_string(),
        })
    }
}

/// A change that happened.
fn change_of(alert: &AlertView, word: &str) -> Answer<Change> {
    let (change, happened) = match word {
        "raised" => (Change::Raised, true),
        "acknowledged" => (Change::Acknowledged, alert.acknowledged_by.is_some()),
        "resolved" => (Change::Resolved, alert.resolved.is_some()),
        _ => return Err(INVALID.of_field("change", word, "must be `raised`, `acknowledged` or `resolved`")),
    };
    if happened {
        Ok(change)
    } else {
        Err(INVALID.of_field("change", word, "did not happen to this alert yet"))
    }
}

fn requested(alert: &AlertView, change: Change, request: &ResendRequest) -> Result<Event, InvalidId> {
    let id = request.id.clone().unwrap_or_else(|| format!("resend-{}", Uuid::now_v7().simple()));
    // Callers may not use the ledger's own names.
    let (ledger, own_task) = (TenantId::ledger(), TaskId::ledger());
    let tenant = if alert.tenant == ledger.as_str() { ledger } else { TenantId::new(alert.tenant.as_str())? };
    let task = if alert.task == own_task.as_str() { own_task } else { TaskId::new(alert.task.as_str())? };
    Ok(Event {
        tenant,
        task,
        producer: ProducerId::new(OWN_PRODUCER)?,
        id: EventId::new(id)?,
        occurred_at: None,
        trace_parent: None,
        body: EventBody::from(DeliveryRequested {
            alert: alert.id.clone(),
            change,
            endpoint: request.endpoint.clone(),
            by: request.by.clone(),
            reason: request.reason.clone(),
        }),
    })
}
