//! Quotes: which entry, which rates, which amount; and why there is none.

use proptest::prelude::*;

use super::*;

const BOOK: &str = r#"{
    "sized": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
        "cache_read_input_token_cost": 5e-07, "input_cost_per_token_above_200k_tokens": 4e-06, "as_of": "2026-11-01",
        "input_cost_per_token_flex": 1e-06, "output_cost_per_token_flex": 4e-06, "cache_read_input_token_cost_flex": 2.5e-07},
    "hours": {"input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06,
        "off_peak_pricing": {"input_cost_per_token": 1e-06, "hours_utc": "16:30-00:30"}},
    "free-form": {"input_cost_per_token": "ask sales"},
    "gemini/twin": {"litellm_provider": "gemini", "input_cost_per_token": 1e-06},
    "vertex_ai/twin": {"litellm_provider": "vertex_ai", "input_cost_per_token": 2e-06},
    "input-only": {"input_cost_per_token": 1e-06}
}"#;

fn book() -> PriceBook {
    PriceBook::from_litellm(BOOK, "b").unwrap().0
}

fn call<'a>(provider: Option<&'a str>, model: &'a str, tier: Option<&'a str>, at: &str) -> Call<'a> {
    Call { provider, model: Some(model), service_tier: tier, at: at.parse().unwrap() }
}

const NOON: &str = "2026-11-29T12:00:00Z";

const NO_ENTRY: &str = "the price book has no entry for this model and provider: map them to names of the book (`prices` in the config), or use \
                        a larger book (--prices)";

#[test]
fn a_quote_says_which_rates_apply_and_what_they_come_to() {
    let book = book();
    let tokens = |input_uncached, cached_input, output, reasoning| TokenCounts {
        input_uncached,
        cached_input,
        output,
        reasoning,
        ..TokenCounts::default()
    };
    // Entry, service tier, threshold, off-peak; the amounts of input, cached input, output and reasoning; the sum.
    for (call, tokens, expected) in [
        (
            call(None, "sized", None, NOON),
            tokens(1000, 100, 50, 10),
            "sized - - - 0.002 0.00005 0.00032 0.00008 = 0.00245",
        ),
        (
            call(Some("openai"), "sized-2026-01-02", None, NOON),
            tokens(300_000, 0, 0, 0),
            "sized - 200000 - 1.2 0 0 0 = 1.2",
        ),
        (
            call(None, "sized", Some("flex"), NOON),
            tokens(1000, 100, 50, 0),
            "sized flex - - 0.001 0.000025 0.0002 0 = 0.001225",
        ),
        (
            call(None, "hours", None, "2026-11-29T17:00:00Z"),
            tokens(1000, 0, 1, 0),
            "hours - - off-peak 0.001 0 0.000004 0 = 0.001004",
        ),
        (call(None, "hours", None, NOON), tokens(1000, 0, 1, 0), "hours - - - 0.002 0 0.000004 0 = 0.002004"),
        // What was not used needs no rate; what was used does.
        (
            call(None, "input-only", None, NOON),
            tokens(1, 0, 0, 0),
            "input-only - - - 0.000001 0 ? ? = 0.000001",
        ),
        (call(None, "input-only", None, NOON), tokens(1, 0, 1, 0), "input-only - - - 0.000001 0 ? ? = ?"),
    ] {
        let quote = book.quote(call, &tokens).unwrap();
        let usd = |usd: Option<Usd>| usd.map_or("?".to_owned(), |usd| usd.to_string());
        let amount = |kind| usd(quote.lines.iter().find(|line| line.kind == kind).unwrap().usd);
        let found = format!(
            "{} {} {} {} {} {} {} {} = {}",
            quote.entry.name,
            quote.service_tier.unwrap_or("-"),
            quote.above_input.map_or("-".to_owned(), |above| above.to_string()),
            if quote.off_peak { "off-peak" } else { "-" },
            amount(PricedKind::Input),
            amount(PricedKind::CachedInput),
            amount(PricedKind::Output),
            amount(PricedKind::Reasoning),
            usd(quote.usd)
        );
        assert_eq!(found, expected);
    }
}

#[test]
fn a_call_without_a_price_is_told_why() {
    let book = book();
    for (call, expected) in [
        (Call { model: None, ..call(None, "", None, NOON) }, "the call names no model"),
        (call(None, "unheard", None, NOON), NO_ENTRY),
        (call(Some("anthropic"), "sized", None, NOON), NO_ENTRY),
        (
            call(None, "free-form", None, NOON),
            "the entry `free-form` was left out of the price book or has no usable price",
        ),
        (
            call(Some("gcp.gen_ai"), "twin", None, NOON),
            "the provider's name can mean `gemini/twin` or `vertex_ai/twin`, and their prices differ",
        ),
        (
            call(None, "sized", Some("Priority"), NOON),
            "the entry `sized` has no price for the service tier `priority`",
        ),
    ] {
        assert_eq!(book.quote(call, &TokenCounts::default()).unwrap_err().to_string(), expected);
        assert_eq!(book.cost(call, &TokenCounts { output: 1, ..TokenCounts::default() }), Cost::Unpriced);
    }
}

#[test]
fn entries_are_listed_with_what_they_say() {
    let book = book();
    let names: Vec<&str> = book.entries(Timestamp::default()).map(|entry| entry.name).collect();
    assert_eq!(names, ["free-form", "gemini/twin", "hours", "input-only", "sized", "vertex_ai/twin"]);
    let sized = book.entries(Timestamp::default()).find(|entry| entry.name == "sized").unwrap();
    assert_eq!((sized.provider(), sized.mode()), (Some("openai"), Some("chat")));
    assert_eq!(sized.as_of().unwrap().to_string(), "2026-11-01");
    assert_eq!((sized.thresholds(), sized.service_tiers()), (vec![200_000], vec!["flex"]));
    assert_eq!(sized.rates()[0], (PricedKind::Input, Some(Usd::from_units(2_000_000_000_000))));
    let shown = sized.tiers().into_iter().map(|(tier, rates)| {
        let rates = rates.iter().map(|(kind, usd)| format!(" {kind} {usd}"));
        format!("{:?} {:?}:{}", tier.above_input, tier.service_tier, rates.collect::<String>())
    });
    let expected = [
        "Some(200000) None: input_uncached 0.000004 cached_input 0.0000005 cache_write 0.000004 cache_write_1h 0.000004 output 0.000008 reasoning 0.000008",
        "None Some(\"flex\"): input_uncached 0.000001 cached_input 0.00000025 cache_write 0.000001 cache_write_1h 0.000001 output 0.000004 reasoning 0.000004",
        // What flex costs there, the book does not say.
        "Some(200000) Some(\"flex\"):",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let hours = book.entries(Timestamp::default()).find(|entry| entry.name == "hours").unwrap();
    assert!(hours.has_off_peak_rates() && !sized.has_off_peak_rates());
    let left_out = book.entries(Timestamp::default()).next().unwrap();
    assert!(!left_out.is_priced() && left_out.rates().iter().all(|(_, rate)| rate.is_none()));
}

proptest! {
    #[test]
    fn a_quote_is_what_the_call_costs(
        model in 0..5_usize,
        tier in proptest::option::of(0..3_usize),
        hour in 0..24_i64,
        counts in proptest::array::uniform5(0..400_000_u64),
    ) {
        let book = book();
        let model = ["sized", "hours", "input-only", "free-form", "gemini/twin"][model];
        let tier = tier.map(|tier| ["flex", "priority", "default"][tier]);
        let at = Timestamp::from_micros(1_764_000_000_000_000 + hour * 3_600_000_000).unwrap();
        let [input_uncached, cached_input, cache_write, output, reasoning] = counts;
        let tokens = TokenCounts {
            input_uncached, cached_input, cache_write, output,
            reasoning: reasoning.min(output),
            cache_write_1h: cache_write / 2,
        };
        let call = Call { provider: None, model: Some(model), service_tier: tier, at };
        let quoted = book.quote(call, &tokens).ok().and_then(|quote| {
            let sum = quote.lines.iter().filter(|line| line.tokens > 0)
                .try_fold(Usd::ZERO, |sum, line| sum.checked_add(line.usd?));
            assert_eq!(sum, quote.usd, "the lines add up");
            quote.usd
        });
        let cost = match book.cost(call, &tokens) {
            Cost::Priced { usd, .. } => Some(usd),
            Cost::Unpriced => None,
        };
        prop_assert_eq!(quoted, cost);
    }
}
