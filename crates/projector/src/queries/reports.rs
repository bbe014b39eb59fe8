//! Questions to the view `reports`.

use serde::{Deserialize, Serialize};
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_projection::reports::{
    CELLS, CellKey, Class, ClassSums, LedgerTotals, Listed, ReportRow, Reports, TASK_COUNT_KEY, accesses_of,
    task_sums_key, tasks_of,
};
use tollgate_wire::api::AccessView;

use crate::query::Query;
use crate::rows::RowError;
use crate::seen::Seen;

/// The totals of the ledger, or of one tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TotalsOf {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Of each dimension so many groups, those with the most tokens; all where it is not said.
    #[serde(default)]
    pub top: Option<usize>,
    /// Of each dimension these groups.
    #[serde(default)]
    pub listed: Option<Listed>,
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

/// What the other tasks of a task's class used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OthersOfClass {
    /// Owner of the tasks.
    pub tenant: String,
    /// The task that is not counted.
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
    /// At most so many.
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
        let mut found = LedgerTotalsOf { degraded: view.degraded_tasks(), ..LedgerTotalsOf::default() };
        match tenant {
            Some(tenant) => {
                for row in view.scan(&tasks_of(tenant), None) {
                    row?;
                    found.tasks += 1;
                }
            }
            None => {
                if let Some(ReportRow::TaskCount(count)) = view.get(TASK_COUNT_KEY)?.as_deref() {
                    found.tasks = *count;
                }
            }
        }
        for row in view.scan(CELLS, None) {
            let (key, row) = row?;
            if let (Some(key), ReportRow::Cell(cell)) = (CellKey::read(&key), &*row)
                && tenant.is_none_or(|tenant| tenant == key.tenant)
            {
                found.totals.add(&key, cell);
            }
        }
        let listed = match (&self.listed, self.top) {
            (Some(listed), _) => Some(listed.clone()),
            (None, top) => top.map(|top| found.totals.largest(top)),
        };
        if let Some(listed) = listed {
            found.totals.list(&listed);
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

impl Query<Reports> for OthersOfClass {
    const VERB: &'static str = "others_of_class";
    type Answer = ClassSums;

    fn answer(&self, view: &Seen<'_, Reports>) -> Result<ClassSums, RowError> {
        let class = Class { tenant: &self.tenant, complexity: self.complexity, importance: self.importance };
        let mut found = ClassSums::default();
        for row in view.scan(&class.prefix(), None) {
            let (key, row) = row?;
            if let ReportRow::Class(sums) = &*row {
                found.add_row(&class, &key, *sums);
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
            // Those of one tenant come with the latest first: nothing behind is later.
            if self.tenant.is_some() && page.accesses.len() > self.limit {
                break;
            }
        }
        page.cut(self.limit);
        Ok(page)
    }
}

impl AccessPage {
    /// Takes in the reads of other partitions, and keeps the latest.
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

/// The tenant of a key, and what follows.
fn tenant_of(key: &[u8]) -> Option<(&str, &[u8])> {
    let at = key.iter().position(|&byte| byte == 0)?;
    let (tenant, rest) = key.split_at_checked(at)?;
    Some((std::str::from_utf8(tenant).ok()?, rest))
}
