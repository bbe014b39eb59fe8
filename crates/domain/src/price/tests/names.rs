//! One model under several names has one price at a time.

use std::collections::BTreeMap;

use super::*;
use crate::event::{PriceChanged, PriceDecided, PriceDisputed, PriceEvent, PriceProposed, WaitReason};

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

/// `decided from entry provider input source`, with hours as times.
fn history(lines: &[&str]) -> PriceHistory {
    let mut history = PriceHistory::default();
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
        history.apply(hour(decided.parse().unwrap()), &changed.into());
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

/// The update by lists, each `source: entry provider input`, as `entry(+other names) source percent: waits`.
fn planned(book: &PriceBook, history: &PriceHistory, lists: &[(&str, &[&str])]) -> (Vec<String>, UpdatePlan) {
    let lists: Vec<SourceList> = lists
        .iter()
        .map(|(source, lines)| {
            let mut listed: BTreeMap<ModelName, Vec<Listed>> = BTreeMap::new();
            for one in list(&text(lines)).unwrap().0 {
                listed.entry(one.model.clone()).or_default().push(one);
            }
            let trust = Trust::from_thousandths(900);
            SourceList { source: (*source).to_owned(), trust, scraped: false, listed }
        })
        .collect();
    let rules = UpdateRules { unverified: Unverified::Apply, new_models: true };
    let plan = plan(&book.with(history), history, &lists, rules, hour(10));
    let one = |update: &PriceUpdate| {
        let waits: Vec<&str> = update.waits.iter().map(|wait| wait.as_str()).collect();
        let names: String = update.names.iter().map(|name| format!("+{name}")).collect();
        let known = if update.known { " known" } else { "" };
        let percent = update.percent.map_or("-".to_owned(), |percent| percent.to_string());
        format!("{}{names} {} {percent}:{}{known}", update.entry, update.source, waits.join(","))
    };
    (plan.updates.iter().map(one).collect(), plan)
}

/// What it is about, the book, the decisions, the lists, and what [`planned`] says.
type Plan<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [(&'a str, &'a [&'a str])], &'a [&'a str]);

fn check_plans(cases: &[Plan<'_>]) {
    for (name, lines, decided, lists, expected) in cases {
        assert_eq!(planned(&book(lines), &history(decided), lists).0, *expected, "{name}");
    }
}

#[test]
fn an_update_changes_a_model_once_under_whichever_name() {
    check_plans(&[
        (
            "both names in the book",
            &["m acme 1", "acme/m acme 1"],
            &[],
            &[("a", &["m acme 1.2"])],
            &["acme/m+m a 20:"],
        ),
        ("the list has renamed it", &["m acme 1"], &[], &[("a", &["acme/m acme 1.2"])], &["m a 20:"]),
        ("the list has both names", &["b p 1"], &[], &[("a", &["b p 1.2", "p/b p 1.3"])], &["b a 30:"]),
        (
            "two lists, each with its name",
            &[],
            &[],
            &[("a", &["m acme 1"]), ("b", &["acme/m acme 1"])],
            &["m a -:"],
        ),
        (
            "set by hand under the other name: it waits for a person",
            &["m acme 1"],
            &["1 1 acme/m acme 1.1 manual"],
            &[("a", &["m acme 1.2"])],
            &["acme/m+m a 10:set_by_hand"],
        ),
        (
            "the same with the names the other way round",
            &["acme/m acme 1"],
            &["1 1 m acme 1.1 manual"],
            &[("a", &["acme/m acme 1.2"])],
            &["m+acme/m a 10:set_by_hand"],
        ),
        (
            "set by hand after an update under the other name",
            &["m acme 1"],
            &["1 1 acme/m acme 1.05 list", "2 2 m acme 1.1 manual"],
            &[("a", &["m acme 1.2"])],
            &["m+acme/m a 10:set_by_hand"],
        ),
        (
            "what is in force under the other name is compared with",
            &["m acme 1"],
            &["1 1 acme/m acme 1.2 list"],
            &[("a", &["m acme 1.2"])],
            &[],
        ),
        (
            "a price that somebody set and that is no longer in force",
            &["m acme 1"],
            &["1 1 acme/m acme 1.1 manual", "2 2 m acme 1.2 list"],
            &[("a", &["m acme 1.3"])],
            &["m+acme/m a 9:"],
        ),
    ]);
}

#[test]
fn an_update_replaces_no_price_of_another_provider_and_none_unchecked() {
    check_plans(&[
        (
            "a list that does not say whose: the model of the entry of this name",
            &["m acme 1"],
            &[],
            &[("a", &["m - 1.2"]), ("b", &["m acme 1.2"])],
            &["m a 20:"],
        ),
        ("it says the same again", &["m acme 1"], &["1 1 m acme 1.2 a"], &[("a", &["m - 1.2"])], &[]),
        (
            "a list that does not say whose, and a price set by hand",
            &["m acme 1"],
            &["1 1 m acme 1.1 manual"],
            &[("a", &["m - 1.2"])],
            &["m a 10:set_by_hand"],
        ),
        (
            "nobody had said whose it is, and a price set by hand",
            &["m - 1"],
            &["1 1 m - 1.1 manual"],
            &[("a", &["m acme 1.2"])],
            &["m a 10:set_by_hand"],
        ),
        (
            "another provider's model has a name of its own",
            &["m acme 1"],
            &["1 1 m acme 1.1 manual"],
            &[("a", &["m other 5"])],
            &["other/m a -:"],
        ),
        (
            "two providers' models, both new",
            &[],
            &[],
            &[("a", &["m acme 1"]), ("b", &["m other 5"])],
            &["m a -:", "other/m b -:"],
        ),
        (
            "another provider's model, and a name of its own that is another model's",
            &["m acme 1", "other/m third 1"],
            &[],
            &[("a", &["m other 5"])],
            &[],
        ),
    ]);
}

#[test]
fn what_waits_was_rejected_or_is_disputed_is_known_under_each_name() {
    let book = book(&["m acme 1", "acme/m acme 1"]);
    let lists: &[(&str, &[&str])] = &[("a", &["m acme 2"])];
    let (_, plan) = planned(&book, &PriceHistory::default(), lists);
    let listed = Listed::read("m", &plan.updates[0].rates).unwrap();
    let version = listed.version("a");
    let proposed = PriceProposed {
        entry: "m".to_owned(),
        rates: listed.rates.clone(),
        source: "a".to_owned(),
        price_version: version.clone(),
        verified: false,
        old_version: None,
        percent: None,
        waits: vec![WaitReason::LargeChange],
    };
    let mut history = PriceHistory::default();
    history.apply(hour(1), &proposed.into());
    // It waits under the one name: it does not wait a second time under the other.
    assert_eq!(planned(&book, &history, lists).0, ["m+acme/m a 100:large_change known"]);
    let decided = PriceDecided {
        entry: "m".to_owned(),
        price_version: version,
        approved: false,
        by: "ann".to_owned(),
        reason: None,
    };
    history.apply(hour(2), &decided.into());
    assert_eq!(planned(&book, &history, lists).0, [""; 0], "rejected");
    let said = vec!["a: 1".to_owned()];
    history.apply(hour(3), &PriceEvent::from(PriceDisputed { entry: "m".to_owned(), said }));
    let (_, plan) = planned(&book, &history, lists);
    assert_eq!(plan.disputes, [Dispute { entry: "m".to_owned(), said: Vec::new() }], "they agree again");
}
