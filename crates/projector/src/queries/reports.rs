//! Queries on the view `reports`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Day;
use tollgate_domain::zone::{Calendar, Grain, Zone, database_version};
use tollgate_projection::money::LineDimension;
use tollgate_projection::reports::{
    Cell, CellKey, Class, ClassSums, LedgerTotals, Listed, QuarterKey, ReportRow, Reports, Scan, Span,
    TASK_COUNTS, accesses_of, day_of_task_count, key_from, task_sums_key,
};
use tollgate_wire::api::AccessView;

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The totals of the ledger, or of one tenant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TotalsOf {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// The length of the periods.
    #[serde(default)]
    pub by: Grain,
    /// The time zone in which periods begin.
    #[serde(default)]
    pub zone: Zone,
    /// The time range.
    #[serde(default)]
    pub span: Span,
    /// What to group by, besides what every report is grouped by.
    #[serde(default)]
    pub chosen: Option<LineDimension>,
    /// Only what was recorded by the end of this UTC day.
    #[serde(default)]
    pub known_on: Option<Day>,
    /// For each dimension this many groups, those with the most tokens; all if absent.
    #[serde(default)]
    pub top: Option<usize>,
    /// For each dimension only these groups.
    #[serde(default)]
    pub listed: Option<Listed>,
}

/// Partial totals: those of several partitions are added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerTotalsOf {
    /// The totals.
    pub totals: LedgerTotals,
    /// The number of tasks.
    pub tasks: u64,
    /// The number of tasks with unreadable events.
    pub degraded: u64,
    /// The versions of the time zone database with which the periods were computed.
    pub zone_databases: BTreeSet<String>,
}

/// What other tasks of a task's class used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OthersOfClass {
    /// Owner of the tasks.
    pub tenant: String,
    /// The task that is left out.
    pub task: String,
    /// Scope tier.
    pub complexity: Complexity,
    /// Importance tier.
    pub importance: Importance,
}

/// Reads of reports, the latest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListAccesses {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only by this reader.
    pub reader: Option<String>,
    /// Only of this task.
    pub task: Option<String>,
    /// The most reads to return.
    pub limit: usize,
}

/// Some reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPage {
    /// The latest first.
    pub accesses: Vec<AccessView>,
    /// Whether there are more.
    pub more: bool,
}

impl Query<Reports> for TotalsOf {
    const VERB: &'static str = "totals";
    const OVER_MANY: bool = true;
    type Answer = LedgerTotalsOf;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<LedgerTotalsOf, RowError> {
        let tenant = self.tenant.as_deref();
        let mut found = LedgerTotalsOf {
            degraded: view.degraded_tasks(),
            zone_databases: BTreeSet::from([database_version().to_owned()]),
            ..LedgerTotalsOf::default()
        };
        let wanted = |of: &str| tenant.is_none_or(|tenant| tenant == of);
        let known = |day: Day| self.known_on.is_none_or(|known_on| day <= known_on);
        for row in view.scan(TASK_COUNTS, None) {
            let (key, row) = row?;
            if let (ReportRow::TaskCount(count), Some((day, of))) = (&*row, day_of_task_count(&key))
                && wanted(of)
                && known(day)
            {
                found.tasks = found.tasks.saturating_add(*count);
            }
        }
        each_cell_of(view, &self.span.cells(), |key, cell| {
            if wanted(key.tenant) && known(key.recorded_on()) {
                found.totals.add(key, cell);
                if let Some(chosen) = &self.chosen {
                    let value = chosen.of_cell(key, &self.zone);
                    let group = if value.is_empty() { chosen.absent().to_owned() } else { value };
                    found.totals.add_chosen(group, cell);
                }
            }
        })?;
        let mut calendar = Calendar::new(self.zone.clone(), self.by);
        let quarters = self.span.quarters();
        each_cell(view, quarters, |key, cell| {
            let Some(key) = QuarterKey::read(key).filter(|key| key.from < quarters.to) else { return false };
            if wanted(key.tenant) && known(key.recorded_on()) {
                found.totals.add_quarter(&mut calendar, &key, cell);
            }
            true
        })?;
        let listed = match (&self.listed, self.top) {
            (Some(listed), _) => Some(listed.clone()),
            (None, top) => top.map(|top| found.totals.largest(top)),
        };
        if let Some(listed) = listed {
            found.totals.list(&listed);
            found.totals.list_periods();
        }
        Ok(found)
    }
}

/// Visits the cells of some scans, each only up to its end.
pub(super) fn each_cell_of(
    view: &Seen<'_, Reports>,
    scans: &[Scan],
    mut show: impl FnMut(&CellKey<'_>, &Cell),
) -> Result<(), RowError> {
    for scan in scans {
        each_cell(view, *scan, |key, cell| {
            let Some(key) = CellKey::read(key).filter(|key| key.from < scan.to) else { return false };
            show(&key, cell);
            true
        })?;
    }
    Ok(())
}

/// Visits the cells of a scan until `false` is returned.
fn each_cell(
    view: &Seen<'_, Reports>,
    scan: Scan,
    mut show: impl FnMut(&[u8], &Cell) -> bool,
) -> Result<(), RowError> {
    let before = key_from(scan.rows, scan.from);
    for row in view.scan(scan.rows, Some(&before)) {
        let (key, row) = row?;
        if let ReportRow::Cell(cell) = &*row
            && !show(&key, cell)
        {
            break;
        }
    }
    Ok(())
}

impl LedgerTotalsOf {
    /// Adds the totals of other partitions.
    pub fn merge(&mut self, other: &Self) {
        self.totals.merge(&other.totals);
        self.tasks += other.tasks;
        self.degraded += other.degraded;
        self.zone_databases.extend(other.zone_databases.iter().cloned());
    }
}

impl Query<Reports> for OthersOfClass {
    const VERB: &'static str = "others_of_class";
    type Answer = ClassSums;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<ClassSums, RowError> {
        let class = Class { tenant: &self.tenant, complexity: self.complexity, importance: self.importance };
        let mut found = ClassSums::default();
        for row in view.scan(&class.prefix(), None) {
            let (key, row) = row?;
            if let ReportRow::Class(sums) = &*row {
                found.add_row(&class, &key, sums);
            }
        }
        if let Some(ReportRow::Task(own)) = view.get(&task_sums_key(&self.tenant, &self.task))?.as_deref()
            && own.tiers == Some((self.complexity, self.importance))
        {
            found.leave_out(own);
        }
        Ok(found)
    }
}

impl Query<Reports> for ListAccesses {
    const VERB: &'static str = "accesses";
    const OVER_MANY: bool = true;
    type Answer = AccessPage;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<AccessPage, RowError> {
        let mut page = AccessPage::default();
        for row in view.scan(&accesses_of(self.tenant.as_deref()), None) {
            let (key, row) = row?;
            let Some((tenant, _)) = key.get(1..).and_then(tenant_of) else { continue };
            let ReportRow::Access(access) = &*row else { continue };
            let named = |wanted: &Option<String>, is: &String| wanted.as_ref().is_none_or(|name| name == is);
            if !named(&self.reader, &access.reader) || !named(&self.task, &access.task) {
                continue;
            }
            page.accesses.push(AccessView {
                sequence: access.sequence.0,
                at: access.at.to_string(),
                tenant: tenant.to_owned(),
                report: access.report.as_str().to_owned(),
                task: access.task.clone(),
                reader: access.reader.clone(),
                address: access.address.clone(),
                format: access.format.clone(),
                redacted: access.redacted,
            });
            // For a single tenant they come latest first: nothing after this is later.
            if self.tenant.is_some() && page.accesses.len() > self.limit {
                break;
            }
        }
        page.cut(self.limit);
        Ok(page)
    }
}

impl AccessPage {
    /// Adds the reads of other partitions, and keeps the latest.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.more |= other.more;
        self.accesses.extend(other.accesses);
        self.cut(limit);
    }

    fn cut(&mut self, limit: usize) {
        self.accesses.sort_by_key(|access| std::cmp::Reverse(access.sequence));
        self.more |= self.accesses.len() > limit;
        self.accesses.truncate(limit);
    }
}

/// The tenant in a key, and the rest of it.
fn tenant_of(key: &[u8]) -> Option<(&str, &[u8])> {
    let at = key.iter().position(|&byte| byte == 0)?;
    let (tenant, rest) = key.split_at_checked(at)?;
    Some((std::str::from_utf8(tenant).ok()?, rest))
}
