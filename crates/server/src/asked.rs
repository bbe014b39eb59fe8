//! What requests have in common, over HTTP and NATS: what they may leave out, and how they name a time.

use std::time::Duration;

use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::zone::Zone;

use crate::problem::{Answer, INVALID};

/// Whose tasks, budgets and usage are meant; without a name, those of `default`.
pub(crate) fn tenant(named: Option<&str>) -> &str {
    named.unwrap_or("default")
}

/// How long to wait at most for a view, or for something to happen.
pub(crate) fn wait(ms: u64) -> Answer<Duration> {
    if ms <= 60_000 {
        return Ok(Duration::from_millis(ms));
    }
    Err(INVALID.of_field("wait_ms", &ms.to_string(), "must be at most 60000"))
}

/// A time as text, or a day: its beginning in UTC.
pub(crate) fn time(field: &str, text: &str) -> Answer<Timestamp> {
    let rule = "must be a time such as 2026-11-21T08:30:00Z, or a day such as 2026-11-21";
    Zone::utc().moment(text).ok_or_else(|| INVALID.of_field(field, text, rule))
}

/// A time as text, or a day: its beginning in a time zone.
pub(crate) fn time_in(field: &str, text: &str, zone: &Zone) -> Answer<Timestamp> {
    let rule = "must be a time such as 2026-11-21T08:30:00Z, or a day of the time zone such as 2026-11-21";
    zone.moment(text).ok_or_else(|| INVALID.of_field(field, text, rule))
}

/// By when something was known: a time, or a day in UTC, to its end.
pub(crate) fn known_by(field: &str, text: &str) -> Answer<Timestamp> {
    match text.parse::<Day>() {
        Ok(Day(day)) => {
            let next = Zone::utc().start_of(Day(day.saturating_add(1)));
            next.map(|next| next.plus_millis(-1))
                .ok_or_else(|| INVALID.of_field(field, text, "is too far ahead"))
        }
        Err(_) => time(field, text),
    }
}

/// How many entries a page has at most: 100 if nothing is said.
pub(crate) fn page_limit(given: Option<usize>) -> Answer<usize> {
    let limit = given.unwrap_or(100);
    if (1..=1000).contains(&limit) {
        return Ok(limit);
    }
    Err(INVALID.of_field("limit", &limit.to_string(), "must be from 1 to 1000"))
}
