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
use crate::time::Timestamp;

/// A decision about a model, under one of its names.
struct Decided<'a> {
    entry: &'a str,
    dated: Dated,
    recorded_at: Timestamp,
}

/// The changes of a history, read. A model that stands in the book or in the history under several names has one price
/// at a time: the last that was decided, under whichever of them. A later decision about the same time replaces an
/// earlier one.
pub(super) fn changes(history: &PriceHistory, own: &Prices) -> Changes {
    let mut decided: BTreeMap<ModelName, Vec<Decided<'_>>> = BTreeMap::new();
    let mut models: BTreeMap<&str, BTreeSet<ModelName>> = BTreeMap::new();
    for (entry, history) in history.entries.iter().filter(|(_, history)| !history.changes.is_empty()) {
        for (model, one) in read(entry, history, own) {
            models.entry(entry).or_default().insert(model.clone());
            decided.entry(model).or_default().push(one);
        }
    }
    for name in own.names() {
        let model = ModelName::of_entry(name, own_provider(own, name));
        if let Some(decided) = decided.get_mut(&model) {
            decided.iter_mut().for_each(|one| one.take_limits(own_price(own, name)));
            models.entry(name).or_default().insert(model);
        }
    }
    for (model, decided) in &mut decided {
        // Stable: those of one time stay in the order in which they were decided.
        decided.sort_by_key(|one| (one.dated.from, one.recorded_at, Reverse(rank(one.entry, model))));
    }
    let each = models.into_iter().map(|(name, models)| {
        let of_models = models.iter().filter_map(|model| decided.get(model));
        let mut all: Vec<&Decided<'_>> = of_models.flatten().collect();
        all.sort_by_key(|one| (one.dated.from, one.recorded_at));
        (name.to_owned(), all.into_iter().map(|one| one.under(name)).collect())
    });
    each.collect()
}

/// The changes of an entry, each with the model that it prices.
fn read<'a>(
    entry: &'a str,
    history: &'a EntryHistory,
    own: &'a Prices,
) -> impl Iterator<Item = (ModelName, Decided<'a>)> {
    let mut last = Timestamp::default();
    history.changes.iter().map(move |change| {
        // A clock that was set back changes nothing about their order.
        last = last.max(change.recorded_at);
        let read = Listed::read(entry, &change.rates).ok();
        let version = Some(Arc::from(change.version.as_str()));
        let mut price = read.map(|listed| ModelPrice { version, ..listed.price });
        let by =
            price.as_ref().and_then(|price| price.provider.as_deref()).or_else(|| own_provider(own, entry));
        let model = ModelName::of_entry(entry, by);
        // Under another name, nothing else says whose it is.
        if let Some(price) = price.as_mut().filter(|_| !model.provider.is_empty()) {
            price.provider.get_or_insert_with(|| model.provider.clone());
        }
        (model, Decided { entry, dated: Dated { from: change.from, price }, recorded_at: last })
    })
}

fn own_price<'a>(own: &'a Prices, entry: &str) -> Option<&'a ModelPrice> {
    own.get(Sought::named(entry)).and_then(|(_, price)| price.as_ref())
}

fn own_provider<'a>(own: &'a Prices, entry: &str) -> Option<&'a str> {
    own_price(own, entry)?.provider.as_deref()
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
