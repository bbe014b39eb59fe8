//! What the fields of an entry in LiteLLM's map mean: which price, for which tokens, under which condition.

use super::unit_fields::{self, UnitField};

/// The kinds of tokens that have a price of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Input,
    CachedInput,
    CacheWrite,
    CacheWrite1h,
    Output,
    Reasoning,
}

/// A field, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// A price per token of usage as the ledger records it.
    Rate(Rate),
    /// A price of something else that usage can report.
    Unit(UnitField),
    /// Nothing that affects such a price: another unit, an ability of the model, a lifetime that usage does
    /// not report.
    Other,
    /// It might affect a price, but how is not known.
    Unknown,
}

/// A price per token and when it applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// For which tokens.
    pub(super) kind: Kind,
    /// Above how many input tokens.
    pub(super) above: Option<u64>,
    /// In which service tier.
    pub(super) tier: Option<&'static str>,
    /// It is the older spelling of another field, which takes precedence.
    pub(super) old: bool,
}

pub(super) const INPUT: &str = "input_cost_per_token";
pub(super) const CACHED_INPUT: &str = "cache_read_input_token_cost";
pub(super) const CACHE_WRITE: &str = "cache_creation_input_token_cost";
pub(super) const OUTPUT: &str = "output_cost_per_token";
pub(super) const REASONING: &str = "output_cost_per_reasoning_token";

/// The kinds whose field no other one's begins with.
const KINDS: [Kind; 5] = [Kind::Input, Kind::CachedInput, Kind::CacheWrite, Kind::Output, Kind::Reasoning];

/// Suffixes of a price that applies in only one service tier, and the tier's name.
const TIERS: [(&str, &str); 9] = [
    ("flex", "flex"),
    ("priority", "priority"),
    ("batches", "batch"),
    ("batch", "batch"),
    ("fast", "fast"),
    ("ultrafast", "ultrafast"),
    ("balanced", "balanced"),
    ("decisions", "decisions"),
    ("scale", "scale"),
];

/// The field of the price of a kind of tokens.
pub(super) const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Input => INPUT,
        Kind::CachedInput => CACHED_INPUT,
        Kind::CacheWrite => CACHE_WRITE,
        Kind::CacheWrite1h => "cache_creation_input_token_cost_above_1hr",
        Kind::Output => OUTPUT,
        Kind::Reasoning => REASONING,
    }
}

/// The service tiers that have prices, each with the suffix of its fields.
pub(super) fn service_tiers() -> impl Iterator<Item = (&'static str, &'static str)> {
    TIERS.into_iter()
}

/// The suffix of the fields of a service tier.
pub(super) fn suffix(tier: &str) -> &str {
    TIERS.iter().find(|(_, of)| *of == tier).map_or(tier, |(suffix, _)| suffix)
}

/// Lifetimes of a cache write: those with the plain price, one hour, and those that usage does not report.
const MINUTES: [&str; 5] = ["5m", "5min", "300s", "30m", "30min"];
const HOUR: [&str; 6] = ["1hr", "1h", "1hour", "60m", "60min", "3600s"];
const LONGER: [&str; 6] = ["12hr", "12h", "24hr", "24h", "1d", "1day"];

/// Words in a field's name that may be about a price.
const MONEY: [&str; 8] =
    ["cost", "price", "pricing", "multiplier", "surcharge", "discount", "uplift", "_fee"];

/// Units that usage cannot report: such a price is never part of its cost.
const OTHER_UNITS: [&str; 18] = [
    "audio",
    "image",
    "video",
    "pixel",
    "character",
    "per_query",
    "per_page",
    "per_second",
    "per_session",
    "per_credit",
    "per_unit",
    "per_1k_",
    "per_gb_",
    "_dbu_",
    "text_message",
    "citation",
    "search_context",
    "per_call",
];

/// Regional multipliers, since usage does not name a region, and the price of one way to read a cache, which
/// usage does not distinguish from the other.
const NOT_TOLD: [&str; 3] =
    ["regional_", "fedramp_uplift_multiplier", "explicit_cache_read_input_token_cost"];

/// Numbers of an entry that are not prices: by how their names begin, and by what the names contain.
const NO_PRICES: [&str; 9] = [
    "max_",
    "rpm",
    "tpm",
    "token_count_",
    "prompt_cache_min_tokens",
    "search_free_requests",
    "metadata",
    "rules",
    "provider_specific_entry",
];
const NO_PRICES_WITHIN: [&str; 10] = [
    "context_window",
    "context_length",
    "context_size",
    "_size",
    "dimension",
    "_limit",
    "created",
    "updated",
    "release",
    "version",
];

/// Like [`read`], but also looks at the value: a number whose name is not recognized could be a price.
pub(super) fn read_with(name: &str, value: &str) -> Field {
    let field = read(name);
    let known = NO_PRICES.iter().any(|start| name.starts_with(start))
        || NO_PRICES_WITHIN.iter().any(|word| name.contains(word))
        || NOT_TOLD.iter().any(|start| name.starts_with(start));
    let about_money = MONEY.iter().any(|word| name.contains(word));
    if field == Field::Other && !about_money && !known && holds_a_number(value) {
        Field::Unknown
    } else {
        field
    }
}

/// Whether a JSON value is a number, a string that is one, or a list or object with a number in it.
fn holds_a_number(value: &str) -> bool {
    match value.as_bytes() {
        [b'0'..=b'9' | b'-', ..] => true,
        [b'"', text @ .., b'"'] => {
            std::str::from_utf8(text).is_ok_and(|text| super::number::read(text.trim()).is_ok())
        }
        [b'{' | b'[', ..] => value
            .split([':', ',', '['])
            .skip(1)
            .any(|piece| matches!(piece.trim_start().as_bytes(), [b'0'..=b'9' | b'-', ..])),
        _ => false,
    }
}

pub(super) fn read(name: &str) -> Field {
    for kind in KINDS {
        if let Some(rest) = name.strip_prefix(self::name(kind)) {
            return suffixes(kind, rest);
        }
    }
    if let Some(field) = unit_fields::read(name, TIERS.iter().map(|(suffix, _)| *suffix)) {
        return Field::Unit(field);
    }
    let about_money = MONEY.iter().any(|word| name.contains(word));
    let of_another_unit = OTHER_UNITS.iter().any(|unit| name.contains(unit));
    let not_told = NOT_TOLD.iter().any(|start| name.starts_with(start));
    if about_money && !of_another_unit && !not_told { Field::Unknown } else { Field::Other }
}

/// `_above_1hr_above_200k_tokens_priority` and the like, in any order.
fn suffixes(kind: Kind, rest: &str) -> Field {
    let mut rate = Rate { kind, above: None, tier: None, old: false };
    if rest.is_empty() {
        return Field::Rate(rate);
    }
    let Some(rest) = rest.strip_prefix('_') else { return Field::Unknown };
    let words: Vec<&str> = rest.split('_').collect();
    let mut words = words.as_slice();
    while let Some((word, behind)) = words.split_first() {
        words = behind;
        match *word {
            "above" => {
                let end = behind.iter().position(|word| matches!(*word, "tokens" | "token" | "above"));
                let counted = end.filter(|end| behind.get(*end).is_some_and(|word| *word != "above"));
                if let Some(end) = counted {
                    let (number, unit_and_rest) = behind.split_at(end);
                    words = unit_and_rest.get(1..).unwrap_or_default();
                    let Some(tokens) = count(&number.concat()) else { return Field::Unknown };
                    if rate.above.replace(tokens).is_some() {
                        return Field::Unknown;
                    }
                    continue;
                }
                let Some((lifetime, behind)) = behind.split_first() else { return Field::Unknown };
                words = behind;
                match (rate.kind, *lifetime) {
                    (Kind::CacheWrite, lifetime) if HOUR.contains(&lifetime) => {
                        rate.kind = Kind::CacheWrite1h
                    }
                    (Kind::CacheWrite, lifetime) if MINUTES.contains(&lifetime) => rate.old = true,
                    (Kind::CacheWrite, lifetime) if LONGER.contains(&lifetime) => return Field::Other,
                    _ => return Field::Unknown,
                }
            }
            "cache" if rate.kind == Kind::Input && behind.first() == Some(&"hit") => {
                words = behind.get(1..).unwrap_or_default();
                (rate.kind, rate.old) = (Kind::CachedInput, true);
            }
            word => match TIERS.iter().find(|(ending, _)| *ending == word) {
                Some((_, tier)) if rate.tier.is_none() => rate.tier = Some(tier),
                _ => return Field::Unknown,
            },
        }
    }
    Field::Rate(rate)
}

/// A number of tokens as people write it: `200k`, `128000`, `0.2M`, `1m`, `2e5`.
pub(super) fn count(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let (number, unit) = match lower.strip_suffix(['k', 'm', 'b', 'g']) {
        Some(number) if lower.ends_with('k') => (number, 1_000_u128),
        Some(number) if lower.ends_with('m') => (number, 1_000_000),
        Some(number) => (number, 1_000_000_000),
        None => (lower.as_str(), 1),
    };
    let (negative, mantissa, places) = crate::decimal::parts(number).ok()?;
    let mut tokens = mantissa.checked_mul(unit)?;
    for _ in 0..places.max(0) {
        if !tokens.is_multiple_of(10) {
            return None;
        }
        tokens /= 10;
    }
    for _ in places.min(0)..0 {
        tokens = tokens.checked_mul(10)?;
    }
    (!negative || tokens == 0).then(|| u64::try_from(tokens).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_price_another_unit_or_unknown() {
        let table = "
            input_cost_per_token                                    | Input
            input_cost_per_token_cache_hit                          | CachedInput old
            cache_read_input_token_cost_above_272k_tokens_priority  | CachedInput >272000 priority
            input_cost_per_token_priority_above_200k_tokens         | Input >200000 priority
            output_cost_per_token_above_128000_tokens               | Output >128000
            output_cost_per_token_above_1m_tokens                   | Output >1000000
            output_cost_per_token_above_0.2M_tokens                 | Output >200000
            output_cost_per_token_above_128_000_tokens              | Output >128000
            cache_creation_input_token_cost_above_1hr               | CacheWrite1h
            cache_creation_input_token_cost_above_1hr_above_200k_tokens_batches | CacheWrite1h >200000 batch
            cache_creation_input_token_cost_above_12hr_flex         | other
            output_cost_per_reasoning_token_flex                    | Reasoning flex
            input_cost_per_token_flex_priority                      | unknown
            input_cost_per_token_weekend                            | unknown
            input_cost_per_token_above_1hr                          | unknown
            input_cost_per_token_above_some_tokens                  | unknown
            input_cost_per_tokens                                   | unknown
            input_cost_per_requests                                 | unknown
            input_cost_per_request                                  | requests Always
            input_cost_per_image                                    | input_images Always
            input_cost_per_image_token                              | input_image_tokens Always
            input_cost_per_audio_token_priority                     | input_audio_tokens InTier
            input_cost_per_audio_per_second_above_128k_tokens       | input_audio_ms Sometimes
            output_cost_per_second                                  | output_ms Always
            congestion_multiplier                                   | unknown
            regional_processing_uplift_multiplier_eu                | other
            input_cost_per_audio_token_above_200k_tokens            | input_audio_tokens Sometimes
            output_cost_per_image_1024                              | output_images Sometimes
            input_cost_per_images                                   | other
            search_context_cost_per_query                           | other
            max_input_tokens                                        | other
            supports_vision                                         | other
        ";
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, expected) = line.split_once('|').unwrap();
            let got = match read(name.trim()) {
                Field::Other => "other".to_owned(),
                Field::Unit(UnitField { unit, when }) => format!("{unit} {when:?}"),
                Field::Unknown => "unknown".to_owned(),
                Field::Rate(Rate { kind, above, tier, old }) => {
                    let above = above.map(|above| format!(" >{above}")).unwrap_or_default();
                    let tier = tier.map(|tier| format!(" {tier}")).unwrap_or_default();
                    format!("{kind:?}{above}{tier}{}", if old { " old" } else { "" })
                }
            };
            assert_eq!(got, expected.trim(), "{name}");
        }
    }

    #[test]
    fn a_number_of_an_unknown_name_could_be_a_price() {
        for (name, value, unknown) in [
            ("inputCostPerTokenAbove200k", "0.00002", true),
            ("input_rate_long", "1e-06", true),
            ("markup", "\"1.2\"", true),
            ("usd_per_request", "0.5", true),
            ("long_context", "{\"input\": 0.5}", true),
            ("rates", "[0.5, 1]", true),
            ("premium", "true", false),
            ("tier", "\"gold\"", false),
            ("long_context", "{\"input\": \"more\"}", false),
            ("regions", "[\"us-1\", \"eu-2\"]", false),
            ("max_input_tokens", "200000", false),
            ("rpm", "60", false),
            ("context_window", "200000", false),
            ("output_vector_size", "1536", false),
            ("deprecation_date", "\"2026-11-29\"", false),
            ("supports_vision", "true", false),
            ("search_context_cost_per_query", "{\"low\": 0.01}", false),
            ("regional_uplift_percent", "10", false),
        ] {
            assert_eq!(read_with(name, value) == Field::Unknown, unknown, "{name}: {value}");
        }
    }

    #[test]
    fn a_count_is_whole_in_any_spelling() {
        for (text, tokens) in [
            ("200k", Some(200_000)),
            ("200K", Some(200_000)),
            ("256000.0", Some(256_000)),
            ("3.2e4", Some(32_000)),
            ("0.5m", Some(500_000)),
            ("1.5", None),
            ("-1", None),
            ("k", None),
            ("1e30", None),
            ("many", None),
        ] {
            assert_eq!(count(text), tokens, "{text}");
        }
    }
}
