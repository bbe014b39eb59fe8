//! The inbox's quarantine: what is waiting there, and what was done about it.

use tollgate_domain::hex::hex;
use tollgate_projection::alerts::Quarantined;
use tollgate_projector::Wait;
use tollgate_projector::queries::{ListQuarantine, OneQuarantined, QuarantinePage};
use tollgate_wire::api::{QuarantineList, QuarantinedMessage};

use super::{Queries, Read};
use crate::problem::{Answer, QUARANTINE_UNKNOWN, of_query};

impl Queries {
    /// Messages that the inbox refused, latest first: the waiting ones, or all.
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

    /// The same, as the view has it.
    pub(in crate::ledger) async fn refused(&self, id: &str, read: &Read) -> Answer<Quarantined> {
        let at_least = self.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let asked = self.alerts.ask_all(wait, &OneQuarantined { id: id.to_owned() }).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        parts.into_iter().flatten().next().ok_or_else(|| {
            let shown: String = id.chars().take(80).collect();
            let at = as_of.in_words();
            let detail = format!(
                "message `{shown}`: not found as of {at}; GET /v1/quarantine lists quarantined messages"
            );
            let mut problem = QUARANTINE_UNKNOWN.with(detail);
            problem.as_of = Some(as_of.to_string());
            problem
        })
    }
}

fn shown(message: &Quarantined) -> QuarantinedMessage {
    let text = std::str::from_utf8(&message.payload).ok().map(str::to_owned);
    let hex = || hex(&message.payload);
    let end = message.ended.as_ref();
    QuarantinedMessage {
        id: message.id.clone(),
        state: message.state(),
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
