//! What tasks are listed by: what lists are filtered by, but for times.

use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_wire::api::BudgetStatus;

use crate::report::task_budget_status_of;
use crate::selection::TaskFilter;
use crate::status::{TaskRow, TaskSums};

/// What tasks have in common by which lists are filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// One of [`TaskStage::NAMES`], by its place.
    stage: u8,
    /// One of [`BudgetStatus::NAMES`], likewise, as long as running executions take no time.
    status: u8,
    /// Scope and current importance; `None`: no limits.
    tiers: Option<(Complexity, Importance)>,
    /// Whether time makes something of it: an execution has not ended.
    runs: bool,
    /// The producer that opened it; empty if it was not opened.
    producer: String,
}

fn place(names: &[&str], name: &str) -> u8 {
    let place = names.iter().position(|other| *other == name);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

fn name(names: &[&'static str], place: u8) -> &'static str {
    names.get(usize::from(place)).copied().unwrap_or_default()
}

impl Facet {
    /// That of a task.
    #[must_use]
    pub fn of(row: &TaskRow, sums: &TaskSums, runs: bool) -> Self {
        let tiers = row.state.limits.as_deref().zip(row.importance());
        Self {
            stage: place(TaskStage::NAMES, row.state.stage.as_str()),
            status: place(BudgetStatus::NAMES, task_budget_status_of(row, sums).as_str()),
            tiers: tiers.map(|(limits, importance)| (limits.complexity, importance)),
            runs,
            producer: row.opened.as_ref().map(|opened| opened.producer.clone()).unwrap_or_default(),
        }
    }

    /// Whether a filter selects its tasks, whatever their budget status; times are not looked at.
    #[must_use]
    pub fn fits(&self, filter: &TaskFilter) -> bool {
        let named = |wanted: &[String], is: &str| wanted.is_empty() || wanted.iter().any(|word| word == is);
        named(&filter.stages, name(TaskStage::NAMES, self.stage))
            && (filter.complexities.is_empty()
                || self.tiers.is_some_and(|(complexity, _)| filter.complexities.contains(&complexity)))
            && (filter.importances.is_empty()
                || self.tiers.is_some_and(|(_, importance)| filter.importances.contains(&importance)))
            && named(&filter.producers, &self.producer)
    }

    /// The budget status of its tasks as long as running executions take no time.
    #[must_use]
    pub fn status(&self) -> &'static str {
        name(BudgetStatus::NAMES, self.status)
    }

    /// Whether time makes something of its tasks: each is listed as [`Entry::Running`](super::Entry::Running).
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.runs
    }

    pub(super) fn write(&self, key: &mut Vec<u8>) {
        let (complexity, importance) = self.tiers.map_or((u8::MAX, u8::MAX), |(complexity, importance)| {
            let complexity = place(Complexity::NAMES, complexity.as_str());
            (complexity, place(Importance::NAMES, importance.as_str()))
        });
        key.extend([self.stage, self.status, complexity, importance, self.runs.into()]);
        key.extend_from_slice(self.producer.as_bytes());
    }

    /// Reads what was written at the end of a key.
    pub(super) fn read(written: &[u8]) -> Option<Self> {
        let ([stage, status, complexity, importance, runs], producer) = written.split_first_chunk::<5>()?;
        let complexity = Complexity::ALL.get(usize::from(*complexity));
        let importance = Importance::ALL.get(usize::from(*importance));
        Some(Self {
            stage: *stage,
            status: *status,
            tiers: complexity.copied().zip(importance.copied()),
            runs: *runs != 0,
            producer: std::str::from_utf8(producer).ok()?.to_owned(),
        })
    }

    /// The key of the sums of a tenant's tasks.
    pub(super) fn sums_key(&self, tenant: &str) -> Vec<u8> {
        let mut key = sums_of(Some(tenant));
        self.write(&mut key);
        key
    }

    /// The tenant and the facet of a key of sums.
    #[must_use]
    pub fn of_sums_key(key: &[u8]) -> Option<(&str, Self)> {
        let key = key.strip_prefix(b"s")?;
        let (tenant, facet) = key.split_at_checked(key.iter().position(|byte| *byte == 0)?)?;
        Some((std::str::from_utf8(tenant).ok()?, Self::read(facet.get(1..)?)?))
    }
}

/// The prefix of the sums of a tenant's tasks, by facet; without one, of those of all tenants.
#[must_use]
pub fn sums_of(tenant: Option<&str>) -> Vec<u8> {
    tenant.map_or_else(|| b"s".to_vec(), |tenant| [b"s", tenant.as_bytes(), &[0]].concat())
}

/// The prefix of a tenant's tasks of a facet; the rest of a key is the task's id.
#[must_use]
pub fn tasks_of(tenant: &str, facet: &Facet) -> Vec<u8> {
    let mut key = [b"t", tenant.as_bytes(), &[0]].concat();
    facet.write(&mut key);
    key.push(0);
    key
}
