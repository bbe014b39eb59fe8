//! Which tasks, and which totals, are asked for.

use crate::address::Address;

/// Which tasks of a list. Words of one kind stand with commas between; what is not said asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// Tasks behind this one: the `next` of the page before.
    pub after: Option<String>,
    /// How many to return at most, up to 1000.
    pub limit: Option<usize>,
    /// `implicit`, `open`, `completed`, `cancelled`, `abandoned`.
    pub stage: Option<String>,
    /// `within`, `warning`, `exceeded`, `unknown`, `no_limits`.
    pub status: Option<String>,
    /// `Tiny`, `Small`, `Medium`, `Large`.
    pub complexity: Option<String>,
    /// `low`, `medium`, `high`, `critical`.
    pub importance: Option<String>,
    /// Who opened them.
    pub producer: Option<String>,
    /// A time or day from which on.
    pub since: Option<String>,
    /// A time or day before which.
    pub until: Option<String>,
    /// Which time: `opened` or `last`.
    pub by: Option<String>,
    /// Whether all selected ones are summed up.
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

/// Which totals of the ledger. What is not said is as the ledger has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportQuery {
    /// So many groups in each list, up to 1000; one row stands for the others.
    pub top: Option<usize>,
    /// `hour`, `day`, `week` or `month`.
    pub by: Option<String>,
    /// The name of a time zone, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// A time or day from which on.
    pub since: Option<String>,
    /// A time or day before which.
    pub until: Option<String>,
}

impl ReportQuery {
    pub(crate) fn in_address(&self, address: Address) -> Address {
        address
            .with("top", self.top)
            .with("by", self.by.as_ref())
            .with("time_zone", self.time_zone.as_ref())
            .with("since", self.since.as_ref())
            .with("until", self.until.as_ref())
    }
}
