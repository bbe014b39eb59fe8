//! Bringing the entries up to date with a row.

use std::cmp::Ordering;
use std::sync::Arc;

use tollgate_domain::time::Day;

use super::entry::{Entry, Ledger, Review, ledger_key, running_key, week_key};
use super::facet::tasks_of;
use super::part::Part;
use super::running::Running;
use super::sums::FacetSums;
use super::tally::Tally;
use crate::fold::{Entries, Kept, read_task_key};
use crate::overview::Figure;
use crate::status::TaskRow;

/// What is kept of all tasks together.
#[derive(Clone, Copy, Debug)]
pub struct TaskFigures;

impl Kept<TaskRow> for TaskFigures {
    const ANY: bool = true;
    type Part = Box<Part>;
    type Entry = Entry;

    fn part(_: &[u8], row: &TaskRow) -> Box<Part> {
        Box::new(Part::of(row))
    }

    fn change<E: Entries<Entry>>(
        key: &[u8],
        was: Option<&Box<Part>>,
        now: &Box<Part>,
        entries: &mut E,
    ) -> Result<(), E::Error> {
        let Some((tenant, task)) = read_task_key(key) else { return Ok(()) };
        change_facet(tenant, task, was.map(|was| &**was), now, entries)?;
        let figures = was.map_or(&[][..], |was| &was.figures);
        change_figures(tenant, figures, &now.figures, entries)?;
        change_reviews(key, tenant, was.map(|was| &**was), now, entries)?;
        change_running(key, was.and_then(|was| was.running.as_ref()), now.running.as_ref(), entries)
    }
}

fn change_facet<E: Entries<Entry>>(
    tenant: &str,
    task: &str,
    was: Option<&Part>,
    now: &Part,
    entries: &mut E,
) -> Result<(), E::Error> {
    if let Some(was) = was.filter(|was| was.facet == now.facet) {
        if was.sums == now.sums {
            return Ok(());
        }
        return change_sums(&now.facet.sums_key(tenant), entries, |sums| {
            sums.take_back(&was.sums);
            sums.add(&now.sums);
        });
    }
    if let Some(was) = was {
        entries.remove(&[&tasks_of(tenant, &was.facet), task.as_bytes()].concat())?;
        change_sums(&was.facet.sums_key(tenant), entries, |sums| sums.take_back(&was.sums))?;
    }
    entries.change(&[&tasks_of(tenant, &now.facet), task.as_bytes()].concat(), || Entry::Task)?;
    change_sums(&now.facet.sums_key(tenant), entries, |sums| sums.add(&now.sums))
}

fn change_sums<E: Entries<Entry>>(
    key: &[u8],
    entries: &mut E,
    change: impl FnOnce(&mut FacetSums),
) -> Result<(), E::Error> {
    let Entry::Sums(sums) = entries.change(key, || Entry::Sums(Box::default()))? else { return Ok(()) };
    change(sums);
    if sums.tasks == 0 { entries.remove(key) } else { Ok(()) }
}

/// Both are in order. What is in both stays.
fn change_figures<E: Entries<Entry>>(
    tenant: &str,
    was: &[(Day, Figure, u64)],
    now: &[(Day, Figure, u64)],
    entries: &mut E,
) -> Result<(), E::Error> {
    let (mut was, mut now) = (was.iter().peekable(), now.iter().peekable());
    let mut changes: Vec<(bool, &(Day, Figure, u64))> = Vec::new();
    loop {
        let order = match (was.peek(), now.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(now)) => was.cmp(now),
        };
        if order.is_le()
            && let Some(gone) = was.next()
            && order.is_lt()
        {
            changes.push((false, gone));
        }
        if order.is_ge()
            && let Some(new) = now.next()
            && order.is_gt()
        {
            changes.push((true, new));
        }
    }
    for of_week in changes.chunk_by(|(_, one), (_, other)| one.0 == other.0) {
        let Some((_, (week, _, _))) = of_week.first() else { continue };
        for tenant in [Some(tenant), None] {
            change_week(&week_key(tenant, *week), of_week, entries)?;
        }
    }
    Ok(())
}

fn change_week<E: Entries<Entry>>(
    key: &[u8],
    changes: &[(bool, &(Day, Figure, u64))],
    entries: &mut E,
) -> Result<(), E::Error> {
    let Entry::Week(tally) = entries.change(key, || Entry::Week(Arc::default()))? else { return Ok(()) };
    let tally: &mut Tally = Arc::make_mut(tally);
    // What is added first cannot be missed when something is taken back.
    for (_, (_, figure, amount)) in changes.iter().filter(|(is_new, _)| *is_new) {
        tally.add(figure, *amount);
    }
    for (_, (_, figure, amount)) in changes.iter().filter(|(is_new, _)| !*is_new) {
        tally.take_back(figure, *amount);
    }
    if tally.is_empty() { entries.remove(key) } else { Ok(()) }
}

fn change_reviews<E: Entries<Entry>>(
    key: &[u8],
    tenant: &str,
    was: Option<&Part>,
    now: &Part,
    entries: &mut E,
) -> Result<(), E::Error> {
    let before = was.map(|was| was.reviews).unwrap_or_default();
    for ((review, was), now) in Review::ALL.into_iter().zip(before).zip(now.reviews) {
        match (was, now) {
            (false, true) => {
                entries.change(&review.key(key), || Entry::Task)?;
            }
            (true, false) => entries.remove(&review.key(key))?,
            (true, true) | (false, false) => {}
        }
    }
    if was.is_some_and(|was| was.last_at == now.last_at && before == now.reviews) {
        return Ok(());
    }
    for tenant in [Some(tenant), None] {
        let entry = entries.change(&ledger_key(tenant), || Entry::Ledger(Ledger::default()))?;
        let Entry::Ledger(ledger) = entry else { continue };
        ledger.last_at = ledger.last_at.max(now.last_at);
        for ((count, was), now) in ledger.reviews.iter_mut().zip(before).zip(now.reviews) {
            *count = count.wrapping_sub(was.into()).wrapping_add(now.into());
        }
    }
    Ok(())
}

fn change_running<E: Entries<Entry>>(
    key: &[u8],
    was: Option<&Running>,
    now: Option<&Running>,
    entries: &mut E,
) -> Result<(), E::Error> {
    if was == now {
        return Ok(());
    }
    let key = running_key(key);
    let Some(now) = now else { return entries.remove(&key) };
    *entries.change(&key, || Entry::Task)? = Entry::Running(Box::new(now.clone()));
    Ok(())
}
