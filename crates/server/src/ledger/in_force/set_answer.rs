//! What is answered to a price that is set by hand.

use tollgate_domain::event::PriceChanged;
use tollgate_domain::nearest;
use tollgate_domain::price::PriceBook;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::PriceDecisionAnswer;

use super::set_rates::SetRates;

/// The answer about a price that was set, but for what is known of other prices.
pub(super) fn answer_of(
    book: &PriceBook,
    changed: &PriceChanged,
    set: SetRates,
    is_new: bool,
) -> PriceDecisionAnswer {
    let SetRates { kept, kept_tiers, kept_else, dropped, .. } = set;
    PriceDecisionAnswer {
        entry: changed.entry.clone(),
        price_version: changed.price_version.clone(),
        percent: changed.percent,
        kept,
        kept_tiers,
        kept_else,
        dropped,
        similar: is_new.then(|| similar(book, &changed.entry, changed.from)).flatten(),
        ..PriceDecisionAnswer::default()
    }
}

/// The entry that was meant by a new one: the same model of some provider, or a slip of the hand.
fn similar(book: &PriceBook, entry: &str, from: Timestamp) -> Option<String> {
    let names = book.entries(from).map(|entry| entry.name).filter(|name| *name != entry);
    let names: Vec<&str> = names.collect();
    let found = book.of_some_provider(entry, from).or_else(|| nearest::typo(entry, &names));
    found.map(str::to_owned)
}
