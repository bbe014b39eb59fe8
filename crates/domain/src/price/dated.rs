//! Prices that came into force after a book was read: each from a time on, beside those of the book.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ModelPrice, Models};
use crate::time::Timestamp;

/// A price from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dated {
    /// From when on.
    pub(super) from: Timestamp,
    /// The price, with its version; `None`: it cannot be read, and calls stay unpriced.
    pub(super) price: Option<ModelPrice>,
}

/// Changes by the name of the entry, by time, those of the same time in the order in which they were decided.
pub(super) type Changes = BTreeMap<String, Vec<Dated>>;

/// The entries in force at a time.
#[derive(Clone, Copy)]
pub(super) struct InForceAt<'a> {
    models: &'a Models,
    changes: &'a Changes,
    at: Timestamp,
}

impl<'a> InForceAt<'a> {
    pub(super) fn new(models: &'a Arc<Models>, changes: &'a Arc<Changes>, at: Timestamp) -> Self {
        Self { models, changes, at }
    }

    /// The price of an entry: the last change that had come into force, else that of the book.
    pub(super) fn get(self, name: &str) -> Option<(&'a str, Option<&'a ModelPrice>)> {
        if !self.changes.is_empty()
            && let Some((name, dated)) = self.changes.get_key_value(name)
            && let Some(last) = dated.iter().rev().find(|dated| dated.from <= self.at)
        {
            return Some((name, last.price.as_ref()));
        }
        self.models.get_key_value(name).map(|(name, price)| (name.as_str(), price.as_ref()))
    }

    /// All entries, by name.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a ModelPrice>)> {
        let of_book = self.models.keys().map(String::as_str);
        let changed = self.changes.keys().map(String::as_str).filter(|name| !self.models.contains_key(*name));
        let mut names: Vec<&'a str> = of_book.chain(changed).collect();
        names.sort_unstable();
        names.into_iter().filter_map(move |name| self.get(name))
    }
}
