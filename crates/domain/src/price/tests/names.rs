//! One model under several names has one price at a time.

mod updates;

use super::*;
use crate::event::PriceChanged;
use crate::position::Sequence;

/// A list or a book: `entry provider input`, in dollars a million tokens; `-`: no provider.
fn text(lines: &[&str]) -> String {
    let each = lines.iter().map(|line| {
        let [entry, provider, input] =
            line.split_whitespace().collect::<Vec<_>>().try_into().expect("3 words");
        format!("\"{entry}\": {}", rates(provider, input))
    });
    format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
}

fn rates(provider: &str, input: &str) -> String {
    let provider =
        if provider == "-" { String::new() } else { format!("\"litellm_provider\": \"{provider}\", ") };
    format!("{{{provider}\"input_cost_per_token\": {input}e-6}}")
}

fn book(lines: &[&str]) -> PriceBook {
    PriceBook::from_litellm(&text(lines), "test").unwrap().0
}

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour * 3_600_000_000).unwrap()
}

/// `decided from entry provider input source`, with hours as times. Decisions of one hour that follow each other are of
/// one record.
fn history(lines: &[&str]) -> PriceHistory {
    let mut history = PriceHistory::default();
    let (mut last, mut sequence) = ("", Sequence::ZERO);
    for line in lines {
        let [decided, from, entry, provider, input, source] =
            line.split_whitespace().collect::<Vec<_>>().try_into().expect("6 words");
        let changed = PriceChanged {
            entry: entry.to_owned(),
            rates: rates(provider, input),
            from: hour(from.parse().unwrap()),
            source: source.to_owned(),
            price_version: format!("{source}@{input}"),
            verified: false,
            old_version: None,
            percent: None,
            approved_by: None,
            reason: None,
        };
        if decided != last {
            (last, sequence) = (decided, sequence.next());
        }
        history.apply(hour(decided.parse().unwrap()), sequence, &changed.into());
    }
    history
}

/// What a million tokens cost at an hour, and the version that says so.
fn cost(book: &PriceBook, provider: &str, model: &str, at: i64) -> String {
    let tokens = TokenCounts { input_uncached: 1_000_000, ..TokenCounts::default() };
    match book.cost(Call { at: hour(at), ..call(provider, model) }, &tokens) {
        Cost::Priced { usd, price_version } => {
            format!("{usd} {}", price_version.split('@').next().unwrap_or_default())
        }
        Cost::Unpriced => "unpriced".to_owned(),
    }
}

/// Book and decisions → what every way to name the model costs.
#[test]
fn the_last_decision_about_a_model_counts_under_each_of_its_names() {
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [(i64, &'a str)]);
    let cases: &[Case<'_>] = &[
        (
            "set under a name that the book does not use",
            &["m acme 1"],
            &["1 1 acme/m acme 2 manual"],
            &[(0, "1 test"), (1, "2 manual")],
        ),
        ("set under the name alone", &["acme/m acme 1"], &["1 1 m acme 2 manual"], &[(1, "2 manual")]),
        (
            "set under one name, then updated under the other",
            &["m acme 1"],
            &["1 1 acme/m acme 2 manual", "2 2 m acme 3 list"],
            &[(1, "2 manual"), (2, "3 list")],
        ),
        (
            "updated, then set under the other name for the time before it",
            &["m acme 1"],
            &["5 5 m acme 3 list", "6 2 acme/m acme 2 manual"],
            &[(1, "1 test"), (2, "2 manual"), (4, "2 manual"), (5, "3 list")],
        ),
        (
            "two decisions about the same time: the later one",
            &["m acme 1"],
            &["2 1 acme/m acme 2 manual", "3 1 m acme 3 list"],
            &[(1, "3 list")],
        ),
        (
            "the same the other way round",
            &["m acme 1"],
            &["2 1 m acme 3 list", "3 1 acme/m acme 2 manual"],
            &[(1, "2 manual")],
        ),
        (
            "one update under both names: the one with the provider's",
            &["m acme 1", "acme/m acme 1"],
            &["1 1 acme/m acme 2 own", "1 1 m acme 3 bare"],
            &[(1, "2 own")],
        ),
        (
            "a clock set back: the later one, all the same",
            &["m acme 1"],
            &["9 1 m acme 3 first", "2 1 m acme 4 second"],
            &[(1, "4 second")],
        ),
        (
            "a clock set back, or another server's: the later one under whichever name",
            &["m acme 1"],
            &["9 1 m acme 3 first", "2 1 acme/m acme 4 second"],
            &[(1, "4 second")],
        ),
        (
            "the provider stands in the name only",
            &["m acme 1"],
            &["1 1 acme/m - 2 manual"],
            &[(1, "2 manual")],
        ),
        ("names of one provider", &["m acme 1"], &["1 1 acme/m acme_chat 2 manual"], &[(1, "2 manual")]),
    ];
    for (name, lines, decided, expected) in cases {
        let book = book(lines).with(&history(decided));
        for (at, costs) in *expected {
            for (provider, model) in
                [("acme", "m"), ("acme", "acme/m"), ("ACME", "m"), ("", "m"), ("", "acme/m")]
            {
                assert_eq!(cost(&book, provider, model, *at), *costs, "{name}: {provider}:{model} at {at}");
            }
        }
    }
}

#[test]
fn a_decision_is_about_no_other_model_and_no_other_provider() {
    let book = book(&["m acme 1", "other/m other 1", "m-2 acme 1", "bare - 1", "acme/bare acme 1"]).with(
        &history(&[
            // Whose it is, only its name says.
            "1 1 acme/m - 2 manual",
            // A price of nobody in particular.
            "1 1 bare - 3 manual",
        ]),
    );
    for (provider, model, costs) in [
        ("acme", "m", "2 manual"),
        ("other", "m", "1 test"),
        ("acme", "m-2", "1 test"),
        ("third", "m", "unpriced"),
        ("acme", "bare", "1 test"),
        ("third", "bare", "3 manual"),
    ] {
        assert_eq!(cost(&book, provider, model, 1), costs, "{provider}:{model}");
    }
    let decided: Vec<_> = book.entries(hour(1)).map(|entry| (entry.name, entry.decided_as())).collect();
    let expected = [
        ("acme/bare", None),
        ("acme/m", None),
        ("bare", None),
        ("m", Some("acme/m")),
        ("m-2", None),
        ("other/m", None),
    ];
    assert_eq!(decided, expected);
}

/// Book and decisions → what a call of each provider costs: one that names none is priced by the entry of the name.
#[test]
fn a_decision_about_a_model_of_another_provider_leaves_the_entry_of_the_name() {
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], [&'a str; 3]);
    let cases: &[Case<'_>] = &[
        ("the book's", &["m acme 1"], &["1 1 m other 2 manual"], ["1 test", "2 manual", "1 test"]),
        (
            "the book's that has changed",
            &["m acme 1"],
            &["1 1 m acme 3 list", "2 2 m other 2 manual"],
            ["3 list", "2 manual", "3 list"],
        ),
        (
            "two that the book has not: the first has the name",
            &[],
            &["1 1 m acme 1 a", "2 2 m other 2 b", "3 3 m - 3 c"],
            ["3 c", "2 b", "3 c"],
        ),
        (
            "nobody's until somebody says whose it is",
            &["m - 1"],
            &["1 1 m - 2 a", "2 2 m acme 3 b", "3 3 m other 4 c"],
            ["3 b", "4 c", "3 b"],
        ),
        (
            "the last decision about the other one, under whichever of the names",
            &["m acme 1", "other/m other 5"],
            &["1 1 m other 2 a", "2 2 other/m other 3 b"],
            ["1 test", "3 b", "1 test"],
        ),
        (
            "the same the other way round",
            &["m acme 1", "other/m other 5"],
            &["1 1 other/m other 3 b", "2 2 m other 2 a"],
            ["1 test", "2 a", "1 test"],
        ),
        (
            "a name of its own that is a third one's",
            &["m acme 1", "other/m third 5"],
            &["1 1 m other 2 a"],
            ["1 test", "5 test", "1 test"],
        ),
    ];
    for (name, lines, decided, expected) in cases {
        let book = book(lines).with(&history(decided));
        let costs = ["acme", "other", ""].map(|provider| cost(&book, provider, "m", 4));
        assert_eq!(costs, *expected, "{name}");
    }
}

/// A price does not say what a model takes, so that is as the book has it, whatever name the price was decided under.
#[test]
fn a_model_takes_what_the_book_says_also_after_a_decision() {
    let text = r#"{"m": {"litellm_provider": "acme", "input_cost_per_token": 1e-6, "max_input_tokens": 10},
        "bare": {"input_cost_per_token": 1e-6, "max_input_tokens": 10}}"#;
    let book = PriceBook::from_litellm(text, "test").unwrap().0.with(&history(&[
        "1 1 acme/m acme 2 manual",
        // By now it says whose it is.
        "1 1 bare acme 2 manual",
    ]));
    for entry in book.entries(hour(1)) {
        let takes =
            |input_uncached| book.takes(&entry, &TokenCounts { input_uncached, ..TokenCounts::default() });
        assert_eq!((takes(10), takes(11)), (true, false), "{}", entry.name);
    }
    assert_eq!(book.entries(hour(1)).count(), 3);
}

/// The price is that of the own name; what the model takes is what each entry says, else what the other one does.
#[test]
fn a_name_whose_price_is_replaced_still_says_what_the_model_takes() {
    for (own, usd, takes) in [("", 1, 10), ("", 2, 10), (r#", "max_input_tokens": 20"#, 2, 20)] {
        let text = format!(
            r#"{{"m": {{"litellm_provider": "acme", "input_cost_per_token": 1e-6, "max_input_tokens": 10, "max_output_tokens": 5}},
            "acme/m": {{"litellm_provider": "acme", "input_cost_per_token": {usd}e-6{own}}}}}"#
        );
        let book = PriceBook::from_litellm(&text, "test").unwrap().0;
        for entry in book.entries(hour(0)) {
            let takes_input = |input_uncached| {
                book.takes(&entry, &TokenCounts { input_uncached, ..TokenCounts::default() })
            };
            let takes_output = |output| book.takes(&entry, &TokenCounts { output, ..TokenCounts::default() });
            let takes = if entry.name == "m" { 10 } else { takes };
            let found = [takes_input(takes), takes_input(takes + 1), takes_output(5), takes_output(6)];
            assert_eq!(found, [true, false, true, false], "{} {usd} {own}", entry.name);
        }
    }
}

/// A book that has one model at two prices.
#[test]
fn a_book_with_two_prices_of_a_model_takes_that_of_its_own_name_and_says_so() {
    for (lines, costs, noted) in [
        (&["m acme 1", "acme/m acme 2"], "2 test", &["m"] as &[&str]),
        (&["m acme 1", "acme/m - 2"], "2 test", &["m"]),
        (&["m acme_chat 1", "acme_chat/m acme_chat 2"], "2 test", &["m"]),
        (&["m acme 2", "acme/m acme 2"], "2 test", &[]),
        (&["acme/m acme 2", "acme_chat/m acme_chat 3"], "2 test", &["acme_chat/m"]),
    ] {
        let (book, notes) = PriceBook::from_litellm(&text(lines), "test").unwrap();
        for (provider, model) in
            [("acme", "m"), ("acme_chat", "m"), ("", lines[0].split(' ').next().unwrap())]
        {
            assert_eq!(cost(&book, provider, model, 0), costs, "{lines:?} {provider}:{model}");
        }
        let doubts: Vec<&str> = notes.doubts.iter().map(|doubt| doubt.model.as_str()).collect();
        assert_eq!(doubts, noted, "{lines:?}");
    }
    let (_, notes) = PriceBook::from_litellm(&text(&["m acme 1", "acme/m acme 2"]), "test").unwrap();
    assert_eq!(
        notes.doubts[0].to_string(),
        "price of `m` is hard to believe: `acme/m` is the same model at another price, which is taken for both names"
    );
}
