//! Prices of what is billed besides plain tokens, and what they come to.

use std::collections::BTreeMap;

use crate::money::Usd;
use crate::tokens::TokenCounts;
use crate::units::{PartOf, Unit, UnitKind};
use crate::usage::Used;

/// The price of each unit that an entry has one for; `None`: it depends on something that usage does not tell. Of a
/// time it is for a second.
pub(super) type UnitRates = BTreeMap<Unit, Option<Usd>>;

/// One unit of a call with its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitLine {
    /// Which unit.
    pub unit: Unit,
    /// How many; times are in milliseconds.
    pub count: u64,
    /// USD for one, of a time for one second; `None`: not known.
    pub rate: Option<Usd>,
    /// Rate × count, of a time rounded up to 10⁻¹⁸ USD; `None`: not known.
    pub usd: Option<Usd>,
}

/// More USD than one of a unit has ever cost, of a time a second: a price above is for more than one of them.
#[must_use]
pub const fn too_dear(unit: Unit) -> Usd {
    const MICRO: i128 = 1_000_000_000_000;
    Usd::from_units(match unit.kind() {
        UnitKind::Token | UnitKind::Character => 1_000 * MICRO,
        UnitKind::Image if matches!(unit, Unit::InputPixels | Unit::OutputPixels) => 1_000 * MICRO,
        UnitKind::Image | UnitKind::Time | UnitKind::Fixed => 10_000_000 * MICRO,
    })
}

/// What a call used, by what has a price of its own: plain tokens, and units.
///
/// Tokens of images that have no price of their own are billed as others are. Those of audio cost more wherever they
/// are sold, and are unpriced then. A request is counted where the entry prices requests and the call used anything.
pub(super) fn split(
    rates: &UnitRates,
    in_service_tier: bool,
    used: Used<'_>,
) -> (TokenCounts, Vec<UnitLine>) {
    let (mut plain, mut lines) = (*used.tokens, Vec::new());
    for (unit, count) in used.units.iter() {
        if let Some(part_of) = unit.part_of() {
            let is_image = matches!(unit, Unit::InputImageTokens | Unit::OutputImageTokens);
            if is_image && !rates.contains_key(&unit) {
                continue;
            }
            let whole = match part_of {
                PartOf::Input => &mut plain.input_uncached,
                PartOf::Output => &mut plain.output,
            };
            *whole = whole.saturating_sub(count);
        }
        lines.push(line(rates, in_service_tier, unit, count));
    }
    let is_used = used.tokens.total() > 0 || !used.units.is_empty();
    if is_used && rates.contains_key(&Unit::Requests) && used.units.get(Unit::Requests) == 0 {
        lines.push(line(rates, in_service_tier, Unit::Requests, 1));
    }
    (plain, lines)
}

fn line(rates: &UnitRates, in_service_tier: bool, unit: Unit, count: u64) -> UnitLine {
    // Prices of units are those of the standard tier; what they are in another one is not known.
    let rate = if in_service_tier { None } else { rate(rates, unit) };
    UnitLine { unit, count, rate, usd: rate.and_then(|rate| times(rate, unit, count)) }
}

/// The price of a unit: its own, of audio and video else that of any time.
pub(super) fn rate(rates: &UnitRates, unit: Unit) -> Option<Usd> {
    let general = match unit {
        Unit::InputAudioMs | Unit::InputVideoMs => Unit::InputMs,
        Unit::OutputVideoMs => Unit::OutputMs,
        Unit::InputCharacters
        | Unit::OutputCharacters
        | Unit::InputImages
        | Unit::OutputImages
        | Unit::InputPixels
        | Unit::OutputPixels
        | Unit::InputMs
        | Unit::OutputMs
        | Unit::Pages
        | Unit::AnnotatedPages
        | Unit::Queries
        | Unit::Requests
        | Unit::InputAudioTokens
        | Unit::InputImageTokens
        | Unit::OutputAudioTokens
        | Unit::OutputImageTokens => unit,
    };
    *rates.get(&unit).or_else(|| rates.get(&general))?
}

fn times(rate: Usd, unit: Unit, count: u64) -> Option<Usd> {
    let product = rate.checked_times(count.into())?.units();
    let (per, rest) = (unit.per(), product.checked_rem(unit.per())?);
    let up = i128::from(rest > 0);
    Some(Usd::from_units(product.checked_div(per)?.checked_add(up)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_billed_by_the_millisecond_and_rounded_up_to_what_can_be_kept() {
        let usd = |text: &str| text.parse::<Usd>().unwrap();
        for (rate, unit, count, amount) in [
            ("0.006", Unit::InputMs, 1_500, "0.009"),
            ("0.000000000000000001", Unit::InputMs, 1, "0.000000000000000001"),
            ("0.04", Unit::OutputImages, 3, "0.12"),
        ] {
            assert_eq!(times(usd(rate), unit, count), Some(usd(amount)), "{rate} {unit} {count}");
        }
    }
}
