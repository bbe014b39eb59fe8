//! Ticks of time: at full seconds, minutes, hours, days, weeks, months or years of UTC.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

/// The first and the last second that are drawn: from 1 to 9999.
const EARLIEST: f64 = -62_135_596_800.0;
const LATEST: f64 = 253_402_300_799.0;

const DAY: i64 = 86_400;

/// Steps of less than a month, in seconds.
const STEPS: [i64; 19] = [
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    2 * 60,
    5 * 60,
    10 * 60,
    15 * 60,
    30 * 60,
    3_600,
    2 * 3_600,
    3 * 3_600,
    6 * 3_600,
    12 * 3_600,
    DAY,
    7 * DAY,
];

/// Steps of months.
const MONTHS: [i64; 11] = [1, 3, 6, 12, 24, 60, 120, 600, 1_200, 6_000, 24_000];

/// The first Monday, from which weeks are counted.
const MONDAY: i64 = 4 * DAY;

/// The ends of an axis of time and its ticks, about `most` of them.
pub(crate) fn ticks(low: f64, high: f64, most: usize) -> (f64, f64, Vec<(f64, String)>) {
    let [low, high] = [low, high].map(|at| at.clamp(EARLIEST, LATEST));
    let (low, high) = (low.floor() as i64, (high.ceil() as i64).max(low.floor() as i64 + 1));
    let most = most.max(2) as i64;
    let at = match STEPS.into_iter().find(|step| (high - low) / step < most) {
        Some(step) => {
            let origin = if step == 7 * DAY { MONDAY } else { 0 };
            let from = origin + (low - origin).div_euclid(step) * step;
            let to = origin - (origin - high).div_euclid(step) * step;
            let at: Vec<i64> = (0..=(to - from) / step).map(|nth| from + nth * step).collect();
            labelled(&at, step)
        }
        None => months(low, high, most),
    };
    let (first, last) =
        (at.first().map_or(low as f64, |tick| tick.0), at.last().map_or(high as f64, |tick| tick.0));
    (first.min(low as f64), last.max(high as f64), at)
}

fn labelled(at: &[i64], step: i64) -> Vec<(f64, String)> {
    let mut before = None;
    let label = |at: i64| {
        let time = utc(at);
        let day = time.date_naive();
        let form = match before {
            _ if step >= DAY => "%Y-%m-%d",
            Some(before) if before == day && step < 60 => "%H:%M:%S",
            Some(before) if before == day => "%H:%M",
            Some(_) | None => "%m-%d %H:%M",
        };
        before = Some(day);
        time.format(form).to_string()
    };
    at.iter().copied().zip(at.iter().copied().map(label)).map(|(at, label)| (at as f64, label)).collect()
}

fn months(low: i64, high: i64, most: i64) -> Vec<(f64, String)> {
    let month = |at: i64| {
        let day = utc(at).date_naive();
        i64::from(day.year()) * 12 + i64::from(day.month0())
    };
    let (first, last) = (month(low), month(high) + 1);
    let step = MONTHS.into_iter().find(|step| (last - first) / step < most).unwrap_or(120_000);
    let (from, to) = (first.div_euclid(step), -(-last).div_euclid(step));
    let tick = |nth: i64| {
        let month = (nth * step).clamp(12, 9_999 * 12 + 11);
        let year = i32::try_from(month.div_euclid(12)).unwrap_or_default();
        let day =
            NaiveDate::from_ymd_opt(year, u32::try_from(month.rem_euclid(12)).unwrap_or_default() + 1, 1);
        let at = day.unwrap_or_default().and_time(chrono::NaiveTime::MIN).and_utc();
        let form = if step < 12 { "%Y-%m" } else { "%Y" };
        (at.timestamp() as f64, at.format(form).to_string())
    };
    (from..=to).map(tick).collect()
}

fn utc(at: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(at, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: &str, high: &str, most: usize) -> Vec<String> {
        let [low, high] = [low, high].map(|at| at.parse::<DateTime<Utc>>().unwrap().timestamp() as f64);
        ticks(low, high, most).2.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_at_full_times() {
        assert_eq!(
            labels("2026-03-17T08:12:00Z", "2026-03-17T11:40:00Z", 6),
            ["03-17 08:00", "09:00", "10:00", "11:00", "12:00"]
        );
        assert_eq!(
            labels("2026-03-17T20:00:00Z", "2026-03-18T09:00:00Z", 4),
            ["03-17 18:00", "03-18 00:00", "06:00", "12:00"]
        );
        assert_eq!(labels("2026-03-17T08:00:00Z", "2026-03-19T08:00:00Z", 4)[0], "2026-03-17");
        assert_eq!(labels("2026-03-17T08:00:00Z", "2026-04-02T08:00:00Z", 5)[0], "2026-03-16", "a Monday");
        assert_eq!(
            labels("2026-01-17T00:00:00Z", "2026-11-02T00:00:00Z", 6),
            ["2026-01", "2026-04", "2026-07", "2026-10", "2027-01"]
        );
        assert_eq!(
            labels("2019-01-17T00:00:00Z", "2026-11-02T00:00:00Z", 5),
            ["2018", "2020", "2022", "2024", "2026", "2028"]
        );
    }

    proptest::proptest! {
        #[test]
        fn ticks_enclose_all_times_and_are_few(low in EARLIEST..LATEST, span in 0.0_f64..1e11, most in 2_usize..12) {
            let high = (low + span).min(LATEST);
            let (first, last, ticks) = ticks(low, high, most);
            proptest::prop_assert!(first <= low && last >= high && first < last, "{ticks:?}");
            proptest::prop_assert!((1..=most + 3).contains(&ticks.len()), "{ticks:?}");
        }
    }
}
