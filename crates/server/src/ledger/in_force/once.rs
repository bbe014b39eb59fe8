//! Decisions about prices that are asked for again, under their idempotency key.

use serde::Serialize;
use tollgate_domain::event::{EventBody, PriceChanged, PriceEvent};
use tollgate_domain::ids::TenantId;
use tollgate_domain::price::{Listed, ModelName, PriceEntry};
use tollgate_wire::api::{PriceDecisionAnswer, PriceSetRequest, Problem};

use super::InForce;
use super::set_answer::answer_of;
use super::set_rates::{lost, rates};
use crate::ledger::keyed::{Keyed, append_named};
use crate::problem::{Answer, CONTENDED, INTERNAL};

/// A request about prices under its key, if it has one.
pub(super) fn keyed<T: Serialize>(
    key: Option<&str>,
    what: &'static str,
    request: &T,
) -> Answer<Option<Keyed>> {
    Keyed::of(&TenantId::ledger(), key, what, request)
}

/// The problem with a retry that the log knows and that cannot be read yet.
pub(super) fn decided_elsewhere() -> Box<Problem> {
    CONTENDED
        .with("deciding about a price: the same request was decided at the same time; ask again".to_owned())
}

impl InForce {
    /// Records the events of a request in one record, and puts what they decide in force here at once. `None`: it has a
    /// key, and a retry was here first.
    pub(super) async fn record_once(
        &self,
        events: Vec<PriceEvent>,
        keyed: Option<&Keyed>,
    ) -> Answer<Option<String>> {
        let Some(keyed) = keyed else { return self.record_prices(events).await.map(Some) };
        let events: Answer<Vec<_>> =
            events.into_iter().map(|event| self.of_prices(EventBody::from(event))).collect();
        let receipt = append_named(&*self.log, &events?, Some(keyed)).await?;
        let is_new = keyed.is_new(&receipt)?;
        self.learn_settings().await;
        Ok(is_new.then(|| receipt.position.to_string()))
    }

    /// The answer to an approval or a rejection that was recorded under this key.
    pub(super) async fn decided_before(&self, keyed: Option<&Keyed>) -> Answer<Option<PriceDecisionAnswer>> {
        let Some(keyed) = keyed else { return Ok(None) };
        let Some((event, position)) = keyed.recorded(0, &*self.log, &self.ask).await? else {
            return Ok(None);
        };
        let EventBody::Price(PriceEvent::PriceDecided(decided)) = event.body else {
            return Err(INTERNAL.with("the event of a decision about a price is another one".to_owned()));
        };
        self.learn_settings().await;
        let answer = PriceDecisionAnswer {
            entry: decided.entry,
            price_version: decided.price_version,
            repeated: true,
            position: position.to_string(),
            ..PriceDecisionAnswer::default()
        };
        // The price that was approved came into force in the same record.
        let changed = keyed.recorded(1, &*self.log, &self.ask).await?;
        if let Some((event, _)) = changed
            && let EventBody::Price(PriceEvent::PriceChanged(changed)) = event.body
        {
            let answer = PriceDecisionAnswer { dropped: self.dropped(&changed), ..answer };
            return Ok(Some(self.in_force_from(answer, &changed)));
        }
        Ok(Some(answer))
    }

    /// The answer to a price that was set under this key.
    pub(super) async fn set_before(
        &self,
        request: &PriceSetRequest,
        keyed: Option<&Keyed>,
    ) -> Answer<Option<PriceDecisionAnswer>> {
        let Some(keyed) = keyed else { return Ok(None) };
        let Some((event, position)) = keyed.recorded(0, &*self.log, &self.ask).await? else {
            return Ok(None);
        };
        let EventBody::Price(PriceEvent::PriceChanged(changed)) = event.body else {
            return Err(INTERNAL.with("the event of a price that was set is another one".to_owned()));
        };
        self.learn_settings().await;
        let answer = PriceDecisionAnswer {
            repeated: true,
            position: position.to_string(),
            ..self.as_answered(request, &changed)
        };
        Ok(Some(self.in_force_from(answer, &changed)))
    }

    /// What was answered to a price that was set, from what was in force before it.
    fn as_answered(&self, request: &PriceSetRequest, changed: &PriceChanged) -> PriceDecisionAnswer {
        // Under another price book, what was kept is no longer known.
        let set = self.with_before(changed, request.provider.as_deref(), |before| rates(request, before));
        let (settings, set) = (self.ask.settings(), set.unwrap_or_default());
        answer_of(&settings.prices, changed, set, changed.old_version.is_none())
    }

    /// What the price before has and one that was approved does not, in words.
    pub(super) fn dropped(&self, changed: &PriceChanged) -> Vec<String> {
        let Ok(now) = Listed::read(&changed.entry, &changed.rates) else { return Vec::new() };
        self.with_before(changed, Some(now.model.provider.as_str()).filter(|of| !of.is_empty()), |before| {
            before.map(|before| lost(before, &now.as_entry())).unwrap_or_default()
        })
    }

    /// What follows from the price that a change names as the one before it, by its version: that of another change, or
    /// of the price book. `None`: there was none, or it is no longer known.
    fn with_before<T>(
        &self,
        changed: &PriceChanged,
        provider: Option<&str>,
        then: impl FnOnce(Option<&PriceEntry<'_>>) -> T,
    ) -> T {
        let settings = self.ask.settings();
        let (book, old_version) = (&settings.prices, changed.old_version.as_deref());
        let listed = old_version.and_then(|version| {
            settings.price_history.entries.iter().find_map(|(entry, history)| {
                let change = history.changes.iter().find(|change| change.version == version)?;
                Listed::read(entry, &change.rates).ok()
            })
        });
        let own = || {
            let model = ModelName::of_entry(&changed.entry, provider);
            let is_own = old_version == Some(book.version());
            is_own.then(|| book.own_entry(&changed.entry).or_else(|| book.same_model(&model))).flatten()
        };
        then(listed.as_ref().map(Listed::as_entry).or_else(own).as_ref())
    }
}
