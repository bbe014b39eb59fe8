//! Sources that fail, and lists that say something else than they should: what is used, and what waits.

use tollgate_domain::price::{PriceBook, PriceHistory, Unverified, UpdateRules, plan};

use super::served::{Answer, serve};
use super::{GENAI, MAP, at, config, gather, source, told};

#[tokio::test]
async fn one_source_that_fails_never_keeps_the_others_from_being_used() {
    let form = "the text is not a price map of LiteLLM: ";
    let html = |body: &str| Answer::Typed("text/html", body.to_owned());
    let faults = [
        (Answer::Status(500), "answered 500, not 200"),
        (Answer::Status(404), "answered 404, not 200"),
        (Answer::Status(204), "answered 204, not 200"),
        (Answer::Redirect(301), "answered 301, not 200"),
        (Answer::Redirect(302), "answered 302, not 200"),
        (Answer::Redirect(308), "answered 308, not 200"),
        (Answer::Never, "no answer within 3000 ms"),
        (Answer::Half(MAP.to_owned()), "end of file before message length reached"),
        (Answer::Endless(None), "the answer is larger than 16777216 bytes"),
        (Answer::Endless(Some(1 << 40)), "the answer is larger than 16777216 bytes"),
        (html("<html>sign in</html>"), form),
        (Answer::text(GENAI), form),
        (Answer::text("[]"), form),
        (Answer::text(&MAP[..MAP.len() / 2]), form),
        (
            Answer::text(r#"{"error": {"code": 429, "message": "slow down"}}"#),
            "the text has no price per token",
        ),
        (Answer::text("{}"), "the text has no price per token"),
        (Answer::text(""), form),
        (Answer::text(r#"{"m": {"input_cost_per_token": -1}}"#), "must not be negative"),
    ];
    let checks = faults.map(|(fault, reason)| async move {
        let dir = tempfile::tempdir().unwrap();
        // A redirect leads to a list, which is not followed.
        let bad = serve(vec![fault, Answer::text(MAP)]).await;
        let good = serve(vec![Answer::text(GENAI)]).await;
        let config = config(&[source("bad", "litellm", bad), source("good", "genai_prices", good)]);
        let gathered = gather(&config, dir.path(), 0).await;
        let told = told(&gathered);
        assert!(told[0].starts_with("bad 0 ") && told[0].contains(reason), "{reason}: {told:?}");
        assert_eq!(told[1], "good 1");
        let lists: Vec<&str> = gathered.lists.iter().map(|list| list.source.as_str()).collect();
        assert_eq!(lists, ["good"]);
    });
    for check in checks.map(tokio::spawn) {
        check.await.unwrap();
    }
}

#[tokio::test]
async fn what_the_head_says_about_a_list_does_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    let port = serve(vec![Answer::Typed("text/plain; charset=utf-8", MAP.to_owned())]).await;
    assert_eq!(told(&gather(&config(&[source("a", "litellm", port)]), dir.path(), 0).await), ["a 2"]);
}

/// What an update by one source would do with the price of `gpt-5`, in force as `MAP` has it.
async fn update_by(kind: &str, text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let port = serve(vec![Answer::text(text)]).await;
    let gathered = gather(&config(&[source("a", kind, port)]), dir.path(), 0).await;
    let (book, _) = PriceBook::from_litellm(MAP, "test").unwrap();
    let rules = UpdateRules { unverified: Unverified::Apply, new_models: true };
    let plan = plan(&book, &PriceHistory::default(), &gathered.lists, rules, at(0));
    let update = plan.updates.iter().find(|update| update.entry == "gpt-5");
    update.map_or_else(
        || format!("no change by {} models", gathered.checked[0].models),
        |update| {
            let waits: Vec<&str> = update.waits.iter().map(|reason| reason.as_str()).collect();
            format!("waits: {}", waits.join(" "))
        },
    )
}

/// One poisoned rate: in the map, 1000 times as much is not believed, and what is believed waits.
#[tokio::test]
async fn a_poisoned_price_never_comes_into_force_by_itself() {
    let map = |rate: &str| MAP.replacen("1.25e-06", rate, 1);
    let genai = |rate: &str| GENAI.replacen("1.25", rate, 1);
    for (kind, text, expected) in [
        ("litellm", map("1.25e-06"), "no change by 2 models"),
        ("litellm", map("1.3e-06"), "waits: "),
        ("litellm", map("1.25e-03"), "no change by 1 models"),
        ("litellm", map("2.5e-06"), "waits: large_change"),
        ("litellm", map("0"), "waits: large_change free"),
        ("genai_prices", genai("1250"), "no change by 0 models"),
        ("genai_prices", genai("12.5"), "waits: large_change"),
        ("genai_prices", genai("0"), "waits: large_change free"),
    ] {
        assert_eq!(update_by(kind, &text).await, expected, "{kind} {text}");
    }
}
