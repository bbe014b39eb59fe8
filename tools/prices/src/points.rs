//! The usage points at which lists and calculators are compared.

use tollgate_domain::money::Usd;
use tollgate_domain::price::{Call, PriceBook};
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::usage::Cost;

/// Tokens of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Input that was not read from a cache.
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
}

impl Tokens {
    /// The size of the context.
    pub(crate) fn all_input(&self) -> u64 {
        self.input.saturating_add(self.cached)
    }
}

/// A usage point, and how a table calls it.
pub(crate) const POINTS: [(&str, Tokens); 5] = [
    ("100 k in", Tokens { input: 100_000, cached: 0, output: 0 }),
    ("100 k out", Tokens { input: 0, cached: 0, output: 100_000 }),
    ("100 k cached", Tokens { input: 0, cached: 100_000, output: 0 }),
    ("300 k in", Tokens { input: 300_000, cached: 0, output: 0 }),
    ("1 M in, 90 % cached", Tokens { input: 100_000, cached: 900_000, output: 0 }),
];

/// The points that a model of a kind has: an embedding has no output and no cache.
pub(crate) fn of_mode(mode: &str) -> impl Iterator<Item = (&'static str, Tokens)> {
    let plain = mode == "embedding";
    POINTS.into_iter().filter(move |(_, tokens)| !plain || (tokens.output == 0 && tokens.cached == 0))
}

/// What our book says. `None`: unpriced.
pub(crate) fn ours(book: &PriceBook, model: &str, tokens: &Tokens, at: Timestamp) -> Option<Usd> {
    let counts = TokenCounts {
        input_uncached: tokens.input,
        cached_input: tokens.cached,
        output: tokens.output,
        ..TokenCounts::default()
    };
    match book.cost(Call { provider: None, model: Some(model), service_tier: None, at }, &counts) {
        Cost::Priced { usd, .. } => Some(usd),
        Cost::Unpriced => None,
    }
}
