//! Hours, days, weeks and months in a zone.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use serde::{Deserialize, Serialize};

use super::{DAY_S, Zone, seconds};
use crate::time::{Day, Timestamp};

/// The length of a report's periods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// An hour of the clock.
    Hour,
    /// A day.
    #[default]
    Day,
    /// An ISO 8601 week: starting on Monday, named by the year that contains its Thursday.
    Week,
    /// A month.
    Month,
}

impl Grain {
    /// The names, shortest period first.
    pub const NAMES: [&'static str; 4] = ["hour", "day", "week", "month"];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The grain with this name, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Hour, Self::Day, Self::Week, Self::Month].into_iter().find(|grain| grain.as_str() == word)
    }
}

impl fmt::Display for Grain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A period in a zone. Periods sort by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Period {
    /// The sort key.
    order: i64,
    /// Its name: `2026-03-29T02:00+02:00`, `2026-03-29`, `2026-W13`, `2026-03`.
    pub name: String,
}

/// The periods of a zone, optimized for moments that arrive roughly in order of time.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: Zone,
    grain: Grain,
    /// The day of the last query, in seconds since 1970: from, to, and its period.
    last: Option<(i64, i64, Period)>,
}

impl Calendar {
    /// The periods of a zone.
    #[must_use]
    pub const fn new(zone: Zone, grain: Grain) -> Self {
        Self { zone, grain, last: None }
    }

    /// The period that a moment belongs to.
    pub fn period_of(&mut self, at: Timestamp) -> Period {
        let second = seconds(at);
        if self.grain == Grain::Hour {
            return self.hour(second);
        }
        if let Some((from, to, period)) = &self.last
            && (*from..*to).contains(&second)
        {
            return period.clone();
        }
        let day = self.zone.day_at(second);
        let period = match self.grain {
            Grain::Hour | Grain::Day => Period { order: day.0.into(), name: day.to_string() },
            Grain::Week => week(day),
            Grain::Month => month(day),
        };
        let next = Day(day.0.saturating_add(1));
        self.last = Some((self.zone.begins(day), self.zone.begins(next), period.clone()));
        period
    }

    /// An hour of the clock, with the clock's offset: an hour that is repeated when clocks are set back
    /// counts as two.
    fn hour(&self, second: i64) -> Period {
        let offset = self.zone.offset(second);
        let local = second.saturating_add(offset);
        let begins = local.saturating_sub(local.rem_euclid(3600));
        let shown = DateTime::from_timestamp(begins, 0).unwrap_or_default();
        let date = Day(i32::try_from(begins.div_euclid(DAY_S)).unwrap_or(i32::MAX));
        let ahead = if self.zone == Zone::utc() { "Z".to_owned() } else { written(offset) };
        Period {
            order: begins.saturating_sub(offset),
            name: format!("{date}T{:02}:{:02}{ahead}", shown.hour(), shown.minute()),
        }
    }
}

/// An offset in RFC 3339 format, followed by seconds, which only historical clocks had.
fn written(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let ahead = offset.unsigned_abs();
    let (hours, minutes, rest) =
        (ahead.div_euclid(3600), ahead.div_euclid(60).rem_euclid(60), ahead.rem_euclid(60));
    match rest {
        0 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// The Monday of a day's week.
pub(super) fn monday(day: Day) -> Day {
    // 1970-01-01 was a Thursday.
    Day(day.0.saturating_sub(day.0.saturating_add(3).rem_euclid(7)))
}

fn week(day: Day) -> Period {
    let monday = monday(day);
    let week = civil(monday).iso_week();
    Period { order: monday.0.into(), name: format!("{:04}-W{:02}", week.year(), week.week()) }
}

fn month(day: Day) -> Period {
    let date = civil(day);
    let months = i64::from(date.year()).saturating_mul(12).saturating_add(date.month0().into());
    Period { order: months, name: format!("{:04}-{:02}", date.year(), date.month()) }
}

pub(super) fn civil(day: Day) -> NaiveDate {
    let midnight = i64::from(day.0).saturating_mul(DAY_S);
    DateTime::from_timestamp(midnight, 0).unwrap_or_default().date_naive()
}
