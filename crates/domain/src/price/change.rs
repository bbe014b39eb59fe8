//! How much a price changes.

use super::listed::Listed;
use super::percent::{Percent, percent_of};
use super::points::{PointCosts, moments_of_a_week};
use super::quote::PriceEntry;
use super::{ModelPrice, cost};
use crate::time::Timestamp;
use crate::tokens::TokenCounts;

impl Listed {
    /// The largest change from the price of an entry to this one, at a usage point, of a kind of tokens or of another
    /// unit, in percent; `None`: there is nothing to compare. A kind that an entry does not name is billed like
    /// another. Hours are those of the week from a time on.
    #[must_use]
    pub fn change_from(&self, before: &PriceEntry<'_>, from: Timestamp) -> Option<Percent> {
        billed(before, &self.as_entry(), &moments_of_a_week(from))
    }
}

/// The largest change of what calls are billed, also where one of the prices names no rate and takes another one.
pub(super) fn billed(
    before: &PriceEntry<'_>,
    now: &PriceEntry<'_>,
    moments: &[Timestamp],
) -> Option<Percent> {
    let rates = before.rates().into_iter().zip(now.rates());
    let rates = rates.filter_map(|((_, old), (_, new))| Some(percent_of(old?, new?)));
    let units = before.unit_rates().into_iter();
    let units = units.filter_map(|(unit, old)| Some(percent_of(old?, now.unit_rate(unit)?)));
    let of_calls = largest(before.price()?, now.price()?, moments);
    rates.chain(units).chain(of_calls).max()
}

/// The largest change of what both prices name: at a usage point, or of the rate of a kind that no point has.
pub(super) fn largest(current: &ModelPrice, new: &ModelPrice, moments: &[Timestamp]) -> Option<Percent> {
    let (old_costs, new_costs) = (PointCosts::of(current, moments), PointCosts::of(new, moments));
    let at_points = old_costs.largest_change(&new_costs).map(|(percent, _)| percent);
    let rates = current.given.largest_change(&new.given);
    rates.into_iter().chain(at_points).chain(elsewhere(current, new, moments)).max()
}

/// The largest change of calls that are like no usage point: those with much of everything, and those of service tiers
/// that both prices have.
fn elsewhere(current: &ModelPrice, new: &ModelPrice, moments: &[Timestamp]) -> Option<Percent> {
    let tiers = current.service_tiers.keys().filter(|tier| new.service_tiers.contains_key(*tier));
    let tiers: Vec<Option<&str>> = tiers.map(|tier| Some(*tier)).chain([None]).collect();
    let calls = [100_000, 300_000].map(|input| TokenCounts {
        input_uncached: input,
        output: 100_000,
        ..TokenCounts::default()
    });
    let each = moments.iter().flat_map(|at| tiers.iter().map(move |tier| (*at, *tier)));
    let each = each.flat_map(|(at, tier)| calls.iter().map(move |tokens| (at, tier, tokens)));
    let changes = each.filter_map(|(at, tier, tokens)| {
        let costs = |price| cost::of(price, tier, at, tokens.into());
        Some(percent_of(costs(current)?, costs(new)?))
    });
    changes.max()
}
