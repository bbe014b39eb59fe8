//! Tasks by the day on which they began, for lists between two times.

use tollgate_domain::time::Day;

use super::facet::Facet;

/// A day in the order of time.
fn bytes(day: Day) -> [u8; 4] {
    (day.0 ^ i32::MIN).to_be_bytes()
}

/// The day that begins the rest of a key, and what follows.
fn read(rest: &[u8]) -> Option<(Day, &[u8])> {
    let (day, rest) = rest.split_first_chunk::<4>()?;
    Some((Day(i32::from_be_bytes(*day) ^ i32::MIN), rest))
}

/// The prefix of a tenant's tasks by the day on which they began; the rest of a key is the day and the task's id.
#[must_use]
pub fn days_of(tenant: &str) -> Vec<u8> {
    [b"o", tenant.as_bytes(), &[0]].concat()
}

/// The prefix of the sums of a tenant's tasks by the day on which they began; the rest of a key is day and facet.
#[must_use]
pub fn day_sums_of(tenant: &str) -> Vec<u8> {
    [b"d", tenant.as_bytes(), &[0]].concat()
}

/// Where a day begins below one of these prefixes: no key is there itself.
#[must_use]
pub fn from_day(mut prefix: Vec<u8>, day: Day) -> Vec<u8> {
    prefix.extend(bytes(day));
    prefix
}

/// The day and the task of a key below [`days_of`], whose prefix is this long.
#[must_use]
pub fn task_of_day(key: &[u8], prefix: usize) -> Option<(Day, &str)> {
    let (day, task) = read(key.get(prefix..)?)?;
    Some((day, std::str::from_utf8(task).ok()?))
}

/// The day and the facet of a key below [`day_sums_of`], whose prefix is this long.
#[must_use]
pub fn facet_of_day(key: &[u8], prefix: usize) -> Option<(Day, Facet)> {
    let (day, facet) = read(key.get(prefix..)?)?;
    Some((day, Facet::read(facet)?))
}

pub(super) fn task_key(tenant: &str, day: Day, task: &str) -> Vec<u8> {
    let mut key = from_day(days_of(tenant), day);
    key.extend_from_slice(task.as_bytes());
    key
}

pub(super) fn sums_key(tenant: &str, day: Day, facet: &Facet) -> Vec<u8> {
    let mut key = from_day(day_sums_of(tenant), day);
    facet.write(&mut key);
    key
}
