//! Of which quarters of an hour usage was recorded after them, and when that was last: whoever looks at windows that
//! are over finds those that late usage changed, however long nobody looked.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Span;

use super::SpendingRow;
use super::table::{Table, read_time, write_time};
use crate::fold::Rows;

/// Seconds of a quarter of an hour.
const QUARTER_S: i64 = 900;

/// The most quarters of an hour that are told: about ten months of them.
const MOST: usize = 30_000;

/// Notes usage of a quarter, if it was recorded after that.
pub(super) fn note<R: Rows<SpendingRow>>(
    rows: &mut R,
    tenant: &str,
    quarter: i64,
    recorded_at: Timestamp,
) -> Result<(), R::Error> {
    if recorded_at.micros().div_euclid(1_000_000) < quarter.saturating_add(QUARTER_S) {
        return Ok(());
    }
    let mut key = Table::Late.of(tenant);
    write_time(quarter, &mut key);
    rows.change(&key, || SpendingRow::Late(recorded_at))?.note_late(recorded_at);
    Ok(())
}

/// Quarters of an hour of which usage was recorded late, each with when that was last.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecordedLate(BTreeMap<i64, Timestamp>);

impl RecordedLate {
    /// The beginning of the keys of a tenant's rows, and the key after which those of a span begin; `None`: all.
    #[must_use]
    pub fn keys(tenant: &str, span: Option<Span>) -> (Vec<u8>, Option<Vec<u8>>) {
        let prefix = Table::Late.of(tenant);
        let after = span.map(|span| {
            let mut key = prefix.clone();
            write_time(seconds(span.from).saturating_sub(1), &mut key);
            key
        });
        (prefix, after)
    }

    /// Adds a row; `false`: it is not in the span, and those after it are not.
    pub fn add(&mut self, prefix: &[u8], span: Option<Span>, key: &[u8], row: &SpendingRow) -> bool {
        let at = key.strip_prefix(prefix).and_then(read_time).map(|(at, _)| at);
        let Some((at, recorded_at)) = at.zip(row.late()) else { return true };
        if span.is_some_and(|span| at >= seconds(span.to)) {
            return false;
        }
        self.0.insert(at, recorded_at);
        true
    }

    /// Adds those of other partitions.
    pub fn merge(&mut self, others: Self) {
        for (at, recorded_at) in others.0 {
            let known = self.0.entry(at).or_insert(recorded_at);
            *known = recorded_at.max(*known);
        }
    }

    /// Keeps those that were recorded last, if there are very many.
    #[must_use]
    pub fn latest(self) -> Self {
        if self.0.len() <= MOST {
            return self;
        }
        let mut by_time: Vec<(Timestamp, i64)> =
            self.0.into_iter().map(|(at, recorded)| (recorded, at)).collect();
        by_time.sort_unstable();
        Self(by_time.into_iter().rev().take(MOST).map(|(recorded, at)| (at, recorded)).collect())
    }

    /// The quarters, in seconds since 1970.
    #[must_use]
    pub fn quarters(&self) -> BTreeSet<i64> {
        self.0.keys().copied().collect()
    }

    /// Whether usage of a window was recorded after it.
    #[must_use]
    pub fn is_after(&self, window: Span) -> bool {
        self.0
            .range(seconds(window.from)..seconds(window.to))
            .any(|(_, recorded_at)| window.to <= *recorded_at)
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::Projection;
    use crate::spending::Spending;
    use crate::testing::{Stored, folded};
    use tollgate_domain::event::EventBody;
    use tollgate_domain::tokens::TokenCounts;
    use tollgate_domain::units::UnitCounts;
    use tollgate_domain::usage::{Cost, UsageRecorded};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn used(nth: u64, occurred_at: &str, recorded_at: &str) -> Stored {
        let usage = UsageRecorded {
            context: None,
            counts_as: None,
            execution: None,
            provider: None,
            model: None,
            component: None,
            request_id: None,
            service_tier: None,
            allocation: None,
            labels: BTreeMap::new(),
            tokens: TokenCounts { output: 5, ..TokenCounts::default() },
            units: UnitCounts::default(),
            estimated: false,
            cost: Cost::Unpriced,
        };
        Stored {
            tenant: "t".to_owned(),
            task: "T-1".to_owned(),
            producer: "p".to_owned(),
            sequence: nth,
            id: nth.to_string(),
            recorded_at: at(recorded_at),
            occurred_at: at(occurred_at),
            body: EventBody::from(usage),
        }
    }

    #[test]
    fn windows_of_which_usage_was_recorded_after_their_end_are_known() {
        let events = [
            // In its quarter; an hour later, in its day; a day later, twice.
            used(1, "2026-11-20T10:03:00Z", "2026-11-20T10:14:59Z"),
            used(2, "2026-11-21T10:03:00Z", "2026-11-21T11:00:00Z"),
            used(3, "2026-11-22T10:03:00Z", "2026-11-24T00:00:00Z"),
            used(4, "2026-11-22T10:04:00Z", "2026-11-23T00:00:00Z"),
        ];
        let rows = folded(&Spending, &events);
        let backwards: Vec<Stored> = events.into_iter().rev().collect();
        assert_eq!(folded(&Spending, &backwards), rows, "whichever came last");
        let read = |span| {
            let (mut found, (prefix, after)) = (RecordedLate::default(), RecordedLate::keys("t", span));
            for (key, row) in rows.range(after.unwrap_or_else(|| prefix.clone())..) {
                if !key.starts_with(&prefix) || !found.add(&prefix, span, key, row) {
                    break;
                }
            }
            found
        };
        let all = read(None);
        assert_eq!(all.quarters().len(), 2, "{all:?}");
        for (from, to, is_late) in [
            ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", false),
            ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", false),
            ("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z", true),
            ("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", true),
            ("2026-11-16T00:00:00Z", "2026-11-24T00:00:00Z", true),
            ("2026-11-16T00:00:00Z", "2026-11-25T00:00:00Z", false),
        ] {
            let window = Span { from: at(from), to: at(to) };
            assert_eq!(
                (all.is_after(window), read(Some(window)).is_after(window)),
                (is_late, is_late),
                "{from}"
            );
        }
        let mut merged =
            read(Some(Span { from: at("2026-11-22T00:00:00Z"), to: at("2026-11-23T00:00:00Z") }));
        assert_eq!(merged.quarters().len(), 1);
        merged.merge(all.clone());
        assert_eq!((merged.latest(), <Spending as Projection>::NAME), (all, "spending"));
    }
}
