//! Questions to the view `reports`.

use serde::{Deserialize, Serialize};
use tollgate_projection::fold::read_task_key;
use tollgate_projection::reports::{CellKey, LedgerTotals, ReportRow, Reports, TASK_COUNT_KEY, is_cell};

use crate::query::Query;
use crate::rows::RowError;
use crate::view::View;

/// The totals of the ledger, or of one tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TotalsOf {
    /// Only of this tenant.
    pub tenant: Option<String>,
}

/// Totals in the making: those of partitions add up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerTotalsOf {
    /// The totals.
    pub totals: LedgerTotals,
    /// How many tasks.
    pub tasks: u64,
    /// Tasks of which events could not be read.
    pub degraded: u64,
}

impl Query<Reports> for TotalsOf {
    const VERB: &'static str = "totals";
    type Answer = LedgerTotalsOf;

    fn answer(&self, view: &View<Reports>) -> Result<LedgerTotalsOf, RowError> {
        let tenant = self.tenant.as_deref();
        let mut found =
            LedgerTotalsOf { degraded: view.quarantined().len() as u64, ..LedgerTotalsOf::default() };
        for row in view.scan(&[], None) {
            let (key, row) = row?;
            match &*row {
                ReportRow::TaskCount(count) if key == TASK_COUNT_KEY && tenant.is_none() => {
                    found.tasks = *count;
                }
                ReportRow::Cell(cell) if is_cell(&key) => {
                    let Some(key) = CellKey::read(&key) else { continue };
                    if tenant.is_none_or(|tenant| tenant == key.tenant) {
                        found.totals.add(&key, cell);
                    }
                }
                ReportRow::Task(_) if is_task_of(&key, tenant) => found.tasks += 1,
                ReportRow::TaskCount(_) | ReportRow::Cell(_) | ReportRow::Task(_) => {}
            }
        }
        Ok(found)
    }
}

impl LedgerTotalsOf {
    /// Takes in the totals of other partitions.
    pub fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.tasks += other.tasks;
        self.degraded += other.degraded;
    }
}

fn is_task_of(key: &[u8], tenant: Option<&str>) -> bool {
    tenant.is_some_and(|tenant| key.get(1..).and_then(read_task_key).is_some_and(|(of, _)| of == tenant))
}
