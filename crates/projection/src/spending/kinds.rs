//! The kinds of usage that a task had lately.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Timestamp;

use super::SpendingRow;
use super::fold::DAY_S;
use super::table::{CellValues, Table, write_time};

/// What the usage of a task can be told apart by, beside its phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UsageKind {
    /// The part of the producer that made the calls.
    pub component: Option<String>,
    /// Who served the model.
    pub provider: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// The most rows that are read for the kinds of one task.
const ROWS: usize = 64;

/// The kinds of usage in the rows of a task, from a day on.
#[derive(Debug)]
pub struct UsageKinds {
    prefix: Vec<u8>,
    from: i64,
    rows: usize,
    /// The last quarter of an hour in which there was usage of each.
    last: BTreeMap<UsageKind, i64>,
}

impl UsageKinds {
    /// None yet; `now` is on the first day.
    #[must_use]
    pub fn of_task(tenant: &str, task: &str, now: Timestamp) -> Self {
        let second = now.micros().div_euclid(1_000_000);
        let from = second.saturating_sub(second.rem_euclid(DAY_S));
        Self { prefix: Table::Tasks.named(tenant, task), from, rows: 0, last: BTreeMap::new() }
    }

    /// What the keys of the rows begin with that are to be added.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The key after which they begin.
    #[must_use]
    pub fn after(&self) -> Vec<u8> {
        let mut key = self.prefix.clone();
        write_time(self.from.saturating_sub(1), &mut key);
        key
    }

    /// Adds a row; `false`: these are enough.
    pub fn add(&mut self, key: &[u8], row: &SpendingRow) -> bool {
        let Some(rest) = key.strip_prefix(&*self.prefix) else { return true };
        for (at, values, _) in row.cells(rest) {
            let Some(cell) = CellValues::read(values) else { continue };
            let usage = cell.of_task("");
            let owned = |value: Option<&str>| value.map(str::to_owned);
            let kind = UsageKind {
                component: owned(usage.component),
                provider: owned(usage.provider),
                model: owned(usage.model),
                labels: usage.labels.clone(),
            };
            let last = self.last.entry(kind).or_insert(at);
            *last = at.max(*last);
        }
        self.rows = self.rows.saturating_add(1);
        self.rows < ROWS
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// The latest ones, at most so many.
    #[must_use]
    pub fn latest(self, most: usize) -> Vec<UsageKind> {
        let mut kinds: Vec<(UsageKind, i64)> = self.last.into_iter().collect();
        kinds.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        kinds.into_iter().take(most).map(|(kind, _)| kind).collect()
    }
}
