//! The shipped book: every model on whose cost both lists agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::value::RawValue;
use tollgate_domain::money::Usd;
use tollgate_domain::price::{Listed, ModelName, PriceBook, UsagePoint};
use tollgate_domain::time::Timestamp;

use crate::genai;
use crate::litellm::{Candidate, Map, candidates};
use crate::points;

/// The book and the page about what is not in it.
pub(crate) struct Made {
    pub(crate) book: String,
    pub(crate) page: String,
}

/// Where and when the figures were taken.
pub(crate) struct Source {
    /// Both lists with their versions.
    pub(crate) names: String,
    /// The day of the comparison, `2026-11-28`.
    pub(crate) as_of: String,
}

/// A model that genai-prices has no price for, or on which the lists disagree.
enum Out {
    OnlyLitellm,
    Disagree(String),
}

/// The list of genai-prices at one moment: what it has of the candidates, and the same as a book.
struct Theirs {
    at: Timestamp,
    listed: BTreeMap<ModelName, Listed>,
    book: PriceBook,
}

impl Theirs {
    fn read(published: &str, models: &BTreeSet<ModelName>, at: Timestamp) -> Result<Self, String> {
        let listed = genai::read(published, models, at)?;
        let entries: BTreeMap<&str, String> =
            listed.values().map(|one| (one.entry.as_str(), one.rates.clone())).collect();
        let (book, _) =
            PriceBook::from_litellm(&written(&entries), "genai-prices").map_err(|error| error.to_string())?;
        Ok(Self { at, listed, book })
    }
}

pub(crate) fn make(text: &str, map: &Map, published: &str, source: &Source) -> Result<Made, String> {
    let (litellm, _) = PriceBook::from_litellm(text, "litellm").map_err(|error| error.to_string())?;
    let all = candidates(map);
    let models: BTreeSet<ModelName> = all.iter().map(Candidate::in_genai).collect();
    let moments = times(&source.as_of)?;
    let theirs = moments.iter().map(|at| Theirs::read(published, &models, *at));
    let theirs = theirs.collect::<Result<Vec<_>, _>>()?;
    let (mut agreed, mut out) = (Vec::new(), Vec::new());
    for candidate in all {
        match disagreement(&litellm, &candidate, &theirs) {
            Some(why) => out.push((candidate, why)),
            None => agreed.push(candidate),
        }
    }
    let mut entries: BTreeMap<&str, String> =
        agreed.iter().map(|candidate| (candidate.name, entry(candidate, source))).collect();
    let (plain, _) =
        PriceBook::from_litellm(&written(&entries), "agreed").map_err(|error| error.to_string())?;
    // A snapshot that is left out must not get the price of the model that it is one of.
    for (candidate, _) in &out {
        if points::cost(&plain, candidate.name, &UsagePoint::ALL[0], moments[0]).is_some() {
            entries.insert(candidate.name, without_price(candidate, source));
        }
    }
    let page = page(&agreed, &out, source);
    Ok(Made { book: written(&entries), page })
}

/// Moments of the week from a day on: some prices are those of an hour or a weekday.
fn times(as_of: &str) -> Result<Vec<Timestamp>, String> {
    let noon: Timestamp = format!("{as_of}T12:00:00Z")
        .parse()
        .map_err(|_| format!("--as-of `{as_of}`: must be a day like 2026-11-28"))?;
    let hour = 3_600_000;
    Ok((0..7)
        .flat_map(|day| [noon.plus_millis(day * 24 * hour), noon.plus_millis((day * 24 + 14) * hour)])
        .collect())
}

/// Why a model is left out of the book; `None`: both lists say the same.
fn disagreement(book: &PriceBook, candidate: &Candidate<'_>, theirs: &[Theirs]) -> Option<Out> {
    let shown = |usd: Option<Usd>| usd.map_or_else(|| "no price".to_owned(), |usd| usd.to_string());
    for Theirs { at, listed, book: other } in theirs {
        let Some(listed) = listed.get(&candidate.in_genai()) else { return Some(Out::OnlyLitellm) };
        for point in points::of_mode(&candidate.mode) {
            let ours = points::cost(book, candidate.name, &point, *at);
            let theirs = points::cost(other, &listed.entry, &point, *at);
            if ours.is_none() || ours != theirs {
                return Some(Out::Disagree(format!("{}: {} and {}", point.name, shown(ours), shown(theirs))));
            }
        }
        let rates: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&listed.rates).unwrap_or_default();
        for field in ["cache_creation_input_token_cost", "cache_creation_input_token_cost_above_1hr"] {
            let million = |text: &str| text.parse::<Usd>().ok()?.checked_times(1_000_000);
            let ours = candidate.text(field).and_then(million);
            let theirs = rates.get(field).and_then(|raw| million(raw.get()));
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && ours != theirs
            {
                return Some(Out::Disagree(format!("{field}, a million: {ours} and {theirs}")));
            }
        }
    }
    None
}

fn entry(candidate: &Candidate<'_>, source: &Source) -> String {
    let mut fields: Vec<String> =
        candidate.price_fields().map(|(name, raw)| format!("    {}: {}", quoted(name), raw.get())).collect();
    for limit in ["max_input_tokens", "max_output_tokens"] {
        if let Some(text) = candidate.text(limit).filter(|text| *text != "null") {
            fields.push(format!("    {}: {text}", quoted(limit)));
        }
    }
    if let Some(fast) = fast(candidate) {
        fields.push(format!("    \"provider_specific_entry\": {{\"fast\": {fast}}}"));
    }
    closed(fields, source)
}

fn fast(candidate: &Candidate<'_>) -> Option<String> {
    let entry: serde_json::Value = serde_json::from_str(candidate.text("provider_specific_entry")?).ok()?;
    Some(entry.get("fast")?.to_string())
}

fn without_price(candidate: &Candidate<'_>, source: &Source) -> String {
    let kept = candidate.price_fields().filter(|(name, _)| matches!(*name, "litellm_provider" | "mode"));
    let mut fields: Vec<String> =
        kept.map(|(name, raw)| format!("    {}: {}", quoted(name), raw.get())).collect();
    fields.push("    \"unpriced\": \"the two lists do not agree on it\"".to_owned());
    closed(fields, source)
}

fn closed(mut fields: Vec<String>, source: &Source) -> String {
    fields.push(format!("    \"source\": {}", quoted(&source.names)));
    fields.push(format!("    \"as_of\": {}", quoted(&source.as_of)));
    format!("{{\n{}\n  }}", fields.join(",\n"))
}

fn written(entries: &BTreeMap<&str, String>) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(name, entry)| format!("  {}: {entry}", quoted(name))).collect();
    format!("{{\n{}\n}}\n", entries.join(",\n"))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn page(agreed: &[Candidate<'_>], out: &[(Candidate<'_>, Out)], source: &Source) -> String {
    let mut text = format!(
        "# What the shipped price book has, and what it leaves out\n\n\
         Made by `cargo run -p tollgate-prices -- book` from {}, compared on {}. Not edited by hand.\n\n\
         The book has every model for chat, responses and embeddings of ten providers on which both lists agree at five usage points: 100,000\n\
         tokens of input, of output, of cached input; 300,000 of input; a million of input with 90 % of it cached; at all hours of a week. Where\n\
         both have prices of cache writes, those agree too. Prices of service tiers and further sizes are those of LiteLLM's map.\n\n\
         | provider | in the book | the lists disagree | only LiteLLM has a price |\n|---|---|---|---|\n",
        source.names, source.as_of
    );
    let mut providers: BTreeSet<&str> = agreed.iter().map(|candidate| candidate.provider).collect();
    providers.extend(out.iter().map(|(candidate, _)| candidate.provider));
    let mut line = |values: std::fmt::Arguments<'_>| {
        text.write_fmt(values).expect("writing to a String cannot fail");
    };
    for provider in providers {
        let of = |is: fn(&Out) -> bool| {
            out.iter().filter(|(candidate, why)| candidate.provider == provider && is(why)).count()
        };
        let (disagree, alone) =
            (of(|why| matches!(why, Out::Disagree(_))), of(|why| matches!(why, Out::OnlyLitellm)));
        let within = agreed.iter().filter(|candidate| candidate.provider == provider).count();
        line(format_args!("| {provider} | {within} | {disagree} | {alone} |\n"));
    }
    line(format_args!(
        "\n## Disagreements\n\nThe first point at which they disagree, in US dollars: LiteLLM's map first, genai-prices second.\n\n\
         | model | where |\n|---|---|\n"
    ));
    for (candidate, why) in out {
        if let Out::Disagree(why) = why {
            line(format_args!("| `{}` | {why} |\n", candidate.name));
        }
    }
    line(format_args!("\n## Priced in LiteLLM's map only\n\n"));
    for (candidate, why) in out {
        if matches!(why, Out::OnlyLitellm) {
            line(format_args!("* `{}`\n", candidate.name));
        }
    }
    text
}
