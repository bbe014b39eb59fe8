//! Prices that came into force after a book was read: each from a time on, beside those of the book.

use std::sync::Arc;

use super::ModelPrice;
use super::by_name::{ByName, Sought};
use crate::time::Timestamp;

/// Prices of a book by the name of the entry; `None`: it is named but unpriced.
pub(super) type Prices = ByName<Option<ModelPrice>>;

/// A price from a time on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dated {
    /// From when on.
    pub(super) from: Timestamp,
    /// The price, with its version; `None`: it cannot be read, and calls stay unpriced.
    pub(super) price: Option<ModelPrice>,
}

/// Changes by the name of the entry, by time, those of the same time in the order in which they were decided.
pub(super) type Changes = ByName<Vec<Dated>>;

/// The entries in force at a time.
#[derive(Clone, Copy)]
pub(super) struct InForceAt<'a> {
    prices: &'a Prices,
    changes: &'a Changes,
    at: Timestamp,
    /// Only prices of this version; `None`: those in force.
    only: Option<Version<'a>>,
}

/// A version of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version<'a> {
    /// That of the book itself.
    Book,
    /// That of a change.
    Change(&'a str),
}

impl<'a> InForceAt<'a> {
    pub(super) fn new(prices: &'a Arc<Prices>, changes: &'a Arc<Changes>, at: Timestamp) -> Self {
        Self { prices, changes, at, only: None }
    }

    /// The same with the prices of one version, whenever they were in force.
    pub(super) const fn of_version(self, version: Version<'a>) -> Self {
        Self { only: Some(version), ..self }
    }

    /// The price of an entry by its whole name.
    pub(super) fn get(self, name: &str) -> Option<(&'a str, Option<&'a ModelPrice>)> {
        self.find(Sought::named(name))
    }

    /// The price of an entry: the last change that had come into force, else that of the book.
    pub(super) fn find(self, name: Sought<'_>) -> Option<(&'a str, Option<&'a ModelPrice>)> {
        if let Some(Version::Change(version)) = self.only {
            let (name, dated) = self.changes.get(name)?;
            let is_of = |price: &&ModelPrice| price.version.as_deref() == Some(version);
            let price = dated.iter().filter_map(|dated| dated.price.as_ref()).find(is_of)?;
            return Some((name, Some(price)));
        }
        if self.only.is_none()
            && !self.changes.is_empty()
            && let Some((name, dated)) = self.changes.get(name)
            && let Some(last) = dated.iter().rev().find(|dated| dated.from <= self.at)
        {
            return Some((name, last.price.as_ref()));
        }
        self.prices.get(name).map(|(name, price)| (name, price.as_ref()))
    }

    /// All entries, by name.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a ModelPrice>)> {
        let mut names: Vec<&'a str> = self.prices.names().chain(self.changes.names()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(move |name| self.get(name))
    }
}
