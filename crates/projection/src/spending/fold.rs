//! From recorded usage to the rows that it is counted in.

use tollgate_domain::event::{EventBody, RecordedEvent};
use tollgate_domain::position::Sequence;

use super::table::{SESSION, Table, write_time, write_values};
use super::{Asked, Spending, SpendingRow, counted};
use crate::budgets;
use crate::fold::{Projection, Rows};

/// Seconds of a day in UTC.
pub(super) const DAY_S: i64 = 86_400;

impl Projection for Spending {
    const NAME: &'static str = "spending";
    const VERSION: u32 = 4;
    type Row = SpendingRow;
    type Live = Asked;

    fn apply<R: Rows<SpendingRow>>(&self, event: &RecordedEvent<'_>, rows: &mut R) -> Result<(), R::Error> {
        if let EventBody::Budget(decided) = event.body {
            return budgets::apply(rows, event, decided);
        }
        let Some(usage) = counted(event) else { return Ok(()) };
        let (at, values) = (usage.quarter, &usage.dimensions);
        let mut add = |key: &[u8]| rows.change(key, SpendingRow::default).map(|row| row.add(&usage.sums));
        let day = at.saturating_sub(at.rem_euclid(DAY_S));
        let mut shared = Vec::new();
        write_values(values, false, &mut shared);
        let mut key = Table::Days.of(usage.tenant);
        for (table, at) in [(Table::Days, day), (Table::Quarters, at)] {
            key.clear();
            key.extend(table.of(usage.tenant));
            write_time(at, &mut key);
            key.extend_from_slice(&shared);
            add(&key)?;
        }
        let session = values.labels.get(SESSION);
        let named = [(Table::Tasks, Some(values.task)), (Table::Sessions, session.map(String::as_str))];
        if session.is_some() {
            shared.clear();
            write_values(values, true, &mut shared);
        }
        for (table, name) in named {
            let Some(name) = name else { continue };
            key = table.named(usage.tenant, name);
            write_time(day, &mut key);
            let row = rows.change(&key, || SpendingRow::Day(Vec::new()))?;
            if let Some(cell) = row.add_in_day(at.saturating_sub(day), &shared, &usage.sums) {
                key = table.named(usage.tenant, name);
                write_time(day.saturating_add(cell.second_of_day()), &mut key);
                key.extend_from_slice(&cell.values);
                rows.change(&key, SpendingRow::default)?.add(&cell.sums);
            }
        }
        match usage.allocation {
            Some(allocation) => {
                let key = Table::Allocations.named(usage.tenant, allocation);
                rows.change(&key, SpendingRow::default)?.add(&usage.sums);
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
