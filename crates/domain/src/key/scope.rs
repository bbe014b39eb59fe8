//! What a key may do, and how often.

use crate::words::words;

words! {
    /// One thing that a key may do. None follows from another, but that `admin` allows everything.
    KeyScope {
        /// Record what happened: events, the beginning and end of tasks and phases.
        Append = "append",
        /// Ask whether something may go on or be spent, and reserve it.
        Decide = "decide",
        /// Look at tasks, budgets, prices, alerts, the log.
        Read = "read",
        /// Look at reports: what tasks used and cost, in whole and by whom.
        ReadReports = "read_reports",
        /// What people decide about: overrides, budgets, policies, prices, alerts, configs, views.
        Operate = "operate",
        /// Everything, keys included.
        Admin = "admin",
    }
}

impl KeyScope {
    /// All of them, in their order.
    pub const ALL: [Self; 6] =
        [Self::Append, Self::Decide, Self::Read, Self::ReadReports, Self::Operate, Self::Admin];
}

/// How many requests a key may send to each server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second over any longer time, at least 1.
    pub per_second: u32,
    /// How many at once after a pause, at least 1.
    pub burst: u32,
}
