//! Lists of the tasks that began between two times.

use std::collections::BTreeSet;

use tollgate_domain::time::{Day, Timestamp};
use tollgate_projection::fold::task_key;
use tollgate_projection::kept::{Entry, Facet, day_sums_of, days_of, facet_of_day, from_day, task_of_day};
use tollgate_projection::selection::TaskFilter;
use tollgate_projection::status::Status;

use super::status::{ListTasks, TaskPage};
use crate::rows::RowError;
use crate::seen::Seen;

/// Of more tasks than this, names are not gathered to put them in order: rows are in order, and a page of so many tasks
/// is soon full.
const GATHERED: u64 = 100_000;

/// The days between two times.
struct Days {
    first: Option<Day>,
    last: Option<Day>,
    /// Those of which only a part is between them.
    parts: BTreeSet<Day>,
}

impl Days {
    fn of(filter: &TaskFilter) -> Self {
        const MICROS: i64 = 86_400_000_000;
        let is_whole = |at: Timestamp| at.micros().rem_euclid(MICROS) == 0;
        let mut parts = BTreeSet::new();
        let first = filter.since.map(|since| {
            if !is_whole(since) {
                parts.insert(since.day());
            }
            since.day()
        });
        let last = filter.until.map(|until| {
            if is_whole(until) {
                return Day(until.day().0.saturating_sub(1));
            }
            parts.insert(until.day());
            until.day()
        });
        Self { first, last, parts }
    }

    /// The key after which they begin, of those with this prefix.
    fn begin(&self, prefix: &[u8]) -> Option<Vec<u8>> {
        self.first.map(|first| from_day(prefix.to_vec(), first))
    }

    fn are_over(&self, day: Day) -> bool {
        self.last.is_some_and(|last| day > last)
    }

    fn have_whole(&self, day: Day) -> bool {
        self.first.is_none_or(|first| day >= first) && !self.are_over(day) && !self.parts.contains(&day)
    }
}

impl ListTasks {
    /// By what is kept of each day: the sums of whole days, and the rows of the others and of the tasks that are shown.
    pub(super) fn by_days(&self, view: &Seen<'_, Status>) -> Result<TaskPage, RowError> {
        let days = Days::of(&self.filter);
        let mut page = TaskPage::default();
        let (mut moving, mut tasks): (Vec<Facet>, u64) = (Vec::new(), 0);
        let prefix = day_sums_of(&self.tenant);
        for entry in view.scan_kept(&prefix, days.begin(&prefix).as_deref()) {
            let (key, entry) = entry?;
            let Some((day, facet)) = facet_of_day(&key, prefix.len()) else { continue };
            if days.are_over(day) {
                break;
            }
            let Entry::Sums(sums) = &*entry else { continue };
            tasks = tasks.saturating_add(sums.tasks);
            if !days.have_whole(day) || !facet.fits(&self.filter) {
                continue;
            }
            if self.summed && self.wants(facet.status()) {
                page.sums.add_all(facet.status(), sums);
            }
            if facet.runs() && !moving.contains(&facet) {
                moving.push(facet);
            }
        }
        if self.summed {
            for day in &days.parts {
                self.sum_part(view, *day, &mut page)?;
            }
            let moved = self.moved(view, &moving, |running| days.have_whole(running.began))?;
            self.sum_moved(view, &moved, &mut page)?;
        }
        if tasks > GATHERED {
            self.page_of_rows(view, &mut page)?;
        } else {
            self.page_of_days(view, &days, &mut page)?;
        }
        Ok(page)
    }

    /// Adds the tasks of a day that is not wholly between the times.
    fn sum_part(&self, view: &Seen<'_, Status>, day: Day, page: &mut TaskPage) -> Result<(), RowError> {
        let prefix = from_day(days_of(&self.tenant), day);
        for entry in view.scan_kept(&prefix, None) {
            let (key, _) = entry?;
            let task = String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default());
            let Some(row) = view.get(&task_key(&self.tenant, &task))? else { continue };
            if self.filter.wants(&row, Some(self.now)) {
                page.sums.add(&row, Some(self.now));
            }
        }
        Ok(())
    }

    /// The tasks of the page, out of those of the days.
    fn page_of_days(
        &self,
        view: &Seen<'_, Status>,
        days: &Days,
        page: &mut TaskPage,
    ) -> Result<(), RowError> {
        let prefix = days_of(&self.tenant);
        let mut names = BTreeSet::new();
        for entry in view.scan_kept(&prefix, days.begin(&prefix).as_deref()) {
            let (key, _) = entry?;
            let Some((day, task)) = task_of_day(&key, prefix.len()) else { continue };
            if days.are_over(day) {
                break;
            }
            if self.after.as_deref().is_none_or(|after| task > after) {
                names.insert(task.to_owned());
            }
        }
        for task in names {
            let key = task_key(&self.tenant, &task);
            let Some(row) = view.get(&key)? else { continue };
            if self.filter.wants(&row, Some(self.now)) && !self.show(view, &key, &task, &row, page) {
                break;
            }
        }
        Ok(())
    }
}
