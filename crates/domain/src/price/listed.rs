//! The price of one entry as a source lists it, with the text that it is stored and compared by.

use super::entries::Entries;
use super::notes::Notes;
use super::points::PointCosts;
use super::quote::PriceEntry;
use super::{ModelPrice, litellm, provider};
use crate::hex::hex_of_sha256;
use crate::time::Timestamp;

/// The longest text of an entry's rates, in bytes: the largest of LiteLLM's map has a tenth of it.
const MAX_RATES_BYTES: usize = 8 << 10;

/// Which model of which provider, as lists of prices are compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName {
    /// The provider, as price books name it.
    pub provider: String,
    /// The model, without its provider.
    pub model: String,
}

impl ModelName {
    /// The model of an entry of this name, by this provider; without one, by the provider in the entry's name.
    #[must_use]
    pub fn of_entry(entry: &str, by: Option<&str>) -> Self {
        let prefix = entry.split_once('/').map(|(prefix, _)| prefix);
        let given = by.or(prefix).unwrap_or_default();
        let provider = provider::of_call(given).iter().next().unwrap_or_default().to_owned();
        let own = |prefix: &&str| provider::of_call(prefix).iter().any(|one| one == provider);
        let model = match entry.split_once('/') {
            Some((_, rest)) if prefix.as_ref().is_some_and(own) => rest,
            _ => entry,
        };
        Self { provider, model: model.to_owned() }
    }
}

/// The price of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The entry's name in a price book.
    pub entry: String,
    /// Which model it prices.
    pub model: ModelName,
    /// Its rates: a JSON object in the form of the price book, with nothing that is not about the price.
    pub rates: String,
    pub(super) price: ModelPrice,
}

/// Why an entry has no usable price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rates of `{entry}`: {rule}")]
pub struct InvalidRates {
    /// Which entry.
    pub entry: String,
    /// The field and the rule.
    pub rule: String,
}

impl Listed {
    /// Reads the rates of one entry: a JSON object in the form of the price book.
    ///
    /// # Errors
    ///
    /// [`InvalidRates`]: not an object, too long, without a price, or with one that cannot be used.
    pub fn read(entry: &str, rates: &str) -> Result<Self, InvalidRates> {
        let invalid = |rule: String| InvalidRates { entry: entry.to_owned(), rule };
        let name = serde_json::Value::from(entry);
        let (listed, notes) = list(&format!("{{{name}: {rates}}}")).map_err(invalid)?;
        let first = listed.into_iter().find(|listed| listed.entry == entry);
        first.ok_or_else(|| {
            let left_out = notes.left_out.first();
            let left_out = left_out.map(|why| format!("{} `{}`: {}", why.field, why.value, why.rule));
            invalid(left_out.unwrap_or_else(|| "have no price".to_owned()))
        })
    }

    /// The entry that it is in a price book.
    #[must_use]
    pub const fn as_entry(&self) -> PriceEntry<'_> {
        PriceEntry::new(self.entry.as_str(), Some(&self.price))
    }

    /// What it costs at the usage points.
    #[must_use]
    pub fn costs(&self, moments: &[Timestamp]) -> PointCosts {
        PointCosts::of(&self.price, moments)
    }

    /// Whether what it costs depends on the hour or the weekday.
    #[must_use]
    pub const fn has_hours(&self) -> bool {
        self.price.off_peak.is_some()
    }

    /// The version of a price by a source: the source and the first 12 hex digits of the SHA-256 of entry and rates.
    #[must_use]
    pub fn version(&self, source: &str) -> String {
        format!("{source}@{}", hex_of_sha256(&format!("{}\n{}", self.entry, self.rates), 6))
    }
}

/// Every entry with a price of a text in the form of the price book, and notes about the text.
///
/// # Errors
///
/// The parser's message, if it is not a JSON object of objects.
pub fn list(text: &str) -> Result<(Vec<Listed>, Notes), String> {
    let (models, notes) = litellm::read(text)?;
    let entries = Entries::read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
    let mut listed = Vec::new();
    for (entry, price) in models {
        let (Some(price), Some(fields)) = (price, entries.get(&entry)) else { continue };
        // Another entry's rates are that entry's; an alias is not a price of its own.
        let rates = price.text.as_ref().to_owned();
        if fields.contains_key("alias_of") || rates.len() > MAX_RATES_BYTES {
            continue;
        }
        let model = ModelName::of_entry(&entry, price.provider.as_deref());
        listed.push(Listed { entry, model, rates, price });
    }
    Ok((listed, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_one_model_of_one_provider() {
        for (entry, by, provider, model) in [
            ("gpt-5", Some("openai"), "openai", "gpt-5"),
            ("openai/gpt-5", None, "openai", "gpt-5"),
            ("azure/eu/gpt-4o", Some("azure"), "azure", "eu/gpt-4o"),
            ("bedrock/us-east-1/x", Some("bedrock_converse"), "bedrock", "us-east-1/x"),
            ("gemini-2.5-pro", Some("vertex_ai-language-models"), "vertex_ai", "gemini-2.5-pro"),
            ("openrouter/openai/gpt-5", Some("openrouter"), "openrouter", "openai/gpt-5"),
            ("mystery", None, "", "mystery"),
        ] {
            let expected = ModelName { provider: provider.to_owned(), model: model.to_owned() };
            assert_eq!(ModelName::of_entry(entry, by), expected, "{entry}");
        }
    }

    #[test]
    fn what_a_price_is_made_of_is_kept_as_it_is_written_and_read_again() {
        let text = r#"{"gpt-5": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.25e-06,
            "output_cost_per_token": "0.00001", "price_confirmed": true, "max_tokens": 5, "source": "x"},
            "searcher": {"search_context_cost_per_query": 0.04}, "alias": {"alias_of": "gpt-5"}}"#;
        let (listed, _) = list(text).unwrap();
        let [only] = listed.as_slice() else { panic!("one entry: {listed:?}") };
        let rates = r#"{"input_cost_per_token": 1.25e-06, "litellm_provider": "openai", "mode": "chat", "output_cost_per_token": "0.00001"}"#;
        assert_eq!(only.rates, rates);
        let again = Listed::read("gpt-5", rates).unwrap();
        assert_eq!((again.version("a"), &again.rates), (only.version("a"), &only.rates));
        assert_ne!(again.version("a"), again.version("b"));
    }

    #[test]
    fn rates_that_cannot_be_used_are_refused_with_the_reason() {
        for (rates, rule) in [
            (r#"{"input_cost_per_token": -1}"#, "must not be negative"),
            (r#"{"input_cost_per_token": 1.25}"#, "more than 0.001 USD for one token"),
            (r#"{"search_context_cost_per_query": 1}"#, "have no price"),
            ("[]", "invalid type"),
        ] {
            let error = Listed::read("m", rates).unwrap_err().to_string();
            assert!(error.starts_with("rates of `m`: ") && error.contains(rule), "{error}");
        }
    }
}
