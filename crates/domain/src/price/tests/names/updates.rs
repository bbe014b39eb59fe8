//! An update changes a model under one of its names.

use super::*;
use crate::event::{PriceDecided, PriceDisputed, PriceEvent, PriceProposed, WaitReason};
use crate::position::Sequence;

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
    history.apply(hour(1), Sequence::default(), &proposed.into());
    // It waits under the one name: it does not wait a second time under the other.
    assert_eq!(planned(&book, &history, lists).0, ["m+acme/m a 100:large_change known"]);
    let decided = PriceDecided {
        entry: "m".to_owned(),
        price_version: version,
        approved: false,
        by: "ann".to_owned(),
        reason: None,
    };
    history.apply(hour(2), Sequence::default(), &decided.into());
    assert_eq!(planned(&book, &history, lists).0, [""; 0], "rejected");
    let said = vec!["a: 1".to_owned()];
    history.apply(
        hour(3),
        Sequence::default(),
        &PriceEvent::from(PriceDisputed { entry: "m".to_owned(), said }),
    );
    let (_, plan) = planned(&book, &history, lists);
    assert_eq!(plan.disputes, [Dispute { entry: "m".to_owned(), said: Vec::new() }], "they agree again");
}
