//! Dividing what a line cost among the kinds of its tokens, where the prices prove how.

use tollgate_domain::money::Usd;
use tollgate_domain::price::{PricedKind, Quote};
use tollgate_domain::tokens::TokenSums;

use crate::reports::Cell;

/// The plain rates of a model: those of small requests at any hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindRates {
    /// Who serves the model, as the price book names it.
    pub provider: Option<String>,
    /// USD per token of each kind; `None`: not known.
    pub rates: [(PricedKind, Option<Usd>); 6],
}

/// The tokens of one kind, and what they cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KindCost {
    /// Which kind.
    pub(super) kind: PricedKind,
    /// How many tokens; negative in corrections.
    pub(super) tokens: i128,
    /// USD per token.
    pub(super) rate: Usd,
    /// Rate × tokens.
    pub(super) usd: Usd,
}

impl From<&Quote<'_>> for KindRates {
    fn from(quote: &Quote<'_>) -> Self {
        let provider = quote.entry.provider().map(str::to_owned);
        Self { provider, rates: quote.lines.map(|line| (line.kind, line.rate)) }
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
        for (kind, tokens) in by_kind(&sums.tokens) {
            if tokens == 0 {
                continue;
            }
            let rate = self.rate(kind)?;
            let usd = rate.checked_times(tokens)?;
            left = left.checked_sub(usd)?;
            parts.push(KindCost { kind, tokens, rate, usd });
        }
        (left == Usd::ZERO && !parts.is_empty()).then_some(parts)
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

impl KindCost {
    /// The sums of this kind alone, as the ledger counts tokens: reasoning is a part of output.
    pub(super) fn tokens(&self) -> TokenSums {
        let mut sums = TokenSums::default();
        match self.kind {
            PricedKind::Input => sums.input_uncached = self.tokens,
            PricedKind::CachedInput => sums.cached_input = self.tokens,
            PricedKind::CacheWrite | PricedKind::CacheWrite1h => sums.cache_write = self.tokens,
            PricedKind::Output => sums.output = self.tokens,
            PricedKind::Reasoning => (sums.output, sums.reasoning) = (self.tokens, self.tokens),
        }
        sums
    }
}
