//! Which tasks and which totals a query selects.

use crate::address::Address;

/// Filter for a list of tasks. Several values for one field are separated by commas; an absent field does not
/// filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// Tasks after this one: the `next` of the previous page.
    pub after: Option<String>,
    /// The most tasks to return, up to 1000.
    pub limit: Option<usize>,
    /// `implicit`, `open`, `completed`, `cancelled`, `abandoned`.
    pub stage: Option<String>,
    /// `within`, `warning`, `exceeded`, `unknown`, `no_limits`.
    pub status: Option<String>,
    /// `Tiny`, `Small`, `Medium`, `Large`.
    pub complexity: Option<String>,
    /// `low`, `medium`, `high`, `critical`.
    pub importance: Option<String>,
    /// The producer that opened them.
    pub producer: Option<String>,
    /// A time or day; only tasks from then on.
    pub since: Option<String>,
    /// A time or day; only tasks before it.
    pub until: Option<String>,
    /// Which time `since` and `until` refer to: `opened` or `last`.
    pub by: Option<String>,
    /// Whether to return sums over all selected tasks.
    pub summary: Option<bool>,
}

impl TaskQuery {
    pub(crate) fn in_address(&self, address: Address) -> Address {
        address
            .with("after", self.after.as_ref())
            .with("limit", self.limit)
            .with("stage", self.stage.as_ref())
            .with("status", self.status.as_ref())
            .with("complexity", self.complexity.as_ref())
            .with("importance", self.importance.as_ref())
            .with("producer", self.producer.as_ref())
            .with("since", self.since.as_ref())
            .with("until", self.until.as_ref())
            .with("by", self.by.as_ref())
            .with("summary", self.summary)
    }
}

/// Which totals of the ledger to return. Absent fields use the ledger's defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportQuery {
    /// The most groups in each list, up to 1000; one row represents the others.
    pub top: Option<usize>,
    /// `hour`, `day`, `week` or `month`, and a dimension such as `team`, separated by a comma.
    pub by: Option<String>,
    /// The name of a time zone, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// A time or day; only what happened from then on.
    pub since: Option<String>,
    /// A time or day; only what happened before it.
    pub until: Option<String>,
    /// A UTC day: only what the ledger had recorded by its end.
    pub known_on: Option<String>,
}

impl ReportQuery {
    pub(crate) fn in_address(&self, address: Address) -> Address {
        address
            .with("top", self.top)
            .with("by", self.by.as_ref())
            .with("time_zone", self.time_zone.as_ref())
            .with("since", self.since.as_ref())
            .with("until", self.until.as_ref())
            .with("known_on", self.known_on.as_ref())
    }
}
