//! Time as data: microseconds since 1970, given by producers and appenders, never read from a clock here.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A day in milliseconds: the longest latency that is considered plausible (EC8).
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Five minutes in milliseconds: how far correct clocks may differ.
pub const AHEAD_MS: i64 = 5 * 60 * 1000;

/// A point in time, in microseconds since 1970-01-01 UTC. More precise input is truncated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text or number that is not a time between the years 1 and 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time `{0}`: must be RFC 3339 between the years 1 and 9999, for example 2026-11-21T08:30:00Z")]
pub struct InvalidTimestamp(pub String);

impl Timestamp {
    /// From microseconds since 1970.
    ///
    /// # Errors
    ///
    /// [`InvalidTimestamp`] outside the years 1 to 9999, which RFC 3339 cannot write.
    pub fn from_micros(micros: i64) -> Result<Self, InvalidTimestamp> {
        /// 0001-01-01T00:00:00Z
        const FIRST: i64 = -62_135_596_800_000_000;
        /// 9999-12-31T23:59:59.999999Z
        const LAST: i64 = 253_402_300_799_999_999;
        if (FIRST..=LAST).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(InvalidTimestamp(micros.to_string()))
        }
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to this time, rounded down; negative if this is the earlier one.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(1000)
    }

    /// The duration of something that began at `start` and ends now.
    ///
    /// # Errors
    ///
    /// The measured value, if it is implausible: an end before the start, or more than a day after it (EC8).
    pub fn latency_since(self, start: Self) -> Result<u64, i64> {
        let measured = self.millis_since(start);
        u64::try_from(measured).ok().filter(|ms| *ms <= DAY_MS).ok_or(measured)
    }

    /// This producer time, corrected by the time when the ledger recorded it: a time more than a day ahead of
    /// that comes from a wrong clock and is replaced by the recording time. A time behind it may simply be
    /// old.
    #[must_use]
    pub fn believed(self, recorded_at: Self) -> Self {
        let ahead = u64::try_from(self.millis_since(recorded_at)).unwrap_or_default();
        if ahead > DAY_MS { recorded_at } else { self }
    }

    /// How far this producer time is from the time when the ledger recorded it, in milliseconds, if that is
    /// more than clocks and transport explain: more than five minutes ahead (positive), or more than a day
    /// behind (negative). `None`: it is plausible.
    #[must_use]
    pub fn skew_ms(self, recorded_at: Self) -> Option<i64> {
        let ahead = self.millis_since(recorded_at);
        (ahead > AHEAD_MS || ahead < DAY_MS.cast_signed().wrapping_neg()).then_some(ahead)
    }

    /// This producer time if it is [plausible](Self::skew_ms), otherwise the time when the ledger recorded it.
    #[must_use]
    pub fn unless_skewed(self, recorded_at: Self) -> Self {
        if self.skew_ms(recorded_at).is_some() { recorded_at } else { self }
    }

    /// This time moved by some milliseconds, clamped to the range that can be written.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_micros(self.0.saturating_add(millis.saturating_mul(1000))).unwrap_or(self)
    }

    /// Days since 1970 in UTC: the day that reports group by.
    #[must_use]
    pub fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(86_400_000_000)).unwrap_or(i32::MAX))
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTimestamp(text.chars().take(40).collect());
        // The library also accepts a space there, which other readers of the same text reject.
        if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
            return Err(invalid());
        }
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| invalid())?;
        Self::from_micros(time.timestamp_micros()).map_err(|_| invalid())
    }
}

/// A calendar day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = i64::from(self.0).saturating_mul(86_400_000_000);
        write!(f, "{}", Timestamp(micros).utc().format("%Y-%m-%d"))
    }
}

impl FromStr for Day {
    type Err = InvalidTimestamp;

    /// As it is written: `2026-11-21`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        format!("{text}T00:00:00Z").parse().map(Timestamp::day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339_and_writes_it_back_in_utc() {
        for (given, written) in [
            ("2025-10-10T02:42:38.615Z", "2025-10-10T02:42:38.615Z"),
            ("2025-10-10T04:42:38.615+02:00", "2025-10-10T02:42:38.615Z"),
            ("2025-10-10T02:42:38.123456789Z", "2025-10-10T02:42:38.123456Z"),
            ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(given.parse::<Timestamp>().unwrap().to_string(), written);
        }
        for bad in [
            "",
            "yesterday",
            "2025-10-10",
            "2025-13-01T00:00:00Z",
            "2025-10-10T02:42:38",
            "2025-10-10 02:42:38Z",
        ] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_far_ahead_of_its_record_is_not_believed() {
        let recorded = "2026-11-20T10:00:00Z";
        for (given, believed) in [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
            ("2026-11-21T10:00:00.001Z", recorded),
            ("9999-12-31T23:59:59Z", recorded),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            let time = |text: &str| text.parse::<Timestamp>().unwrap();
            assert_eq!(time(given).believed(time(recorded)), time(believed), "{given}");
        }
    }

    #[test]
    fn a_time_is_skewed_far_ahead_and_a_day_behind() {
        let recorded: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        for (given, skew) in [
            ("2026-11-20T10:05:00Z", None),
            ("2026-11-20T10:05:00.001Z", Some(300_001)),
            ("2026-11-21T13:00:00Z", Some(27 * 3_600_000)),
            ("2026-11-19T10:00:00Z", None),
            ("2026-11-19T09:59:59.999Z", Some(-86_400_001)),
        ] {
            let given: Timestamp = given.parse().unwrap();
            assert_eq!(given.skew_ms(recorded), skew, "{given}");
            assert_eq!(given.unless_skewed(recorded), if skew.is_some() { recorded } else { given });
        }
        let far: Timestamp = "9999-12-31T23:59:59Z".parse().unwrap();
        assert!(far.skew_ms(recorded) > Some(0) && recorded.skew_ms(far) < Some(0));
    }

    #[test]
    fn days_are_utc_days_also_before_1970() {
        for text in ["2026-11-21", "1969-12-31"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for bad in ["", "2026-11", "2026-02-30", "2026-11-21T08:30:00Z", "+026-11-21"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
        let day = |text: &str| text.parse::<Timestamp>().unwrap().day().to_string();
        assert_eq!(day("2025-10-10T23:59:59.999Z"), "2025-10-10");
        assert_eq!(day("2025-10-11T01:00:00+02:00"), "2025-10-10");
        assert_eq!(day("1969-12-31T23:59:59Z"), "1969-12-31");
    }

    #[test]
    fn times_out_of_range_are_refused() {
        assert!(Timestamp::from_micros(i64::MAX).is_err());
        assert!(Timestamp::from_micros(i64::MIN).is_err());
    }
}
