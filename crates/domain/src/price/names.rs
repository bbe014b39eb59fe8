//! The names of one model: a price book may have it as `MODEL` and as `PROVIDER/MODEL`, and has one price for it.

use std::collections::BTreeMap;

use super::by_name::Sought;
use super::listed::{Listed, ModelName};
use super::notes::Doubt;
use super::{ModelPrice, Models, PriceBook, PriceEntry, provider};
use crate::time::Timestamp;

/// Which of a model's names is its own, the lowest first: the one by which a call that names the provider is priced.
pub(super) fn rank(entry: &str, model: &ModelName) -> u8 {
    let own = entry.split_once('/').filter(|(_, rest)| *rest == model.model);
    match own.map(|(prefix, _)| prefix) {
        Some(prefix) if prefix == model.provider => 0,
        Some(prefix) if provider::of_call(prefix).iter().any(|one| one == model.provider) => 1,
        Some(_) | None => 2,
    }
}

/// Gives a model of which a book has several prices one: that of its own name. Notes name the others. What an entry
/// does not say about how much the model takes, another one of it does.
pub(super) fn unite(models: &mut Models, doubts: &mut Vec<Doubt>) {
    let mut names: BTreeMap<ModelName, Vec<String>> = BTreeMap::new();
    for (entry, price) in models.iter() {
        let Some(price) = price else { continue };
        let model = ModelName::of_entry(entry, price.provider.as_deref());
        names.entry(model).or_default().push(entry.clone());
    }
    for (model, entries) in names.iter().filter(|(_, entries)| entries.len() > 1) {
        let Some(own) = entries.iter().min_by_key(|entry| rank(entry, model)) else { continue };
        let Some(price) = models.get(own).and_then(Clone::clone) else { continue };
        // The own name comes first.
        let all = || [own].into_iter().chain(entries).filter_map(|entry| models.get(entry)?.as_ref());
        let max_input = all().find_map(|price| price.max_input);
        let max_output = all().find_map(|price| price.max_output);
        for entry in entries {
            let Some(Some(theirs)) = models.get_mut(entry) else { continue };
            if !theirs.costs_like(&price) {
                let why =
                    format!("`{own}` is the same model at another price, which is taken for both names");
                doubts.push(Doubt { model: entry.clone(), why });
                let (max_input, max_output) = (theirs.max_input, theirs.max_output);
                *theirs = ModelPrice { max_input, max_output, ..price.clone() };
            }
            theirs.max_input = theirs.max_input.or(max_input);
            theirs.max_output = theirs.max_output.or(max_output);
        }
    }
}

impl PriceBook {
    /// The entries that price a model at a time, its own name first. A decision about one is about all.
    #[must_use]
    pub fn names_of(&self, model: &ModelName, at: Timestamp) -> Vec<&str> {
        let of_model = self.entries(at).filter(|entry| entry.is_priced() && entry.model() == *model);
        let mut names: Vec<&str> = of_model.map(|entry| entry.name).collect();
        names.sort_by_key(|entry| rank(entry, model));
        names
    }

    /// The entry that a model has in the book itself, whatever came into force since.
    #[must_use]
    pub fn same_model(&self, model: &ModelName) -> Option<PriceEntry<'_>> {
        let own = self.models.names().filter_map(|name| self.own_entry(name));
        own.filter(|entry| entry.is_priced() && entry.model() == *model)
            .min_by_key(|entry| rank(entry.name, model))
    }

    /// The model that a change of an entry prices from a time on, as its rates say, or as is known about the entry.
    #[must_use]
    pub fn model_of_change(&self, listed: &Listed, version: &str, from: Timestamp) -> ModelName {
        let mut entries = self.entries(from).filter(|entry| entry.changed_by() == Some(version));
        entries
            .find(|entry| entry.name == listed.entry)
            .map_or_else(|| listed.model.clone(), |entry| entry.model())
    }

    /// The first change of an entry after a time: from when on, and its version.
    #[must_use]
    pub fn next_change(&self, entry: &str, after: Timestamp) -> Option<(Timestamp, Option<&str>)> {
        let (_, changes) = self.changes.get(Sought::named(entry))?;
        let next = changes.iter().find(|change| change.from > after)?;
        // Of several from that time on, the last counts.
        let next = changes.iter().rfind(|change| change.from == next.from)?;
        Some((next.from, next.price.as_ref().and_then(|price| price.version.as_deref())))
    }

    /// An entry that prices a model of this name of some provider.
    #[must_use]
    pub fn of_some_provider(&self, model: &str, at: Timestamp) -> Option<&str> {
        let mut priced = self.entries(at).filter(PriceEntry::is_priced);
        priced.find(|entry| entry.model().model == model && entry.name != model).map(|entry| entry.name)
    }
}

impl PriceEntry<'_> {
    /// Which model of which provider it prices.
    #[must_use]
    pub fn model(&self) -> ModelName {
        ModelName::of_entry(self.name, self.provider())
    }
}
