//! Times and periods of requests.

use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::{Grain, Span, Zone};

use crate::fault::Handled;
use crate::fields::Fields;
use crate::names::period;

/// How long a quarter of an hour lasts, in microseconds: sums are kept by it.
const QUARTER: i64 = 15 * 60 * 1_000_000;

/// The length of a period's window; `None`: it is of a session or a task, and has none.
pub(crate) fn grain(period: &str) -> Option<Grain> {
    match period {
        "hourly" => Some(Grain::Hour),
        "daily" => Some(Grain::Day),
        "weekly" => Some(Grain::Week),
        "monthly" => Some(Grain::Month),
        _ => None,
    }
}

/// The zone in which the windows of a policy begin; `None`: those of sessions and tasks begin on no day.
pub(crate) fn zone_of(window: &str, zone: &Zone) -> Option<String> {
    grain(window).map(|_| zone.name().to_owned())
}

/// The window of a period that a moment belongs to.
pub(crate) fn window(period: &str, zone: &Zone, at: Timestamp) -> Option<Span> {
    zone.span_of(grain(period)?, at)
}

/// A period that has windows, in any case.
pub(crate) fn period_of_time(word: &str) -> Handled<&'static str> {
    let found = period(word)?;
    match grain(found) {
        Some(_) => Ok(found),
        None => Err(crate::fault::Fault::bad(format!("Invalid period: {word}"))),
    }
}

/// From when to when a request asks; open ends where it does not say. A day as the end is the whole day.
pub(crate) fn range(
    read: &mut Fields,
    (from, to): (&str, &str),
    zone: &Zone,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let since = moment(read, from, zone);
    let until = moment(read, to, zone).map(|(at, is_day)| {
        let day = is_day.then(|| zone.span_of(Grain::Day, at)).flatten();
        day.map_or(at, |day| day.to)
    });
    let since = since.map(|(at, _)| at);
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        read.refuse(to, "must not be before the start");
    }
    (since, until)
}

/// A time, and whether only its day is said.
fn moment(read: &mut Fields, name: &str, zone: &Zone) -> Option<(Timestamp, bool)> {
    let text = read.filled(name)?;
    // A `+` of a query that was not escaped is a space by now.
    let found = zone.local_moment(&text).or_else(|| zone.local_moment(&text.replace(' ', "+")));
    if found.is_none() {
        read.refuse(name, "Input should be a valid datetime, such as 2025-06-01 or 2025-06-01T10:00:00");
    }
    found.map(|at| (at, text.trim().len() == 10))
}

/// The quarter of an hour that a moment belongs to begins here.
pub(crate) fn quarter_before(at: Timestamp) -> Timestamp {
    let micros = at.micros();
    Timestamp::from_micros(micros - micros.rem_euclid(QUARTER)).unwrap_or(at)
}

/// The first moment at or after this one at which a quarter of an hour begins.
pub(crate) fn quarter_after(at: Timestamp) -> Timestamp {
    let before = quarter_before(at);
    if before == at { at } else { Timestamp::from_micros(before.micros() + QUARTER).unwrap_or(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_zone_are_local_and_days_at_the_end_are_whole() {
        let zone: Zone = "Europe/Berlin".parse().expect("a zone");
        for (query, from, to) in [
            ("start_date=2025-06-01", Some("2025-05-31T22:00:00Z"), None),
            ("start_date=2025-06-01T10:00:00", Some("2025-06-01T08:00:00Z"), None),
            (
                "start_date=2025-06-01T10:00:00.250000&end_date=2025-06-02",
                Some("2025-06-01T08:00:00.250Z"),
                Some("2025-06-02T22:00:00Z"),
            ),
            ("start_date=2025-06-01T10:00:00Z", Some("2025-06-01T10:00:00Z"), None),
            ("end_date=2025-06-01T10:00:00+02:00", None, Some("2025-06-01T08:00:00Z")),
        ] {
            let mut read = Fields::of_query(query);
            let range = range(&mut read, ("start_date", "end_date"), &zone);
            assert_eq!(read.done(), Ok(()), "{query}");
            let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
            assert_eq!((text(range.0).as_deref(), text(range.1).as_deref()), (from, to), "{query}");
        }
        for query in ["start_date=yesterday", "start_date=2025-06-02&end_date=2025-05-31"] {
            let mut read = Fields::of_query(query);
            let _ = range(&mut read, ("start_date", "end_date"), &zone);
            assert!(read.done().is_err(), "{query}");
        }
    }

    #[test]
    fn quarters_enclose_a_moment() {
        let at: Timestamp = "2025-06-01T10:07:00Z".parse().unwrap();
        assert_eq!(quarter_before(at).to_string(), "2025-06-01T10:00:00Z");
        assert_eq!(quarter_after(at).to_string(), "2025-06-01T10:15:00Z");
        assert_eq!(quarter_after(quarter_before(at)), quarter_before(at));
    }
}
