//! What requests have in common, over HTTP and NATS: what they may leave out, and how they name a time.

use std::time::Duration;

use tollgate_domain::nearest;
use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::zone::Zone;
use tollgate_wire::api::AllocationStateWord;

use crate::ledger::Read;
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

/// What a reader waits for, and for how long.
pub(crate) fn reading(at_least: Option<String>, wait_ms: Option<u64>) -> Answer<Read> {
    let mut read = Read { at_least, ..Read::default() };
    if let Some(ms) = wait_ms {
        read.wait = wait(ms)?;
    }
    Ok(read)
}

/// Allocations in which state; `None`: in any.
pub(crate) fn allocation_state(given: Option<&str>) -> Answer<Option<AllocationStateWord>> {
    let Some(text) = given.filter(|text| *text != "all") else { return Ok(None) };
    let names: Vec<&str> = ["all"].into_iter().chain(AllocationStateWord::NAMES.iter().copied()).collect();
    let rule = || format!("must be one of {}{}", names.join(", "), nearest::hint(text, &names));
    AllocationStateWord::from_word(text).map(Some).ok_or_else(|| INVALID.of_field("state", text, &rule()))
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
pub(crate) fn known_by(field: &str, text: &str, now: Timestamp) -> Answer<Timestamp> {
    if let Ok(day) = text.parse::<Day>() {
        not_after_today(field, text, day, now)?;
        let next = Zone::utc().start_of(Day(day.0.saturating_add(1)));
        return Ok(next.map_or(now, |next| next.plus_millis(-1)));
    }
    let at = time(field, text)?;
    if at > now {
        return Err(INVALID.of_field(field, text, &format!("must not be after now, {now}: {UNKNOWN}")));
    }
    Ok(at)
}

/// Refuses a day by whose end something was known, if it has not begun yet: the answer would look like one of then.
pub(crate) fn not_after_today(field: &str, text: &str, day: Day, now: Timestamp) -> Answer<()> {
    let today = Zone::utc().day_of(now);
    if day <= today {
        return Ok(());
    }
    Err(INVALID.of_field(field, text, &format!("must not be after today, {today} in UTC: {UNKNOWN}")))
}

/// Why nothing is known of the future.
const UNKNOWN: &str = "what will be recorded until then is not known";

/// How many entries a page has at most: 100 if nothing is said.
pub(crate) fn page_limit(given: Option<usize>) -> Answer<usize> {
    let limit = given.unwrap_or(100);
    if (1..=1000).contains(&limit) {
        return Ok(limit);
    }
    Err(INVALID.of_field("limit", &limit.to_string(), "must be from 1 to 1000"))
}
