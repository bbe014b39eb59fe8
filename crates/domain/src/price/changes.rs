//! From the history of decisions to the prices that a book has from a time on.

use std::sync::Arc;

use super::ModelPrice;
use super::dated::{Changes, Dated};
use super::history::PriceHistory;
use super::listed::Listed;

/// The changes of a history, read. A later decision about the same time replaces an earlier one.
pub(super) fn changes(history: &PriceHistory) -> Changes {
    let changed = history.entries.iter().filter(|(_, history)| !history.changes.is_empty());
    let each = changed.map(|(entry, history)| {
        let mut dated: Vec<Dated> = history
            .changes
            .iter()
            .map(|change| {
                let read = Listed::read(entry, &change.rates).ok();
                let version = Some(Arc::from(change.version.as_str()));
                let price = read.map(|listed| ModelPrice { version, ..listed.price });
                Dated { from: change.from, price }
            })
            .collect();
        // Stable: those of one time stay in the order in which they were decided.
        dated.sort_by_key(|dated| dated.from);
        (entry.clone(), dated)
    });
    each.collect()
}
