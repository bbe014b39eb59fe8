//! What providers billed.

use tollgate_wire::api::{BillComparison, BillRequest, BillResponse};

use crate::address::{Address, Read};
use crate::client::Client;
use crate::error::ClientError;

/// Which bills to compare with the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BillQuery {
    /// Who billed.
    pub provider: String,
    /// The first day, such as `2026-11-01`.
    pub from: String,
    /// The first day that is left out.
    pub to: String,
    /// The zone in which the ledger's usage is put into days; absent for UTC.
    pub time_zone: Option<String>,
    /// A UTC day: only what the ledger had recorded by its end.
    pub known_on: Option<String>,
}

impl Client {
    /// Records a provider's bill, all of it or nothing; for the client's tenant if the request names none.
    pub async fn record_bill(&self, bill: &BillRequest) -> Result<BillResponse, ClientError> {
        let tenant = bill.tenant.clone().or_else(|| self.tenant().cloned());
        self.post("/v1/bills", &BillRequest { tenant, ..bill.clone() }).await
    }

    /// Compares a provider's bills with the ledger, by day and model.
    pub async fn compare_bills(
        &self,
        wanted: &BillQuery,
        read: &Read,
    ) -> Result<BillComparison, ClientError> {
        let address = Address::new("/v1/bills/compare")
            .with("tenant", self.tenant())
            .with("provider", Some(&wanted.provider))
            .with("from", Some(&wanted.from))
            .with("to", Some(&wanted.to))
            .with("time_zone", wanted.time_zone.as_ref())
            .with("known_on", wanted.known_on.as_ref());
        self.get(&address.read(read).text).await
    }
}
