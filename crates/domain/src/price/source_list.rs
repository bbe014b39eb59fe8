//! What a source lists.

use std::collections::BTreeMap;

use super::compare::{Opinion, Trust};
use super::listed::{Listed, ModelName};
use super::names::rank;

/// The list of one source.
#[derive(Clone, Debug)]
pub struct SourceList {
    /// The id of the source.
    pub source: String,
    /// How far it is believed.
    pub trust: Trust,
    /// It was read from a page made for people: its prices always wait.
    pub scraped: bool,
    /// Its prices.
    pub listed: BTreeMap<ModelName, Vec<Listed>>,
}

/// The name that the most trusted list has for a model.
pub(super) fn first_entry<'a>(lists: &'a [SourceList], model: &ModelName) -> Option<&'a str> {
    let mut found: Option<(Trust, &str)> = None;
    for list in lists {
        let name = list.listed.get(model).and_then(|listed| listed.first());
        if let Some(listed) = name
            && found.is_none_or(|(trust, _)| list.trust > trust)
        {
            found = Some((list.trust, &listed.entry));
        }
    }
    found.map(|(_, name)| name)
}

/// What each list says about a model: under its own name, if the list has several.
pub(super) fn opinions<'a>(lists: &'a [SourceList], model: &ModelName) -> Vec<Opinion<'a>> {
    let said = lists.iter().filter_map(|list| {
        let listed = list.listed.get(model)?.iter().min_by_key(|listed| rank(&listed.entry, model))?;
        Some(Opinion { source: &list.source, trust: list.trust, listed })
    });
    said.collect()
}
