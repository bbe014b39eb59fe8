//! Prices with conditions: context sizes, service tiers, cache lifetimes, hours; and unknown fields.

use proptest::prelude::*;

use super::*;

const CONDITIONS: &str = r#"{
    "open-list": {"litellm_provider": "openai", "input_cost_per_token": 5e-06, "cache_read_input_token_cost": 5e-07,
        "cache_creation_input_token_cost": null, "output_cost_per_token": 3e-05, "input_cost_per_token_above_272k_tokens": 1e-05,
        "tiered_pricing": [{"range": [0, 272000], "input_cost_per_token": 5e-06, "output_cost_per_token": 3e-05},
                           {"range": [272000, null], "input_cost_per_token": 1e-05, "output_cost_per_token": 4.5e-05}]},
    "float-list": {"tiered_pricing": [
        {"range": [3.2e4, 1000000.0], "input_cost_per_token": 3e-06, "output_cost_per_token": 6e-06},
        {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}]},
    "text-list": {"tiered_pricing": [{"range": [null, "32k"], "input_cost_per_token": "1e-06"}, {"range": ["32k", null], "input_cost_per_token": "2e-06"}]},
    "gap": {"tiered_pricing": [{"range": [0, 1000], "input_cost_per_token": 1e-06}, {"range": [2000, 3000], "input_cost_per_token": 2e-06}]},
    "half": {"tiered_pricing": [{"range": [0, 1000.5], "input_cost_per_token": 1e-06}]},
    "searches": {"input_cost_per_token": 1e-06, "tiered_pricing": [{"max_results_range": [0, 25], "input_cost_per_query": 0.005}]},
    "spelled": {"input_cost_per_token": 1e-06, "input_cost_per_token_above_128000_tokens": 2e-06, "input_cost_per_token_above_0.2m_tokens": 3e-06,
        "input_cost_per_token_above_1M_tokens": 5e-06},
    "spelled-twice": {"input_cost_per_token": 1e-06, "input_cost_per_token_above_200k_tokens": 2e-06, "input_cost_per_token_above_200000_tokens": 3e-06},
    "tiers": {"input_cost_per_token": 2e-06, "cache_read_input_token_cost": 2e-07, "output_cost_per_token": 8e-06,
        "input_cost_per_token_above_200k_tokens": 4e-06, "output_cost_per_token_above_200k_tokens": 1.2e-05,
        "input_cost_per_token_flex": 1e-06, "cache_read_input_token_cost_flex": 1e-07, "output_cost_per_token_flex": 4e-06,
        "input_cost_per_token_above_200k_tokens_flex": 2e-06, "output_cost_per_token_above_200k_tokens_flex": 6e-06,
        "input_cost_per_token_priority": 4e-06, "cache_read_input_token_cost_priority": 4e-07, "output_cost_per_token_priority": 1.6e-05,
        "input_cost_per_token_batches": 1e-06, "output_cost_per_token_batches": 4e-06},
    "bad-tier": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06, "input_cost_per_token_flex": "half", "input_cost_per_token_priority": 4e-06},
    "fast": {"input_cost_per_token": 5e-06, "output_cost_per_token": 2.5e-05, "provider_specific_entry": {"us": 1.1, "fast": 6.0}},
    "writes": {"input_cost_per_token": 3e-06, "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
        "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06, "cache_creation_input_token_cost_above_1hr_above_1m_tokens": 1.2e-05},
    "writes-minutes": {"input_cost_per_token": 3e-06, "cache_creation_input_token_cost": 3.75e-06},
    "writes-plain": {"input_cost_per_token": 3e-06},
    "hours": {"input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "off_peak_pricing": {"input_cost_per_token": 1e-06, "hours_utc": "16:30-00:30"}},
    "hours-unknown": {"input_cost_per_token": 2e-06, "off_peak_pricing": {"input_cost_per_token": 1e-06, "hours_local": "16:30-00:30"}},
    "unknown": {"input_cost_per_token": 2e-06, "input_cost_per_token_at_weekends": 3e-06},
    "unknown-factor": {"input_cost_per_token": 2e-06, "congestion_multiplier": 3},
    "unknown-nothing": {"input_cost_per_token": 2e-06, "input_cost_per_request": 0.0},
    "unknown-ability": {"input_cost_per_token": 2e-06, "supports_telepathy": true, "input_cost_per_image": 0.1},
    "noise": {"input_cost_per_token": 1.0000000000000001e-07, "output_cost_per_token": "0.00000012500000000000001"},
    "alias": {"alias_of": "alias-2"},
    "alias-2": {"alias_of": "plain"},
    "alias-lost": {"alias_of": "nobody"},
    "alias-ring": {"alias_of": "alias-ring"},
    "plain": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
    "per-million": {"input_cost_per_token": 0.071, "output_cost_per_token": 0.071},
    "confirmed": {"input_cost_per_token": 0.071, "output_cost_per_token": 0.071, "price_confirmed": true},
    "disputed": {"input_cost_per_token": 1e-06, "unpriced": "two sources disagree"},
    "too-cold": {"litellm_provider": "openai", "input_cost_per_token": -1, "output_cost_per_token": -1},
    "true": {"input_cost_per_token": true}, "word": {"input_cost_per_token": "free"}, "nan": {"input_cost_per_token": "NaN"},
    "huge": {"input_cost_per_token": 1e400},
    "image": {"mode": "image_generation", "output_cost_per_image": 0.04}
}"#;

fn conditions() -> (PriceBook, Notes) {
    PriceBook::from_litellm(CONDITIONS, "conditions").unwrap()
}

fn priced(cost: Cost) -> String {
    match cost {
        Cost::Priced { usd, .. } => usd.to_string(),
        Cost::Unpriced => "unpriced".to_owned(),
    }
}

/// `model tier hh:mm input cached write write_1h output | cost`; `-` is none.
const COSTS: &str = "
        open-list   -        -     272000 0 0 0 100     | 1.363
        open-list   -        -     272001 0 0 0 100     | 2.72451
        open-list   -        -     1 9 0 0 0            | 0.00005
        float-list  -        -     32000 0 0 0 10       | 0.03202
        float-list  -        -     32001 0 0 0 10       | 0.096063
        text-list   -        -     32000 0 0 0 0        | 0.032
        text-list   -        -     32001 0 0 0 0        | 0.064002
        gap         -        -     1 0 0 0 0            | unpriced
        half        -        -     1 0 0 0 0            | unpriced
        searches    -        -     1 0 0 0 0            | 0.000001
        spelled     -        -     128000 0 0 0 0       | 0.128
        spelled     -        -     128001 0 0 0 0       | 0.256002
        spelled     -        -     200001 0 0 0 0       | 0.600003
        spelled     -        -     1000001 0 0 0 0      | 5.000005
        spelled-twice -      -     1 0 0 0 0            | unpriced
        tiers       -        -     100 0 0 0 10         | 0.00028
        tiers       default  -     100 0 0 0 10         | 0.00028
        tiers       auto     -     100 0 0 0 10         | 0.00028
        tiers       flex     -     100 0 0 0 10         | 0.00014
        tiers       FLEX     -     100 0 0 0 10         | 0.00014
        tiers       flex     -     0 100 0 0 0          | 0.00001
        tiers       flex     -     200001 0 0 0 1       | 0.400008
        tiers       priority -     100 100 0 0 10       | 0.0006
        tiers       fast     -     100 100 0 0 10       | 0.0006
        tiers       priority -     200001 0 0 0 1       | unpriced
        tiers       batch    -     100 0 0 0 10         | 0.00014
        tiers       batches  -     100 0 0 0 10         | 0.00014
        tiers       batch    -     100 1 0 0 10         | unpriced
        tiers       scale    -     100 0 0 0 10         | unpriced
        tiers       galactic -     100 0 0 0 10         | unpriced
        bad-tier    -        -     100 0 0 0 0          | 0.0002
        bad-tier    flex     -     100 0 0 0 0          | unpriced
        bad-tier    priority -     100 0 0 0 0          | 0.0004
        bad-tier    priority -     100 0 0 0 1          | unpriced
        fast        fast     -     100 0 0 0 10         | 0.0045
        fast        priority -     100 0 0 0 10         | unpriced
        writes      -        -     0 0 100 40 0         | 0.000465
        writes      -        -     200001 0 10 0 0      | 0.600078
        writes      -        -     200001 0 10 5 0      | unpriced
        writes      -        -     1000001 0 10 10 0    | 3.000123
        writes-minutes -     -     0 0 100 0 0          | 0.000375
        writes-minutes -     -     0 0 100 1 0          | unpriced
        writes-plain -       -     0 0 100 40 0         | 0.0003
        hours       -        16:29 100 0 0 0 10         | 0.00024
        hours       -        16:30 100 0 0 0 10         | 0.00014
        hours       -        00:30 100 0 0 0 10         | 0.00024
        hours-unknown -      -     1 0 0 0 0            | unpriced
        unknown     -        -     1 0 0 0 0            | unpriced
        unknown-factor -     -     1 0 0 0 0            | unpriced
        unknown-nothing -    -     1 0 0 0 0            | 0.000002
        unknown-ability -    -     1 0 0 0 0            | 0.000002
        noise       -        -     100000 0 0 0 1000000 | 0.135
        alias       -        -     1 0 0 0 1            | 0.000003
        alias-lost  -        -     1 0 0 0 0            | unpriced
        alias-ring  -        -     1 0 0 0 0            | unpriced
        per-million -        -     1 0 0 0 0            | unpriced
        confirmed   -        -     1 0 0 0 0            | 0.071
        disputed    -        -     1 0 0 0 0            | unpriced
    ";

#[test]
fn failure_15_each_condition_to_the_last_digit() {
    let (book, _) = conditions();
    for line in COSTS.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (given, expected) = line.split_once('|').unwrap();
        let words: Vec<&str> = given.split_whitespace().collect();
        let count = |nth: usize| words[nth].parse().unwrap();
        let tokens = TokenCounts {
            input_uncached: count(3),
            cached_input: count(4),
            cache_write: count(5),
            cache_write_1h: count(6),
            output: count(7),
            reasoning: 0,
        };
        let hour = if words[2] == "-" { "12:00" } else { words[2] };
        let at = format!("2026-11-27T{hour}:00Z").parse().unwrap();
        let service_tier = Some(words[1]).filter(|tier| *tier != "-");
        let call = Call { service_tier, at, ..call("", words[0]) };
        assert_eq!(priced(book.cost(call, &tokens)), expected.trim(), "{line}");
    }
}

#[test]
fn whatever_is_left_out_or_taken_otherwise_is_named() {
    let (_, notes) = conditions();
    let left_out: Vec<String> = notes.left_out.iter().map(ToString::to_string).collect();
    for (model, says) in [
        ("gap", "each range must begin where the one below ends"),
        ("half", "tiered_pricing `[0, 1000.5]`: each tier needs a range of two whole numbers"),
        ("spelled-twice", "another field has another price for the same tokens"),
        (
            "bad-tier",
            "input_cost_per_token_flex `half`: must be a decimal number of US dollars, for example 2.50; its calls in service tier flex stay unpriced",
        ),
        ("hours-unknown", "`hours_local` is not known there"),
        ("unknown", "input_cost_per_token_at_weekends `3e-06`: could change the price"),
        ("unknown-factor", "congestion_multiplier `3`: could change the price"),
        ("alias-lost", "alias_of `\"nobody\"`: must name another entry"),
        ("alias-ring", "leads on more than 8 times"),
        ("per-million", "`0.071`: is more than 0.001 USD for one token"),
        ("disputed", "unpriced `two sources disagree`: the book says so; the model stays unpriced"),
        ("too-cold", "input_cost_per_token `-1`: must not be negative"),
        ("true", "input_cost_per_token `true`"),
        ("word", "input_cost_per_token `free`"),
        ("nan", "input_cost_per_token `NaN`"),
        ("huge", "input_cost_per_token `1e400`"),
    ] {
        let start = format!("price of `{model}`: ");
        let lines: Vec<&String> = left_out.iter().filter(|line| line.starts_with(&start)).collect();
        assert!(lines.len() == 1 && lines[0].contains(says), "{model}: {lines:?}");
    }
    assert_eq!(left_out.len(), 16, "{left_out:#?}");
    let taken: Vec<String> = notes.taken.iter().map(ToString::to_string).collect();
    assert_eq!(
        taken,
        [
            "price of `noise`: input_cost_per_token `1.0000000000000001e-07` is a binary float written in full: taken as 0.0000001",
            "price of `noise`: output_cost_per_token `0.00000012500000000000001` is a binary float written in full: taken as 0.000000125",
        ]
    );
    assert_eq!(notes.other_units.iter().map(ToString::to_string).collect::<Vec<_>>(), [] as [&str; 0]);
}

proptest! {
    /// More tokens always cost at least as much; nothing becomes cheaper where a tier begins, and an entry's
    /// service tiers, conditions and sizes never produce a price from nothing.
    #[test]
    fn more_tokens_are_never_cheaper(
        input in 0_u64..2_000_000, cached in 0_u64..500_000, write in 0_u64..50_000, output in 0_u64..50_000, more in 1_u64..300_000,
        model in proptest::sample::select(vec!["open-list", "float-list", "spelled", "tiers", "writes", "plain", "hours"]),
        kind in 0_usize..4,
    ) {
        let (book, _) = conditions();
        let tokens = TokenCounts { input_uncached: input, cached_input: cached, cache_write: write, output, ..TokenCounts::default() };
        let mut larger = tokens;
        match kind {
            0 => larger.input_uncached += more,
            1 => larger.cached_input += more,
            2 => larger.cache_write += more,
            _ => larger.output += more,
        }
        let usd = |tokens: &TokenCounts| match book.cost(call("", model), tokens) {
            Cost::Priced { usd, .. } => Some(usd),
            Cost::Unpriced => None,
        };
        if let (Some(less), Some(more)) = (usd(&tokens), usd(&larger)) {
            prop_assert!(less <= more, "{model}: {tokens:?} {less}, {larger:?} {more}");
        }
    }

    /// An unknown field leaves a price unchanged or removes it; it never produces a different one.
    #[test]
    fn an_unknown_field_never_changes_a_price(name in "(in|out)put_cost_per_token_[a-z]{1,12}|[a-z]{1,8}_(cost|price|multiplier|discount)") {
        let entry = |more: &str| format!(r#"{{"m": {{"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06{more}}}}}"#);
        let (plain, _) = PriceBook::from_litellm(&entry(""), "x").unwrap();
        let (other, notes) = PriceBook::from_litellm(&entry(&format!(r#", "{name}": 1e-07"#)), "x").unwrap();
        let tokens = TokenCounts { input_uncached: 7, output: 3, ..TokenCounts::default() };
        let (before, after) = (priced(plain.cost(call("", "m"), &tokens)), priced(other.cost(call("", "m"), &tokens)));
        prop_assert!(after == before || (after == "unpriced" && !notes.left_out.is_empty()), "{name}: {after}");
    }
}
