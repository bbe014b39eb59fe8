//! The entries and their keys.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tollgate_domain::time::{Day, Timestamp};

use super::running::Running;
use super::sums::FacetSums;
use super::tally::Tally;

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A task is listed: its key says where.
    Task,
    /// Likewise, and time makes something of it.
    Running(Running),
    /// What the tasks of a facet add up to.
    Sums(Box<FacetSums>),
    /// The figures of a week.
    Week(Arc<Tally>),
    /// What is known of all tasks.
    Tenant(TenantFigures),
}

/// What is known of all tasks of a tenant, or of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantFigures {
    /// Tasks for review, by [`Review`].
    pub reviews: [u64; 3],
    /// When the latest event of all happened. It only moves on, as that of each task does.
    pub last_at: Timestamp,
}

/// Why a task is for review, as far as that does not depend on the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Review {
    /// It is open and blocked.
    Blocked,
    /// It is open, and its critical importance is not justified.
    Unjustified,
    /// Its importance was changed.
    ImportanceChanged,
}

impl Review {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blocked, Self::Unjustified, Self::ImportanceChanged];

    const fn prefix(self) -> u8 {
        match self {
            Self::Blocked => b'b',
            Self::Unjustified => b'u',
            Self::ImportanceChanged => b'i',
        }
    }

    pub(super) fn key(self, task_key: &[u8]) -> Vec<u8> {
        [&[self.prefix()], task_key].concat()
    }
}

/// The prefix of a tenant's keys of a kind; of all tenants without one. What follows is tenant, zero, task.
fn prefix(kind: u8, tenant: Option<&str>) -> Vec<u8> {
    match tenant {
        Some(tenant) => [&[kind], tenant.as_bytes(), &[0]].concat(),
        None => vec![kind],
    }
}

/// The prefix of the tasks for review; the rest of a key is the key of the task.
#[must_use]
pub fn reviews_of(review: Review, tenant: Option<&str>) -> Vec<u8> {
    prefix(review.prefix(), tenant)
}

/// The key of what is known of all tasks of a tenant; without one, of the ledger.
#[must_use]
pub fn ledger_key(tenant: Option<&str>) -> Vec<u8> {
    [b"l", tenant.unwrap_or_default().as_bytes()].concat()
}

/// The prefix of a tenant's weeks; without one, of the ledger's.
#[must_use]
pub fn weeks_of(tenant: Option<&str>) -> Vec<u8> {
    [b"w", tenant.unwrap_or_default().as_bytes(), &[0]].concat()
}

/// Weeks sort by their day.
pub(super) fn week_key(tenant: Option<&str>, week: Day) -> Vec<u8> {
    let mut key = weeks_of(tenant);
    key.extend((week.0 ^ i32::MIN).to_be_bytes());
    key
}

/// The Monday of a week's key.
#[must_use]
pub fn week_of_key(key: &[u8]) -> Option<Day> {
    let (_, day) = key.split_last_chunk::<4>()?;
    Some(Day(i32::from_be_bytes(*day) ^ i32::MIN))
}
