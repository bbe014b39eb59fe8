//! Looking prices up: with a ledger, the prices in force there; without one, those that are named.

use tollgate_tests::{Place, Server};

const BOOK: &str = r#"{
    "large": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06,
        "input_cost_per_token_above_200k_tokens": 4e-06, "input_cost_per_token_flex": 1e-06, "output_cost_per_token_flex": 4e-06},
    "night": {"input_cost_per_token": 2e-06,
        "off_peak_pricing": {"input_cost_per_token": 1e-06, "hours_utc": "16:30-00:30"}},
    "unknown": {"input_cost_per_token": "ask sales"}
}"#;

#[test]
fn the_price_of_a_call_is_shown_with_its_arithmetic() {
    let place = Place::new();
    place.write("book.json", BOOK);
    insta::assert_snapshot!("prices_list", place.ok("--prices book.json prices list"));
    let show = |rest: &str| place.ok(&format!("--prices book.json prices show {rest}"));
    let at = "--at 2026-11-29T17:00:00Z";
    let shown = [
        show(&format!("large --provider openai {at}")),
        show(&format!("large --provider openai --input 1200 --output 70 --reasoning 20 {at}")),
        show(&format!("large --input 200001 {at}")),
        show(&format!("large --service-tier flex --output 10 {at}")),
        show(&format!("large --service-tier priority --output 10 {at}")),
        show(&format!("night --input 10 {at}")),
        show(&format!("night --input 10 --output 1 {at}")),
        show(&format!("unknown {at}")),
        show(&format!("gpt-5 {at}")),
    ];
    insta::assert_snapshot!("prices_show", shown.join("\n"));
    assert!(place.fails(3, "prices show gpt-5 --at noon").contains("--at `noon`: must be a time such as"));
    assert!(
        place
            .fails(3, "prices show gpt-5 --output 1 --reasoning 2")
            .contains("reasoning is a part of output")
    );
    assert!(place.fails(1, "--prices missing.json prices list").contains("missing.json"));
    assert!(!place.path("tollgate-data").exists(), "a question makes no ledger");
}

#[test]
fn a_ledger_answers_with_the_prices_in_force_there() {
    let place = Place::new();
    place.write("book.json", BOOK);
    let _ = place.ok("--data d --prices book.json usage record T-1 --model large --provider openai --input 1200 --output 70");
    let show = "--data d prices show large --provider openai --input 1200 --output 70";
    let cost = place.json("--data d task show T-1")["cost_usd"].clone();
    assert_eq!(cost, "0.00296");
    // Not served: the last prices in the log. Served: those of the server.
    assert_eq!(place.json(show)["cost_usd"], cost);
    let server = Server::start(&place, "d");
    assert_eq!(place.json(show)["cost_usd"], cost);
    assert_eq!(place.json("--data d prices list")["prices"].as_array().unwrap().len(), 3);
    drop(server);
}

#[test]
fn prices_are_updated_decided_and_usage_is_priced_again_by_commands() {
    let place = Place::new();
    let list = |input: &str| {
        format!(
            r#"{{"acme/m": {{"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": {input}e-6}}}}"#
        )
    };
    place.write("sources.yaml", "sources: [{id: list, kind: litellm, file: list.json, trust: 0.9}]");
    place.write("list.json", &list("2"));
    let run = |rest: &str| place.ok(&format!("--data d --price-sources sources.yaml {rest}"));
    let _ =
        run("usage record T-1 --id u --model m --provider acme --input 1000000 --at 2026-10-30T10:00:00Z");
    assert!(run("prices update --dry-run").contains("1 price would come into force"));
    assert!(run("prices history").contains("nothing was decided"));
    assert!(run("prices update").contains("1 price came into force"));
    place.write("list.json", &list("9"));
    assert!(run("prices update").contains("large_change"));
    let json = |rest: &str| place.json(&format!("--data d --price-sources sources.yaml {rest}"));
    let version = json("prices history --waiting")["entries"][0]["waiting"]["price_version"].clone();
    let version = version.as_str().unwrap();
    assert!(
        run(&format!("prices approve {version} --by ann --from 2026-10-01T00:00:00Z"))
            .contains("acme/m costs what list@")
    );
    assert!(
        place
            .fails(3, &format!("--data d prices reject {version} --by ann"))
            .contains("none of this version waits")
    );
    assert!(run("prices sources").contains("litellm"));
    let reprice = "prices reprice --model m --from 2026-10-01T00:00:00Z --by ann";
    let dry = run(&format!("{reprice} --dry-run"));
    assert!(dry.contains("1 adjustment would be recorded, 9 USD") && dry.contains("2026-10-30"), "{dry}");
    assert!(run(reprice).contains("1 adjustment recorded, 9 USD"));
    assert!(run(reprice).contains("nothing to adjust"));
    assert_eq!(json("task show T-1")["cost_usd"], "9");
    assert!(run("prices set acme/n --input 1.25 --by ann").contains("acme/n costs what manual@"));
    let refused = place.fails(3, "--data d prices set acme/n --input 0.0000000000001 --by ann");
    assert!(refused.contains("at most 12 decimal places"), "{refused}");
}
