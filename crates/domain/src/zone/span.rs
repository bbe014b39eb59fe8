//! From when to when an hour, day, week or month of a zone lasts.

use chrono::{Datelike, Months};
use serde::{Deserialize, Serialize};

use super::calendar::{civil, monday};
use super::quarter::QUARTER_S;
use super::{DAY_S, Grain, Zone, seconds};
use crate::time::{Day, Timestamp};

/// From one moment until before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Span {
    /// Whether a moment belongs to it.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

impl Zone {
    /// The hour, day, week (from Monday) or calendar month of this zone that a moment belongs to. Spans of
    /// one length have no gaps and do not overlap, whatever clocks do. `None`: it reaches beyond the years 1
    /// to 9999.
    #[must_use]
    pub fn span_of(&self, grain: Grain, at: Timestamp) -> Option<Span> {
        let second = seconds(at);
        let day = self.day_at(second);
        let days = |from: Day, to: Day| (self.begins(from), self.begins(to));
        let (from, to) = match grain {
            Grain::Hour => self.hour_of(second),
            Grain::Day => days(day, Day(day.0.saturating_add(1))),
            Grain::Week => {
                let monday = monday(day);
                days(monday, Day(monday.0.saturating_add(7)))
            }
            Grain::Month => {
                let first = Day(day.0.saturating_sub(i32::try_from(civil(day).day0()).unwrap_or_default()));
                let next = civil(first).checked_add_months(Months::new(1))?;
                let length = next.signed_duration_since(civil(first)).num_days();
                days(first, Day(first.0.saturating_add(i32::try_from(length).ok()?)))
            }
        };
        let moment = |second: i64| Timestamp::from_micros(second.checked_mul(1_000_000)?).ok();
        Some(Span { from: moment(from)?, to: moment(to)? })
    }

    /// The clock's hour: it may have fewer or more than 60 minutes where clocks are set by half an hour.
    fn hour_of(&self, second: i64) -> (i64, i64) {
        let begins = |second: i64| {
            let (local, offset) = (self.local(second), self.offset(second));
            local.saturating_sub(local.rem_euclid(3600)).saturating_sub(offset)
        };
        let hour = begins(second);
        let quarter = second.saturating_sub(second.rem_euclid(QUARTER_S));
        let (mut from, mut to) = (quarter, quarter.saturating_add(QUARTER_S));
        while from > hour && begins(from.saturating_sub(1)) == hour {
            from = from.saturating_sub(QUARTER_S);
        }
        while to.saturating_sub(hour) < DAY_S && begins(to) == hour {
            to = to.saturating_add(QUARTER_S);
        }
        (from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn lasts(zone: &str, grain: Grain, at: &str, from: &str, to: &str) {
        let zone: Zone = zone.parse().unwrap();
        let span = zone.span_of(grain, at.parse().unwrap()).unwrap();
        assert_eq!((span.from.to_string().as_str(), span.to.to_string().as_str()), (from, to), "{zone} {at}");
        for inside in [span.from, span.to.plus_millis(-1)] {
            assert_eq!(zone.span_of(grain, inside), Some(span), "{inside}");
        }
        let next = zone.span_of(grain, span.to).unwrap();
        assert_eq!(next.from, span.to, "no gap, no overlap");
    }

    #[test]
    fn failure_08_spans_follow_the_clock_of_the_zone() {
        use Grain::{Day, Hour, Month, Week};
        for (zone, grain, at, from, to) in [
            ("UTC", Hour, "2026-11-29T14:59:59Z", "2026-11-29T14:00:00Z", "2026-11-29T15:00:00Z"),
            ("UTC", Day, "2026-11-29T00:00:00Z", "2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z"),
            ("UTC", Week, "2026-11-29T23:59:59Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
            ("UTC", Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            ("Asia/Kolkata", Hour, "2026-11-29T14:45:00Z", "2026-11-29T14:30:00Z", "2026-11-29T15:30:00Z"),
            // 23 hours, and 25.
            ("Europe/Berlin", Day, "2027-03-28T12:00:00Z", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"),
            ("Europe/Berlin", Day, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
            ("Europe/Berlin", Month, "2026-10-31T22:59:59Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
            (
                "America/New_York",
                Month,
                "2027-03-14T07:00:00Z",
                "2027-03-01T05:00:00Z",
                "2027-04-01T04:00:00Z",
            ),
            // The hour that comes twice is two.
            ("Europe/Berlin", Hour, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
            ("Europe/Berlin", Hour, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
            // Clocks go from 02:00 back to 01:30: the second part of that hour is one of its own.
            (
                "Australia/Lord_Howe",
                Hour,
                "2027-04-03T15:10:00Z",
                "2027-04-03T15:00:00Z",
                "2027-04-03T15:30:00Z",
            ),
            ("Pacific/Apia", Week, "2026-11-29T09:00:00Z", "2026-11-22T11:00:00Z", "2026-11-29T11:00:00Z"),
        ] {
            lasts(zone, grain, at, from, to);
        }
    }

    #[test]
    fn what_reaches_beyond_the_calendar_has_no_span() {
        let last = "9999-12-31T23:00:00Z".parse().unwrap();
        assert_eq!(Zone::utc().span_of(Grain::Month, last), None);
    }
}
