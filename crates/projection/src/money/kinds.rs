//! Dividing what a line cost among the kinds of its tokens, where the prices prove how.

use tollgate_domain::money::Usd;
use tollgate_domain::price::{PricedKind, Quote};
use tollgate_domain::tokens::TokenSums;
use tollgate_domain::units::{PartOf, Unit, UnitSums};

use crate::reports::Cell;

/// The plain rates of a model: those of small requests at any hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindRates {
    /// Who serves the model, as the price book names it.
    pub provider: Option<String>,
    /// USD per token of each kind; `None`: not known.
    pub rates: [(PricedKind, Option<Usd>); 6],
    /// USD for one of each other unit that has a price, of a time for a second.
    pub units: Vec<(Unit, Usd)>,
}

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priced {
    /// A kind of tokens.
    Kind(PricedKind),
    /// Something else.
    Unit(Unit),
}

/// What was used of one thing that has a price, and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KindCost {
    /// Of what.
    pub(super) priced: Priced,
    /// How much; negative in corrections.
    pub(super) count: i128,
    /// USD for one; of a time for a second.
    pub(super) rate: Usd,
    /// Rate × count.
    pub(super) usd: Usd,
}

impl From<&Quote<'_>> for KindRates {
    fn from(quote: &Quote<'_>) -> Self {
        let provider = quote.entry.provider().map(str::to_owned);
        let units = quote.entry.unit_rates().into_iter();
        Self {
            provider,
            rates: quote.lines.map(|line| (line.kind, line.rate)),
            units: units.filter_map(|(unit, rate)| Some((unit, rate?))).collect(),
        }
    }
}

impl KindRates {
    /// What tokens cost at these rates; `None` if a rate that is needed is not known.
    pub(super) fn cost(&self, tokens: &TokenSums) -> Option<Usd> {
        let used = by_kind(tokens).into_iter().filter(|(_, count)| *count != 0);
        used.into_iter()
            .try_fold(Usd::ZERO, |sum, (kind, count)| sum.checked_add(self.rate(kind)?.checked_times(count)?))
    }

    fn rate(&self, kind: PricedKind) -> Option<Usd> {
        self.rates.iter().find(|(of, _)| *of == kind).and_then(|(_, rate)| *rate)
    }

    /// The sums divided by kind. `None` unless rate × tokens of all kinds together is exactly what was charged:
    /// the usage was costed by other rates, such as those of larger requests.
    pub(super) fn divide(&self, sums: &Cell) -> Option<Vec<KindCost>> {
        let mut left = sums.cost;
        let mut parts = Vec::new();
        for (kind, count) in by_kind(&self.plain(&sums.tokens, &sums.units.used)) {
            if count == 0 {
                continue;
            }
            let rate = self.rate(kind)?;
            let usd = rate.checked_times(count)?;
            left = left.checked_sub(usd)?;
            parts.push(KindCost { priced: Priced::Kind(kind), count, rate, usd });
        }
        // A model with a price for each request has it for each call that did not say otherwise.
        let requests = self.unit(Unit::Requests).filter(|_| sums.units.used.get(Unit::Requests) == 0);
        let requests = requests.map(|_| (Unit::Requests, i128::from(sums.usage_events)));
        for (unit, count) in sums.units.used.iter().chain(requests) {
            let Some(rate) = self.unit(unit) else {
                // Tokens of images without a price of their own are billed as others are.
                unit.part_of()?;
                continue;
            };
            let product = rate.checked_times(count)?.units();
            let exact = product.checked_rem(unit.per())? == 0;
            let usd = Usd::from_units(product.checked_div(unit.per()).filter(|_| exact)?);
            left = left.checked_sub(usd)?;
            parts.push(KindCost { priced: Priced::Unit(unit), count, rate, usd });
        }
        (left == Usd::ZERO && !parts.is_empty()).then_some(parts)
    }
}

impl KindRates {
    /// The tokens without the parts that have prices of their own.
    fn plain(&self, tokens: &TokenSums, units: &UnitSums) -> TokenSums {
        let mut plain = *tokens;
        for (unit, count) in units.iter().filter(|(unit, _)| self.unit(*unit).is_some()) {
            match unit.part_of() {
                Some(PartOf::Input) => plain.input_uncached = plain.input_uncached.saturating_sub(count),
                Some(PartOf::Output) => plain.output = plain.output.saturating_sub(count),
                None => {}
            }
        }
        plain
    }

    fn unit(&self, unit: Unit) -> Option<Usd> {
        self.units.iter().find(|(of, _)| *of == unit).map(|(_, rate)| *rate)
    }
}

/// Tokens by kinds of which none is a part of another. How long caches keep what was written is not kept apart.
fn by_kind(tokens: &TokenSums) -> [(PricedKind, i128); 5] {
    [
        (PricedKind::Input, tokens.input_uncached),
        (PricedKind::CachedInput, tokens.cached_input),
        (PricedKind::CacheWrite, tokens.cache_write),
        (PricedKind::Output, tokens.output.saturating_sub(tokens.reasoning)),
        (PricedKind::Reasoning, tokens.reasoning),
    ]
}

impl Priced {
    /// Its word.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.as_str(),
            Self::Unit(unit) => unit.as_str(),
        }
    }
}

impl KindCost {
    /// The sums of this kind alone, as the ledger counts tokens: reasoning is a part of output.
    pub(super) fn tokens(&self) -> TokenSums {
        let mut sums = TokenSums::default();
        let count = self.count;
        match self.priced {
            Priced::Kind(PricedKind::Input) => sums.input_uncached = count,
            Priced::Kind(PricedKind::CachedInput) => sums.cached_input = count,
            Priced::Kind(PricedKind::CacheWrite | PricedKind::CacheWrite1h) => sums.cache_write = count,
            Priced::Kind(PricedKind::Output) => sums.output = count,
            Priced::Kind(PricedKind::Reasoning) => (sums.output, sums.reasoning) = (count, count),
            Priced::Unit(unit) => match unit.part_of() {
                Some(PartOf::Input) => sums.input_uncached = count,
                Some(PartOf::Output) => sums.output = count,
                None => {}
            },
        }
        sums
    }
}
