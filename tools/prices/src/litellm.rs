//! LiteLLM's map: which entries are of which provider, and the fields of an entry that a price is made of.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tollgate_domain::price::ModelName;

/// The map, entry by entry, every number as its text.
pub(crate) type Map = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;

/// The ten biggest providers, by the id that genai-prices has for each, and the beginnings of their names in
/// LiteLLM's map.
pub(crate) const PROVIDERS: [(&str, &[&str]); 10] = [
    ("anthropic", &["anthropic"]),
    ("aws", &["bedrock", "bedrock_converse"]),
    ("azure", &["azure"]),
    ("cohere", &["cohere", "cohere_chat"]),
    ("deepseek", &["deepseek"]),
    ("google", &["gemini", "vertex_ai"]),
    ("groq", &["groq"]),
    ("mistral", &["mistral"]),
    ("openai", &["openai"]),
    ("x-ai", &["xai"]),
];

/// What a model does that the book has prices for.
const MODES: [&str; 3] = ["chat", "responses", "embedding"];

/// Beginnings and whole names of the fields that a price is made of.
const FIELDS: [&str; 9] = [
    "input_cost_per_token",
    "output_cost_per_token",
    "output_cost_per_reasoning_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "tiered_pricing",
    "off_peak_pricing",
    "litellm_provider",
    "mode",
];

/// A model of one of the ten providers.
pub(crate) struct Candidate<'a> {
    /// Its key in the map.
    pub(crate) name: &'a str,
    /// The provider's id in genai-prices.
    pub(crate) provider: &'static str,
    /// The model's name without the provider.
    pub(crate) model: &'a str,
    pub(crate) mode: String,
    pub(crate) fields: &'a BTreeMap<String, Box<RawValue>>,
}

pub(crate) fn read(text: &str) -> Result<Map, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// All models of the ten providers, by name.
pub(crate) fn candidates(map: &Map) -> Vec<Candidate<'_>> {
    map.iter().filter_map(|(name, fields)| candidate(name, fields)).collect()
}

fn candidate<'a>(name: &'a str, fields: &'a BTreeMap<String, Box<RawValue>>) -> Option<Candidate<'a>> {
    let text = |field: &str| fields.get(field).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let mode = text("mode").filter(|mode| MODES.contains(&mode.as_str()))?;
    let theirs = text("litellm_provider")?;
    let of = |begins: &str| {
        theirs == *begins || theirs.strip_prefix(begins).is_some_and(|rest| rest.starts_with('-'))
    };
    let (provider, _) = PROVIDERS.into_iter().find(|(_, names)| names.iter().any(|begins| of(begins)))?;
    let family = theirs.split('-').next().unwrap_or_default();
    let model =
        [theirs.as_str(), family].iter().find_map(|prefix| name.strip_prefix(*prefix)?.strip_prefix('/'));
    Some(Candidate { name, provider, model: model.unwrap_or(name), mode, fields })
}

impl Candidate<'_> {
    /// What genai-prices is asked for.
    pub(crate) fn in_genai(&self) -> ModelName {
        ModelName { provider: self.provider.to_owned(), model: self.model.to_owned() }
    }

    /// The fields that its price is made of.
    pub(crate) fn price_fields(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        let of_price = |name: &str| FIELDS.iter().any(|field| name.starts_with(field));
        self.fields
            .iter()
            .filter(move |(name, raw)| of_price(name) && raw.get() != "null")
            .map(|(name, raw)| (name.as_str(), &**raw))
    }

    /// The text of a field, a number as it is written.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|raw| raw.get().trim_matches('"'))
    }
}
