//! Which price counts for usage that happened at a time.

use super::*;
use crate::event::{PriceChanged, PriceEvent};
use crate::position::Sequence;

/// A day of 2026, as `MM-DD`.
fn day(text: &str) -> Timestamp {
    format!("2026-{text}T00:00:00Z").parse().unwrap()
}

/// An input price of so many micro-dollars a million tokens, from a day on, decided now.
fn change(entry: &str, rates: &str, from: &str, version: &str) -> PriceEvent {
    PriceEvent::from(PriceChanged {
        entry: entry.to_owned(),
        rates: rates.to_owned(),
        from: day(from),
        source: "manual".to_owned(),
        price_version: version.to_owned(),
        verified: false,
        old_version: None,
        percent: None,
        approved_by: None,
        reason: None,
    })
}

fn history(changes: &[PriceEvent]) -> PriceHistory {
    let mut history = PriceHistory::default();
    for event in changes {
        history.apply(Timestamp::default(), Sequence::default(), event);
    }
    history
}

/// What one token of input costs on a day, with the version that says so.
fn cost(book: &PriceBook, provider: &str, model: &str, on: &str) -> String {
    let tokens = TokenCounts { input_uncached: 1, ..TokenCounts::default() };
    match book.cost(Call { at: day(on), ..call(provider, model) }, &tokens) {
        Cost::Priced { usd, price_version } => {
            format!("{usd} {}", price_version.split('@').next().unwrap_or_default())
        }
        Cost::Unpriced => "unpriced".to_owned(),
    }
}

#[test]
fn the_last_price_in_force_when_the_usage_happened_counts() {
    let input = |rate: &str| format!(r#"{{"litellm_provider": "openai", "input_cost_per_token": {rate}}}"#);
    let (book, _) = book();
    let book = book.with(&history(&[
        change("plain", &input("2e-6"), "03-01", "march"),
        change("plain", &input("4e-6"), "05-01", "may"),
        // Decided later, for an earlier time.
        change("plain", &input("3e-6"), "04-01", "april"),
        // A correction of the same time: the later decision counts.
        change("plain", &input("5e-6"), "05-01", "may-corrected"),
        change("openai/new", &input("9e-6"), "03-01", "new"),
        change("free", "not rates", "03-01", "broken"),
    ]));
    for (provider, model, on, expected) in [
        ("openai", "plain", "02-28", "0.00000125 test"),
        ("openai", "plain", "03-01", "0.000002 march"),
        ("openai", "plain", "04-30", "0.000003 april"),
        ("openai", "plain", "05-01", "0.000005 may-corrected"),
        ("openai", "plain-2026-01-01", "05-01", "0.000005 may-corrected"),
        ("azure", "plain", "05-01", "0.000002 test"),
        ("openai", "new", "02-28", "unpriced"),
        ("openai", "new", "03-01", "0.000009 new"),
        ("", "free", "02-28", "0 test"),
        ("", "free", "03-01", "unpriced"),
    ] {
        assert_eq!(cost(&book, provider, model, on), expected, "{provider}:{model} on {on}");
    }
}

#[test]
fn the_entries_of_a_day_are_those_in_force_then() {
    let (book, _) = book();
    let rates = r#"{"litellm_provider": "openai", "input_cost_per_token": 9e-6}"#;
    let book = book.with(&history(&[change("openai/new", rates, "03-01", "manual@1")]));
    let has = |on: &str| book.entries(day(on)).any(|entry| entry.name == "openai/new");
    assert_eq!((has("02-28"), has("03-01")), (false, true));
    let entry = book.entries(day("03-01")).find(|entry| entry.name == "openai/new").unwrap();
    assert_eq!(entry.changed_by(), Some("manual@1"));
    let quote =
        book.quote(Call { at: day("03-01"), ..call("openai", "new") }, &TokenCounts::default()).unwrap();
    assert_eq!(quote.price_version, "manual@1");
}

/// What a token of input cost by a version, whatever is in force.
#[test]
fn the_price_of_a_version_is_known_whatever_is_in_force() {
    let input = |rate: &str| format!(r#"{{"litellm_provider": "openai", "input_cost_per_token": {rate}}}"#);
    let (book, _) = book();
    let own = book.version().to_owned();
    let book = book.with(&history(&[
        change("plain", &input("2e-6"), "03-01", "march"),
        change("openai/plain", &input("3e-6"), "03-01", "corrected"),
        change("plain", &input("9e-6"), "12-01", "later"),
    ]));
    let tokens = TokenCounts { input_uncached: 1, ..TokenCounts::default() };
    for (version, usd) in [
        (own.as_str(), Some("0.00000125")),
        ("march", Some("0.000002")),
        ("corrected", Some("0.000003")),
        ("later", Some("0.000009")),
        ("unknown", None),
        ("", None),
    ] {
        for model in ["plain", "openai/plain"] {
            let call = Call { at: day("04-01"), ..call("openai", model) };
            let quote = book.quote_by(version, call, &tokens).ok();
            assert_eq!(
                quote.as_ref().and_then(|quote| quote.usd).map(|usd| usd.to_string()).as_deref(),
                usd,
                "{version}"
            );
            assert!(quote.is_none_or(|quote| quote.price_version == version), "{version}");
        }
    }
}
