//! Facts about prices: what sources said, what came into force, and what people decided. They are under the
//! tenant and the task `_ledger`.

use crate::time::Timestamp;
use crate::words::words;

/// A price of one entry came into force. Written by the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceChanged {
    /// The entry of the price book: `MODEL` or `PROVIDER/MODEL`.
    pub entry: String,
    /// Its rates: a JSON object in the form of the price book.
    pub rates: String,
    /// It prices usage that happened from this time on, up to the next change.
    pub from: Timestamp,
    /// Who said so: the id of a source, or `manual`.
    pub source: String,
    /// Its version, as referenced by costs.
    pub price_version: String,
    /// Whether enough sources agreed on it.
    pub verified: bool,
    /// The version that was in force at that time; `None`: the entry had no price.
    pub old_version: Option<String>,
    /// The largest change at a usage point, in percent, rounded up; `None`: there was nothing to compare.
    pub percent: Option<u32>,
    /// Who approved it; `None`: nobody had to.
    pub approved_by: Option<String>,
    /// What a person said about it.
    pub reason: Option<String>,
}

words!(
    /// Why a price does not come into force by itself.
    WaitReason {
        /// A cost changes by more than half.
        LargeChange = "large_change",
        /// It is free where others take money.
        Free = "free",
        /// It lacks a rate that the price in force has.
        RateMissing = "rate_missing",
        /// Too few sources agree on it.
        Unverified = "unverified",
        /// It was read from a page made for people.
        Scraped = "scraped",
        /// A person set the price in force, and only a person replaces it.
        SetByHand = "set_by_hand"
    }
);

/// A price waits for a person. Written by the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceProposed {
    /// The entry of the price book.
    pub entry: String,
    /// Its rates, in the form of the price book.
    pub rates: String,
    /// The source.
    pub source: String,
    /// Its version, by which it is approved or rejected.
    pub price_version: String,
    /// Whether enough sources agreed on it.
    pub verified: bool,
    /// The version that was in force; `None`: the entry had no price.
    pub old_version: Option<String>,
    /// The largest change at a usage point, in percent, rounded up.
    pub percent: Option<u32>,
    /// Why it waits.
    pub waits: Vec<WaitReason>,
}

/// A person decided about a price that waited. An approval is followed by [`PriceChanged`] in the same record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceDecided {
    /// The entry of the price book.
    pub entry: String,
    /// The version that was proposed.
    pub price_version: String,
    /// Whether it was approved.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// A source was asked for its list. Written by the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceSourceChecked {
    /// The id of the source.
    pub source: String,
    /// What went wrong; `None`: its list was used.
    pub problem: Option<String>,
    /// How many models it prices.
    pub models: u64,
    /// The SHA-256 of its text, 64 hex digits; empty: there was none.
    pub checksum: String,
    /// When the text was fetched: it may come from the cache.
    pub fetched_at: Option<Timestamp>,
}

/// A server begins to update the prices by itself. Written by the ledger; of several servers, the one whose event is
/// in the log does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceUpdateBegun {
    /// When the last such update was begun; `None`: this is the first.
    pub after: Option<Timestamp>,
}

/// Sources do not agree on the price of an entry. Written by the ledger, once for what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceDisputed {
    /// The entry of the price book.
    pub entry: String,
    /// What each source says it costs at the usage points; empty: they agree again.
    pub said: Vec<String>,
}
