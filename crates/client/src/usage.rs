//! Usage, one by one and added up.

use std::collections::BTreeMap;

use tollgate_wire::api::{UsageList, UsageSummary};

use crate::address::{Address, Read};
use crate::client::Client;
use crate::error::ClientError;

/// Which usage to list. Absent fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageQuery {
    /// Values by dimension: `component`, `team`, `user`, `task_type`, `tier`, `provider`, `model`, `task`, `phase`,
    /// `session`, `label.KEY`.
    pub scope: BTreeMap<String, String>,
    /// The allocation that it uses.
    pub allocation: Option<String>,
    /// A time or day; only what happened from then on.
    pub since: Option<String>,
    /// A time or day; only what happened before it.
    pub until: Option<String>,
    /// The `next` of the previous page.
    pub before: Option<String>,
    /// The most records to return, up to 1000.
    pub limit: Option<usize>,
}

/// Which sums of usage to return. Absent fields do not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SummaryQuery {
    /// Values by dimension, as of [`UsageQuery::scope`].
    pub scope: BTreeMap<String, String>,
    /// The dimensions that groups share, separated by commas; one group if absent.
    pub group_by: Option<String>,
    /// `hour`, `day`, `week` or `month`; no periods if absent.
    pub by: Option<String>,
    /// The name of a time zone, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// A time or day; only what happened from then on.
    pub since: Option<String>,
    /// A time or day; only what happened before it.
    pub until: Option<String>,
    /// The `next` of the previous page.
    pub after: Option<String>,
    /// The most groups to return, up to 1000.
    pub limit: Option<usize>,
}

impl Client {
    /// Usage and corrections, the latest record first. A page may be short, or empty, and be followed by others.
    pub async fn usage_records(&self, wanted: &UsageQuery) -> Result<UsageList, ClientError> {
        let address = Address::new("/v1/usage")
            .with("tenant", self.tenant())
            .with("scope", scope(&wanted.scope))
            .with("allocation", wanted.allocation.as_ref())
            .with("since", wanted.since.as_ref())
            .with("until", wanted.until.as_ref())
            .with("before", wanted.before.as_ref())
            .with("limit", wanted.limit);
        self.get(&address.text).await
    }

    /// What usage adds up to, by groups and periods.
    pub async fn usage_summary(
        &self,
        wanted: &SummaryQuery,
        read: &Read,
    ) -> Result<UsageSummary, ClientError> {
        let address = Address::new("/v1/usage/summary")
            .with("tenant", self.tenant())
            .with("scope", scope(&wanted.scope))
            .with("group_by", wanted.group_by.as_ref())
            .with("by", wanted.by.as_ref())
            .with("time_zone", wanted.time_zone.as_ref())
            .with("since", wanted.since.as_ref())
            .with("until", wanted.until.as_ref())
            .with("after", wanted.after.as_ref())
            .with("limit", wanted.limit)
            .read(read);
        self.get(&address.text).await
    }
}

/// As a JSON object; `None`: no value is asked for.
fn scope(values: &BTreeMap<String, String>) -> Option<String> {
    // Texts can always be written.
    (!values.is_empty()).then(|| serde_json::to_string(values).unwrap_or_default())
}
