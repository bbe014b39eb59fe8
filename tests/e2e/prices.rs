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
    let csv = run("prices list acme/m --format csv");
    assert_eq!(csv.lines().count(), 1, "the entry is of no book: {csv}");
    assert!(run("prices update").contains("1 price came into force"));
    place.write("list.json", &list("9"));
    assert!(run("prices update").contains("large_change"));
    let json = |rest: &str| place.json(&format!("--data d --price-sources sources.yaml {rest}"));
    let version = json("prices history --waiting")["entries"][0]["waiting"]["price_version"].clone();
    let version = version.as_str().unwrap();
    let waits = run("prices history");
    let row = waits
        .lines()
        .find(|line| line.contains("waits"))
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(row.starts_with(&format!("acme/m {version} waits since 2")), "{waits}");
    assert!(row.ends_with("input_uncached 2 > 9 350 % list large_change"), "{waits}");
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
    let kept = run("prices set acme/n --output 5 --by ann");
    assert!(kept.contains("kept     input_uncached 1.25 (--without takes one away)"), "{kept}");
    let alone = run("prices set acme/n --without output --by ann");
    assert!(alone.contains("without  output"), "{alone}");
    assert!(run("prices set acme/nn --input 1.25 --by ann").contains("did you mean `acme/n`?"));
    let listed = run("prices list acme/n");
    assert!(listed.contains("and what was decided since") && listed.contains("manual@"), "{listed}");
    place.write("gone.yaml", "sources: [{id: gone, kind: litellm, file: gone.json, trust: 0.9}]");
    let told = place.fails(1, "--data d --price-sources gone.yaml prices update --dry-run");
    assert!(told.contains("no source could be used; gone: "), "{told}");
    place.write("list.json", &list("90"));
    history_has_amounts_and_reasons(&place);
}

/// Of a ledger with decisions about `acme/m` and `acme/n`, after a list that is much dearer.
fn history_has_amounts_and_reasons(place: &Place) {
    let run = |rest: &str| place.ok(&format!("--data d --price-sources sources.yaml {rest}"));
    let json = |rest: &str| place.json(&format!("--data d --price-sources sources.yaml {rest}"));
    let _ = run("prices update");
    let waits = json("prices history --waiting")["entries"][0]["waiting"]["price_version"].clone();
    let _ = run(&format!("prices reject {} --by bob --reason \"a slip, surely\"", waits.as_str().unwrap()));
    let shown = run("prices history");
    for part in
        ["rejected", "by bob, a slip, surely, waited for: large_change", "input_uncached 2 > 90", "by ann"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let csv = run("prices history --format csv");
    let rows: Vec<&str> = csv.lines().collect();
    let columns = rows[0].split(',').count();
    assert_eq!((rows.len(), columns), (8, 27), "{csv}");
    assert!(
        rows[0].starts_with("entry,state,price_version,old_version,from,waits_since,decided_at,source,"),
        "{csv}"
    );
    let rejected = rows.iter().find(|row| row.starts_with("acme/m,rejected,")).unwrap();
    assert!(rejected.contains(",list,false,4400,bob,\"a slip, surely\",large_change,2,"), "{csv}");
    assert!(
        rows.iter().all(|row| row.replace("slip, surely", "").matches(',').count() == columns - 1),
        "{csv}"
    );
    let listed = run("prices list acme/n --format csv");
    let row = listed.lines().nth(1).unwrap();
    assert!(row.starts_with("acme/n,") && row.contains(",true,1.25,"), "{listed}");
    assert_eq!(row.matches(',').count(), listed.lines().next().unwrap().matches(',').count(), "{listed}");
    let refused = place.fails(3, "--data d prices set acme/n --input 0.0000000000001 --by ann");
    assert!(refused.contains("at most 12 decimal places"), "{refused}");
}

#[test]
fn a_model_has_one_price_under_both_of_its_names() {
    let place = Place::new();
    let run = |rest: &str| place.ok(&format!("--data d {rest}"));
    let _ = run("prices set acme/n --input 1.25 --output 5 --by ann");
    let both = run("prices set n --provider acme --input 1.3 --by ann");
    assert!(both.contains("also for acme/n: the same model"), "{both}");
    assert!(both.contains("kept     output 5 "), "{both}");
    let other = "its price was decided as that of n: the same model under another name";
    let shown = run("prices show acme/n --input 1000000");
    assert!(
        shown.contains(&format!("  entry acme/n\n  {other}\n")) && shown.contains("cost: 1.3 USD"),
        "{shown}"
    );
    let listed = run("prices list acme/n");
    assert!(
        listed.lines().any(|line| line.starts_with("acme/n ") && line.trim_end().ends_with(other)),
        "{listed}"
    );
}

#[test]
fn prices_of_tiers_are_set_and_kept_by_commands() {
    let place = Place::new();
    let run = |rest: &str| place.ok(&format!("--data d prices {rest} --by ann"));
    let tiers =
        "--tier above=200000,input=2.5,output=15 --tier flex,above=200000,input=0.6 --tier flex,input=0.6";
    let _ = run(&format!("set acme/large --input 1.25 --output 10 {tiers}"));
    // The version follows from what is set, the time is that of the test.
    let shown = [
        run("set acme/large --input 1.3"),
        run("set acme/large --tier flex,input=0.7 --without above_200000"),
    ]
    .map(|shown| shown.split_once('\n').unwrap().1.to_owned());
    insta::assert_snapshot!("prices_set_tiers", shown.join("\n"));
    let listed = place.ok("--data d prices list acme/large");
    assert!(listed.contains("tiers flex") && !listed.contains("above 200,000"), "{listed}");
    for (tier, rule) in [
        ("above=many,input=1", "above= must be a number of input tokens"),
        ("flex,inputs=1", "`inputs` must be above or one of input, cached"),
        ("flex,priority,input=1", "`priority` says again what another part says"),
        ("flex,input=1,input_uncached=2", "`input_uncached=2` says again"),
        ("flex,input=x", "--tier `x`: "),
        ("flex", "at least one kind of tokens"),
    ] {
        let refused = place.fails(3, &format!("--data d prices set acme/large --tier {tier} --by ann"));
        assert!(refused.contains(rule), "{tier}: {refused}");
    }
}

#[test]
fn a_command_that_is_run_again_under_its_key_changes_nothing() {
    let place = Place::new();
    place.write("first.csv", "day,model,tokens,amount_usd\n2026-11-01,gpt-5,10,1\n");
    place.write("later.csv", "day,model,tokens,amount_usd\n2026-11-01,gpt-5,10,3\n");
    let run = |rest: &str| place.ok(&format!("--data d {rest}"));
    let set = "prices set acme/m --input 1.25 --by ann --id k-1";
    let again = "decided before under this key: nothing changed";
    assert!(!run(set).contains(again));
    assert!(run("prices set acme/m --input 2 --by ann").contains("manual@"));
    assert!(run(set).contains(again));
    assert!(run("prices show acme/m --input 1000000").contains("cost: 2 USD"));
    let refused = place.fails(3, &format!("--data d {set} --output 5"));
    assert!(
        refused
            .contains("setting a price under the key `k-1`: the key was used before for a different request"),
        "{refused}"
    );
    let import = "bill import first.csv --provider openai --id k-1";
    assert!(run(import).contains("1 day recorded"));
    assert!(run("bill import later.csv --provider openai").contains("1 day recorded"));
    assert_eq!(
        run(import),
        "openai: recorded before under this key, nothing changed; 2026-11-01 to 2026-11-01, 1 USD\n"
    );
    let compared = place.json("--data d bill compare --provider openai --from 2026-11-01 --to 2026-11-02");
    assert_eq!(compared["total"]["billed_usd"], "3");
}

#[test]
fn a_question_about_sources_makes_no_ledger() {
    let place = Place::new();
    assert!(place.ok("--data d prices sources").contains("no sources of prices are named"));
    assert!(!place.path("d").exists(), "a question makes nothing");
    place.write("sources.yaml", "sources: [{id: list, kind: litellm, file: list.json, trust: 0.9}]");
    let shown = place.ok("--data d --price-sources sources.yaml prices sources");
    assert!(shown.contains("list") && shown.contains("litellm") && shown.contains("0.9"), "{shown}");
    place.write("sources.yaml", "sources: [{id: list}]");
    let refused = place.fails(3, "--data d --price-sources sources.yaml prices sources");
    assert!(refused.contains("sources[0].kind: must be given"), "{refused}");
    assert!(!place.path("d").exists());
}

#[test]
fn bills_alerts_and_charges_have_the_forms_that_fit_them() {
    let place = Place::new();
    let record = "--data d usage record T-1 --provider openai --model gpt-5";
    let _ = place.ok(&format!("{record} --at 2026-10-30T08:00:00Z --input 1000"));
    let _ = place
        .ok("--data d usage record T-1 --provider openai --model =x --at 2026-10-30T08:00:00Z --input 7");
    place.write("bill.csv", "day,model,tokens,amount_usd\n2026-10-30,gpt-5,1000,0.5\n");
    let _ = place.ok("--data d bill import bill.csv --provider openai");
    let compare = "--data d bill compare --provider openai --from 2026-10-30 --to 2026-10-31 --format csv";
    let csv = place.ok(compare);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(
        rows[0],
        "day,model,billed_usd,ledger_usd,difference_usd,difference_percent,billed_tokens,ledger_tokens,unpriced_tokens,\
         unpriced_units,correction,unpriced,neighbouring_day,not_in_ledger,not_billed,rate,unexplained_usd,time_zone,\
         known_on,as_of,names"
    );
    assert!(rows[1].starts_with("2026-10-30,'=x,0,0,0,,,7,7,,,,,,,,0,UTC,,"), "{csv}");
    assert!(
        rows[2]
            .starts_with("2026-10-30,gpt-5,0.5,0.00125,0.49875,39900.00,1000,1000,0,,,,,,,0.49875,0,UTC,,"),
        "{csv}"
    );
    place.write(
        "euros.csv",
        "day,model,amount_usd,currency\n2026-10-30,gpt-5,0.5,USD\n2026-10-30,gpt-5,0.5,EUR\n",
    );
    let refused = place.fails(3, "--data d bill import euros.csv --provider openai");
    assert!(refused.contains("line 3, column `currency`: `EUR`: must be USD"), "{refused}");
    let refused = place.fails(2, "--data d report focus --format json");
    assert!(
        refused.contains("are CSV: leave --format out, or use `report export --format json`"),
        "{refused}"
    );
    assert_eq!(place.ok("--data d report focus --format csv"), place.ok("--data d report focus"));
    let alerts = place.ok("--data d alerts --all --format csv");
    assert!(
        alerts.starts_with("id,raised_at,severity,rule,tenant,task,scope,level,generation,state,message,"),
        "{alerts}"
    );
    assert!(place.fails(2, "--data d alerts --follow --format csv").contains("wherever a table is shown"));
}
