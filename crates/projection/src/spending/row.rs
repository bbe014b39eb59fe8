//! What the view keeps under a key.

use serde::{Deserialize, Serialize};

use tollgate_domain::time::Timestamp;

use super::UsageSums;
use super::table::read_time;
use crate::budgets::{BudgetsRow, HoldsBudgets};

/// Seconds of a quarter of an hour.
const QUARTER_S: i64 = 900;

/// The most cells that a row has. Usage whose labels are different each time makes more: those have rows of their own,
/// so that no row is long. In tests of this crate so few that some always have.
const CELLS: usize = if cfg!(test) { 3 } else { 128 };

/// What the view keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpendingRow {
    /// What usage with the same values adds up to.
    Sums(UsageSums),
    /// What usage of the time that begins in its key adds up to, by quarter of an hour and values, in this order.
    Cells(Vec<Cell>),
    /// What was decided about money.
    Budgets(BudgetsRow),
    /// When usage of the quarter of an hour in its key was last recorded after it.
    Late(Timestamp),
}

/// One cell of a row that has many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Which quarter of an hour of the row's time: from 0 to 95 in the row of a day.
    quarter: u8,
    /// The values, as in a key.
    pub(super) values: Box<[u8]>,
    pub(super) sums: UsageSums,
}

impl Cell {
    /// Seconds from the beginning of the row's time to that of its quarter.
    pub(super) fn second(&self) -> i64 {
        i64::from(self.quarter).saturating_mul(QUARTER_S)
    }
}

impl Default for SpendingRow {
    fn default() -> Self {
        Self::Sums(UsageSums::default())
    }
}

impl SpendingRow {
    /// The sums in it, if it has one kind of usage.
    #[must_use]
    pub const fn sums(&self) -> Option<&UsageSums> {
        if let Self::Sums(sums) = self { Some(sums) } else { None }
    }

    /// The decision in it.
    #[must_use]
    pub const fn budgets(&self) -> Option<&BudgetsRow> {
        if let Self::Budgets(row) = self { Some(row) } else { None }
    }

    /// When usage of a quarter of an hour was last recorded after it.
    #[must_use]
    pub const fn late(&self) -> Option<Timestamp> {
        if let Self::Late(at) = self { Some(*at) } else { None }
    }

    /// Notes when usage was recorded, whichever came last.
    pub(super) fn note_late(&mut self, recorded_at: Timestamp) {
        if let Self::Late(at) = self {
            *at = recorded_at.max(*at);
        }
    }

    /// Adds usage.
    pub(super) fn add(&mut self, more: &UsageSums) {
        if let Self::Sums(sums) = self {
            sums.add(more);
        }
    }

    /// Adds usage with these values in the quarter of an hour that begins so many seconds after the row's time. Returns
    /// the cell that has no room in the row, if there is one: the last of all by time and values, whichever came last,
    /// so that rows do not depend on the order.
    pub(super) fn add_cell(&mut self, second: i64, values: &[u8], more: &UsageSums) -> Option<Cell> {
        let Self::Cells(cells) = self else { return None };
        // A day has 96 of them, and no row has more than a day.
        let quarter = u8::try_from(second.div_euclid(QUARTER_S)).unwrap_or(u8::MAX);
        let place = cells.binary_search_by(|cell| (cell.quarter, &*cell.values).cmp(&(quarter, values)));
        match place {
            Ok(at) => {
                if let Some(cell) = cells.get_mut(at) {
                    cell.sums.add(more);
                }
            }
            Err(at) => cells.insert(at, Cell { quarter, values: values.into(), sums: more.clone() }),
        }
        if cells.len() > CELLS { cells.pop() } else { None }
    }

    /// The cells in it: time, values and sums. `rest`: its key behind the beginning that all keys have which are read
    /// together.
    pub(super) fn cells<'a>(
        &'a self,
        rest: &'a [u8],
    ) -> impl Iterator<Item = (i64, &'a [u8], &'a UsageSums)> {
        let key = read_time(rest);
        let own = self.sums().zip(key).map(|(sums, (at, values))| (at, values, sums));
        let many = if let Self::Cells(cells) = self { cells.as_slice() } else { &[] };
        let from = key.map_or(0, |(at, _)| at);
        let each =
            many.iter().map(move |cell| (from.saturating_add(cell.second()), &*cell.values, &cell.sums));
        own.into_iter().chain(each)
    }
}

impl From<BudgetsRow> for SpendingRow {
    fn from(row: BudgetsRow) -> Self {
        Self::Budgets(row)
    }
}

impl HoldsBudgets for SpendingRow {
    fn budgets_mut(&mut self) -> Option<&mut BudgetsRow> {
        if let Self::Budgets(row) = self { Some(row) } else { None }
    }
}
