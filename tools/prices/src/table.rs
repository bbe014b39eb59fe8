//! What the same calls cost here, by LiteLLM's own calculator and by that of genai-prices.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use tollgate_domain::price::{PriceBook, UsagePoint};
use tollgate_domain::time::Timestamp;

use crate::litellm::{self, Candidate, PROVIDERS, candidates};
use crate::points;

/// Two costs are the same where they differ by less than this share: other calculators compute in floats.
const SAME: u128 = 1_000_000_000;

/// Models to ask for, from all providers in turn, each with what it costs here.
pub(crate) fn models(text: &str, count: usize, at: &str) -> Result<String, String> {
    let map = litellm::read(text)?;
    let (book, _) = PriceBook::from_litellm(text, "litellm").map_err(|error| error.to_string())?;
    let time: Timestamp =
        at.parse().map_err(|_| format!("--at `{at}`: must be a time like 2026-11-28T12:00:00Z"))?;
    let chosen = in_turn(candidates(&map), count);
    let models: Vec<Value> = chosen
        .iter()
        .map(|candidate| {
            let ours: Vec<Value> = UsagePoint::ALL
                .iter()
                .map(|point| {
                    points::cost(&book, candidate.name, point, time)
                        .map_or(Value::Null, |usd| json!(usd.to_string()))
                })
                .collect();
            let provider = candidate.text("litellm_provider").unwrap_or_default();
            json!({"name": candidate.name, "litellm_provider": provider, "provider": candidate.provider,
                "model": candidate.model, "mode": candidate.mode, "ours": ours})
        })
        .collect();
    let points: Vec<Value> =
        UsagePoint::ALL.iter().map(|point| json!([point.input, point.cached, point.output])).collect();
    serde_json::to_string_pretty(&json!({"at": at, "points": points, "models": models}))
        .map_err(|error| error.to_string())
}

/// The same number of each provider as far as it has them, spread over its names.
fn in_turn(all: Vec<Candidate<'_>>, count: usize) -> Vec<Candidate<'_>> {
    let mut by_provider: BTreeMap<&str, Vec<Candidate<'_>>> = BTreeMap::new();
    for candidate in all {
        by_provider.entry(candidate.provider).or_default().push(candidate);
    }
    let mut left = count;
    let mut chosen = Vec::new();
    // Providers with few models first, so that the others fill up.
    let mut groups: Vec<Vec<Candidate<'_>>> = by_provider.into_values().collect();
    groups.sort_by_key(Vec::len);
    let mut to_come = PROVIDERS.len().min(groups.len());
    for group in groups {
        let share = left.div_ceil(to_come.max(1)).min(group.len());
        to_come = to_come.saturating_sub(1);
        left -= share;
        let total = group.len();
        let spread =
            group.into_iter().enumerate().filter(|(nth, _)| (nth + 1) * share / total > nth * share / total);
        chosen.extend(spread.map(|(_, candidate)| candidate));
    }
    chosen.sort_by(|one, other| (one.provider, one.name).cmp(&(other.provider, other.name)));
    chosen
}

/// The table as Markdown.
pub(crate) fn table(costs: &str) -> Result<String, String> {
    let costs: Value = serde_json::from_str(costs).map_err(|error| error.to_string())?;
    let models = costs["models"].as_array().ok_or("the costs have no list `models`")?;
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows = String::new();
    let mut counts = [0_usize; 3];
    for model in models {
        let _ = write!(rows, "| `{}` |", text_of(&model["name"]));
        let mode = text_of(&model["mode"]);
        let applies: Vec<&str> = points::of_mode(&mode).map(|point| point.name).collect();
        let mut worst = 0;
        for (nth, point) in UsagePoint::ALL.iter().enumerate() {
            if !applies.contains(&point.name) {
                rows.push_str(" |");
                continue;
            }
            let [ours, litellm, genai] = ["ours", "litellm", "genai"].map(|list| model[list][nth].as_str());
            let same =
                |theirs: Option<&str>| theirs.is_some_and(|theirs| alike(ours.unwrap_or_default(), theirs));
            let shown = |cost: Option<&str>| cost.unwrap_or("–").to_owned();
            let cell = match (ours, same(litellm), same(genai)) {
                (Some(ours), true, true) => format!(" {ours}"),
                _ => {
                    worst = worst.max(if same(litellm) { 1 } else { 2 });
                    format!(" {} / {} / {}", shown(ours), shown(litellm), shown(genai))
                }
            };
            let _ = write!(rows, "{cell} |");
        }
        counts[worst] += 1;
        let _ = writeln!(rows, " {} |", why(model));
    }
    let [all, litellm, other] = counts;
    let names: Vec<&str> = UsagePoint::ALL.iter().map(|point| point.name).collect();
    Ok(format!(
        "# What {} models cost, by three calculators\n\n\
         Made by `tools/prices/compare` with {}, for calls at {}. Not edited by hand.\n\n\
         US dollars at five usage points. One number: Tollgate with LiteLLM's map, LiteLLM's own calculator and genai-prices say the same. Three:\n\
         Tollgate / LiteLLM / genai-prices, where any of them differs; – is no price. Other calculators compute in binary floats: what differs by less\n\
         than a billionth is the same.\n\n\
         All three agree on {all} models, Tollgate and LiteLLM on {litellm} more; on {other} Tollgate and LiteLLM differ.\n\n\
         | model | {} | why they differ |\n|---|{}---|\n{rows}",
        models.len(),
        text_of(&costs["versions"]),
        text_of(&costs["at"]),
        names.join(" | "),
        "---|".repeat(names.len()),
    ))
}

/// Why the calculators differ on a model, by what each of them says.
fn why(model: &Value) -> &'static str {
    let all = |list: &str| -> Vec<Option<&str>> {
        model[list].as_array().map(|costs| costs.iter().map(Value::as_str).collect()).unwrap_or_default()
    };
    let (ours, litellm, genai) = (all("ours"), all("litellm"), all("genai"));
    let same = |one: &[Option<&str>], other: &[Option<&str>]| {
        let mut pairs = one.iter().zip(other).filter(|(one, _)| one.is_some());
        pairs.all(|(one, other)| alike(one.unwrap_or_default(), other.unwrap_or_default()))
    };
    let nothing = |costs: &[Option<&str>]| costs.iter().flatten().all(|cost| alike(cost, "0"));
    if ours.iter().all(Option::is_none) && nothing(&litellm) {
        return "the map has no price per token: unpriced here, 0 in LiteLLM";
    }
    match (same(&ours, &litellm), genai.iter().all(Option::is_none), same(&ours, &genai)) {
        (true, _, true) => "",
        (true, true, false) => "genai-prices does not have it",
        (true, false, false) => "the two lists have different prices",
        (false, _, true) => "LiteLLM's calculator differs from its map and from genai-prices",
        (false, _, false) => "LiteLLM's calculator differs from its map",
    }
}

/// Whether two decimals are the same but for the noise of floats.
fn alike(one: &str, other: &str) -> bool {
    let units =
        |text: &str| text.parse::<tollgate_domain::money::Usd>().ok().map(|usd| usd.units().unsigned_abs());
    match (units(one), units(other)) {
        (Some(one), Some(other)) => one.abs_diff(other) <= one.max(other) / SAME,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_the_same_but_for_their_noise() {
        for (one, other, same) in [
            ("0.3", "0.300000000000000044", true),
            ("0.3", "0.30000001", false),
            ("0", "0", true),
            ("0", "0.000001", false),
            ("", "0", false),
        ] {
            assert_eq!(alike(one, other), same, "{one} {other}");
        }
    }
}
