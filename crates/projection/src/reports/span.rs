//! Time ranges of reports, and which rows contain their usage.

use serde::{Deserialize, Serialize};

use super::cell::{DAY_CELLS, DAY_S, QUARTER_CELLS, QUARTERS};

/// A time range in seconds since 1970; its ends are [between quarters](tollgate_domain::zone::is_between_quarters).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Start, inclusive; `None`: from the first usage on.
    pub since: Option<i64>,
    /// End, exclusive; `None`: up to the last usage.
    pub until: Option<i64>,
}

/// Rows under a prefix, with times in a half-open range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The prefix of their keys.
    pub rows: &'static [u8],
    /// Their first time.
    pub from: i64,
    /// Their end time, exclusive.
    pub to: i64,
}

impl Span {
    /// The cells that contain each usage of the range exactly once: whole UTC days, and quarters of an hour
    /// at the ends.
    #[must_use]
    pub fn cells(self) -> Vec<Scan> {
        let (from, to) = self.ends();
        // An open end has no partial day.
        let up = |since: i64| since.saturating_add(since.saturating_neg().rem_euclid(DAY_S));
        let down = |until: i64| until.saturating_sub(until.rem_euclid(DAY_S));
        let (first, last) = (self.since.map_or(from, up), self.until.map_or(to, down));
        let scans = if first < last {
            vec![
                Scan { rows: QUARTER_CELLS, from, to: first },
                Scan { rows: DAY_CELLS, from: first, to: last },
                Scan { rows: QUARTER_CELLS, from: last, to },
            ]
        } else {
            vec![Scan { rows: QUARTER_CELLS, from, to }]
        };
        scans.into_iter().filter(|scan| scan.from < scan.to).collect()
    }

    /// The same in quarters of an hour alone: days of a zone other than UTC are no whole UTC days.
    #[must_use]
    pub fn quarter_cells(self) -> Scan {
        let (from, to) = self.ends();
        Scan { rows: QUARTER_CELLS, from, to }
    }

    /// Its quarters of an hour.
    #[must_use]
    pub fn quarters(self) -> Scan {
        let (from, to) = self.ends();
        Scan { rows: QUARTERS, from, to }
    }

    fn ends(self) -> (i64, i64) {
        (self.since.unwrap_or(i64::MIN), self.until.unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_and_quarters_at_the_ends() {
        const DAY: i64 = 20_000 * DAY_S;
        for (since, until, expected) in [
            (None, None, "days ..-.."),
            (Some(DAY), None, "days 0-.."),
            (Some(DAY + 900), None, "quarters 900-86400, days 86400-.."),
            (None, Some(DAY + 900), "days ..-0, quarters 0-900"),
            (Some(DAY), Some(DAY + 2 * DAY_S), "days 0-172800"),
            (Some(DAY - 900), Some(DAY + DAY_S + 900), "quarters -900-0, days 0-86400, quarters 86400-87300"),
            (Some(DAY + 900), Some(DAY + DAY_S + 900), "quarters 900-87300"),
            (Some(DAY + 900), Some(DAY + 1800), "quarters 900-1800"),
            (Some(DAY + 900), Some(DAY + DAY_S), "quarters 900-86400"),
        ] {
            let end = |end: i64| match end {
                i64::MIN | i64::MAX => "..".to_owned(),
                second => (second - DAY).to_string(),
            };
            let found = Span { since, until }.cells().into_iter().map(|scan| {
                let rows = if scan.rows == DAY_CELLS { "days" } else { "quarters" };
                format!("{rows} {}-{}", end(scan.from), end(scan.to))
            });
            assert_eq!(found.collect::<Vec<_>>().join(", "), expected);
        }
    }
}
