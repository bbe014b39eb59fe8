//! Queries on the view `status`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::{Deserialize, Serialize};
use tollgate_domain::time::Timestamp;
use tollgate_projection::fold::{read_task_key, task_key};
use tollgate_projection::kept::{Entry, Facet, Running, sums_of, tasks_of};
use tollgate_projection::report::{self, Named};
use tollgate_projection::selection::{SelectionSums, TaskFilter, TaskTime};
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

    fn reads_kept(&self) -> bool {
        // The first rows of all are read as they are, and tasks are not listed by when their latest event happened.
        let listed = !self.filter.has_times() || self.filter.by == TaskTime::Opened;
        (self.summed || !self.filter.is_empty()) && listed
    }

    fn answer(&self, view: &Seen<'_, Status>) -> Result<TaskPage, RowError> {
        match (self.reads_kept(), self.filter.has_times()) {
            (true, true) => self.by_days(view),
            (true, false) => self.by_facets(view),
            (false, _) => self.by_rows(view),
        }
    }
}

/// A row that is looked up by its key takes as long as so many in their order.
const ONE_BY_ONE: u64 = 4;

impl ListTasks {
    /// By looking at the rows.
    pub(crate) fn by_rows(&self, view: &Seen<'_, Status>) -> Result<TaskPage, RowError> {
        let mut page = TaskPage::default();
        if self.summed {
            for row in view.scan(&task_key(&self.tenant, ""), None) {
                let (_, row) = row?;
                if self.filter.wants(&row, Some(self.now)) {
                    page.sums.add(&row, Some(self.now));
                }
            }
        }
        self.page_of_rows(view, &mut page)?;
        Ok(page)
    }

    /// The tasks of the page, by looking at the rows.
    pub(super) fn page_of_rows(&self, view: &Seen<'_, Status>, page: &mut TaskPage) -> Result<(), RowError> {
        let after = self.after.as_ref().map(|after| task_key(&self.tenant, after));
        for row in view.scan(&task_key(&self.tenant, ""), after.as_deref()) {
            let (key, row) = row?;
            let Some((_, task)) = read_task_key(&key) else { continue };
            if self.filter.wants(&row, Some(self.now)) && !self.show(view, &key, task, &row, page) {
                break;
            }
        }
        Ok(())
    }

    /// Puts a task on the page; `false` if the page is full.
    pub(super) fn show(
        &self,
        view: &Seen<'_, Status>,
        key: &[u8],
        task: &str,
        row: &TaskRow,
        page: &mut TaskPage,
    ) -> bool {
        if page.tasks.len() == self.limit {
            page.more = true;
            return false;
        }
        page.tasks.push(self.summary(view, key, task, row));
        true
    }

    /// By what is kept: the sums of the facets that fit, and the rows of the tasks that are shown.
    fn by_facets(&self, view: &Seen<'_, Status>) -> Result<TaskPage, RowError> {
        let mut page = TaskPage::default();
        let (mut fitting, mut tasks) = (Vec::new(), 0);
        for entry in view.scan_kept(&sums_of(Some(&self.tenant)), None) {
            let (key, entry) = entry?;
            let Some((_, facet)) = Facet::of_sums_key(&key).filter(|(_, facet)| facet.fits(&self.filter))
            else {
                continue;
            };
            if let Entry::Sums(sums) = &*entry {
                tasks += sums.tasks;
                if self.summed && self.wants(facet.status()) {
                    page.sums.add_all(facet.status(), sums);
                }
            }
            fitting.push(facet);
        }
        let moved = self.moved(view, &fitting, |_| true)?;
        if self.summed {
            let read = moved.values().filter(|(from, to)| self.wants(from) != self.wants(to)).count() as u64;
            if read.saturating_mul(ONE_BY_ONE) > tasks {
                return self.by_rows(view);
            }
            self.sum_moved(view, &moved, &mut page)?;
        }
        fitting.retain(|facet| self.wants(facet.status()));
        let prefixes: Vec<(Vec<u8>, Option<Vec<u8>>)> =
            fitting.iter().map(|facet| self.begin_at(facet)).collect();
        for task in self.names(view, &prefixes, &moved) {
            let task = task?;
            if moved.get(&task).is_some_and(|(_, to)| !self.wants(to)) {
                continue;
            }
            let key = task_key(&self.tenant, &task);
            let Some(row) = view.get(&key)? else { continue };
            if !self.show(view, &key, &task, &row, &mut page) {
                break;
            }
        }
        Ok(page)
    }

    /// The prefix of the tasks of a facet, and the key after which this page begins.
    fn begin_at(&self, facet: &Facet) -> (Vec<u8>, Option<Vec<u8>>) {
        let prefix = tasks_of(&self.tenant, facet);
        let after = self.after.as_ref().map(|after| [&prefix, after.as_bytes()].concat());
        (prefix, after)
    }

    /// The names of the tasks below these prefixes, and of those whose status has become one that is wanted, in order.
    fn names<'a>(
        &'a self,
        view: &'a Seen<'_, Status>,
        prefixes: &'a [(Vec<u8>, Option<Vec<u8>>)],
        moved: &'a Moved,
    ) -> impl Iterator<Item = Result<String, RowError>> + 'a {
        let after = self.after.as_deref();
        let mut sources: Vec<TaskNames<'a>> = Vec::with_capacity(prefixes.len() + 1);
        for (prefix, after) in prefixes {
            let names = view.scan_kept(prefix, after.as_deref()).map(|entry| {
                let (key, _) = entry?;
                Ok(String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default()).into_owned())
            });
            sources.push(Box::new(names));
        }
        let come = moved.iter().filter(move |(task, (from, to))| {
            !self.wants(from) && self.wants(to) && after.is_none_or(|after| task.as_str() > after)
        });
        sources.push(Box::new(come.map(|(task, _)| Ok(task.clone()))));
        ascending(sources)
    }

    pub(super) fn wants(&self, status: &str) -> bool {
        self.filter.statuses.is_empty() || self.filter.statuses.iter().any(|wanted| wanted == status)
    }

    /// The tasks of these facets whose budget status is by now another one than the one that they are listed by,
    /// because an execution runs: both. `which`: those to look at.
    pub(super) fn moved(
        &self,
        view: &Seen<'_, Status>,
        facets: &[Facet],
        which: impl Fn(&Running) -> bool,
    ) -> Result<Moved, RowError> {
        let mut moved = Moved::new();
        if self.filter.statuses.is_empty() && !self.summed {
            return Ok(moved);
        }
        for facet in facets.iter().filter(|facet| facet.runs()) {
            let prefix = tasks_of(&self.tenant, facet);
            for entry in view.scan_kept(&prefix, None) {
                let (key, entry) = entry?;
                let Entry::Running(running) = &*entry else { continue };
                if !which(running) {
                    continue;
                }
                let (from, to) = (facet.status(), running.status(facet, self.now));
                if from != to {
                    let task = String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default());
                    moved.insert(task.into_owned(), (from, to));
                }
            }
        }
        Ok(moved)
    }

    pub(super) fn sum_moved(
        &self,
        view: &Seen<'_, Status>,
        moved: &Moved,
        page: &mut TaskPage,
    ) -> Result<(), RowError> {
        for (task, (from, to)) in moved {
            if self.wants(from) && self.wants(to) {
                page.sums.move_one(from, to);
                continue;
            }
            if !self.wants(from) && !self.wants(to) {
                continue;
            }
            let Some(row) = view.get(&task_key(&self.tenant, task))? else { continue };
            if self.wants(from) {
                page.sums.take_back(from, &row);
            } else {
                page.sums.add(&row, Some(self.now));
            }
        }
        Ok(())
    }

    fn summary(&self, view: &Seen<'_, Status>, key: &[u8], task: &str, row: &TaskRow) -> TaskSummary {
        let named = Named { tenant: &self.tenant, task, row, degraded: view.is_degraded(key) };
        report::summary(named, Some(self.now))
    }
}

/// Tasks with the budget status that they are listed by, and the one that they have.
pub(super) type Moved = BTreeMap<String, (&'static str, &'static str)>;

/// Names of tasks, in order.
type TaskNames<'a> = Box<dyn Iterator<Item = Result<String, RowError>> + 'a>;

/// The names of all of them, in order.
fn ascending<'a>(mut sources: Vec<TaskNames<'a>>) -> impl Iterator<Item = Result<String, RowError>> + 'a {
    let mut next = BinaryHeap::new();
    let mut failed = None;
    for (nth, source) in sources.iter_mut().enumerate() {
        match source.next() {
            Some(Ok(task)) => next.push(Reverse((task, nth))),
            Some(Err(error)) => failed = Some(error),
            None => {}
        }
    }
    std::iter::from_fn(move || {
        if let Some(error) = failed.take() {
            next.clear();
            return Some(Err(error));
        }
        let Reverse((task, nth)) = next.pop()?;
        match sources[nth].next() {
            Some(Ok(following)) => next.push(Reverse((following, nth))),
            Some(Err(error)) => failed = Some(error),
            None => {}
        }
        Some(Ok(task))
    })
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
