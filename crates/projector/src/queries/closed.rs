//! Tasks that closed lately, for the pools of their owners.

use serde::{Deserialize, Serialize};
use tollgate_domain::pool::Settling;
use tollgate_domain::time::Timestamp;
use tollgate_projection::fold::{read_task_key, task_key};
use tollgate_projection::status::{Status, settling};

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The most tasks of one answer: they fit a message.
const MOST: usize = 2000;

/// Tasks of all tenants that closed and have something to do with a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClosedTasks {
    /// Closed then or later, by the ledger's clock.
    pub since: Timestamp,
    /// After this key, which an earlier page gave; `None` to start at the first task.
    pub after: Option<Vec<u8>>,
}

/// Some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedPage {
    /// What each leaves, by tenant.
    pub tasks: Vec<(String, Settling)>,
    /// The key up to which they were read; `None` if the end was reached.
    pub through: Option<Vec<u8>>,
}

impl ClosedPage {
    /// Adds the page of another part. What is beyond the shorter of both is left to the next page.
    pub fn merge(&mut self, other: Self) {
        self.tasks.extend(other.tasks);
        self.through = match (self.through.take(), other.through) {
            (Some(own), Some(other)) => Some(own.min(other)),
            (own, other) => own.or(other),
        };
        if let Some(through) = &self.through {
            self.tasks.retain(|(tenant, closed)| task_key(tenant, &closed.task) <= *through);
        }
    }
}

impl Query<Status> for ClosedTasks {
    const VERB: &'static str = "closed";
    const OVER_MANY: bool = true;
    type Answer = ClosedPage;

    fn is_own(&self) -> bool {
        true
    }

    fn answer(&self, view: &Seen<'_, Status>) -> Result<ClosedPage, RowError> {
        let mut page = ClosedPage::default();
        for row in view.scan(&[], self.after.as_deref()) {
            let (key, row) = row?;
            let Some((tenant, task)) = read_task_key(&key) else { continue };
            let in_time = |recorded_at: Timestamp| recorded_at >= self.since;
            if !row.closed.as_ref().is_some_and(|closed| in_time(closed.recorded_at)) {
                continue;
            }
            if let Some(closed) = settling(task, &row) {
                page.tasks.push((tenant.to_owned(), closed));
            }
            if page.tasks.len() >= MOST {
                page.through = Some(key.clone());
                break;
            }
        }
        Ok(page)
    }
}
