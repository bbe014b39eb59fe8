//! Usage points: calls for which two prices are compared by what they cost, not rate by rate.

use super::ModelPrice;
use super::cost;
use super::percent::{Percent, percent_of};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::tokens::TokenCounts;
use crate::units::Unit;

/// One hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Tokens of one imagined call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsagePoint {
    /// How tables and messages call it.
    pub name: &'static str,
    /// Input that was not read from a cache.
    pub input: u64,
    /// Input that was.
    pub cached: u64,
    /// Output.
    pub output: u64,
}

impl UsagePoint {
    /// The points at which prices are compared: one kind of tokens at a time, a large context, and a large
    /// context that is mostly cached.
    pub const ALL: [Self; 5] = [
        Self { name: "100 k in", input: 100_000, cached: 0, output: 0 },
        Self { name: "100 k out", input: 0, cached: 0, output: 100_000 },
        Self { name: "100 k cached", input: 0, cached: 100_000, output: 0 },
        Self { name: "300 k in", input: 300_000, cached: 0, output: 0 },
        Self { name: "1 M in, 90 % cached", input: 100_000, cached: 900_000, output: 0 },
    ];

    /// As usage has them.
    #[must_use]
    pub fn tokens(&self) -> TokenCounts {
        TokenCounts {
            input_uncached: self.input,
            cached_input: self.cached,
            output: self.output,
            ..TokenCounts::default()
        }
    }
}

/// What a price costs at the usage points, at one moment or at several (`None`: the price does not say), and what
/// other units cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointCosts {
    at_points: Vec<Option<Usd>>,
    units: Vec<(Unit, Usd)>,
}

impl PointCosts {
    /// The costs of a price at these moments. A price that gives no rate for cached input says nothing about
    /// what cached input costs.
    pub(super) fn of(price: &ModelPrice, moments: &[Timestamp]) -> Self {
        let caches = price.given.cached_input.is_some() || price.given.is_empty();
        let at = |moment: Timestamp| {
            UsagePoint::ALL.iter().map(move |point| {
                if point.cached > 0 && !caches {
                    return None;
                }
                cost::of(price, None, moment, (&point.tokens()).into())
            })
        };
        Self {
            at_points: moments.iter().flat_map(|moment| at(*moment)).collect(),
            units: price.units.iter().filter_map(|(unit, rate)| Some((*unit, (*rate)?))).collect(),
        }
    }

    /// What one of each other unit costs, where the price says so; of a time, one second.
    #[must_use]
    pub fn units(&self) -> &[(Unit, Usd)] {
        &self.units
    }

    /// Both costs wherever both are known, with the name of the point or unit they belong to.
    fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'static str, Usd, Usd)> + 'a {
        let units = self.units.iter().filter_map(|(unit, one)| Some((*unit, *one, other.unit(*unit)?)));
        let points = UsagePoint::ALL.iter().cycle();
        points
            .zip(self.at_points.iter().zip(&other.at_points))
            .filter_map(|(point, (one, other))| Some((point.name, (*one)?, (*other)?)))
            .chain(units.map(|(unit, one, other)| (unit.as_str(), one, other)))
    }

    fn unit(&self, unit: Unit) -> Option<Usd> {
        self.units.iter().find(|(own, _)| *own == unit).map(|(_, usd)| *usd)
    }

    /// Whether both are within a tolerance wherever both say something, and say something about the same
    /// point at all. The tolerance is in percent of the larger.
    #[must_use]
    pub fn agrees(&self, other: &Self, tolerance: Percent) -> bool {
        self.is_comparable(other) && self.apart(other, tolerance).next().is_none()
    }

    /// Whether both say something about the same point at all.
    #[must_use]
    pub fn is_comparable(&self, other: &Self) -> bool {
        self.pairs(other).next().is_some()
    }

    /// The points at which both say something, and are further apart than a tolerance, with both costs. The
    /// tolerance is in percent of the larger.
    pub fn apart<'a>(
        &'a self,
        other: &'a Self,
        tolerance: Percent,
    ) -> impl Iterator<Item = (&'static str, Usd, Usd)> + 'a {
        self.pairs(other).filter(move |(_, one, other)| {
            let larger = one.units().unsigned_abs().max(other.units().unsigned_abs());
            let apart = one.units().abs_diff(other.units());
            apart.checked_mul(100).is_none_or(|apart| {
                larger.checked_mul(tolerance.into()).is_some_and(|allowed| apart > allowed)
            })
        })
    }

    /// The largest change from these costs to others, and at which point; `None`: no point has a cost in both.
    #[must_use]
    pub(super) fn largest_change(&self, to: &Self) -> Option<(Percent, &'static str)> {
        let mut largest: Option<(Percent, &'static str)> = None;
        for (point, old, new) in self.pairs(to) {
            let percent = percent_of(old, new);
            if largest.is_none_or(|(most, _)| percent > most) {
                largest = Some((percent, point));
            }
        }
        largest
    }

    /// A point where these cost nothing and others do not.
    #[must_use]
    pub(super) fn free_where(&self, other: &Self) -> Option<&'static str> {
        self.pairs(other)
            .find(|(_, one, other)| *one == Usd::ZERO && *other > Usd::ZERO)
            .map(|(point, ..)| point)
    }

    /// A point at which these say something and others do not.
    #[must_use]
    pub(super) fn unsaid_by(&self, other: &Self) -> Option<&'static str> {
        let mut points = UsagePoint::ALL.iter().cycle().zip(self.at_points.iter().zip(&other.at_points));
        let point = points.find(|(_, (one, other))| one.is_some() && other.is_none());
        let unit = || self.units.iter().find(|(unit, _)| other.unit(*unit).is_none());
        point.map(|(point, _)| point.name).or_else(|| unit().map(|(unit, _)| unit.as_str()))
    }

    /// The costs at the first moment, in the order of [`UsagePoint::ALL`].
    #[must_use]
    pub fn first(&self) -> [Option<Usd>; 5] {
        let mut first = [None; 5];
        for (slot, cost) in first.iter_mut().zip(&self.at_points) {
            *slot = *cost;
        }
        first
    }
}

/// Two moments of each day of a week from a time on: some prices are those of an hour or a weekday.
#[must_use]
pub fn moments_of_a_week(from: Timestamp) -> Vec<Timestamp> {
    (0..7_i64)
        .flat_map(|day| {
            let day = day.saturating_mul(HOUR_MS.saturating_mul(24));
            [from.plus_millis(day), from.plus_millis(day.saturating_add(HOUR_MS.saturating_mul(14)))]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Costs at the five points of one moment, in micro-dollars; `-`: not known.
    fn costs(text: &str) -> PointCosts {
        let one =
            |word: &str| word.parse::<i128>().ok().map(|micros| Usd::from_units(micros * 1_000_000_000_000));
        PointCosts { at_points: text.split_whitespace().map(one).collect(), units: Vec::new() }
    }

    #[test]
    fn prices_agree_where_both_say_something_and_by_five_of_a_hundred() {
        for (one, other, agree) in [
            ("100 500 10 300 100", "100 500 10 300 100", true),
            ("100 500 10 300 100", "95 500 10 300 100", true),
            ("100 500 10 300 100", "94 500 10 300 100", false),
            ("100 500 10 300 100", "100 500 - 300 -", true),
            ("100 500 10 300 100", "100 500 10 600 100", false),
            ("100 500 10 300 100", "- - - - -", false),
            ("0 0 0 0 0", "0 0 0 0 0", true),
            ("0 500 10 300 100", "100 500 10 300 100", false),
        ] {
            assert_eq!(costs(one).agrees(&costs(other), 5), agree, "{one} | {other}");
            assert_eq!(costs(other).agrees(&costs(one), 5), agree, "{other} | {one}");
        }
    }

    #[test]
    fn the_largest_change_is_a_share_of_what_it_was() {
        for (old, new, change) in [
            ("100 500 10 300 100", "100 500 10 300 100", Some((0, "100 k in"))),
            ("100 500 10 300 100", "150 500 10 300 100", Some((50, "100 k in"))),
            ("300 500 10 300 100", "451 500 10 300 100", Some((51, "100 k in"))),
            ("100 500 10 300 100", "100 500 1 300 100", Some((90, "100 k cached"))),
            ("0 500 10 300 100", "1 500 10 300 100", Some((Percent::MAX, "100 k in"))),
            ("100 500 - 300 -", "- - 5 - -", None),
        ] {
            let found = costs(old).largest_change(&costs(new));
            assert_eq!(found, change, "{old} -> {new}");
        }
    }

    #[test]
    fn what_is_free_or_unsaid_is_found() {
        let (paid, free, less) = (costs("1 1 1 1 1"), costs("1 0 1 1 1"), costs("1 1 - 1 -"));
        assert_eq!(free.free_where(&paid), Some("100 k out"));
        assert_eq!(paid.free_where(&free), None);
        assert_eq!(paid.unsaid_by(&less), Some("100 k cached"));
        assert_eq!(less.unsaid_by(&paid), None);
    }
}
