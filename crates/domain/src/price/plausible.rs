//! Prices that are hard to believe: reported to people, but used anyway.

use std::collections::BTreeMap;

use super::Models;
use super::notes::Doubt;
use super::{ModelPrice, find};
use crate::money::Usd;

/// How many times a price may be above or below the median of the same model's prices elsewhere.
const FAR: i128 = 20;

/// How many prices of a model must be known for that.
const ENOUGH: usize = 3;

/// How many times cheaper than input output may be.
const FAR_BELOW: i128 = 10;

/// The prices that are hard to believe, by model.
pub(super) fn doubts(models: &Models) -> Vec<Doubt> {
    let priced = || {
        models
            .iter()
            .filter_map(|(name, price)| Some((name, price.as_ref().filter(|price| !price.confirmed)?)))
    };
    let mut families: BTreeMap<&str, Vec<&ModelPrice>> = BTreeMap::new();
    for (name, price) in models.iter().filter_map(|(name, price)| Some((name, price.as_ref()?))) {
        families.entry(family(name)).or_default().push(price);
    }
    let mut doubts = Vec::new();
    for (name, price) in priced() {
        let others = families.get(family(name)).map(Vec::as_slice).unwrap_or_default();
        if let Some(why) = doubt(price, others) {
            doubts.push(Doubt { model: name.clone(), why });
        }
    }
    doubts
}

/// A model by its name alone, regardless of provider and date.
fn family(name: &str) -> &str {
    let model = name.rsplit_once('/').map_or(name, |(_, model)| model);
    find::undated(model).unwrap_or(model)
}

fn doubt(price: &ModelPrice, family: &[&ModelPrice]) -> Option<String> {
    let (input, output) = (price.given.input?, price.given.output.unwrap_or_default());
    let writes_text = !matches!(price.mode.as_deref(), Some("embedding" | "rerank" | "moderation"));
    let all = |rate: fn(&ModelPrice) -> Option<Usd>| -> Vec<Usd> {
        let mut known: Vec<Usd> =
            family.iter().filter_map(|price| rate(price)).filter(|usd| *usd > Usd::ZERO).collect();
        known.sort_unstable();
        known
    };
    let (inputs, outputs) = (all(|price| price.given.input), all(|price| price.given.output));
    if input == Usd::ZERO && output == Usd::ZERO {
        let median = median(&inputs)?;
        return Some(format!("costs nothing, and others take {median} USD a token of input for it"));
    }
    if writes_text && price.given.output.is_some() && output.units().checked_mul(FAR_BELOW)? < input.units() {
        return Some(format!(
            "output at {output} USD a token is far below input at {input}: is one of them of a million?"
        ));
    }
    for (side, rate, rates) in [("input", input, &inputs), ("output", output, &outputs)] {
        let Some(median) = median(rates).filter(|_| rates.len() >= ENOUGH && rate > Usd::ZERO) else {
            continue;
        };
        let (less, more) = (rate.min(median).units(), rate.max(median).units());
        if less.checked_mul(FAR)? <= more {
            let (off, times) = (if rate > median { "above" } else { "below" }, more.checked_div(less)?);
            return Some(format!(
                "{side} at {rate} USD a token is {times} times {off} {median}, the median of {} prices of this model",
                rates.len()
            ));
        }
    }
    None
}

/// The median; the lower of the two middle values.
fn median(sorted: &[Usd]) -> Option<Usd> {
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::PriceBook;

    #[test]
    fn what_is_hard_to_believe_is_told_and_used() {
        let text = r#"{
            "a/llama": {"input_cost_per_token": 7e-07, "output_cost_per_token": 8e-07},
            "b/llama": {"input_cost_per_token": 6e-07, "output_cost_per_token": 8e-07},
            "c/llama-2025-01-01": {"input_cost_per_token": 9e-07, "output_cost_per_token": 9e-07},
            "free/llama": {"input_cost_per_token": 0, "output_cost_per_token": 0},
            "dear/llama": {"input_cost_per_token": 1.4e-05, "output_cost_per_token": 1.4e-05},
            "cheap/llama": {"input_cost_per_token": 1e-08, "output_cost_per_token": 8e-07},
            "sure/llama": {"input_cost_per_token": 0, "output_cost_per_token": 0, "price_confirmed": true},
            "upside-down": {"mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-11},
            "output-free": {"mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 0},
            "embedding": {"mode": "embedding", "input_cost_per_token": 3e-06, "output_cost_per_token": 0},
            "own-and-free": {"input_cost_per_token": 0, "output_cost_per_token": 0}
        }"#;
        let (book, notes) = PriceBook::from_litellm(text, "x").unwrap();
        assert_eq!(book.len(), 11);
        let doubts: Vec<String> = notes.doubts.iter().map(ToString::to_string).collect();
        assert_eq!(
            doubts,
            [
                "price of `cheap/llama` is hard to believe: input at 0.00000001 USD a token is 70 times below 0.0000007, the median of 5 prices of this model",
                "price of `dear/llama` is hard to believe: input at 0.000014 USD a token is 20 times above 0.0000007, the median of 5 prices of this model",
                "price of `free/llama` is hard to believe: costs nothing, and others take 0.0000007 USD a token of input for it",
                "price of `output-free` is hard to believe: output at 0 USD a token is far below input at 0.000003: is one of them of a million?",
                "price of `upside-down` is hard to believe: output at 0.000000000015 USD a token is far below input at 0.000003: is one of them of a million?",
            ]
        );
    }
}
