//! A person settles what is waiting in the inbox's quarantine.

use tollgate_domain::event::{Event, EventBody, InboxResolved, QuarantineAction};
use tollgate_domain::ids::{EventId, LEDGER_TENANT, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Position;
use tollgate_projection::alerts::Quarantined;
use tollgate_wire::Submitted;
use tollgate_wire::api::{QuarantineEndRequest, QuarantineEnded, QuarantinedMessage};

use super::Operations;
use crate::intake::{concluded, from_message};
use crate::ledger::{OWN_PRODUCER, Read, ReadEvent};
use crate::problem::{Answer, INTERNAL, QUARANTINE_ENDED, REFUSED, of_field};

impl Operations {
    /// Accepts a message after all: its events, or their replacements, are appended as the inbox would have
    /// done. If they are refused again, the message stays where it is.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn redrive(&self, id: &str, request: &QuarantineEndRequest) -> Answer<QuarantineEnded> {
        let message = self.waiting(id).await?;
        if message.is_cut() && request.payload.is_none() {
            return Err(REFUSED.with(format!(
                "message `{id}`: only {} of its {} bytes are kept, which is no whole event; give the events as `payload`, or drop it",
                message.payload.len(),
                message.payload_bytes
            )));
        }
        let events = from_message(&message, request.payload.as_deref(), request.producer.as_deref())?;
        let appended = self.write.append(events).await;
        let taken = appended.position.clone();
        let (response, _) = concluded(&*self.log, appended)?;
        let (message, mut position) = self.end(&message, QuarantineAction::Redriven, request).await?;
        // A query as of the answer sees the events too, and not only that the message is settled.
        position.merge(&taken);
        Ok(QuarantineEnded { message, outcomes: response.outcomes, position: position.to_string() })
    }

    /// Abandons a message.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn drop_message(&self, id: &str, request: &QuarantineEndRequest) -> Answer<QuarantineEnded> {
        let message = self.waiting(id).await?;
        let (message, position) = self.end(&message, QuarantineAction::Dropped, request).await?;
        Ok(QuarantineEnded { message, outcomes: Vec::new(), position: position.to_string() })
    }

    async fn waiting(&self, id: &str) -> Answer<Quarantined> {
        let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
        let message = self.ask.refused(id, &read).await?;
        match &message.ended {
            None => Ok(message),
            Some(end) => Err(QUARANTINE_ENDED.with(format!(
                "message `{id}`: it was {} at {} by {}; nothing is left to do",
                end.action, end.at, end.by
            ))),
        }
    }

    async fn end(
        &self,
        message: &Quarantined,
        action: QuarantineAction,
        request: &QuarantineEndRequest,
    ) -> Answer<(QuarantinedMessage, Position)> {
        let tenant = match message.tenant.as_str() {
            LEDGER_TENANT => Ok(TenantId::ledger()),
            tenant => TenantId::new(tenant),
        };
        let internal = |error: tollgate_domain::ids::InvalidId| INTERNAL.with(error.to_string());
        // Each message is settled once: the id is derived from it alone.
        let event = Event {
            tenant: tenant.map_err(internal)?,
            task: TaskId::new(message.task.as_str()).map_err(internal)?,
            producer: ProducerId::new(OWN_PRODUCER).map_err(internal)?,
            id: EventId::new(format!("{}/ended", message.id)).map_err(internal)?,
            occurred_at: None,
            trace_parent: None,
            body: EventBody::from(InboxResolved {
                rejection: message.id.clone(),
                action,
                by: request.by.clone(),
                reason: request.reason.clone(),
            }),
        };
        let submitted = Submitted::from_event(event).map_err(|error| of_field(&error))?;
        let appended = self.write.append(vec![ReadEvent::Good(Box::new(submitted))]).await;
        let position = appended.position.clone();
        concluded(&*self.log, appended)?;
        let read = Read { at_least: Some(position.to_string()), ..Read::default() };
        Ok((self.ask.quarantined(&message.id, &read).await?, position))
    }
}
