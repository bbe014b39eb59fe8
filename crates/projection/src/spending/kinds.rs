//! The kinds of usage that a task had.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SpendingRow;
use super::table::{CellValues, Table};

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

/// The kinds of usage in the rows of a task.
#[derive(Debug)]
pub struct UsageKinds {
    prefix: Vec<u8>,
    /// The last quarter of an hour in which there was usage of each.
    last: BTreeMap<UsageKind, i64>,
}

impl UsageKinds {
    /// None yet.
    #[must_use]
    pub fn of_task(tenant: &str, task: &str) -> Self {
        Self { prefix: Table::Tasks.named(tenant, task), last: BTreeMap::new() }
    }

    /// What the keys of the rows begin with that are to be added.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Adds a row.
    pub fn add(&mut self, key: &[u8], row: &SpendingRow) {
        let Some(rest) = key.strip_prefix(&*self.prefix) else { return };
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
    }

    /// The latest ones, at most so many.
    #[must_use]
    pub fn latest(self, most: usize) -> Vec<UsageKind> {
        let mut kinds: Vec<(UsageKind, i64)> = self.last.into_iter().collect();
        kinds.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        kinds.into_iter().take(most).map(|(kind, _)| kind).collect()
    }
}
