//! The names by which a call is priced.

use super::find::{self, Missing};
use super::listed::ModelName;
use super::{Call, PriceBook, provider};

impl PriceBook {
    /// One name for a model of a provider, however a call, a bill or a list spells it: that of its entry. Without
    /// one its own, in lower case and without its provider.
    #[must_use]
    pub fn one_name(&self, call: Call<'_>) -> String {
        let found = Some(self.priced_as(call).model).filter(|model| !model.is_empty());
        found.unwrap_or_else(|| {
            let lower = call.model.unwrap_or_default().to_lowercase();
            let of =
                |provider: &str| call.provider.map(provider::one_name) == Some(provider::one_name(provider));
            let bare = lower.split_once('/').filter(|(provider, _)| of(provider)).map(|(_, bare)| bare);
            bare.unwrap_or(&lower).to_owned()
        })
    }

    /// By which provider and model a call is priced: those of its entry. Without one, its provider as price books name
    /// it; empty: not known.
    #[must_use]
    pub fn priced_as(&self, call: Call<'_>) -> ModelName {
        let found = call.model.map(|model| find::find(self.at(call.at), call.provider, model));
        let mut name = match found {
            Some(Ok((entry, price))) => ModelName::of_entry(entry, price.provider.as_deref()),
            Some(Err(Missing::LeftOut(entry))) => ModelName::of_entry(entry, None),
            Some(Err(Missing::NoEntry | Missing::Ambiguous(..))) | None => ModelName::default(),
        };
        if name.provider.is_empty() {
            name.provider = call.provider.and_then(provider::of_books).unwrap_or_default();
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_model_has_one_name_however_it_is_spelled() {
        let text = r#"{
            "gpt-5": {"input_cost_per_token": 1e-6, "litellm_provider": "openai"},
            "azure/gpt-5": {"input_cost_per_token": 2e-6, "litellm_provider": "azure"}
        }"#;
        let (book, _) = PriceBook::from_litellm(text, "test").unwrap();
        for (provider, model, name) in [
            (Some("openai"), "gpt-5", "gpt-5"),
            (Some("OpenAI"), "openai/gpt-5", "gpt-5"),
            (Some("openai"), "GPT-5-2025-08-07", "gpt-5"),
            (None, "OpenAI/GPT-5", "gpt-5"),
            (Some("openai"), "OpenAI/Other-1", "other-1"),
            (Some("openai"), "studio/other-1", "studio/other-1"),
            (Some("openai"), "", ""),
        ] {
            let call = Call { provider, model: Some(model), service_tier: None, at: Timestamp::default() };
            assert_eq!(book.one_name(call), name, "{provider:?} {model}");
        }
    }

    #[test]
    fn a_call_is_named_as_its_entry_and_without_one_as_its_provider_is_spelled_in_books() {
        let text = r#"{
            "gpt-5": {"input_cost_per_token": 1e-6, "litellm_provider": "openai"},
            "azure/gpt-5": {"input_cost_per_token": 1e-6, "litellm_provider": "azure"},
            "vertex_ai/claude-x": {"input_cost_per_token": 1e-6, "litellm_provider": "vertex_ai-anthropic_models"}
        }"#;
        let (book, _) = PriceBook::from_litellm(text, "test").unwrap();
        for (provider, model, names) in [
            (None, Some("gpt-5"), ("openai", "gpt-5")),
            (Some("OpenAI"), Some("gpt-5-2026-01-31"), ("openai", "gpt-5")),
            (Some("OpenAI"), Some("GPT-5"), ("openai", "gpt-5")),
            (None, Some("Azure/GPT-5-2026-01-31"), ("azure", "gpt-5")),
            (Some("azure.ai.openai"), Some("gpt-5"), ("azure", "gpt-5")),
            (Some("gcp.vertex_ai"), Some("claude-x@20260101"), ("vertex_ai", "claude-x")),
            (Some("OpenAI"), Some("unknown"), ("openai", "")),
            // It may be either of two.
            (Some("google"), Some("unknown"), ("", "")),
            (None, None, ("", "")),
        ] {
            let call = Call { provider, model, service_tier: None, at: Timestamp::default() };
            let found = book.priced_as(call);
            assert_eq!((found.provider.as_str(), found.model.as_str()), names, "{provider:?} {model:?}");
        }
    }
}
