//! Queries on the view `status`.

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Timestamp;
use tollgate_projection::fold::{read_task_key, task_key};
use tollgate_projection::report::{self, Named};
use tollgate_projection::selection::{SelectionSums, TaskFilter};
use tollgate_projection::status::{Status, TaskRow};
use tollgate_wire::api::TaskSummary;

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// Everything the view has about one task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OneTask {
    /// Owner of the task.
    pub tenant: String,
    /// The task.
    pub task: String,
}

/// Everything the view has about one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskAnswer {
    /// Its row; `None` if the ledger has no event of it.
    pub row: Option<TaskRow>,
    /// Whether some of its events could not be read.
    pub degraded: bool,
}

impl Query<Status> for OneTask {
    const VERB: &'static str = "task";
    type Answer = TaskAnswer;

    fn answer(&self, view: &Seen<'_, Status>) -> Result<TaskAnswer, RowError> {
        let key = task_key(&self.tenant, &self.task);
        let row = view.get(&key)?.map(std::borrow::Cow::into_owned);
        Ok(TaskAnswer { row, degraded: view.is_degraded(&key) })
    }
}

/// The tasks of a tenant, in the order of their ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListTasks {
    /// Owner of the tasks.
    pub tenant: String,
    /// Tasks after this one.
    pub after: Option<String>,
    /// Which tasks to include.
    pub filter: TaskFilter,
    /// Whether to sum up all of them, including those on other pages.
    pub summed: bool,
    /// The most tasks to return.
    pub limit: usize,
    /// The current time, for executions that are running.
    pub now: Timestamp,
}

/// Some tasks of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPage {
    /// In the order of their ids.
    pub tasks: Vec<TaskSummary>,
    /// Whether more follow.
    pub more: bool,
    /// Sums over all selected tasks, if requested.
    pub sums: SelectionSums,
}

impl Query<Status> for ListTasks {
    const VERB: &'static str = "select_tasks";
    const OVER_MANY: bool = true;
    type Answer = TaskPage;

    fn answer(&self, view: &Seen<'_, Status>) -> Result<TaskPage, RowError> {
        let mut page = TaskPage::default();
        let prefix = task_key(&self.tenant, "");
        let after = self.after.as_ref().map(|after| task_key(&self.tenant, after));
        let now = Some(self.now);
        for row in view.scan(&prefix, after.as_deref().filter(|_| !self.summed)) {
            let (key, row) = row?;
            let Some((tenant, task)) = read_task_key(&key) else { continue };
            if !self.filter.wants(&row, now) {
                continue;
            }
            if self.summed {
                page.sums.add(&row, now);
            }
            if after.as_ref().is_some_and(|after| key <= *after) {
                continue;
            }
            if page.tasks.len() == self.limit {
                page.more = true;
                if self.summed {
                    continue;
                }
                break;
            }
            let named = Named { tenant, task, row: &row, degraded: view.is_degraded(&key) };
            page.tasks.push(report::summary(named, now));
        }
        Ok(page)
    }
}

impl TaskPage {
    /// Adds the tasks of other partitions, and keeps the first ones.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.more |= other.more;
        self.sums.merge(&other.sums);
        self.tasks.extend(other.tasks);
        self.tasks.sort_by(|one, other| one.task.cmp(&other.task));
        self.more |= self.tasks.len() > limit;
        self.tasks.truncate(limit);
    }
}
