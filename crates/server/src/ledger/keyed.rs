//! Requests under an idempotency key. The first event that one becomes has an id that follows from the key, and the
//! request as its content: so the log itself tells a retry from another request under the same key.

use serde::Serialize;
use tollgate_domain::hex::hex_of_sha256;
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::position::{PartitionId, Position};
use tollgate_log::contract::{AppendOutcome, EventLog, EventName, NewEvent, Receipt};
use tollgate_log::key::ContentHash;
use tollgate_wire::{DecodedEvent, Submitted};

use super::OWN_PRODUCER;
use super::ask::Queries;
use super::own::batch_of_all;
use crate::problem::{Answer, CONFLICT, INTERNAL, INVALID, of_append, of_field};

/// The longest key, in bytes.
const LONGEST_KEY: usize = 119;

/// What a key must be.
pub(crate) fn key_rule() -> String {
    format!("must be 1 to {LONGEST_KEY} printable ASCII characters without spaces")
}

/// A request under a key, about something of a tenant that is in its task `_ledger`.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    tenant: TenantId,
    key: String,
    /// What is attempted: each kind of request has keys of its own.
    what: &'static str,
    content: ContentHash,
}

/// Appends the events of a request as one record, all of them or none; named by its key, if it has one.
///
/// # Errors
///
/// The problem to answer with.
pub(super) async fn append_named(
    log: &dyn EventLog,
    submitted: &[Submitted],
    keyed: Option<&Keyed>,
) -> Answer<Receipt> {
    let mut batch = batch_of_all(submitted).map_err(|error| of_field(&error))?;
    if let Some(keyed) = keyed {
        keyed.name(&mut batch.events)?;
    }
    log.append(batch).await.map_err(|error| of_append(&error))
}

impl Keyed {
    /// What `request` says under this key; `what`: which request it is. `None`: it has no key.
    ///
    /// # Errors
    ///
    /// The problem with the key.
    pub(super) fn of<T: Serialize>(
        tenant: &TenantId,
        key: Option<&str>,
        what: &'static str,
        request: &T,
    ) -> Answer<Option<Self>> {
        let Some(key) = key else { return Ok(None) };
        if !(1..=LONGEST_KEY).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(INVALID.of_field("id", key, &key_rule()));
        }
        let said = serde_json::to_string(request).map_err(|error| INTERNAL.with(error.to_string()))?;
        let content = ContentHash::of_hash(blake3::hash(said.as_bytes()).into());
        Ok(Some(Self { tenant: tenant.clone(), key: key.to_owned(), what, content }))
    }

    /// Names the events of the request: they are in the log once, whoever sends it again.
    fn name(&self, events: &mut [NewEvent]) -> Answer<()> {
        for (nth, event) in events.iter_mut().enumerate() {
            event.id = self.id(nth)?;
            event.content_hash = self.content;
        }
        Ok(())
    }

    /// The event that the request became before, with the position of its record: the first one, or one after it.
    ///
    /// # Errors
    ///
    /// `conflict`, if the key was used for another request.
    pub(super) async fn recorded(
        &self,
        nth: usize,
        log: &dyn EventLog,
        ask: &Queries,
    ) -> Answer<Option<(DecodedEvent, Position)>> {
        let name = EventName {
            tenant: self.tenant.clone(),
            task: TaskId::ledger(),
            producer: ProducerId::new(OWN_PRODUCER).map_err(|error| INTERNAL.with(error.to_string()))?,
            id: self.id(nth)?,
        };
        let found = ask.find(vec![name.clone()]).await?;
        let Some(found) = found.first().copied().flatten() else { return Ok(None) };
        if found.content != self.content.mark() {
            return Err(self.conflict());
        }
        let event = ask.event_at(&name, found.sequence).await?;
        let mut position = Position::start(log.epoch().id);
        position.advance(PartitionId::of(self.tenant.as_str(), TaskId::ledger().as_str()), found.sequence);
        Ok(Some((event, position)))
    }

    /// Whether the events of the request are new; otherwise a retry was here first.
    ///
    /// # Errors
    ///
    /// `conflict`, if another request under the key was.
    pub(super) fn is_new(&self, receipt: &Receipt) -> Answer<bool> {
        match receipt.outcomes.first() {
            Some(AppendOutcome::Conflict(_) | AppendOutcome::Refused { .. }) => Err(self.conflict()),
            Some(AppendOutcome::Duplicate(_)) => Ok(false),
            Some(AppendOutcome::Appended(_)) | None => Ok(true),
        }
    }

    fn id(&self, nth: usize) -> Answer<EventId> {
        let id = format!("{}-{}-{nth}", self.what.replace(' ', "-"), hex_of_sha256(&self.key, 16));
        EventId::new(id).map_err(|error| INTERNAL.with(error.to_string()))
    }

    fn conflict(&self) -> Box<tollgate_wire::api::Problem> {
        CONFLICT.with(format!(
            "{} under the key `{}`: the key was used before for a different request; use a new key, or repeat that request unchanged",
            self.what, self.key
        ))
    }
}
