//! What a book and its history know of the models that an update is about.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::history::{EntryHistory, PriceHistory};
use super::listed::{Listed, ModelName};
use super::names::rank;
use super::source_list::{SourceList, first_entry};
use super::{ModelPrice, PriceBook, PriceEntry};
use crate::time::Timestamp;

/// What is known of the models of a book: one price each, under one name or several.
pub(super) struct Known<'a> {
    book: &'a PriceBook,
    history: &'a PriceHistory,
    now: Timestamp,
    /// The entries that have a price, and those about which something was decided, each with its model.
    models: BTreeMap<&'a str, ModelName>,
    /// The same by model, the model's own name first.
    names: BTreeMap<ModelName, Vec<&'a str>>,
}

/// What an update changes: an entry, with what is known about it.
pub(super) struct Subject<'a> {
    /// Under which name the model is changed.
    pub(super) entry: String,
    /// All of its names.
    pub(super) names: Vec<&'a str>,
    /// Its price in force.
    pub(super) current: Option<&'a ModelPrice>,
    /// What was decided about it, under each name.
    pub(super) told: Vec<(&'a str, &'a EntryHistory)>,
}

impl<'a> Known<'a> {
    pub(super) fn of(book: &'a PriceBook, history: &'a PriceHistory, now: Timestamp) -> Self {
        let priced = book.entries(now).filter(PriceEntry::is_priced);
        let mut models: BTreeMap<&str, ModelName> = priced.map(|entry| (entry.name, entry.model())).collect();
        for (entry, history) in &history.entries {
            models.entry(entry).or_insert_with(|| history.model(entry));
        }
        let mut names: BTreeMap<ModelName, Vec<&str>> = BTreeMap::new();
        for (entry, model) in &models {
            names.entry(model.clone()).or_default().push(entry);
        }
        for (model, names) in &mut names {
            names.sort_by_key(|name| rank(name, model));
        }
        Self { book, history, now, models, names }
    }

    /// The lists, in which an entry without a provider is of the provider that the entry of this name has.
    pub(super) fn with_providers<'l>(&self, lists: &'l [SourceList]) -> Cow<'l, [SourceList]> {
        let mut named = Cow::Borrowed(lists);
        for (nth, list) in lists.iter().enumerate() {
            let nobodys = list.listed.iter().filter(|(model, _)| model.provider.is_empty());
            for (model, one) in nobodys.flat_map(|(model, listed)| listed.iter().map(move |one| (model, one)))
            {
                let ours = self.models.get(one.entry.as_str());
                let ours = ours.filter(|ours| !ours.provider.is_empty() && ours.model == model.model);
                let Some(of_provider) = ours.and_then(|ours| one.of_provider(&ours.provider)) else {
                    continue;
                };
                let Some(list) = named.to_mut().get_mut(nth) else { continue };
                if let Some(nobodys) = list.listed.get_mut(model) {
                    nobodys.retain(|other| other.entry != one.entry);
                }
                list.listed.entry(of_provider.model.clone()).or_default().push(of_provider);
                list.listed.retain(|_, listed| !listed.is_empty());
            }
        }
        named
    }

    /// What an update by these lists changes for a model; `taken` are the entries that it has changed for others.
    /// `None`: every name that the model could have is another one's.
    pub(super) fn subject(
        &self,
        model: &ModelName,
        lists: &[SourceList],
        taken: &BTreeSet<String>,
    ) -> Option<Subject<'a>> {
        if let Some(entry) = self.entry(model) {
            return Some(self.about(model, entry));
        }
        let is_free = |entry: &str| !taken.contains(entry) && !self.models.contains_key(entry);
        let first = first_entry(lists, model)?;
        match self.models.get(first) {
            // Until now, nobody had said whose it is.
            Some(ours) if ours.provider.is_empty() && ours.model == model.model && !taken.contains(first) => {
                Some(self.about(ours, first))
            }
            None if is_free(first) => Some(self.about(model, first)),
            Some(_) | None => {
                let own = format!("{}/{}", model.provider, model.model);
                is_free(&own).then(|| self.about(model, &own))
            }
        }
    }

    fn about(&self, model: &ModelName, entry: &str) -> Subject<'a> {
        let (names, current) = (self.names(model), self.price(model));
        let decided =
            current.and_then(|current| current.decided_as.as_deref()).filter(|name| !names.contains(name));
        let told = names.iter().copied().chain(decided);
        let told = told.filter_map(|name| Some((name, self.history.entries.get(name)?))).collect();
        Subject { entry: entry.to_owned(), names: names.to_vec(), current, told }
    }

    fn names(&self, model: &ModelName) -> &[&'a str] {
        self.names.get(model).map_or(&[], Vec::as_slice)
    }

    fn price_of(&self, name: &str) -> Option<&'a ModelPrice> {
        self.book.at(self.now).get(name).and_then(|(_, price)| price)
    }

    /// Its price in force.
    fn price(&self, model: &ModelName) -> Option<&'a ModelPrice> {
        self.names(model).iter().find_map(|name| self.price_of(name))
    }

    /// Under which of its names an update changes a model: the one under which a price waits, so that there is one
    /// that waits, else the one under which its price was decided, else its own.
    fn entry(&self, model: &ModelName) -> Option<&'a str> {
        let names = self.names(model);
        let waits =
            |name: &str| self.history.entries.get(name).is_some_and(|history| history.waiting.is_some());
        let decided = self.price(model).and_then(|price| price.decided_as.as_deref());
        let find = |wanted: &dyn Fn(&str) -> bool| names.iter().copied().find(|name| wanted(name));
        find(&waits).or_else(|| find(&|name| Some(name) == decided)).or_else(|| names.first().copied())
    }

    /// Its other names that have a price.
    pub(super) fn others(&self, subject: &Subject<'_>) -> Vec<String> {
        let others =
            subject.names.iter().filter(|name| **name != subject.entry && self.price_of(name).is_some());
        others.map(|name| (*name).to_owned()).collect()
    }
}

impl Listed {
    /// The same price as that of a provider; `None`: nothing that is priced says that.
    fn of_provider(&self, provider: &str) -> Option<Self> {
        let mut rates = super::EntryRates::of(&self.as_entry());
        rates.set_provider(provider);
        Self::read(&self.entry, &rates.to_text()).ok()
    }
}
