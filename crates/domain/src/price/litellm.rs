//! LiteLLM's price map: USD per token, one object per model, context tiers in suffixed keys or a list.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{ModelPrice, PriceProblem, Rates, Tier};
use crate::money::{MoneyError, Usd};

type Models = BTreeMap<String, ModelPrice>;
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Keys of the map that are no models.
const RESERVED: [&str; 2] = ["sample_spec", "fallback_generalizations"];

/// The price keys that are read; each may carry `_above_{N}k_tokens`.
const INPUT: &str = "input_cost_per_token";
const CACHED_INPUT: &str = "cache_read_input_token_cost";
const CACHE_WRITE: &str = "cache_creation_input_token_cost";
const OUTPUT: &str = "output_cost_per_token";
const REASONING: &str = "output_cost_per_reasoning_token";

pub(super) fn read(text: &str) -> Result<(Models, Vec<PriceProblem>), String> {
    // A mark of the byte order is no JSON, and editors write it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.trim_start().starts_with('{') {
        let is = if text.trim().is_empty() { "is empty" } else { "is no JSON object" };
        return Err(format!(
            "the file {is}: it must map names of models to their prices, in LiteLLM's format"
        ));
    }
    let entries: BTreeMap<String, Fields<'_>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut models = Models::new();
    let mut problems = Vec::new();
    for (model, fields) in entries.iter().filter(|(model, _)| !RESERVED.contains(&model.as_str())) {
        match read_model(fields) {
            Ok(Some(price)) => {
                models.insert(model.clone(), price);
            }
            Ok(None) => {}
            Err((field, value, rule)) => {
                problems.push(PriceProblem { model: model.clone(), field, value, rule });
            }
        }
    }
    Ok((models, problems))
}

/// Field, value and rule of a bad price.
type Problem = (String, String, String);

fn read_model(fields: &Fields<'_>) -> Result<Option<ModelPrice>, Problem> {
    let provider =
        fields.get("litellm_provider").and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let xai = provider.as_deref() == Some("xai");
    let base = rates(|key| price(fields, key))?;
    let mut tiers = match fields.get("tiered_pricing") {
        Some(list) => listed_tiers(list)?,
        None => suffixed_tiers(fields, xai)?,
    };
    tiers.sort_by_key(|tier| tier.threshold);
    if base == Rates::default() && tiers.is_empty() {
        return Ok(None);
    }
    Ok(Some(ModelPrice { provider, base, tiers }))
}

fn rates(mut rate: impl FnMut(&str) -> Result<Option<Usd>, Problem>) -> Result<Rates, Problem> {
    Ok(Rates {
        input: rate(INPUT)?,
        cached_input: rate(CACHED_INPUT)?,
        cache_write: rate(CACHE_WRITE)?,
        output: rate(OUTPUT)?,
        reasoning: rate(REASONING)?,
    })
}

/// A price: a JSON number, or a string with one. Null is the same as absent.
fn price(fields: &Fields<'_>, key: &str) -> Result<Option<Usd>, Problem> {
    let Some(raw) = fields.get(key) else { return Ok(None) };
    let text = raw.get();
    if text == "null" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let problem = |rule: String| (key.to_owned(), number.chars().take(60).collect(), rule);
    let usd: Usd = number.parse().map_err(|error: MoneyError| problem(error.to_string()))?;
    if usd < Usd::ZERO {
        return Err(problem("must not be negative".to_owned()));
    }
    Ok(Some(usd))
}

/// `input_cost_per_token_above_200k_tokens` and its siblings. Keys with a further suffix (`_priority`, `_batches`) are
/// prices of a service tier and not read.
fn suffixed_tiers(fields: &Fields<'_>, inclusive: bool) -> Result<Vec<Tier>, Problem> {
    let threshold = |key: &str| -> Option<u64> {
        [INPUT, CACHED_INPUT, CACHE_WRITE, OUTPUT, REASONING].iter().find_map(|base| {
            let suffix = key.strip_prefix(base)?;
            suffix.strip_prefix("_above_")?.strip_suffix("k_tokens")?.parse().ok()
        })
    };
    let mut thousands: Vec<u64> = fields.keys().filter_map(|key| threshold(key)).collect();
    thousands.sort_unstable();
    thousands.dedup();
    thousands
        .into_iter()
        .map(|k| {
            let rates = rates(|key| price(fields, &format!("{key}_above_{k}k_tokens")))?;
            Ok(Tier { threshold: k.saturating_mul(1000), inclusive, rates })
        })
        .collect()
}

/// `tiered_pricing: [{range: [lo, hi], …}]`: the tier with `lo < input ≤ hi`, the last one also above its end. The first
/// range starts at 0 and its rates hold for an empty input too.
fn listed_tiers(list: &RawValue) -> Result<Vec<Tier>, Problem> {
    let problem = |rule: &str| ("tiered_pricing".to_owned(), String::new(), rule.to_owned());
    let objects: Vec<&RawValue> =
        serde_json::from_str(list.get()).map_err(|_| problem("must be a list of objects"))?;
    let mut tiers = Vec::new();
    for object in objects {
        let fields: Fields<'_> =
            serde_json::from_str(object.get()).map_err(|_| problem("must be a list of objects"))?;
        let range = fields.get("range").and_then(|raw| serde_json::from_str::<[u64; 2]>(raw.get()).ok());
        let [low, _] = range.ok_or_else(|| problem("each tier needs a range of two whole numbers"))?;
        let rates = rates(|key| price(&fields, key))?;
        tiers.push(Tier { threshold: low, inclusive: low == 0, rates });
    }
    Ok(tiers)
}
