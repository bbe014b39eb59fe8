//! The usage points at which lists and calculators are compared.

use tollgate_domain::money::Usd;
use tollgate_domain::price::{Call, PriceBook, UsagePoint};
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::Cost;

/// The points that a model of a kind has: an embedding has no output and no cache.
pub(crate) fn of_mode(mode: &str) -> impl Iterator<Item = UsagePoint> {
    let plain = mode == "embedding";
    UsagePoint::ALL.into_iter().filter(move |point| !plain || (point.output == 0 && point.cached == 0))
}

/// What an entry of a book costs at a point. `None`: unpriced.
pub(crate) fn cost(book: &PriceBook, entry: &str, point: &UsagePoint, at: Timestamp) -> Option<Usd> {
    let call = Call { provider: None, model: Some(entry), service_tier: None, at };
    match book.cost(call, &point.tokens()) {
        Cost::Priced { usd, .. } => Some(usd),
        Cost::Unpriced => None,
    }
}
