//! From the history of decisions to the prices that a book has from a time on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ModelPrice;
use super::by_name::Sought;
use super::dated::{Changes, Dated, Prices};
use super::history::{EntryHistory, PriceHistory};
use super::listed::{Listed, ModelName};
use super::names::rank;
use crate::position::Sequence;
use crate::time::Timestamp;

/// A decision about a model, under one of its names.
struct Decided<'a> {
    entry: &'a str,
    dated: Dated,
    /// Its place among the decisions of the log. A projector of an earlier version tells only the time.
    order: (Sequence, Timestamp),
}

/// The changes of a history, read. A model that stands in the book or in the history under several names has one price
/// at a time: the last that was decided, under whichever of them. A later decision about the same time replaces an
/// earlier one. An entry is of one provider's model: what was decided about another provider's under its name is the
/// price of `PROVIDER/MODEL`.
pub(super) fn changes(history: &PriceHistory, own: &Prices) -> Changes {
    let mut decided: BTreeMap<ModelName, Vec<Decided<'_>>> = BTreeMap::new();
    let mut owners: BTreeMap<&str, ModelName> = BTreeMap::new();
    for (entry, history) in history.entries.iter().filter(|(_, history)| !history.changes.is_empty()) {
        let mut owner = own_price(own, entry).map(|price| model_of(entry, price));
        for (model, one) in read(entry, history, &mut owner) {
            decided.entry(model).or_default().push(one);
        }
        owners.extend(owner.map(|owner| (entry.as_str(), owner)));
    }
    for name in own.names() {
        let model = own_price(own, name)
            .map_or_else(|| ModelName::of_entry(name, None), |price| model_of(name, price));
        owners.entry(name).or_insert(model);
    }
    let mut models: BTreeMap<String, BTreeSet<&ModelName>> = BTreeMap::new();
    for (name, owner) in &owners {
        if let Some(decided) = decided.get_mut(owner) {
            decided.iter_mut().for_each(|one| one.take_limits(own_price(own, name)));
        }
    }
    for (model, decided) in &mut decided {
        // Stable: those of one record stay in the order in which they were decided.
        decided.sort_by_key(|one| (one.dated.from, one.order, Reverse(rank(one.entry, model))));
    }
    for (name, owner) in owners.iter().filter(|(_, owner)| decided.contains_key(*owner)) {
        models.entry((*name).to_owned()).or_default().insert(owner);
    }
    for (model, one) in
        decided.iter().flat_map(|(model, decided)| decided.iter().map(move |one| (model, one)))
    {
        // What was decided before anybody said whose it is.
        if model.provider.is_empty() || owners.get(one.entry) == Some(model) {
            models.entry(one.entry.to_owned()).or_default().insert(model);
            continue;
        }
        let name = format!("{}/{}", model.provider, model.model);
        if owners.get(name.as_str()).is_none_or(|owner| owner == model) {
            models.entry(name).or_default().insert(model);
        }
    }
    let each = models.into_iter().map(|(name, models)| {
        let mut all: Vec<&Decided<'_>> =
            models.iter().filter_map(|model| decided.get(*model)).flatten().collect();
        all.sort_by_key(|one| (one.dated.from, one.order));
        let all = all.into_iter().map(|one| one.under(&name)).collect();
        (name, all)
    });
    each.collect()
}

/// The changes of an entry, each with the model that it prices. Whose the entry is, the first says that names somebody.
fn read<'a>(
    entry: &'a str,
    history: &'a EntryHistory,
    owner: &mut Option<ModelName>,
) -> impl Iterator<Item = (ModelName, Decided<'a>)> {
    let mut last = Timestamp::default();
    history.changes.iter().map(move |change| {
        // A clock that was set back changes nothing about their order.
        last = last.max(change.recorded_at);
        let read = Listed::read(entry, &change.rates).ok();
        let version = Some(Arc::from(change.version.as_str()));
        let mut price = read.map(|listed| ModelPrice { version, ..listed.price });
        let model = match (price.as_ref().and_then(|price| price.provider.as_deref()), &*owner) {
            (None, Some(owner)) => owner.clone(),
            (by, _) => ModelName::of_entry(entry, by),
        };
        if owner.as_ref().is_none_or(|owner| owner.provider.is_empty()) {
            *owner = Some(model.clone());
        }
        // Under another name, nothing else says whose it is.
        if let Some(price) = price.as_mut().filter(|_| !model.provider.is_empty()) {
            price.provider.get_or_insert_with(|| model.provider.clone());
        }
        (model, Decided { entry, dated: Dated { from: change.from, price }, order: (change.sequence, last) })
    })
}

fn model_of(entry: &str, price: &ModelPrice) -> ModelName {
    ModelName::of_entry(entry, price.provider.as_deref())
}

fn own_price<'a>(own: &'a Prices, entry: &str) -> Option<&'a ModelPrice> {
    own.get(Sought::named(entry)).and_then(|(_, price)| price.as_ref())
}

impl Decided<'_> {
    /// What a model takes, a price does not say: it is as the book has it, under whichever name.
    fn take_limits(&mut self, own: Option<&ModelPrice>) {
        if let (Some(price), Some(own)) = (&mut self.dated.price, own) {
            price.max_input = price.max_input.or(own.max_input);
            price.max_output = price.max_output.or(own.max_output);
        }
    }

    /// As the price of an entry.
    fn under(&self, name: &str) -> Dated {
        let mut dated = self.dated.clone();
        if let Some(price) = dated.price.as_mut().filter(|_| self.entry != name) {
            price.decided_as = Some(Arc::from(self.entry));
        }
        dated
    }
}
