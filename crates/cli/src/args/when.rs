//! Times as they are typed.

use tollgate_domain::time::Day;
use tollgate_domain::zone::Zone;

/// When an event happened: a date is its beginning in UTC. All else is for the ledger to read, which says what is wrong
/// with it.
pub(super) fn when(text: &str) -> Result<String, String> {
    let is_day = text.parse::<Day>().is_ok();
    let begin = is_day.then(|| Zone::utc().moment(text)).flatten();
    Ok(begin.map_or_else(|| text.to_owned(), |begin| begin.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_beginning_in_utc() {
        for (typed, sent) in [
            ("2026-11-28", "2026-11-28T00:00:00Z"),
            ("2028-02-29", "2028-02-29T00:00:00Z"),
            ("2026-11-28T10:00:00+02:00", "2026-11-28T10:00:00+02:00"),
            ("2026-02-29", "2026-02-29"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(when(typed).as_deref(), Ok(sent));
        }
    }
}
