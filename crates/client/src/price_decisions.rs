//! Decisions about prices, as typed calls.

use tollgate_wire::api::{
    PriceDecisionAnswer, PriceDecisionRequest, PriceDecisions, PriceSetRequest, PriceSourceList,
    PriceUpdateReport, PriceUpdateRequest, RepriceReport, RepriceRequest,
};

use crate::address::Address;
use crate::client::Client;
use crate::error::ClientError;

/// Which decisions about prices to return. Absent fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceDecisionSearch {
    /// A part of the entries' names, in any case.
    pub search: Option<String>,
    /// Only entries with a price that waits.
    pub waiting: bool,
    /// As it was known at this time, as an RFC 3339 time.
    pub as_known_on: Option<String>,
    /// Entries after this one: the `next` of the previous page.
    pub after: Option<String>,
    /// The most entries to return, up to 1000.
    pub limit: Option<usize>,
}

impl Client {
    /// Compares the prices in force with those of all sources, and records what follows.
    pub async fn update_prices(
        &self,
        request: &PriceUpdateRequest,
    ) -> Result<PriceUpdateReport, ClientError> {
        self.post("/v1/prices/update", request).await
    }

    /// What was decided about prices, by entry.
    pub async fn price_decisions(&self, wanted: &PriceDecisionSearch) -> Result<PriceDecisions, ClientError> {
        let address = Address::new("/v1/prices/history")
            .with("search", wanted.search.as_ref())
            .with("waiting", Some(wanted.waiting).filter(|waiting| *waiting))
            .with("as_known_on", wanted.as_known_on.as_ref())
            .with("after", wanted.after.as_ref())
            .with("limit", wanted.limit);
        self.get(&address.text).await
    }

    /// The sources of prices.
    pub async fn price_sources(&self) -> Result<PriceSourceList, ClientError> {
        self.get("/v1/prices/sources").await
    }

    /// Puts a price in force that waits for a person.
    pub async fn approve_price(
        &self,
        request: &PriceDecisionRequest,
    ) -> Result<PriceDecisionAnswer, ClientError> {
        self.post("/v1/prices/approve", request).await
    }

    /// Rejects a price that waits for a person.
    pub async fn reject_price(
        &self,
        request: &PriceDecisionRequest,
    ) -> Result<PriceDecisionAnswer, ClientError> {
        self.post("/v1/prices/reject", request).await
    }

    /// Puts a price in force by hand.
    pub async fn set_price(&self, request: &PriceSetRequest) -> Result<PriceDecisionAnswer, ClientError> {
        self.post("/v1/prices/set", request).await
    }

    /// Prices usage again at the prices that are in force for its time by now.
    pub async fn reprice(&self, request: &RepriceRequest) -> Result<RepriceReport, ClientError> {
        self.post("/v1/prices/reprice", request).await
    }
}
