//! A person resets the breaker, and the durations of transitions are recorded.

use tollgate_domain::event::{EventBody, LedgerEvent};
use tollgate_wire::api::AcknowledgeRequest;
use uuid::Uuid;

use super::Operations;
use crate::ledger::{Appended, Read};
use crate::problem::{Answer, BREAKER_CLOSED};

impl Operations {
    /// Closes the breaker: a person has seen why it opened. Enforcement is back on immediately here, and
    /// within seconds on other servers.
    ///
    /// # Errors
    ///
    /// The problem to answer with; `breaker_closed` if it is not open.
    pub async fn reset_breaker(&self, request: &AcknowledgeRequest) -> Answer<Appended> {
        let read = Read { at_least: Some("tail".to_owned()), ..Read::default() };
        let Some(alert) = self.ask.governing_now(&read).await?.breaker else {
            return Err(BREAKER_CLOSED.with(
                "resetting the circuit breaker: it is closed, enforcement is as the config says".to_owned(),
            ));
        };
        let appended = self.acknowledge(&alert, request).await?;
        self.ask.governing_now(&read).await?;
        tracing::warn!(by = request.by, "the circuit breaker was reset");
        Ok(appended)
    }

    /// Records what has been measured since the last call, if anything.
    ///
    /// # Errors
    ///
    /// The problem with the append: that span is lost, the next one is measured.
    pub async fn record_measured(&self) -> Answer<()> {
        let until = self.ask.now();
        let Some(measured) = self.breaker.span(until, self.ask.settings().config.rollout) else {
            return Ok(());
        };
        let id = format!("transitions-{}", Uuid::now_v7().simple());
        let body = EventBody::Ledger(LedgerEvent::TransitionsMeasured(measured));
        self.append_own(&id, Some(until), body).await
    }
}
