//! Prices in LiteLLM's format and costs to the last digit.

mod conditions;
mod dated;
mod finding;
mod names;
mod quote;
mod units;
mod update;

use super::*;
use crate::tokens::{TokenCounts, TokenSums};

const BOOK: &str = r#"{
    "sample_spec": {"input_cost_per_token": "not a price"},
    "plain": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.25e-06,
        "cache_read_input_token_cost": 1.25e-07, "output_cost_per_token": 1e-05},
    "bare-rates": {"litellm_provider": "mistral", "input_cost_per_token": 0.000000075, "output_cost_per_token": "3e-7"},
    "azure/plain": {"litellm_provider": "azure", "input_cost_per_token": 2e-06, "output_cost_per_token": 2e-05},
    "free": {"input_cost_per_token": 0, "output_cost_per_token": 0.0},
    "cliff": {"litellm_provider": "anthropic", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
        "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
        "input_cost_per_token_above_200k_tokens_priority": 9.0},
    "cliff-272": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
        "input_cost_per_token_above_128k_tokens": 2e-06, "input_cost_per_token_above_272k_tokens": 4e-06},
    "grok": {"litellm_provider": "xai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06,
        "input_cost_per_token_above_128k_tokens": 2e-06},
    "tiered": {"litellm_provider": "dashscope", "tiered_pricing": [
        {"range": [0, 1000], "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
        {"range": [1000, 2000], "input_cost_per_token": 3e-06, "output_cost_per_token": 5e-06}]},
    "thinker": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "output_cost_per_reasoning_token": 5e-06},
    "output-only": {"output_cost_per_token": 1e-06},
    "painter": {"mode": "image_generation", "output_cost_per_image": 0.04},
    "too-fine": {"input_cost_per_token": 1e-19, "output_cost_per_token": 1e-06},
    "negative": {"input_cost_per_token": -1e-06}
}"#;

fn book() -> (PriceBook, Notes) {
    PriceBook::from_litellm(BOOK, "test").unwrap()
}

/// A call of provider and model, each omitted if empty.
fn call<'a>(provider: &'a str, model: &'a str) -> Call<'a> {
    let given = |text: &'a str| Some(text).filter(|text| !text.is_empty());
    Call { provider: given(provider), model: given(model), service_tier: None, at: Timestamp::default() }
}

/// `[provider/]model input cached written output reasoning | cost`; provider and model are separated by a colon.
#[test]
fn failure_13_costs_to_the_last_digit() {
    let (book, _) = book();
    let table = "
        openai:plain      1285441 48100608 0 434481 305728 | 11.96418725
        :plain            1 0 0 0 0          | 0.00000125
        azure:plain       1 0 0 0 0          | 0.000002
        mistral:plain     1 0 0 0 0          | unpriced
        mistral:bare-rates 0 1 1 1 1         | 0.00000045
        :free             5 5 5 5 5          | 0
        anthropic:cliff   200000 0 0 1 0     | 0.600015
        anthropic:cliff   200001 0 0 1 0     | 1.2000285
        anthropic:cliff   100001 100000 0 1 0 | 0.6300285
        openai:cliff-272  128000 0 0 0 0     | 0.128
        openai:cliff-272  128001 0 0 0 0     | 0.256002
        openai:cliff-272  272001 0 0 1 0     | 1.088005
        xai:grok          127999 0 0 0 0     | 0.127999
        xai:grok          128000 0 0 0 0     | 0.256
        dashscope:tiered  0 0 0 7 0          | 0.000007
        dashscope:tiered  1000 0 0 0 0       | 0.001
        dashscope:tiered  1001 0 0 1 0       | 0.003008
        dashscope:tiered  9000 0 0 0 0       | 0.027
        :thinker          0 0 0 10 4         | 0.000032
        :output-only      0 0 0 3 0          | 0.000003
        :output-only      1 0 0 3 0          | unpriced
        :painter          1 0 0 0 0          | unpriced
        :too-fine         0 0 0 1 0          | unpriced
        :nobody-knows     1 0 0 0 0          | unpriced
        :plain            1000000000000 1000000000000 1000000000000 1000000000000 0 | 12625000
    ";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (given, expected) = line.split_once('|').unwrap();
        let words: Vec<&str> = given.split_whitespace().collect();
        let (provider, model) = words[0].split_once(':').unwrap();
        let count = |nth: usize| words[nth].parse().unwrap();
        let tokens = TokenCounts {
            input_uncached: count(1),
            cached_input: count(2),
            cache_write: count(3),
            output: count(4),
            reasoning: count(5),
            cache_write_1h: 0,
        };
        let got = match book.cost(call(provider, model), &tokens) {
            Cost::Priced { usd, .. } => usd.to_string(),
            Cost::Unpriced => "unpriced".to_owned(),
        };
        assert_eq!(got, expected.trim(), "{line}");
    }
    let nothing = Call { model: None, ..call("", "") };
    assert_eq!(book.cost(nothing, &TokenCounts::default()), Cost::Unpriced);
}

#[test]
fn a_price_that_does_not_fit_is_refused_by_name() {
    let (book, notes) = book();
    let problems: Vec<String> = notes.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "price of `negative`: input_cost_per_token `-1e-06`: must not be negative; the model stays unpriced",
            "price of `too-fine`: input_cost_per_token `1e-19`: must have at most 18 decimal places, finer amounts \
             would be rounded; the model stays unpriced",
        ]
    );
    assert_eq!(book.len(), 11);
    assert!(PriceBook::from_litellm("[]", "x").unwrap_err().to_string().contains("price book x"));
}

#[test]
fn a_correction_reprices_the_whole_request() {
    let (book, _) = book();
    let original = TokenCounts { input_uncached: 200_001, ..TokenCounts::default() };
    let correction = change(TokenSums { input_uncached: -1, ..TokenSums::default() });
    let cost = book.adjustment_cost(call("anthropic", "cliff"), (&original).into(), &correction);
    let Cost::Priced { usd, .. } = cost else { panic!("priced") };
    assert_eq!(usd.to_string(), "-0.600006");
    let too_much = change(TokenSums { input_uncached: -200_002, ..TokenSums::default() });
    let all = change(TokenSums { input_uncached: -200_001, ..TokenSums::default() });
    let gives_back =
        |correction| book.adjustment_cost(call("anthropic", "cliff"), (&original).into(), correction);
    assert_eq!(gives_back(&too_much), gives_back(&all));
    let to_zero = TokenCounts { output: 7, reasoning: 7, ..TokenCounts::default() };
    let output = change(TokenSums { output: -7, ..TokenSums::default() });
    let back = book.adjustment_cost(call("anthropic", "cliff"), (&to_zero).into(), &output);
    assert!(matches!(back, Cost::Priced { .. }), "reasoning goes with its output: {back:?}");
}

fn change(tokens: TokenSums) -> UsedChange {
    UsedChange { tokens, ..UsedChange::default() }
}

#[test]
fn the_shipped_book_prices_the_common_models() {
    let book = PriceBook::shipped();
    assert!(book.version().starts_with("shipped@"), "{}", book.version());
    let one = TokenCounts { input_uncached: 1_000_000, output: 1_000_000, ..TokenCounts::default() };
    for (provider, model, usd) in [
        ("openai", "gpt-5-codex", "11.25"),
        ("anthropic", "claude-haiku-4-5", "6"),
        ("openai", "gpt-5-mini", "2.25"),
    ] {
        let Cost::Priced { usd: got, .. } = book.cost(call(provider, model), &one) else {
            panic!("{model} is priced");
        };
        assert_eq!(got.to_string(), usd, "{model}");
    }
}

#[test]
fn the_shipped_book_says_of_each_entry_where_it_is_from_and_has_no_bad_price() {
    let (book, notes) = PriceBook::from_litellm(SHIPPED_PRICES, "shipped").unwrap();
    assert!(book.len() > 500, "{}", book.len());
    let bad: Vec<&PriceProblem> =
        notes.left_out.iter().filter(|problem| problem.field != "unpriced").collect();
    assert_eq!((bad, notes.taken, notes.other_units), (Vec::new(), Vec::new(), Vec::new()));
    let entries: BTreeMap<String, BTreeMap<String, serde_json::Value>> =
        serde_json::from_str(SHIPPED_PRICES).unwrap();
    for (model, entry) in entries {
        let text = |name: &str| entry.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        assert!(!text("source").is_empty() && text("as_of").len() == 10, "{model}: {entry:?}");
    }
    assert!(book.as_of() >= day("2026-11-28"), "{:?}", book.as_of());
}

fn day(day: &str) -> Option<Day> {
    Some(format!("{day}T00:00:00Z").parse::<Timestamp>().ok()?.day())
}

#[test]
fn a_file_that_is_no_object_gets_one_sentence() {
    for (text, says) in [
        ("", "the file is empty: it must map"),
        (" \n", "the file is empty: it must map"),
        ("[]", "the file is no JSON object: it must map"),
        ("- a\n", "the file is no JSON object"),
        ("\"gpt-5\"", "the file is no JSON object"),
        ("{\"a\": 1}", "invalid type"),
    ] {
        let error = PriceBook::from_litellm(text, "mine").unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("mine"), "{text}: {error}");
    }
    let marked =
        PriceBook::from_litellm("\u{feff}{\"a\": {\"input_cost_per_token\": 1e-6}}", "mine").unwrap().0;
    assert_eq!(marked.len(), 1);
}

#[test]
fn what_a_book_says_twice_is_unpriced_unless_it_says_the_same() {
    let text = r#"{
        "same": {"input_cost_per_token": 1e-06},
        "same": {"input_cost_per_token": 1e-06},
        "cheaper-later": {"input_cost_per_token": 5e-06},
        "cheaper-later": {"input_cost_per_token": 1e-06},
        "field": {"input_cost_per_token": 5e-06, "output_cost_per_token": 1e-06, "input_cost_per_token": 1e-06},
        "other-name": {"alias_of": "cheaper-later"}
    }"#;
    let (book, notes) = PriceBook::from_litellm(text, "twice").unwrap();
    let tokens = TokenCounts { input_uncached: 1_000_000, ..TokenCounts::default() };
    let priced = |model: &str| matches!(book.cost(call("", model), &tokens), Cost::Priced { .. });
    assert!(priced("same"));
    for model in ["cheaper-later", "field", "other-name"] {
        assert!(!priced(model), "{model}");
    }
    let problems: Vec<String> = notes.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "price of `cheaper-later`: the entry `cheaper-later`: appears twice in the file, with different contents; the model stays unpriced",
            "price of `field`: input_cost_per_token `1e-06`: appears twice in the entry, with different values; the model stays unpriced",
            "price of `other-name`: the entry `cheaper-later`: appears twice in the file, with different contents; the model stays unpriced",
        ]
    );
}

#[test]
fn a_model_takes_requests_up_to_its_context_where_that_is_known() {
    let text = r#"{
        "small": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "max_input_tokens": 1000, "max_output_tokens": "100"},
        "any": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "max_input_tokens": null}
    }"#;
    let (book, _) = PriceBook::from_litellm(text, "test").unwrap();
    for (name, input, output, takes) in [
        ("small", 1000, 100, true),
        ("small", 1001, 0, false),
        ("small", 0, 101, false),
        ("any", 1_000_000, 1_000_000, true),
    ] {
        let tokens = TokenCounts { input_uncached: input, output, ..TokenCounts::default() };
        let entry = book.own_entry(name).unwrap();
        assert_eq!(book.takes(&entry, &tokens), takes, "{name} {input} {output}");
    }
}
