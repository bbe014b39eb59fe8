//! Prices and what usage costs by them. Exact: read from the text of a number, kept as integers.

mod cost;
mod litellm;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::money::Usd;
use crate::tokens::{TokenCounts, TokenSums};
use crate::usage::Cost;

/// The small book that ships with Tollgate, for the first run without a network: `config/prices.json`.
pub const SHIPPED_PRICES: &str = include_str!("../../../../config/prices.json");

/// All prices as of one reading of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    version: String,
    models: BTreeMap<String, ModelPrice>,
}

/// What one model costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelPrice {
    /// Who serves it.
    provider: Option<String>,
    /// The rates that hold unless a tier does.
    base: Rates,
    /// Rates for large contexts, by ascending threshold.
    tiers: Vec<Tier>,
}

/// Rates for requests whose whole input is above a threshold. They hold for all tokens of such a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tier {
    /// Input tokens of the request.
    threshold: u64,
    /// Whether the threshold itself belongs to the tier (xAI) or only what is above it (all others).
    inclusive: bool,
    /// Its rates; a kind it does not name keeps the base rate.
    rates: Rates,
}

/// USD per token of each kind. `None` is not zero: the source names no rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rates {
    input: Option<Usd>,
    cached_input: Option<Usd>,
    cache_write: Option<Usd>,
    output: Option<Usd>,
    reasoning: Option<Usd>,
}

/// A price book that cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price book {source_name}: not readable as a LiteLLM price map: {message}")]
pub struct InvalidPriceBook {
    /// Which book.
    pub source_name: String,
    /// The parser's message.
    pub message: String,
}

/// One model's entry that was left out of a book; its usage stays `unpriced`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price of `{model}`: {field} `{value}`: {rule}; the model stays unpriced")]
pub struct PriceProblem {
    /// Which model.
    pub model: String,
    /// Which field.
    pub field: String,
    /// Its value.
    pub value: String,
    /// The rule it breaks.
    pub rule: String,
}

impl PriceBook {
    /// What names the book that ships with Tollgate.
    pub const SHIPPED: &str = "shipped";

    /// The book that ships with Tollgate.
    #[must_use]
    pub fn shipped() -> Self {
        let (book, problems) = Self::from_litellm(SHIPPED_PRICES, Self::SHIPPED)
            .expect("the shipped book is valid: a test reads it");
        debug_assert!(problems.is_empty(), "the shipped book has no bad prices: {problems:?}");
        book
    }

    /// Reads LiteLLM's `model_prices_and_context_window.json`.
    ///
    /// Entries with a price that would have to be rounded, is negative or no number are left out and returned beside
    /// the book. Modes without token prices are skipped.
    ///
    /// # Errors
    ///
    /// [`InvalidPriceBook`] when the text is no JSON object of objects.
    pub fn from_litellm(
        text: &str,
        source_name: &str,
    ) -> Result<(Self, Vec<PriceProblem>), InvalidPriceBook> {
        let (models, problems) = litellm::read(text)
            .map_err(|message| InvalidPriceBook { source_name: source_name.to_owned(), message })?;
        let digest = Sha256::digest(text.as_bytes());
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok((Self { version: format!("{source_name}@{hex}"), models }, problems))
    }

    /// Its version, as costs name it: the source and the first 12 hex digits of the SHA-256 of its text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many models it prices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether it prices nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// What these tokens cost: [`Cost::Unpriced`] where the model, or the rate of a kind that was used, is not known,
    /// or where the amount leaves the exact range.
    #[must_use]
    pub fn cost(&self, provider: Option<&str>, model: Option<&str>, tokens: &TokenCounts) -> Cost {
        match self.find(provider, model).and_then(|price| cost::of(price, tokens)) {
            Some(usd) => Cost::Priced { usd, price_version: self.version.clone() },
            None => Cost::Unpriced,
        }
    }

    /// What a correction costs or gives back: the cost of the corrected usage less that of what was left of it before, so that a
    /// correction across a tier's threshold reprices the whole request. It gives back no more than all.
    #[must_use]
    pub fn adjustment_cost(
        &self,
        provider: Option<&str>,
        model: Option<&str>,
        original: &TokenCounts,
        correction: &TokenSums,
    ) -> Cost {
        let price = self.find(provider, model);
        let usd = price.and_then(|price| {
            let (corrected, _) = original.changed(correction);
            corrected.check().ok()?;
            cost::of(price, &corrected)?.checked_sub(cost::of(price, original)?)
        });
        match usd {
            Some(usd) => Cost::Priced { usd, price_version: self.version.clone() },
            None => Cost::Unpriced,
        }
    }

    /// A key is bare or `provider/model`. A bare key belongs to the provider it names: another provider's model of
    /// the same name has another price.
    fn find(&self, provider: Option<&str>, model: Option<&str>) -> Option<&ModelPrice> {
        let model = model?;
        let Some(provider) = provider else {
            return self.models.get(model);
        };
        if let Some(price) = self.models.get(&format!("{provider}/{model}")) {
            return Some(price);
        }
        let price = self.models.get(model)?;
        let same = price.provider.as_deref().is_none_or(|theirs| theirs.eq_ignore_ascii_case(provider));
        same.then_some(price)
    }
}

#[cfg(test)]
mod tests;
