//! Bringing the entries up to date with a row.

use tollgate_domain::time::Day;

use super::day;
use super::entry::{Entry, Review};
use super::facet::tasks_of;
use super::gathered::Gathered;
use super::part::Part;
use crate::fold::{Entries, Kept, read_task_key};
use crate::status::TaskRow;

/// What is kept of all tasks together.
#[derive(Clone, Copy, Debug)]
pub struct TaskFigures;

impl Kept<TaskRow> for TaskFigures {
    const ANY: bool = true;
    type Part = Box<Part>;
    type Gathered = Gathered;
    type Entry = Entry;

    fn part(_: &[u8], row: &TaskRow) -> Box<Part> {
        Box::new(Part::of(row))
    }

    fn change<E: Entries<Entry>>(
        key: &[u8],
        was: Option<&Box<Part>>,
        now: &Box<Part>,
        gathered: &mut Gathered,
        entries: &mut E,
    ) -> Result<(), E::Error> {
        let Some((tenant, task)) = read_task_key(key) else { return Ok(()) };
        let was = was.map(|was| &**was);
        gathered.of_facets(tenant, was, now);
        gathered.of_ledger(tenant, was, now);
        list(tenant, task, was, now, entries)?;
        list_by_day(tenant, task, was.map(|was| was.began), now.began, entries);
        review(key, was, now, entries);
        Ok(())
    }

    fn settle<E: Entries<Entry>>(gathered: Gathered, entries: &mut E) -> Result<(), E::Error> {
        gathered.settle(entries)
    }
}

/// Lists the task under its facet.
fn list<E: Entries<Entry>>(
    tenant: &str,
    task: &str,
    was: Option<&Part>,
    now: &Part,
    entries: &mut E,
) -> Result<(), E::Error> {
    let key = |part: &Part| {
        let mut key = tasks_of(tenant, &part.facet);
        key.extend_from_slice(task.as_bytes());
        key
    };
    match was {
        Some(was) if was.facet == now.facet => {
            if was.running != now.running {
                *entries.change(&key(now), || now.listed())? = now.listed();
            }
        }
        Some(was) => {
            entries.remove(&key(was), was.listed());
            entries.insert(&key(now), now.listed());
        }
        None => entries.insert(&key(now), now.listed()),
    }
    Ok(())
}

/// Lists the task under the day on which it began.
fn list_by_day<E: Entries<Entry>>(tenant: &str, task: &str, was: Option<Day>, now: Day, entries: &mut E) {
    if was == Some(now) {
        return;
    }
    if let Some(was) = was {
        entries.remove(&day::task_key(tenant, was, task), Entry::Task);
    }
    entries.insert(&day::task_key(tenant, now, task), Entry::Task);
}

/// Lists the task for review, by why.
fn review<E: Entries<Entry>>(key: &[u8], was: Option<&Part>, now: &Part, entries: &mut E) {
    let before = was.map(|was| was.reviews).unwrap_or_default();
    for ((review, was), now) in Review::ALL.into_iter().zip(before).zip(now.reviews) {
        match (was, now) {
            (false, true) => entries.insert(&review.key(key), Entry::Task),
            (true, false) => entries.remove(&review.key(key), Entry::Task),
            (true, true) | (false, false) => {}
        }
    }
}
