//! What was decided about prices, one row an entry, and what is known about their sources.

use tollgate_domain::event::{PriceEvent, RecordedEvent};

use super::ReportRow;
use crate::fold::Rows;

/// Prefix of the keys of entries of the price book.
pub const PRICED_ENTRIES: &[u8] = b"e";

/// Prefix of the keys of sources.
pub const PRICE_SOURCES: &[u8] = b"o";

/// The key of the row that says which record was the last about prices, and when a server last began to update
/// them by itself.
pub const PRICE_MARK: &[u8] = b"m";

/// The entry or the source that a key with one of these prefixes is of.
#[must_use]
pub fn name_of_price_key(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(1..)?).ok()
}

fn key(prefix: &[u8], name: &str) -> Vec<u8> {
    [prefix, name.as_bytes()].concat()
}

/// Records what was said or decided about a price.
pub(super) fn note<R: Rows<ReportRow>>(
    rows: &mut R,
    event: &RecordedEvent<'_>,
    said: &PriceEvent,
) -> Result<(), R::Error> {
    let at = event.recorded_at;
    if let ReportRow::PriceMark(mark, begun) =
        rows.change(PRICE_MARK, || ReportRow::PriceMark(event.sequence, None))?
    {
        *mark = event.sequence;
        if let PriceEvent::PriceUpdateBegun(_) = said {
            *begun = Some(at);
        }
    }
    if let PriceEvent::PriceSourceChecked(checked) = said {
        let key = key(PRICE_SOURCES, &checked.source);
        if let ReportRow::PriceSource(source) =
            rows.change(&key, || ReportRow::PriceSource(Box::default()))?
        {
            source.apply(at, checked);
        }
    } else if let Some(entry) = said.entry()
        && let ReportRow::Price(history) =
            rows.change(&key(PRICED_ENTRIES, entry), || ReportRow::Price(Box::default()))?
    {
        history.apply(at, event.sequence, said);
    }
    Ok(())
}
