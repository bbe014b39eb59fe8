//! What usage cost: exports for accounting.

use tollgate_wire::api::MoneyExport;

use crate::address::{Address, Read};
use crate::client::Client;
use crate::error::ClientError;

/// Which charges to export. Absent fields use the ledger's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FocusQuery {
    /// A time or day; only what happened from then on.
    pub since: Option<String>,
    /// A time or day; only what happened before it.
    pub until: Option<String>,
    /// The name of a time zone, such as `Europe/Berlin`: its days are charge periods.
    pub time_zone: Option<String>,
    /// The billing account of all charges.
    pub billing_account: Option<String>,
    /// Dimensions to show as tags, separated by commas; absent for all labels, `none` for no tags.
    pub tags: Option<String>,
    /// A UTC day: only what the ledger had recorded by its end.
    pub known_on: Option<String>,
}

/// Which lines to export. Absent fields use the ledger's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportQuery {
    /// What lines are told apart by, separated by commas.
    pub dimensions: Option<String>,
    /// Only usage with these values, such as `provider=anthropic`, separated by commas.
    pub only: Option<String>,
    /// `hour`, `day`, `week`, `month` or `none`, and dimensions, separated by commas.
    pub by: Option<String>,
    /// A time or day; only what happened from then on.
    pub since: Option<String>,
    /// A time or day; only what happened before it.
    pub until: Option<String>,
    /// The name of a time zone, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// A UTC day: only what the ledger had recorded by its end.
    pub known_on: Option<String>,
}

impl ExportQuery {
    fn in_address(&self, address: Address) -> Address {
        address
            .with("dimensions", self.dimensions.as_ref())
            .with("only", self.only.as_ref())
            .with("by", self.by.as_ref())
            .with("since", self.since.as_ref())
            .with("until", self.until.as_ref())
            .with("time_zone", self.time_zone.as_ref())
            .with("known_on", self.known_on.as_ref())
    }
}

impl Client {
    /// Charges in the format of FOCUS 1.2, as CSV; only of the client's tenant if it has one.
    pub async fn focus(&self, wanted: &FocusQuery, read: &Read) -> Result<String, ClientError> {
        let address = Address::new("/v1/report/focus")
            .with("tenant", self.tenant())
            .with("since", wanted.since.as_ref())
            .with("until", wanted.until.as_ref())
            .with("time_zone", wanted.time_zone.as_ref())
            .with("billing_account", wanted.billing_account.as_ref())
            .with("tags", wanted.tags.as_ref())
            .with("known_on", wanted.known_on.as_ref());
        self.text(&address.read(read).text).await
    }

    /// Usage and money by any dimensions; only of the client's tenant if it has one.
    pub async fn export(&self, wanted: &ExportQuery, read: &Read) -> Result<MoneyExport, ClientError> {
        let address = Address::new("/v1/report/export").with("tenant", self.tenant());
        self.get(&wanted.in_address(address).read(read).text).await
    }

    /// The same as CSV.
    pub async fn export_csv(&self, wanted: &ExportQuery, read: &Read) -> Result<String, ClientError> {
        let address =
            Address::new("/v1/report/export").with("tenant", self.tenant()).with("format", Some("csv"));
        self.text(&wanted.in_address(address).read(read).text).await
    }
}
