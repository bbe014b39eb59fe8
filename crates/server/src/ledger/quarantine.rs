//! The quarantine of the inbox: what waits there, and how a person ends it.

use tollgate_domain::event::{Event, EventBody, InboxResolved, QuarantineAction};
use tollgate_domain::ids::{EventId, LEDGER_TENANT, ProducerId, TaskId, TenantId};
use tollgate_domain::position::Position;
use tollgate_projection::alerts::Quarantined;
use tollgate_projector::Wait;
use tollgate_projector::queries::{ListQuarantine, OneQuarantined, QuarantinePage};
use tollgate_wire::Submitted;
use tollgate_wire::api::{QuarantineEndRequest, QuarantineEnded, QuarantineList, QuarantinedMessage};

use super::{Ledger, OWN_PRODUCER, Read, ReadEvent};
use crate::intake::{concluded, from_message};
use crate::problem::{Answer, INTERNAL, QUARANTINE_ENDED, QUARANTINE_UNKNOWN, REFUSED, of_field, of_query};

impl Ledger {
    /// Messages that the inbox refused, the latest first: those that wait, or all.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn quarantine(
        &self,
        tenant: Option<&str>,
        all: bool,
        limit: usize,
        read: &Read,
    ) -> Answer<QuarantineList> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let question = ListQuarantine { tenant: tenant.map(str::to_owned), all, limit };
        let asked = self.alerts.ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut page = QuarantinePage::default();
        parts.into_iter().for_each(|part| page.merge(part, limit));
        let messages = page.messages.iter().map(shown).collect();
        Ok(QuarantineList { messages, more: page.more, as_of: as_of.to_string() })
    }

    /// One message that the inbox refused.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn quarantined(&self, id: &str, read: &Read) -> Answer<QuarantinedMessage> {
        Ok(shown(&self.refused(id, read).await?))
    }

    async fn refused(&self, id: &str, read: &Read) -> Answer<Quarantined> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.alerts.ask_all(wait, &OneQuarantined { id: id.to_owned() }).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        parts.into_iter().flatten().next().ok_or_else(|| {
            let shown: String = id.chars().take(80).collect();
            let at = as_of.in_words();
            let detail =
                format!("message `{shown}`: there is none as of {at}; GET /v1/quarantine lists them");
            let mut problem = QUARANTINE_UNKNOWN.with(detail);
            problem.as_of = Some(as_of.to_string());
            problem
        })
    }

    /// Takes a message in after all: its events are appended, as the inbox would have done, or those that stand in for them. Where they
    /// are refused again, it stays where it is.
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
        let appended = self.append(events).await;
        let taken = appended.position.clone();
        let (response, _) = concluded(self, appended)?;
        let (message, mut position) = self.end(&message, QuarantineAction::Redriven, request).await?;
        // Whoever asks as of the answer sees the events too, and not only that the message has ended.
        position.merge(&taken);
        Ok(QuarantineEnded { message, outcomes: response.outcomes, position: position.to_string() })
    }

    /// Gives a message up.
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
        let message = self.refused(id, &read).await?;
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
        // One end per message: the id follows from it alone.
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
        let appended = self.append(vec![ReadEvent::Good(Box::new(submitted))]).await;
        let position = appended.position.clone();
        concluded(self, appended)?;
        let read = Read { at_least: Some(position.to_string()), ..Read::default() };
        Ok((self.quarantined(&message.id, &read).await?, position))
    }
}

fn shown(message: &Quarantined) -> QuarantinedMessage {
    let text = std::str::from_utf8(&message.payload).ok().map(str::to_owned);
    let hex = || message.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    let end = message.ended.as_ref();
    QuarantinedMessage {
        id: message.id.clone(),
        state: message.state().to_owned(),
        tenant: message.tenant.clone(),
        subject: message.subject.clone(),
        received_sequence: message.received_sequence,
        received_at: message.at.to_string(),
        sequence: message.sequence.0,
        code: message.code.clone(),
        reason: message.reason.clone(),
        payload_hex: text.is_none().then(hex),
        payload: text,
        payload_bytes: message.payload_bytes,
        payload_hash: message.payload_hash.clone(),
        is_cut: message.is_cut(),
        headers: message.headers.clone(),
        ended_by: end.map(|end| end.by.clone()),
        ended_at: end.map(|end| end.at.to_string()),
        ended_because: end.map(|end| end.reason.clone()),
    }
}
