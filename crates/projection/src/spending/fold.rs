//! From recorded usage to the rows that it is counted in.

use tollgate_domain::event::{EventBody, RecordedEvent};
use tollgate_domain::position::Sequence;

use super::table::{SESSION, Table, write_time, write_values};
use super::{Asked, Counted, Spending, SpendingRow, UsageSums, counted, late};
use crate::budgets;
use crate::fold::{Projection, Rows};

/// Seconds of a day in UTC.
pub(super) const DAY_S: i64 = 86_400;

impl Projection for Spending {
    const NAME: &'static str = "spending";
    const VERSION: u32 = 11;
    type Row = SpendingRow;
    type Kept = ();
    type Live = Asked;

    fn apply<R: Rows<SpendingRow>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error> {
        if let EventBody::Budget(decided) = event.body {
            return budgets::apply(rows, event, decided);
        }
        let Some(usage) = counted(event) else { return Ok(()) };
        for (at, sums) in usage.parts() {
            count(rows, &usage, at, sums)?;
            late::note(rows, usage.tenant, at, event.recorded_at)?;
        }
        match usage.allocation {
            Some(allocation) => {
                let key = Table::Allocations.named(usage.tenant, allocation);
                let row = rows.change(&key, SpendingRow::default)?;
                usage.parts().for_each(|(_, sums)| row.add(sums));
                budgets::note_moved(rows, event, allocation)
            }
            None => Ok(()),
        }
    }

    fn last_decision<R: Rows<SpendingRow>>(
        &self,
        tenant: &str,
        subject: &str,
        record: Sequence,
        rows: &mut R,
    ) -> Result<(), R::Error> {
        budgets::last_decision(tenant, subject, record, rows)
    }

    fn follow(&self, event: &RecordedEvent<'_>, asked: &mut Asked) {
        if !asked.is_empty()
            && let Some(usage) = counted(event)
        {
            asked.follow(event.partition, event.sequence, &usage);
        }
    }
}

/// Counts sums of a quarter where questions look for them.
fn count<R: Rows<SpendingRow>>(
    rows: &mut R,
    usage: &Counted<'_>,
    at: i64,
    sums: &UsageSums,
) -> Result<(), R::Error> {
    let values = &usage.dimensions;
    let day = at.saturating_sub(at.rem_euclid(DAY_S));
    // Room for most: they grow otherwise.
    let (mut shared, mut key) = (Vec::with_capacity(256), Vec::with_capacity(256));
    write_values(values, false, &mut shared);
    Table::Days.write_of(usage.tenant, &mut key);
    add(rows, &mut key, (day, 0), &shared, sums)?;
    Table::Quarters.write_of(usage.tenant, &mut key);
    add(rows, &mut key, (at, 0), &shared, sums)?;
    let of_day = (day, at.saturating_sub(day));
    let session = values.labels.get(SESSION);
    if session.is_some() {
        shared.clear();
        write_values(values, true, &mut shared);
    }
    Table::Tasks.write_named(usage.tenant, values.task, &mut key);
    add(rows, &mut key, of_day, &shared, sums)?;
    match session {
        Some(session) => {
            Table::Sessions.write_named(usage.tenant, session, &mut key);
            add(rows, &mut key, of_day, &shared, sums)
        }
        None => Ok(()),
    }
}

/// Adds usage to its cell: in the row of the time that begins at `from`, so many seconds after that, or, if that has no
/// room, in a row of its own. `key` has the beginning of the row's key.
fn add<R: Rows<SpendingRow>>(
    rows: &mut R,
    key: &mut Vec<u8>,
    (from, second): (i64, i64),
    values: &[u8],
    sums: &UsageSums,
) -> Result<(), R::Error> {
    let prefix = key.len();
    write_time(from, key);
    let row = rows.change(key, || SpendingRow::Cells(Vec::new()))?;
    if let Some(cell) = row.add_cell(second, values, sums) {
        key.truncate(prefix);
        write_time(from.saturating_add(cell.second()), key);
        key.extend_from_slice(&cell.values);
        rows.change(key, SpendingRow::default)?.add(&cell.sums);
    }
    Ok(())
}
