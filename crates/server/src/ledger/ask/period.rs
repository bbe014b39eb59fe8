//! Which time a report covers, in which zone and by which periods.

use tollgate_domain::time::{Day, Timestamp};
use tollgate_domain::zone::{Grain, Zone, is_between_quarters};
use tollgate_projection::reports::Span;

use crate::asked::{not_after_today, time_in};
use crate::problem::{Answer, INVALID};

/// What is asked for, as strings. The defaults are days, the config's time zone, and all time.
#[derive(Clone, Debug, Default)]
pub struct PeriodQuery {
    /// `hour`, `day`, `week` or `month`.
    pub by: Option<String>,
    /// The name of a time zone.
    pub time_zone: Option<String>,
    /// A time, or a day of the zone: from its start.
    pub since: Option<String>,
    /// A time, or a day of the zone: up to its start.
    pub until: Option<String>,
}

/// The same, validated.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Periods {
    pub(in crate::ledger) by: Grain,
    pub(in crate::ledger) zone: Zone,
    pub(in crate::ledger) since: Option<Timestamp>,
    pub(in crate::ledger) until: Option<Timestamp>,
}

impl PeriodQuery {
    pub(in crate::ledger) fn checked(&self, default: &Zone) -> Answer<Periods> {
        let by = match self.by.as_deref() {
            None => Grain::Day,
            Some(word) => Grain::from_word(word)
                .ok_or_else(|| INVALID.of_field("by", word, "must be `hour`, `day`, `week` or `month`"))?,
        };
        let zone = match self.time_zone.as_deref() {
            None => default.clone(),
            Some(name) => name
                .parse::<Zone>()
                .map_err(|error| INVALID.of_field("time_zone", name, &error.to_string()))?,
        };
        let end = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| moment(field, text, &zone)).transpose()
        };
        let (since, until) = (end("since", &self.since)?, end("until", &self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && (since > until || (since == until && self.since >= self.until))
        {
            // A day that a zone skipped has no time: from it to the next one there is nothing, which is not
            // an error.
            let rule = format!("must be later than `since`, which is {since}");
            return Err(INVALID.of_field("until", self.until.as_deref().unwrap_or_default(), &rule));
        }
        Ok(Periods { by, zone, since, until })
    }
}

impl Periods {
    pub(in crate::ledger) fn span(&self) -> Span {
        let seconds = |at: Timestamp| at.micros().div_euclid(1_000_000);
        Span { since: self.since.map(seconds), until: self.until.map(seconds) }
    }
}

/// The UTC day by whose end what counts was recorded.
pub(super) fn known_on(text: Option<&str>, now: Timestamp) -> Answer<Option<Day>> {
    let Some(text) = text else { return Ok(None) };
    let rule = "must be a UTC day such as 2026-10-31: what was recorded after it is left out";
    let day: Day = text.parse().map_err(|_| INVALID.of_field("known_on", text, rule))?;
    not_after_today("known_on", text, day, now)?;
    Ok(Some(day))
}

/// A time at which a quarter of an hour begins, or the start of a day in the zone.
fn moment(field: &str, text: &str, zone: &Zone) -> Answer<Timestamp> {
    let at = time_in(field, text, zone)?;
    if is_between_quarters(at) {
        return Ok(at);
    }
    let rule =
        "must be a quarter of an hour, such as 2026-11-21T08:15:00Z: reports have their usage by the quarter";
    Err(INVALID.of_field(field, text, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line per case: `by | zone | since | until | the result, or the problem`; `-`: not given.
    #[test]
    fn what_is_asked_for_is_checked_whole() {
        for line in "
            -     | -             | -                         | -                    | day UTC - -
            week  | asia/shanghai | 2025-01-02                | 2025-01-03           | week Asia/Shanghai 2025-01-01T16:00:00Z 2025-01-02T16:00:00Z
            month | Europe/Berlin | 2026-03-29                | 2026-03-30           | month Europe/Berlin 2026-03-28T23:00:00Z 2026-03-29T22:00:00Z
            hour  | -             | 2026-03-29T08:15:00+05:45 | -                    | hour UTC 2026-03-29T02:30:00Z -
            -     | -             | 1999-12-31T23:59:59Z      | -                    | day UTC 1999-12-31T23:59:59Z -
            -     | Pacific/Apia  | 2011-12-30                | -                    | day Pacific/Apia 2011-12-30T10:00:00Z -
            -     | Pacific/Apia  | 2011-12-30                | 2011-12-31           | day Pacific/Apia 2011-12-30T10:00:00Z 2011-12-30T10:00:00Z
            -     | Pacific/Apia  | 2011-12-31                | 2011-12-30           | until must be later than `since`
            year  | -             | -                         | -                    | by must be `hour`, `day`, `week` or `month`
            -     | Mars/Olympus  | -                         | -                    | time_zone must be the name of a time zone
            -     | -             | 2026-02-30                | -                    | since must be a time such as
            -     | -             | yesterday                 | -                    | since must be a time such as
            -     | -             | -                         | 2026-03-29T08:10:00Z | until must be a quarter of an hour
            -     | -             | -                         | 2026-03-29T08:15:00.5Z | until must be a quarter of an hour
            -     | UTC           | 2026-03-29                | 2026-03-29           | until must be later than `since`, which is 2026-03-29T00:00:00Z
            -     | Asia/Shanghai | 0001-01-01                | -                    | since must be a time such as
        ".lines().map(str::trim).filter(|line| !line.is_empty()) {
            let [by, time_zone, since, until, expected]: [&str; 5] =
                line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("5 columns");
            let [by, time_zone, since, until] =
                [by, time_zone, since, until].map(|text| (text != "-").then(|| text.to_owned()));
            let asked = PeriodQuery { by, time_zone, since, until };
            let found = match asked.checked(&Zone::utc()) {
                Ok(Periods { by, zone, since, until }) => {
                    let end = |end: Option<Timestamp>| end.map_or_else(|| "-".to_owned(), |end| end.to_string());
                    format!("{by} {zone} {} {}", end(since), end(until))
                }
                Err(problem) => format!("{} {}", problem.field.unwrap_or_default(), problem.detail),
            };
            let (first, rest) = expected.split_once(' ').expect("a field and its rule");
            assert!(found.starts_with(first) && found.ends_with(rest) || found.contains(rest), "{line}\nfound {found}");
        }
    }
}
