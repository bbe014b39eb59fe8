//! The shipped book: every model on whose cost both lists agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use tollgate_domain::money::Usd;
use tollgate_domain::price::PriceBook;
use tollgate_domain::time::Timestamp;

use crate::genai::{List, Price};
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

/// A model that one list, or both, have no price for, or on which they disagree.
enum Out {
    OnlyLitellm,
    Disagree(String),
}

pub(crate) fn make(text: &str, map: &Map, list: &List, source: &Source) -> Result<Made, String> {
    let (litellm, _) = PriceBook::from_litellm(text, "litellm").map_err(|error| error.to_string())?;
    let times = times(&source.as_of)?;
    let (mut agreed, mut out) = (Vec::new(), Vec::new());
    for candidate in candidates(map) {
        match list.find(candidate.provider, candidate.model) {
            None => out.push((candidate, Out::OnlyLitellm)),
            Some(price) => match disagreement(&litellm, &candidate, &price, &times) {
                Some(why) => out.push((candidate, Out::Disagree(why))),
                None => agreed.push(candidate),
            },
        }
    }
    let mut entries: BTreeMap<&str, String> =
        agreed.iter().map(|candidate| (candidate.name, entry(candidate, source))).collect();
    let (plain, _) =
        PriceBook::from_litellm(&written(&entries), "agreed").map_err(|error| error.to_string())?;
    // A snapshot that is left out must not get the price of the model that it is one of.
    for (candidate, _) in &out {
        let tokens = points::POINTS[0].1;
        if points::ours(&plain, candidate.name, &tokens, times[0]).is_some() {
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

/// Where the two lists say different things, in words; `None`: nowhere.
fn disagreement(
    book: &PriceBook,
    candidate: &Candidate<'_>,
    price: &Price<'_>,
    times: &[Timestamp],
) -> Option<String> {
    let shown = |usd: Option<Usd>| usd.map_or_else(|| "no price".to_owned(), |usd| usd.to_string());
    for at in times {
        for (name, tokens) in points::of_mode(&candidate.mode) {
            let ours = points::ours(book, candidate.name, &tokens, *at);
            let theirs = price.cost(&tokens, *at);
            if ours.is_none() || ours != theirs {
                return Some(format!("{name}: {} and {}", shown(ours), shown(theirs)));
            }
        }
        let writes = ["cache_creation_input_token_cost", "cache_creation_input_token_cost_above_1hr"];
        for (field, theirs) in writes.into_iter().zip(price.cache_writes(*at)) {
            let ours = candidate.text(field).and_then(|text| text.parse::<Usd>().ok());
            let ours = ours.and_then(|usd| usd.checked_times(1_000_000));
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && ours != theirs
            {
                return Some(format!("{field}, a million: {ours} and {theirs}"));
            }
        }
    }
    None
}

fn entry(candidate: &Candidate<'_>, source: &Source) -> String {
    let mut fields: Vec<String> =
        candidate.price_fields().map(|(name, raw)| format!("    {}: {}", quoted(name), raw.get())).collect();
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
         | provider | in the book | the lists disagree | only LiteLLM has it |\n|---|---|---|---|\n",
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
    line(format_args!("\n## Only in LiteLLM's map\n\n"));
    for (candidate, why) in out {
        if matches!(why, Out::OnlyLitellm) {
            line(format_args!("* `{}`\n", candidate.name));
        }
    }
    text
}
