//! What was decided about prices.

use serde::{Deserialize, Serialize};
use tollgate_domain::position::Sequence;
use tollgate_domain::price::{EntryHistory, SourceHistory};
use tollgate_domain::time::Timestamp;
use tollgate_projection::reports::{
    PRICE_MARK, PRICE_SOURCES, PRICED_ENTRIES, ReportRow, Reports, name_of_price_key,
};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The largest answer, in bytes of rates: an answer over NATS must fit a message.
const MAX_PAGE_BYTES: usize = 200_000;

/// What an entry needs in an answer besides its rates.
const ENTRY_BYTES: usize = 300;

/// What was decided about prices, by entry. It is in the ledger's own partition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PricesDecided {
    /// The mark of what the asker has: nothing is answered if nothing was decided since.
    pub have: Option<Sequence>,
    /// Only entries after this one.
    pub after: Option<String>,
}

/// A page of what was decided about prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricesDecidedPage {
    /// The record of the last event about prices.
    pub mark: Sequence,
    /// Entries, by name.
    pub entries: Vec<(String, EntryHistory)>,
    /// Every source; on the first page only.
    pub sources: Vec<(String, SourceHistory)>,
    /// When a server last began to update the prices by itself.
    #[serde(default)]
    pub update_begun: Option<Timestamp>,
    /// Ask again with this as `after`.
    pub next: Option<String>,
}

impl Query<Reports> for PricesDecided {
    const VERB: &'static str = "prices_decided";
    type Answer = PricesDecidedPage;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<PricesDecidedPage, RowError> {
        let mut page = PricesDecidedPage::default();
        if let Some(ReportRow::PriceMark(mark, begun)) = view.get(PRICE_MARK)?.as_ref().map(AsRef::as_ref) {
            (page.mark, page.update_begun) = (*mark, *begun);
        }
        if self.have == Some(page.mark) {
            return Ok(page);
        }
        let after = self.after.as_ref().map(|entry| [PRICED_ENTRIES, entry.as_bytes()].concat());
        let mut bytes = 0_usize;
        for row in view.scan(PRICED_ENTRIES, after.as_deref()) {
            let (key, row) = row?;
            let (Some(entry), ReportRow::Price(history)) = (name_of_price_key(&key), &*row) else { continue };
            if bytes > MAX_PAGE_BYTES {
                page.next = page.entries.last().map(|(entry, _)| entry.clone());
                break;
            }
            bytes = bytes.saturating_add(size_of_entry(history));
            page.entries.push((entry.to_owned(), (**history).clone()));
        }
        if self.after.is_none() {
            for row in view.scan(PRICE_SOURCES, None) {
                let (key, row) = row?;
                if let (Some(source), ReportRow::PriceSource(known)) = (name_of_price_key(&key), &*row) {
                    page.sources.push((source.to_owned(), (**known).clone()));
                }
            }
        }
        Ok(page)
    }
}

fn size_of_entry(history: &EntryHistory) -> usize {
    let changes = history.changes.iter().map(|change| change.rates.len().saturating_add(ENTRY_BYTES));
    let rejected = history.rejected.iter().filter_map(|rejected| rejected.proposal.as_ref());
    let waiting = history.waiting.iter().chain(rejected);
    let waiting = waiting.map(|waiting| waiting.rates.len().saturating_add(ENTRY_BYTES));
    let said = history.disputed.iter().map(String::len);
    changes.chain(waiting).chain(said).fold(ENTRY_BYTES, usize::saturating_add)
}
