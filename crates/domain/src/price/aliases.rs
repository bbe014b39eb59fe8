//! Local names, and the names that price books use for the same things.

use std::collections::BTreeMap;

use super::by_name::Sought;
use super::{Call, PriceBook, provider};

/// The config's `prices` section: which prices apply to calls under local names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    /// Providers as named in calls, and the provider that price books know. Compared in lower case, with `_`
    /// for `.`, `-` and space.
    pub providers: BTreeMap<String, String>,
    /// `PROVIDER/MODEL` or `MODEL` as named in calls, and the entry of the price book.
    pub models: BTreeMap<String, String>,
}

impl Aliases {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty() && self.models.is_empty()
    }

    /// The call under the names of the price book. A model's alias gives the whole entry; otherwise a
    /// provider's alias gives its provider.
    #[must_use]
    pub fn apply<'a>(&'a self, call: Call<'a>) -> Call<'a> {
        if self.is_empty() {
            return call;
        }
        let both = call.provider.zip(call.model).map(|(provider, model)| format!("{provider}/{model}"));
        let named = [both.as_deref(), call.model].into_iter().flatten();
        if let Some(entry) = named.filter_map(|name| self.models.get(name)).next() {
            return Call { provider: None, model: Some(entry), ..call };
        }
        let given = call.provider.map(provider::plain);
        let ours = self.providers.iter().find(|(name, _)| given.as_deref() == Some(&*provider::plain(name)));
        Call { provider: ours.map(|(_, provider)| provider.as_str()).or(call.provider), ..call }
    }

    /// Aliases of models whose entry is missing from a book, as sentences.
    #[must_use]
    pub fn not_in(&self, book: &PriceBook) -> Vec<String> {
        let known =
            |entry: &str| book.models.get(Sought::named(entry)).is_some_and(|(_, price)| price.is_some());
        let missing = self.models.iter().filter(|(_, entry)| !known(entry));
        missing
            .map(|(name, entry)| {
                let version = book.version();
                format!("prices.models.{name}: the prices {version} have no entry `{entry}`: its calls stay unpriced")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_goes_by_the_names_of_the_book() {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let aliases = Aliases {
            providers: pairs(&[("house-gateway", "openai")]),
            models: pairs(&[("house-gateway/large", "openai/gpt-5"), ("small", "gpt-5-mini")]),
        };
        for (provider, model, becomes) in [
            (Some("house-gateway"), "large", (None, "openai/gpt-5")),
            (Some("house-gateway"), "gpt-5", (Some("openai"), "gpt-5")),
            (Some("House.Gateway"), "gpt-5", (Some("openai"), "gpt-5")),
            (Some("anyone"), "large", (Some("anyone"), "large")),
            (Some("anyone"), "small", (None, "gpt-5-mini")),
            (None, "small", (None, "gpt-5-mini")),
        ] {
            let call = Call {
                provider,
                model: Some(model),
                service_tier: None,
                at: crate::time::Timestamp::default(),
            };
            let got = aliases.apply(call);
            assert_eq!((got.provider, got.model), (becomes.0, Some(becomes.1)), "{provider:?} {model}");
        }
        let (book, _) =
            PriceBook::from_litellm(r#"{"gpt-5-mini": {"input_cost_per_token": 1e-6}}"#, "b").unwrap();
        let missing = aliases.not_in(&book);
        assert_eq!(missing.len(), 1);
        assert!(missing[0].starts_with("prices.models.house-gateway/large: the prices b@"), "{missing:?}");
    }
}
