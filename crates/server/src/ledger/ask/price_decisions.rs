//! What was decided about prices.

use tollgate_domain::price::{
    EntryHistory, Listed, PriceBook, PriceChange, PriceEntry, PriceHistory, PriceProposal, PriceRejection,
    PricedKind,
};
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{
    PriceAmounts, PriceChangeRow, PriceDecisions, PriceEntryHistory, PriceRejected, PriceWaiting,
};

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

/// The amounts that entries had by their versions.
struct Amounts<'a> {
    book: &'a PriceBook,
    entry: &'a str,
    /// All that was decided, also what is not shown.
    history: &'a PriceHistory,
}

impl Queries {
    /// What was decided about prices.
    #[must_use]
    pub fn price_decisions(&self, query: &DecidedQuery) -> PriceDecisions {
        let settings = self.settings();
        let known = query.as_known_on.map(|time| settings.price_history.as_known_on(time));
        let all: &PriceHistory = &settings.price_history;
        let history = known.as_ref().unwrap_or(all);
        let search = query.search.as_ref().map(|search| search.to_lowercase());
        let mut found = history.entries.iter().filter(|(entry, history)| {
            query.after.as_ref().is_none_or(|after| *entry > after)
                && search.as_ref().is_none_or(|search| entry.to_lowercase().contains(search))
                && (!query.waiting || history.waiting.is_some())
        });
        let row = |(entry, history): (&String, &EntryHistory)| {
            Amounts { book: &settings.prices, entry, history: all }.row(history)
        };
        let entries: Vec<PriceEntryHistory> = found.by_ref().take(query.limit).map(row).collect();
        let next = found.next().and_then(|_| entries.last()).map(|last| last.entry.clone());
        PriceDecisions { entries, next }
    }
}

impl Amounts<'_> {
    fn row(&self, history: &EntryHistory) -> PriceEntryHistory {
        PriceEntryHistory {
            entry: self.entry.to_owned(),
            changes: history.changes.iter().map(|change| self.change(change)).collect(),
            waiting: history.waiting.as_ref().map(|waiting| self.waiting(waiting)),
            rejected: history.rejected.iter().map(|rejected| self.rejected(rejected)).collect(),
            disputed: history.disputed.clone(),
        }
    }

    fn change(&self, change: &PriceChange) -> PriceChangeRow {
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
            old: self.of_version(change.old_version.as_deref()),
            new: self.of_rates(&change.rates).unwrap_or_default(),
            rates: change.rates.clone(),
        }
    }

    fn waiting(&self, waiting: &PriceProposal) -> PriceWaiting {
        PriceWaiting {
            price_version: waiting.version.clone(),
            since: waiting.since.to_string(),
            source: waiting.source.clone(),
            verified: waiting.verified,
            old_version: waiting.old_version.clone(),
            percent: waiting.percent,
            waits: waiting.waits.iter().map(|wait| wait.as_str().to_owned()).collect(),
            old: self.of_version(waiting.old_version.as_deref()),
            new: self.of_rates(&waiting.rates).unwrap_or_default(),
            rates: waiting.rates.clone(),
        }
    }

    fn rejected(&self, rejected: &PriceRejection) -> PriceRejected {
        PriceRejected {
            price_version: rejected.version.clone(),
            by: rejected.by.clone(),
            at: rejected.at.to_string(),
            reason: rejected.reason.clone(),
            proposed: rejected.proposal.as_ref().map(|proposal| self.waiting(proposal)),
        }
    }

    /// Of a version: that of a change of the model, or of the price book in force.
    fn of_version(&self, version: Option<&str>) -> Option<PriceAmounts> {
        let version = version?;
        let own = self.history.entries.get(self.entry);
        let mut changes =
            own.into_iter().chain(self.history.entries.values()).flat_map(|history| &history.changes);
        if let Some(change) = changes.find(|change| change.version == version) {
            return self.of_rates(&change.rates);
        }
        if self.book.version() != version {
            return None;
        }
        let found = self.book.own_entry(self.entry);
        found.or_else(|| self.book.same_model(&own?.model(self.entry))).map(|entry| amounts(&entry))
    }

    fn of_rates(&self, rates: &str) -> Option<PriceAmounts> {
        Listed::read(self.entry, rates).ok().map(|listed| amounts(&listed.as_entry()))
    }
}

fn amounts(entry: &PriceEntry<'_>) -> PriceAmounts {
    let (tokens, units) = (entry.rates().into_iter(), entry.unit_rates().into_iter());
    let given = entry.given_rates();
    let is_given = |kind: PricedKind| given.iter().any(|(named, _)| *named == kind);
    let without_own = entry.rates().into_iter().filter(|(kind, rate)| rate.is_some() && !is_given(*kind));
    PriceAmounts {
        without_own: without_own.map(|(kind, _)| kind.as_str().to_owned()).collect(),
        usd_per_token: tokens
            .filter_map(|(kind, rate)| Some((kind.as_str().to_owned(), rate?.to_string())))
            .collect(),
        usd_per_unit: units
            .filter_map(|(unit, rate)| Some((unit.as_str().to_owned(), rate?.to_string())))
            .collect(),
    }
}
