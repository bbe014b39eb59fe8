//! Looking prices up.

use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::UnitCounts;
use tollgate_wire::api::{PriceList, PriceQuote};

use crate::address::Address;
use crate::client::Client;
use crate::error::ClientError;

/// Which entries of the price book to return. Absent fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceSearch {
    /// A part of the entries' names, in any case.
    pub search: Option<String>,
    /// The provider, by any of its names.
    pub provider: Option<String>,
    /// Entries after this one: the `next` of the previous page.
    pub after: Option<String>,
    /// The most entries to return, up to 1000.
    pub limit: Option<usize>,
}

/// A call whose price is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceQuery {
    /// The model, as calls name it.
    pub model: String,
    /// The provider, as calls name it.
    pub provider: Option<String>,
    /// The service tier; absent for the standard one.
    pub service_tier: Option<String>,
    /// When the call happens, as an RFC 3339 time; absent for now.
    pub at: Option<String>,
    /// Its tokens.
    pub tokens: TokenCounts,
    /// What else it is billed for.
    pub units: UnitCounts,
}

impl Client {
    /// Entries of the price book in force, ordered by name.
    pub async fn prices(&self, wanted: &PriceSearch) -> Result<PriceList, ClientError> {
        let address = Address::new("/v1/prices")
            .with("search", wanted.search.as_ref())
            .with("provider", wanted.provider.as_ref())
            .with("after", wanted.after.as_ref())
            .with("limit", wanted.limit);
        self.get(&address.text).await
    }

    /// What a call costs under the prices and aliases in force, and why; or why it is unpriced.
    pub async fn price_quote(&self, wanted: &PriceQuery) -> Result<PriceQuote, ClientError> {
        let TokenCounts { input_uncached, cached_input, cache_write, output, reasoning, cache_write_1h } =
            wanted.tokens;
        let mut address = Address::new("/v1/prices/quote")
            .with("model", Some(&wanted.model))
            .with("provider", wanted.provider.as_ref())
            .with("service_tier", wanted.service_tier.as_ref())
            .with("at", wanted.at.as_ref());
        for (name, tokens) in [
            ("input_uncached", input_uncached),
            ("cached_input", cached_input),
            ("cache_write", cache_write),
            ("cache_write_1h", cache_write_1h),
            ("output", output),
            ("reasoning", reasoning),
        ] {
            address = address.with(name, Some(tokens).filter(|tokens| *tokens > 0));
        }
        let units: Vec<String> = wanted.units.iter().map(|(unit, count)| format!("{unit}={count}")).collect();
        let units = units.join(",");
        address = address.with("units", Some(&units).filter(|units| !units.is_empty()));
        self.get(&address.text).await
    }
}
