//! What a request may do, by its key.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;
use tollgate_domain::event::{AlertEvent, EventBody, TaskEvent, UsageEvent};
use tollgate_domain::ids::DEFAULT_TENANT;
use tollgate_domain::key::{Key, KeyScope};
use tollgate_wire::Submitted;
use tollgate_wire::api::GateAfter;

use crate::asked::tenant;
use crate::jwt::called;
use crate::ledger::{Ledger, ReadEvent};
use crate::problem::{Answer, NOT_PERMITTED};

/// What a request may do: everything where no key is asked for, else what its key allows.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    key: Option<Arc<Key>>,
    /// Whether no key is asked for as long as the ledger has none, and not for ever.
    is_until_the_first_key: bool,
    /// Whether it comes from a token, which nobody here can revoke.
    is_of_token: bool,
}

impl Grant {
    /// No key is asked for.
    pub(crate) const fn everything() -> Self {
        Self { key: None, is_until_the_first_key: false, is_of_token: false }
    }

    /// No key is asked for, as long as the ledger has none.
    pub(super) const fn until_the_first_key() -> Self {
        Self { key: None, is_until_the_first_key: true, is_of_token: false }
    }

    pub(super) fn of_key(key: &Arc<Key>) -> Self {
        Self { key: Some(Arc::clone(key)), is_until_the_first_key: false, is_of_token: false }
    }

    /// What the token allows that stands for this key.
    pub(super) fn of_token(key: &Arc<Key>) -> Self {
        Self { is_of_token: true, ..Self::of_key(key) }
    }

    /// The grant of a request. The check puts one into each; a request that did not pass it may do nothing.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(Self::nothing)
    }

    fn nothing() -> Self {
        Self::of_key(&Arc::new(Key::of_nobody()))
    }

    /// The key, where one is asked for.
    pub(crate) const fn key(&self) -> Option<&Arc<Key>> {
        self.key.as_ref()
    }

    /// The key's name.
    pub(crate) fn name(&self) -> Option<&str> {
        self.key.as_ref().map(|key| key.name.as_str())
    }

    /// Whether a key covers a tenant's data.
    pub(super) fn covers(key: &Key, tenant: &str) -> Answer<()> {
        if key.reach.covers_tenant(tenant) {
            return Ok(());
        }
        let unnamed =
            if tenant == DEFAULT_TENANT { "; a request that names no tenant means `default`" } else { "" };
        Err(NOT_PERMITTED.with(format!(
            "tenant `{tenant}`: {} is for {} only{unnamed}",
            called(&key.name),
            key.reach.tenants.join(", ")
        )))
    }

    /// Whether a request may be about a tenant's data; `None`: that of `default`.
    pub(crate) fn tenant(&self, named: Option<&str>) -> Answer<()> {
        self.key.as_ref().map_or(Ok(()), |key| Self::covers(key, tenant(named)))
    }

    /// Whether a request may come from a producer.
    pub(crate) fn producer(&self, named: Option<&str>) -> Answer<()> {
        let Some(key) = self.key.as_ref().filter(|key| !key.reach.covers_producer(named)) else {
            return Ok(());
        };
        Err(NOT_PERMITTED.with(format!(
            "producer {}: {} is for {} only",
            shown(named),
            called(&key.name),
            key.reach.producers.join(", ")
        )))
    }

    /// Whether a request may be for a component.
    pub(crate) fn component(&self, named: Option<&str>) -> Answer<()> {
        let Some(key) = self.key.as_ref().filter(|key| !key.reach.covers_component(named)) else {
            return Ok(());
        };
        Err(NOT_PERMITTED.with(format!(
            "component {}: {} is for {} only",
            shown(named),
            called(&key.name),
            key.reach.components.join(", ")
        )))
    }

    fn scope(&self, scope: KeyScope, what: &str) -> Answer<()> {
        let Some(key) = self.key.as_ref().filter(|key| !key.allows(scope)) else { return Ok(()) };
        Err(NOT_PERMITTED
            .with(format!("{what}: needs a key with the scope `{scope}`, {} has none", called(&key.name))))
    }

    /// Whether all of these events may be appended. What cannot be read is not appended anyway.
    pub(crate) fn may_append(&self, events: &[ReadEvent]) -> Answer<()> {
        if self.key.is_none() {
            return Ok(());
        }
        for event in events {
            match event {
                ReadEvent::Good(submitted) => self.may_append_one(submitted)?,
                ReadEvent::Bad { .. } => {}
            }
        }
        Ok(())
    }

    fn may_append_one(&self, submitted: &Submitted) -> Answer<()> {
        let event = &submitted.event;
        self.tenant(Some(event.tenant.as_str()))?;
        self.producer(Some(event.producer.as_str()))?;
        self.scope(scope_of(&event.body), event.body.kind())?;
        if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &event.body {
            self.component(usage.component.as_deref())?;
        }
        if let EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) = &event.body {
            self.producer(Some(adjusted.adjusts_producer.as_str()))?;
        }
        Ok(())
    }

    /// Whether these questions may be asked.
    pub(crate) fn may_ask(&self, gates: &[GateAfter]) -> Answer<()> {
        for gate in gates {
            self.scope(KeyScope::Decide, "a question for the gate")?;
            self.tenant(gate.tenant.as_deref())?;
            self.producer(gate.producer.as_deref())?;
        }
        Ok(())
    }

    /// Whether it is still what the key allows: it may have been revoked, or be over, since the request came.
    pub(crate) async fn still_holds(&self, ledger: &Ledger) -> bool {
        if self.key.is_none() && !self.is_until_the_first_key {
            return true;
        }
        if let Some(key) = self.key.as_ref().filter(|_| self.is_of_token) {
            return !key.is_expired(ledger.now());
        }
        let Ok(ring) = ledger.keys().current().await else { return false };
        match &self.key {
            // A ledger that had no key has one now: whoever follows comes again, with a key.
            None => !ring.is_closed(),
            Some(key) => {
                ring.key(&key.name).is_some_and(|key| key.revoked.is_none() && !key.is_expired(ledger.now()))
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Grant {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The scope of whoever may send an event: what people decide is not for producers.
fn scope_of(body: &EventBody) -> KeyScope {
    match body {
        EventBody::Task(
            TaskEvent::OverrideGranted(_) | TaskEvent::ImportanceChanged(_) | TaskEvent::TaskMarked(_),
        )
        | EventBody::Alert(AlertEvent::AlertAcknowledged(_)) => KeyScope::Operate,
        EventBody::Task(
            TaskEvent::TaskOpened(_)
            | TaskEvent::TaskClosed(_)
            | TaskEvent::PhaseStarted(_)
            | TaskEvent::PhaseEnded(_),
        )
        | EventBody::Usage(_) => KeyScope::Append,
        // Producers cannot send these.
        EventBody::Alert(_)
        | EventBody::Gate(_)
        | EventBody::Ledger(_)
        | EventBody::Price(_)
        | EventBody::Inbox(_)
        | EventBody::Budget(_)
        | EventBody::Report(_)
        | EventBody::Bill(_)
        | EventBody::Key(_) => KeyScope::Admin,
    }
}

fn shown(named: Option<&str>) -> String {
    named.map_or_else(|| "(none named)".to_owned(), |named| format!("`{named}`"))
}
