//! Rates that apply at certain hours of certain days.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::{self, Field, Rate};
use super::number;
use super::rates::Rates;
use crate::money::Usd;
use crate::time::Timestamp;

const DAY_MINUTES: i64 = 24 * 60;

/// Zones with the same UTC offset, in minutes, all year, ever since token prices have existed.
const FIXED_ZONES: [(&str, i64); 9] = [
    ("UTC", 0),
    ("Etc/UTC", 0),
    ("GMT", 0),
    ("Asia/Shanghai", 480),
    ("Asia/Hong_Kong", 480),
    ("Asia/Singapore", 480),
    ("Asia/Tokyo", 540),
    ("Asia/Seoul", 540),
    ("Asia/Kolkata", 330),
];

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Rates by hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OffPeak {
    pub(super) rates: Rates,
    windows: Vec<Window>,
    /// How many minutes the zone used for weekdays is ahead of UTC.
    ahead: i64,
}

/// Minutes of a UTC day, on some weekdays.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    /// One bit per weekday, Monday lowest.
    days: u8,
    from: i64,
    /// Exclusive. At or before `from`: on the next day.
    to: i64,
}

impl OffPeak {
    /// Reads an entry's `off_peak_pricing`.
    ///
    /// # Errors
    ///
    /// The rule that was violated.
    pub(super) fn read(raw: &RawValue) -> Result<Self, String> {
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_str(raw.get()).map_err(|_| "must be an object".to_owned())?;
        let mut off_peak = Self { rates: Rates::default(), windows: Vec::new(), ahead: 0 };
        for (name, value) in fields {
            match name.as_str() {
                "hours_utc" => off_peak.add(value.get(), 0x7f)?,
                "windows" => off_peak.read_windows(value.get())?,
                "weekday_timezone" => off_peak.ahead = ahead(value.get())?,
                _ => match fields::read(&name) {
                    Field::Rate(Rate { kind, above: None, tier: None, .. }) => {
                        *off_peak.rates.of(kind) = rate(&name, value.get())?;
                    }
                    Field::Other if !name.contains("hours") && !name.contains("zone") => {}
                    Field::Other | Field::Rate(_) | Field::Unit(_) | Field::Unknown => {
                        return Err(format!("`{name}` is not known there"));
                    }
                },
            }
        }
        if off_peak.windows.is_empty() { Err("must have hours".to_owned()) } else { Ok(off_peak) }
    }

    fn read_windows(&mut self, json: &str) -> Result<(), String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Rule<'a> {
            #[serde(borrow)]
            hours_utc: &'a RawValue,
            weekdays: Option<Vec<serde_json::Value>>,
        }
        let rules: Vec<Rule<'_>> = serde_json::from_str(json)
            .map_err(|_| "windows must be a list of `hours_utc` and `weekdays`".to_owned())?;
        for rule in rules {
            let days = rule.weekdays.map_or(Some(0x7f), |days| {
                days.iter().try_fold(0, |all, day| weekday(day).map(|nth| all | 1_u8 << nth))
            });
            self.add(rule.hours_utc.get(), days.ok_or("weekdays must be 1 (Monday) to 7 or names")?)?;
        }
        Ok(())
    }

    fn add(&mut self, json: &str, days: u8) -> Result<(), String> {
        let hours: Vec<String> = serde_json::from_str(json)
            .or_else(|_| serde_json::from_str(json).map(|one| vec![one]))
            .map_err(|_| "hours_utc must be a text or a list of texts".to_owned())?;
        for text in hours {
            let parts = text.split_once('-').and_then(|(from, to)| minute(from).zip(minute(to)));
            let (from, to) = parts.ok_or_else(|| format!("hours_utc `{text}` must be like 16:30-00:30"))?;
            self.windows.push(Window { days, from, to });
        }
        Ok(())
    }

    /// Whether its rates apply at a time. The weekday is that of the time itself, in the zone used for weekdays.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        let minutes = at.micros().div_euclid(60_000_000);
        let minute = minutes.rem_euclid(DAY_MINUTES);
        let day = minutes.saturating_add(self.ahead).div_euclid(DAY_MINUTES);
        // 1970-01-01 was a Thursday.
        let weekday = day.saturating_add(3).rem_euclid(7);
        self.windows.iter().any(|window| {
            let on = window.days & (1_u8 << weekday) != 0;
            let within = if window.from < window.to {
                (window.from..window.to).contains(&minute)
            } else {
                minute >= window.from || minute < window.to
            };
            on && within
        })
    }
}

fn rate(name: &str, json: &str) -> Result<Option<Usd>, String> {
    let text = json.trim_matches('"');
    if text == "null" {
        return Ok(None);
    }
    let usd = number::read(text).map_err(|rule| format!("{name} `{text}`: {rule}"))?.usd;
    if usd < Usd::ZERO { Err(format!("{name} `{text}`: must not be negative")) } else { Ok(Some(usd)) }
}

fn ahead(json: &str) -> Result<i64, String> {
    let zone = json.trim_matches('"');
    if zone == "null" {
        return Ok(0);
    }
    let fixed = FIXED_ZONES.iter().find(|(name, _)| name.eq_ignore_ascii_case(zone));
    fixed
        .map(|(_, ahead)| *ahead)
        .ok_or_else(|| format!("weekday_timezone `{zone}` is not known as one without changes of time"))
}

fn minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    ((0..24).contains(&hour) && (0..60).contains(&minute))
        .then(|| hour.saturating_mul(60).saturating_add(minute))
}

fn weekday(value: &serde_json::Value) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok()?.checked_sub(1).filter(|nth| *nth < 7);
    }
    let name = value.as_str()?.trim().to_ascii_lowercase();
    let nth = WEEKDAYS.iter().position(|day| name.starts_with(day))?;
    u32::try_from(nth).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<OffPeak, String> {
        OffPeak::read(&serde_json::from_str::<Box<RawValue>>(json).unwrap())
    }

    #[test]
    fn hours_and_weekdays_of_the_time_itself() {
        let deepseek = read(
            r#"{"input_cost_per_token": 1.5e-07, "weekday_timezone": "Asia/Shanghai", "windows": [
                {"hours_utc": ["00:00-01:00", "10:00-00:00"], "weekdays": [1, 2, 3, 4, "Fri"]},
                {"hours_utc": "00:00-00:00", "weekdays": [6, "sunday"]}]}"#,
        )
        .unwrap();
        // 2026-11-27 is a Friday; in Shanghai it is Saturday from 16:00 UTC.
        for (at, holds) in [
            ("2026-11-27T00:59:59Z", true),
            ("2026-11-27T01:00:00Z", false),
            ("2026-11-27T09:59:59Z", false),
            ("2026-11-27T10:00:00Z", true),
            ("2026-11-27T16:30:00Z", true),
            ("2026-11-28T05:00:00Z", true),
            ("2026-11-29T15:59:59Z", true),
            ("2026-11-29T16:00:00Z", true),
            ("2026-11-30T05:00:00Z", false),
        ] {
            assert_eq!(deepseek.holds(at.parse().unwrap()), holds, "{at}");
        }
        let wraps = read(r#"{"input_cost_per_token": 1, "hours_utc": "16:30-00:30"}"#).unwrap();
        for (at, holds) in [
            ("2026-11-27T16:29:59Z", false),
            ("2026-11-27T16:30:00Z", true),
            ("2026-11-28T00:29:00Z", true),
            ("2026-11-28T00:30:00Z", false),
        ] {
            assert_eq!(wraps.holds(at.parse().unwrap()), holds, "{at}");
        }
    }

    #[test]
    fn hours_that_are_not_understood_are_refused() {
        for (json, says) in [
            (r#"{"input_cost_per_token": 1}"#, "must have hours"),
            (r#"{"hours_utc": "16-18"}"#, "must be like"),
            (r#"{"hours_utc": "16:00-25:00"}"#, "must be like"),
            (r#"{"hours_utc": 16}"#, "a text or a list"),
            (r#"{"hours_utc": "16:00-18:00", "weekday_timezone": "Europe/Berlin"}"#, "Europe/Berlin"),
            (r#"{"windows": [{"hours_utc": "16:00-18:00", "weekdays": [8]}]}"#, "weekdays must be"),
            (r#"{"windows": [{"hours_utc": "16:00-18:00", "months": [8]}]}"#, "windows must be"),
            (r#"{"hours_utc": "16:00-18:00", "input_cost_per_token": "free"}"#, "free"),
            (r#"{"hours_utc": "16:00-18:00", "holiday_discount": 0.5}"#, "holiday_discount"),
            ("[]", "an object"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(says), "{json}: {error}");
        }
    }
}
