//! What was decided about prices.

use tollgate_domain::price::{EntryHistory, PriceChange, PriceProposal};
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{PriceChangeRow, PriceDecisions, PriceEntryHistory, PriceWaiting};

use super::Queries;

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct DecidedQuery {
    /// Only entries whose names contain this, in any case.
    pub search: Option<String>,
    /// Only entries with a price that waits.
    pub waiting: bool,
    /// As it was known at this time.
    pub as_known_on: Option<Timestamp>,
    /// Only entries after this one.
    pub after: Option<String>,
    /// The most entries.
    pub limit: usize,
}

impl Queries {
    /// What was decided about prices.
    #[must_use]
    pub fn price_decisions(&self, query: &DecidedQuery) -> PriceDecisions {
        let settings = self.settings();
        let known = query.as_known_on.map(|time| settings.price_history.as_known_on(time));
        let history = known.as_ref().unwrap_or(&settings.price_history);
        let search = query.search.as_ref().map(|search| search.to_lowercase());
        let mut found = history.entries.iter().filter(|(entry, history)| {
            query.after.as_ref().is_none_or(|after| *entry > after)
                && search.as_ref().is_none_or(|search| entry.to_lowercase().contains(search))
                && (!query.waiting || history.waiting.is_some())
        });
        let entries: Vec<PriceEntryHistory> =
            found.by_ref().take(query.limit).map(|(entry, history)| row(entry, history)).collect();
        let next = found.next().and_then(|_| entries.last()).map(|last| last.entry.clone());
        PriceDecisions { entries, next }
    }
}

fn row(entry: &str, history: &EntryHistory) -> PriceEntryHistory {
    PriceEntryHistory {
        entry: entry.to_owned(),
        changes: history.changes.iter().map(change).collect(),
        waiting: history.waiting.as_ref().map(waiting),
        disputed: history.disputed.clone(),
    }
}

fn change(change: &PriceChange) -> PriceChangeRow {
    PriceChangeRow {
        price_version: change.version.clone(),
        from: change.from.to_string(),
        recorded_at: change.recorded_at.to_string(),
        source: change.source.clone(),
        verified: change.verified,
        old_version: change.old_version.clone(),
        percent: change.percent,
        approved_by: change.approved_by.clone(),
        reason: change.reason.clone(),
        rates: change.rates.clone(),
    }
}

fn waiting(waiting: &PriceProposal) -> PriceWaiting {
    PriceWaiting {
        price_version: waiting.version.clone(),
        since: waiting.since.to_string(),
        source: waiting.source.clone(),
        verified: waiting.verified,
        percent: waiting.percent,
        waits: waiting.waits.iter().map(|wait| wait.as_str().to_owned()).collect(),
        rates: waiting.rates.clone(),
    }
}
