//! The list of genai-prices, version 2 of its `data.json`: models by patterns, US dollars a million tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_domain::price::{Listed, ModelName};
use tollgate_domain::time::Timestamp;

use crate::adapter::{Adapter, ListError, Request, unless_empty};
use crate::rates::{Per, object, quoted};

/// Providers as price books name them, and their ids in this list. Others have the same name in both.
const PROVIDERS: [(&str, &str); 9] = [
    ("bedrock", "aws"),
    ("fireworks_ai", "fireworks"),
    ("gemini", "google"),
    ("github_copilot", "github-copilot"),
    ("moonshot", "moonshotai"),
    ("together_ai", "together"),
    ("vertex_ai", "google"),
    ("voyage", "voyageai"),
    ("xai", "x-ai"),
];

/// The prices of this list that usage in tokens has, and the fields of the price book that they are.
const RATES: [(&str, &str); 6] = [
    ("input_mtok", "input_cost_per_token"),
    ("cache_read_mtok", "cache_read_input_token_cost"),
    ("cache_write_mtok", "cache_creation_input_token_cost"),
    ("cache_write_1h_mtok", "cache_creation_input_token_cost_above_1hr"),
    ("output_mtok", "output_cost_per_token"),
    ("output_reasoning_mtok", "output_cost_per_reasoning_token"),
];

/// A price for each request, in addition to those of its tokens: the price book has none of the kind.
const PER_REQUEST: &str = "requests_kcount";

/// Reads the list.
pub(crate) struct GenaiPrices;

#[derive(Deserialize)]
struct Provider<'a> {
    id: String,
    #[serde(default)]
    fallback_model_providers: Vec<String>,
    #[serde(borrow)]
    models: Vec<Model<'a>>,
}

#[derive(Deserialize)]
struct Model<'a> {
    id: String,
    #[serde(rename = "match")]
    matches: Clause,
    #[serde(borrow)]
    prices: &'a RawValue,
}

/// Which names are those of a model.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Clause {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Regex(Pattern),
    Or(Vec<Clause>),
    And(Vec<Clause>),
}

#[derive(Deserialize)]
struct Conditional<'a> {
    #[serde(default)]
    constraint: Option<Constraint>,
    #[serde(borrow)]
    prices: Prices<'a>,
}

#[derive(Deserialize)]
struct Constraint {
    start_date: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
}

type Prices<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct Tiered<'a> {
    #[serde(borrow)]
    base: &'a RawValue,
    #[serde(borrow)]
    tiers: Vec<Tier<'a>>,
}

#[derive(Deserialize)]
struct Tier<'a> {
    start: u64,
    #[serde(borrow)]
    price: &'a RawValue,
}

fn providers(text: &str) -> Result<Vec<Provider<'_>>, ListError> {
    serde_json::from_str(text).map_err(|error| ListError::Form {
        expected: "a list of genai-prices in version 2",
        reason: error.to_string(),
    })
}

/// The id of a provider in this list.
fn theirs(provider: &str) -> &str {
    PROVIDERS.iter().find(|(ours, _)| *ours == provider).map_or(provider, |(_, theirs)| theirs)
}

/// The provider of this id, as price books name it: the first, where they have several for it.
fn ours(id: &str) -> String {
    let known = PROVIDERS.iter().find(|(_, theirs)| *theirs == id);
    known.map_or_else(|| id.replace('-', "_"), |(ours, _)| (*ours).to_owned())
}

impl Adapter for GenaiPrices {
    fn read(&self, text: &str, request: &Request<'_>) -> Result<Vec<Listed>, ListError> {
        let list = providers(text)?;
        let own: BTreeSet<ModelName> = named(&list).collect();
        let (mut listed, mut skipped) = (Vec::new(), Vec::new());
        for name in request.models.union(&own) {
            let Some(model) = find(&list, name) else { continue };
            let entry = format!("{}/{}", name.provider, name.model);
            let rates = rates(model.prices, &name.provider, request.at);
            match rates.and_then(|rates| Listed::read(&entry, &rates).map_err(|error| error.to_string())) {
                // Under the name that was asked for: an entry's own name may say another provider.
                Ok(mut one) => {
                    one.model = name.clone();
                    listed.push(one);
                }
                Err(why) => skipped.push(format!("{entry}: {why}")),
            }
        }
        unless_empty(listed, &skipped)
    }

    fn names(&self, text: &str) -> BTreeSet<ModelName> {
        providers(text).map(|list| named(&list).collect()).unwrap_or_default()
    }
}

fn named<'a>(list: &'a [Provider<'_>]) -> impl Iterator<Item = ModelName> + 'a {
    list.iter().flat_map(|provider| {
        let of = ours(&provider.id);
        provider.models.iter().map(move |model| ModelName { provider: of.clone(), model: model.id.clone() })
    })
}

/// A provider's model; another provider's where the list says that it serves those too.
fn find<'l, 'a>(list: &'l [Provider<'a>], name: &ModelName) -> Option<&'l Model<'a>> {
    let of = |id: &str| list.iter().find(|provider| provider.id == id || provider.id == id.replace('_', "-"));
    let provider = of(theirs(&name.provider))?;
    let others = provider.fallback_model_providers.iter().filter_map(|id| of(id));
    let wanted = name.model.to_lowercase();
    std::iter::once(provider)
        .chain(others)
        .find_map(|provider| provider.models.iter().find(|model| model.matches.holds(&wanted)))
}

impl Clause {
    fn holds(&self, model: &str) -> bool {
        match self {
            Self::Equals(text) => model == text.to_lowercase(),
            Self::StartsWith(text) => model.starts_with(&text.to_lowercase()),
            Self::EndsWith(text) => model.ends_with(&text.to_lowercase()),
            Self::Contains(text) => model.contains(&text.to_lowercase()),
            Self::Regex(pattern) => pattern.holds(model),
            Self::Or(clauses) => clauses.iter().any(|clause| clause.holds(model)),
            Self::And(clauses) => clauses.iter().all(|clause| clause.holds(model)),
        }
    }
}

/// A pattern of Python's, compiled when it is first asked.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Pattern {
    text: String,
    compiled: OnceLock<Option<Compiled>>,
}

struct Compiled {
    regex: Regex,
    /// The names that match are those that it does not take.
    is_not: bool,
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { text, compiled: OnceLock::new() }
    }
}

impl Pattern {
    /// One that begins with what must not follow is the opposite of that; others of the kind match nothing.
    fn holds(&self, model: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| {
            let negated = self.text.strip_prefix("^(?!").and_then(|rest| rest.strip_suffix(')'));
            let regex = match negated {
                Some(inner) => Regex::new(&format!("^(?:{inner})")),
                None => Regex::new(&self.text),
            };
            Some(Compiled { regex: regex.ok()?, is_not: negated.is_some() })
        });
        compiled.as_ref().is_some_and(|compiled| compiled.regex.is_match(model) != compiled.is_not)
    }
}

/// The rates in force at a time, in the form of the price book: the last prices whose condition holds; those
/// of certain hours beside them.
fn rates(prices: &RawValue, provider: &str, at: Timestamp) -> Result<String, String> {
    let mut fields = vec![("litellm_provider".to_owned(), quoted(provider))];
    let form = |error: serde_json::Error| error.to_string();
    if prices.get().starts_with('{') {
        fields.extend(of_tokens(&serde_json::from_str(prices.get()).map_err(form)?)?);
        return Ok(object(&fields));
    }
    let all: Vec<Conditional<'_>> = serde_json::from_str(prices.get()).map_err(form)?;
    let today = at.day().to_string();
    let (mut base, mut hours) = (None, Vec::new());
    for one in &all {
        match &one.constraint {
            None => (base, hours) = (Some(&one.prices), Vec::new()),
            Some(Constraint { start_date: Some(day), start_time: None, .. }) => {
                if *day <= today {
                    (base, hours) = (Some(&one.prices), Vec::new());
                }
            }
            Some(Constraint { start_date: None, start_time: Some(from), end_time: Some(to) }) => {
                let minute = |text: &str| text.get(..5).map(str::to_owned).ok_or("a time without minutes");
                hours.push((format!("{}-{}", minute(from)?, minute(to)?), &one.prices));
            }
            Some(Constraint { .. }) => return Err("a condition that is not known".to_owned()),
        }
    }
    // Before the first of them begins, the first one holds.
    let base = base.or_else(|| all.first().map(|first| &first.prices)).ok_or("no prices")?;
    fields.extend(of_tokens(base)?);
    if let Some((_, prices)) = hours.first() {
        let at_hours = of_tokens(prices)?;
        // The price book has one price for certain hours: all spans must have the same.
        for (_, other) in &hours {
            if of_tokens(other)? != at_hours {
                return Err("different prices at different hours".to_owned());
            }
        }
        let spans: Vec<String> = hours.iter().map(|(span, _)| quoted(span)).collect();
        let mut off_peak = vec![("hours_utc".to_owned(), format!("[{}]", spans.join(", ")))];
        off_peak.extend(at_hours);
        fields.push(("off_peak_pricing".to_owned(), object(&off_peak)));
    }
    Ok(object(&fields))
}

/// The prices of tokens, with those of larger contexts.
fn of_tokens(prices: &Prices<'_>) -> Result<Vec<(String, String)>, String> {
    if prices.get(PER_REQUEST).is_some_and(|price| price.get() != "null") {
        return Err("has a price for each request, which the price book has no field for".to_owned());
    }
    let mut fields = Vec::new();
    for (name, field) in RATES {
        let Some(price) = prices.get(name).filter(|price| price.get() != "null") else { continue };
        let token = |raw: &RawValue| {
            let text = raw.get().trim_matches('"');
            Per::MILLION.token(text).ok_or_else(|| format!("{name} `{text}` is no price"))
        };
        if !price.get().starts_with('{') {
            fields.push((field.to_owned(), token(price)?));
            continue;
        }
        let tiered: Tiered<'_> = serde_json::from_str(price.get()).map_err(|error| error.to_string())?;
        fields.push((field.to_owned(), token(tiered.base)?));
        for tier in &tiered.tiers {
            fields.push((format!("{field}_above_{}_tokens", tier.start), token(tier.price)?));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[
        {"id": "openai", "name": "OpenAI", "models": [
            {"id": "gpt-5", "match": {"or": [{"equals": "gpt-5"}, {"regex": "^gpt-5-20\\d\\d"}]},
             "prices": {"input_mtok": 1.25, "cache_read_mtok": 0.125, "output_mtok": 10}},
            {"id": "search", "match": {"equals": "search"}, "prices": {"input_mtok": 1, "requests_kcount": 10}}]},
        {"id": "x-ai", "models": [
            {"id": "grok", "match": {"and": [{"starts_with": "grok"}, {"regex": "^(?!grok-vision)"}]},
             "prices": {"input_mtok": {"base": 3, "tiers": [{"start": 128000, "price": 6}]}, "output_mtok": 15}}]},
        {"id": "deepseek", "models": [
            {"id": "chat", "match": {"contains": "chat"}, "prices": [
                {"prices": {"input_mtok": 9}},
                {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 2}},
                {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 7}},
                {"constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}, "prices": {"input_mtok": 1}}]},
            {"id": "peaks", "match": {"equals": "peaks"}, "prices": [
                {"prices": {"input_mtok": 1}},
                {"constraint": {"start_time": "01:00:00Z", "end_time": "04:00:00Z"}, "prices": {"input_mtok": 2}},
                {"constraint": {"start_time": "06:00:00Z", "end_time": "10:00:00Z"}, "prices": {"input_mtok": 2}}]},
            {"id": "steps", "match": {"equals": "steps"}, "prices": [
                {"prices": {"input_mtok": 1}},
                {"constraint": {"start_time": "01:00:00Z", "end_time": "04:00:00Z"}, "prices": {"input_mtok": 2}},
                {"constraint": {"start_time": "06:00:00Z", "end_time": "10:00:00Z"}, "prices": {"input_mtok": 3}}]}]},
        {"id": "azure", "fallback_model_providers": ["openai"], "models": []}
    ]"#;

    fn read(names: &[(&str, &str)], at: &str) -> Vec<String> {
        let name = |(provider, model): &(&str, &str)| ModelName {
            provider: (*provider).to_owned(),
            model: (*model).to_owned(),
        };
        let models: BTreeSet<ModelName> = names.iter().map(name).collect();
        let listed = GenaiPrices.read(LIST, &Request { models: &models, at: at.parse().unwrap() }).unwrap();
        listed.iter().map(|one| format!("{} {}", one.entry, one.rates)).collect()
    }

    #[test]
    fn models_are_found_by_patterns_and_by_their_own_names() {
        let found = read(
            &[("azure", "gpt-5-2026-08-07"), ("xai", "grok-vision"), ("xai", "other")],
            "2026-11-29T00:00:00Z",
        );
        let names: Vec<&str> = found.iter().filter_map(|one| one.split(' ').next()).collect();
        assert_eq!(
            names,
            ["azure/gpt-5-2026-08-07", "deepseek/chat", "deepseek/peaks", "openai/gpt-5", "xai/grok"]
        );
    }

    #[test]
    fn prices_are_those_of_the_day_with_sizes_and_hours() {
        let of = |at: &str, entry: &str| {
            let found = read(&[], at);
            found.iter().find_map(|one| one.strip_prefix(entry).map(str::to_owned)).unwrap()
        };
        assert_eq!(
            of("2026-11-29T00:00:00Z", "openai/gpt-5 "),
            r#"{"cache_read_input_token_cost": 0.000000125, "input_cost_per_token": 0.00000125, "litellm_provider": "openai", "output_cost_per_token": 0.00001}"#
        );
        assert_eq!(
            of("2026-11-29T00:00:00Z", "xai/grok "),
            r#"{"input_cost_per_token": 0.000003, "input_cost_per_token_above_128000_tokens": 0.000006, "litellm_provider": "xai", "output_cost_per_token": 0.000015}"#
        );
        for (at, input) in
            [("2025-11-29T00:00:00Z", "9"), ("2026-11-29T00:00:00Z", "2"), ("2027-11-29T00:00:00Z", "7")]
        {
            let expected = format!(
                r#"{{"input_cost_per_token": 0.00000{input}, "litellm_provider": "deepseek", "off_peak_pricing": {{"hours_utc": ["16:30-00:30"], "input_cost_per_token": 0.000001}}}}"#
            );
            assert_eq!(of(at, "deepseek/chat "), expected);
        }
        assert_eq!(
            of("2026-11-29T00:00:00Z", "deepseek/peaks "),
            r#"{"input_cost_per_token": 0.000001, "litellm_provider": "deepseek", "off_peak_pricing": {"hours_utc": ["01:00-04:00", "06:00-10:00"], "input_cost_per_token": 0.000002}}"#
        );
    }

    #[test]
    fn a_text_of_another_form_is_refused() {
        let models = BTreeSet::new();
        let request = Request { models: &models, at: Timestamp::default() };
        for text in ["{}", "<html>", "[", r#"[{"id": "a"}]"#, r#"[{"id": "a", "models": []}]"#] {
            assert!(GenaiPrices.read(text, &request).is_err(), "{text}");
        }
    }
}
