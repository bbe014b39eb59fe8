//! What people decide about prices.

use tollgate_domain::event::{Event, EventBody, PriceChanged, PriceDecided, PriceEvent};
use tollgate_domain::ids::{EventId, LEDGER_PRODUCER, ProducerId, TaskId, TenantId};
use tollgate_domain::position::PartitionId;
use tollgate_domain::price::{BY_HAND, Listed, ModelName, PriceBook, PriceEntry, PriceProposal};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::Batch;
use tollgate_wire::Submitted;
use tollgate_wire::api::{PriceDecisionAnswer, PriceDecisionRequest, PriceSetRequest};

use super::InForce;
use super::once::{decided_elsewhere, keyed};
use super::set_answer::answer_of;
use super::set_rates::rates;
use crate::asked::time;
use crate::ledger::own::new_event;
use crate::problem::{Answer, INTERNAL, INVALID, PRICE_NOT_WAITING, of_append, of_field};

/// The most bytes of events in one record: far below the largest record, which also holds their names.
const MAX_BATCH_BYTES: usize = 128 << 10;

/// The most events in one record.
const MAX_BATCH_EVENTS: usize = 200;

/// The longest name or reason that a person may give, in bytes.
const MAX_TEXT_BYTES: usize = 2000;

impl InForce {
    /// Approves a price that waits: it is in force from now on, or from the time given.
    ///
    /// # Errors
    ///
    /// The problem to answer with; `price_not_waiting` if no price of this version waits.
    pub async fn approve_price(&self, request: &PriceDecisionRequest) -> Answer<PriceDecisionAnswer> {
        let keyed = keyed(request.id.as_deref(), "approving a price", request)?;
        if let Some(first) = self.decided_before(keyed.as_ref()).await? {
            return Ok(first);
        }
        let (entry, waiting) = self.waiting(request).await?;
        let from = self.time(request.from.as_deref())?;
        let changed = PriceChanged {
            entry: entry.clone(),
            rates: waiting.rates,
            from,
            source: waiting.source,
            price_version: waiting.version.clone(),
            verified: waiting.verified,
            old_version: waiting.old_version,
            percent: waiting.percent,
            approved_by: Some(request.by.clone()),
            reason: given(request.reason.as_ref()),
        };
        let decided = decided(&entry, request, true);
        let events = vec![decided.into(), changed.clone().into()];
        let Some(position) = self.record_once(events, keyed.as_ref()).await? else {
            return self.decided_before(keyed.as_ref()).await?.ok_or_else(decided_elsewhere);
        };
        let (price_version, dropped) = (waiting.version, self.dropped(&changed));
        let answer =
            PriceDecisionAnswer { entry, price_version, position, dropped, ..PriceDecisionAnswer::default() };
        Ok(self.in_force_from(answer, &changed))
    }

    /// Rejects a price that waits: the same one is not proposed again.
    ///
    /// # Errors
    ///
    /// The problem to answer with; `price_not_waiting` if no price of this version waits.
    pub async fn reject_price(&self, request: &PriceDecisionRequest) -> Answer<PriceDecisionAnswer> {
        if let Some(from) = &request.from {
            return Err(INVALID.of_field("from", from, "is only for an approval"));
        }
        let keyed = keyed(request.id.as_deref(), "rejecting a price", request)?;
        if let Some(first) = self.decided_before(keyed.as_ref()).await? {
            return Ok(first);
        }
        let (entry, waiting) = self.waiting(request).await?;
        let events = vec![decided(&entry, request, false).into()];
        let Some(position) = self.record_once(events, keyed.as_ref()).await? else {
            return self.decided_before(keyed.as_ref()).await?.ok_or_else(decided_elsewhere);
        };
        let price_version = waiting.version;
        Ok(PriceDecisionAnswer { entry, price_version, position, ..PriceDecisionAnswer::default() })
    }

    /// Puts a price in force by hand.
    ///
    /// # Errors
    ///
    /// The problem to answer with: what is wrong with the price.
    pub async fn set_price(&self, request: &PriceSetRequest) -> Answer<PriceDecisionAnswer> {
        named("by", Some(&request.by))?;
        named("reason", request.reason.as_ref())?;
        let keyed = keyed(request.id.as_deref(), "setting a price", request)?;
        if let Some(first) = self.set_before(request, keyed.as_ref()).await? {
            return Ok(first);
        }
        let from = self.time(request.from.as_deref())?;
        let settings = self.ask.settings();
        let entry = entry(&settings.prices, request, from)?;
        let before = before(&settings.prices, &entry, request, from);
        let set = rates(request, before.as_ref())?;
        let listed = Listed::read(&entry, &set.text)
            .map_err(|error| INVALID.of_field("usd_per_token", &entry, &error.rule))?;
        let old_version = before.filter(|entry| entry.is_priced());
        let book = settings.prices.version();
        let changed = PriceChanged {
            entry: listed.entry.clone(),
            rates: listed.rates.clone(),
            from,
            source: BY_HAND.to_owned(),
            price_version: listed.version(BY_HAND),
            verified: false,
            old_version: old_version.map(|entry| entry.changed_by().unwrap_or(book).to_owned()),
            percent: before.and_then(|entry| listed.change_from(&entry, from)),
            approved_by: Some(request.by.clone()),
            reason: given(request.reason.as_ref()),
        };
        let answer = answer_of(&settings.prices, &changed, set, before.is_none());
        let Some(position) = self.record_once(vec![changed.clone().into()], keyed.as_ref()).await? else {
            return self.set_before(request, keyed.as_ref()).await?.ok_or_else(decided_elsewhere);
        };
        Ok(self.in_force_from(PriceDecisionAnswer { position, ..answer }, &changed))
    }

    /// The answer about a price that came into force, with what is known of its model: the other entries that it
    /// prices, and the later price with which it ends.
    pub(super) fn in_force_from(
        &self,
        answer: PriceDecisionAnswer,
        changed: &PriceChanged,
    ) -> PriceDecisionAnswer {
        let (settings, now, from) = (self.ask.settings(), self.ask.now(), changed.from);
        let (book, entry) = (&settings.prices, changed.entry.as_str());
        let listed = Listed::read(entry, &changed.rates).ok();
        let model = listed.map(|listed| book.model_of_change(&listed, &changed.price_version, from));
        let names = model.map(|model| book.names_of(&model, from)).unwrap_or_default();
        // An entry of another provider's model is none of its names.
        let name = names.iter().find(|name| **name == entry).or(names.first()).copied().unwrap_or(entry);
        let next = book.next_change(name, from);
        PriceDecisionAnswer {
            names: names.iter().filter(|name| **name != entry).map(|name| (*name).to_owned()).collect(),
            in_force: from <= now && next.is_none_or(|(next, _)| next > now),
            from: Some(from.to_string()),
            until: next.map(|(next, _)| next.to_string()),
            then: next.and_then(|(_, version)| version).map(str::to_owned),
            ..answer
        }
    }

    /// The price that a decision is about.
    async fn waiting(&self, request: &PriceDecisionRequest) -> Answer<(String, PriceProposal)> {
        named("by", Some(&request.by))?;
        named("reason", request.reason.as_ref())?;
        self.learn_settings().await;
        let settings = self.ask.settings();
        let mut waiting = settings.price_history.waiting();
        let found = waiting.find(|(_, waiting)| waiting.version == request.price_version);
        found.map(|(entry, waiting)| (entry.to_owned(), waiting.clone())).ok_or_else(|| {
            PRICE_NOT_WAITING.with(format!(
                "deciding about the price `{}`: none of this version waits; `tollgate prices history --waiting` lists those that do",
                request.price_version
            ))
        })
    }

    fn time(&self, text: Option<&str>) -> Answer<Timestamp> {
        text.map_or_else(|| Ok(self.ask.now()), |text| time("from", text))
    }

    /// Appends the ledger's own events, as few records as they fit.
    pub(super) async fn append_prices(&self, bodies: Vec<EventBody>) -> Answer<String> {
        let (tenant, task) = (TenantId::ledger(), TaskId::ledger());
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let mut position = self.log.tail().await.map_err(|error| crate::problem::of_read(&error))?;
        let (mut events, mut bytes) = (Vec::new(), 0_usize);
        let mut bodies = bodies.into_iter().peekable();
        while let Some(body) = bodies.next() {
            let event = new_event(&self.of_prices(body.clone())?, &body).map_err(|error| of_field(&error))?;
            bytes = bytes.saturating_add(event.payload.len());
            events.push(event);
            // An approval and its change are in one record.
            let goes_on = matches!(bodies.peek(), Some(EventBody::Price(PriceEvent::PriceChanged(_))))
                && matches!(body, EventBody::Price(PriceEvent::PriceDecided(_)));
            let full = bytes > MAX_BATCH_BYTES || events.len() >= MAX_BATCH_EVENTS;
            if (full && !goes_on) || bodies.peek().is_none() {
                let events = std::mem::take(&mut events);
                let batch =
                    Batch { tenant: tenant.clone(), partition, events, decision: None, recorded_at: None };
                position = self.log.append(batch).await.map_err(|error| of_append(&error))?.position;
                bytes = 0;
            }
        }
        Ok(position.to_string())
    }

    pub(super) fn of_prices(&self, body: EventBody) -> Answer<Submitted> {
        let id = format!("price-{}", uuid::Uuid::now_v7().simple());
        let invalid = |error: tollgate_domain::ids::InvalidId| INTERNAL.with(error.to_string());
        Submitted::from_event(Event {
            tenant: TenantId::ledger(),
            task: TaskId::ledger(),
            producer: ProducerId::new(LEDGER_PRODUCER).map_err(invalid)?,
            id: EventId::new(id).map_err(invalid)?,
            occurred_at: Some(self.ask.now()),
            trace_parent: None,
            body,
        })
        .map_err(|error| of_field(&error))
    }
}

/// The entry that a request sets: the one that it names, unless that is of another provider's model. Then it is the
/// one of both names.
fn entry(book: &PriceBook, request: &PriceSetRequest, from: Timestamp) -> Answer<String> {
    let named = &request.entry;
    let Some(provider) = request.provider.as_deref() else { return Ok(named.clone()) };
    let model = ModelName::of_entry(named, Some(provider));
    let other = |name: &str| {
        let entry = book.entries(from).find(|entry| entry.name == name && entry.is_priced())?;
        Some(entry.model()).filter(|other| !other.provider.is_empty() && *other != model)
    };
    let Some(other_provider) = other(named) else { return Ok(named.clone()) };
    let own = format!("{}/{}", model.provider, model.model);
    match other(&own) {
        None => Ok(own),
        Some(third) => {
            let rule = format!(
                "must be who serves the model of the entry: `{named}` is of {} and `{own}` of {}; leave it out, or name another entry",
                other_provider.provider, third.provider
            );
            Err(INVALID.of_field("provider", provider, &rule))
        }
    }
}

/// The price in force that a request is about: that of the entry, else that of its model under another name.
fn before<'a>(
    book: &'a PriceBook,
    entry: &str,
    request: &PriceSetRequest,
    from: Timestamp,
) -> Option<PriceEntry<'a>> {
    let find = |name: &str| book.entries(from).find(|entry| entry.name == name);
    find(entry).or_else(|| {
        let model = ModelName::of_entry(entry, request.provider.as_deref());
        book.names_of(&model, from).first().and_then(|name| find(name))
    })
}

fn given(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

/// Checks a text that a person gives. Those that are required are not absent.
fn named(field: &str, text: Option<&String>) -> Answer<()> {
    match text {
        Some(text) if field == "by" && text.trim().is_empty() => {
            Err(INVALID.of_field(field, text, "must say who decides"))
        }
        Some(text) if text.len() > MAX_TEXT_BYTES || text.contains(char::is_control) => {
            Err(INVALID.of_field(field, text, "must be at most 2000 bytes without control characters"))
        }
        Some(_) | None => Ok(()),
    }
}

fn decided(entry: &str, request: &PriceDecisionRequest, approved: bool) -> PriceDecided {
    PriceDecided {
        entry: entry.to_owned(),
        price_version: request.price_version.clone(),
        approved,
        by: request.by.clone(),
        reason: given(request.reason.as_ref()),
    }
}
