//! Importing sessions: totals, repeated, grown, damaged; and real ones.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tollgate_test_process::real_sessions;
use tollgate_tests::{Follower, Place, Server, session};

#[test]
fn an_import_counts_once_whatever_comes_again() {
    let place = Place::new();
    place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10]]));
    place.write("s/deep/b.jsonl", &session("B", &[[100, 40, 10, 5]]));
    let first = place.json("--data d import codex s");
    assert_eq!((first["new"].as_u64(), first["duplicate"].as_u64()), (Some(3), Some(0)));
    let totals = place.totals("d");
    assert_eq!((totals.0, totals.1), (3, 290));
    let again = place.json("--data d import codex s s/a.jsonl");
    assert_eq!((again["new"].as_u64(), again["duplicate"].as_u64()), (Some(0), Some(3)));
    assert_eq!(place.totals("d"), totals);
    // The file grew: only the growth is new.
    place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10], [10, 0, 1, 0]]));
    let grown = place.json("--data d import codex s");
    assert_eq!((grown["new"].as_u64(), grown["duplicate"].as_u64()), (Some(1), Some(3)));
    assert_eq!(place.totals("d").1, 301);
    assert!(place.ok("--data d log verify").starts_with("passed: "));
    assert!(place.ok("--data d view rebuild").contains("status: identical, byte for byte"));
}

#[test]
fn what_cannot_be_read_is_named_with_file_and_line() {
    let place = Place::new();
    let mut text = session("A", &[[100, 40, 10, 5]]);
    text += "{\"timestamp\": oops\n";
    place.write("s/a.jsonl", &text);
    let told = place.fails(6, "--data d import codex s");
    assert!(told.contains("s/a.jsonl:4: column 15: "), "{told}");
    assert_eq!(place.totals("d").1, 110);
    let told = place.fails(1, "--data d import codex nowhere");
    assert!(told.contains("nowhere: does not exist; check the spelling"), "{told}");
}

/// Later models bill cache writes at a separate price; they are part of the input that a snapshot reports.
#[test]
fn cache_writes_cost_what_the_book_says() {
    let place = Place::new();
    place.write(
        "prices.json",
        r#"{"gpt-5.6-terra": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06,
            "cache_read_input_token_cost": 2e-07, "cache_creation_input_token_cost": 2.5e-06, "output_cost_per_token": 1.2e-05}}"#,
    );
    let counters = r#"{"input_tokens":935040,"cached_input_tokens":875306,"cache_write_input_tokens":57610,"output_tokens":11150,"reasoning_output_tokens":1141,"total_tokens":946190}"#;
    place.write(
        "s/a.jsonl",
        &format!(
            r#"{{"timestamp":"2026-08-20T05:40:00.000Z","type":"session_meta","payload":{{"id":"A","originator":"codex_cli_rs","model_provider":"openai"}}}}
{{"timestamp":"2026-08-20T05:40:01.000Z","type":"turn_context","payload":{{"model":"gpt-5.6-terra"}}}}
{{"timestamp":"2026-08-20T05:50:00.000Z","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{counters},"last_token_usage":{counters}}}}}}}
"#
        ),
    );
    let _ = place.ok("--data d --prices prices.json import codex s");
    let report = place.json("--data d report");
    let tokens = serde_json::json!({"total": 946_190, "input_uncached": 2_124, "cached_input": 875_306,
        "cache_write": 57_610, "output": 11_150, "reasoning": 1_141});
    assert_eq!((&report["tokens"], report["cost_usd"].as_str()), (&tokens, Some("0.4571342")));
}

#[test]
fn a_server_and_a_data_directory_give_the_same() {
    let place = Place::new();
    place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10]]));
    let server = Server::start(&place, "served");
    let _ = place.ok(&format!("--server {} import codex s", server.url));
    // The server that owns the directory is found automatically.
    assert_eq!(place.json("--data served import codex s")["duplicate"], 2);
    let served = place.totals("served");
    let _ = place.ok("--data own import codex s");
    assert_eq!(served, place.totals("own"));
    assert!(server.terminate().success());
    assert_eq!(served, place.totals("served"));
}

#[test]
fn who_stops_an_import_is_told_what_is_in_and_may_go_on() {
    let place = Place::new();
    let turns = [[10, 0, 1, 0]; 2_000];
    for nth in 0..10 {
        place.write(&format!("s/{nth}.jsonl"), &session(&format!("S{nth}"), &turns));
    }
    let server = Server::start(&place, "d");
    let mut follower = Follower::start(&place, &server);
    let mut import = place.command(&["--server", &server.url, "import", "codex", "s"]);
    let import = import.stdout(Stdio::piped()).stderr(Stdio::piped()).start();
    follower.wait_for_line("usage_recorded");
    // The import is waiting for an answer when it is stopped: it gets that one, and asks for no other.
    server.signal("STOP");
    import.signal("INT");
    server.signal("CONT");
    let ended = import.wait_with_output();
    let told = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{told}");
    let (recorded, ..) = place.totals("d");
    assert!((1..20_000).contains(&recorded), "{recorded}");
    let number: String = told.chars().skip("stopped by Ctrl-C: ".len()).take_while(|c| *c != ' ').collect();
    assert_eq!(number.replace(',', "").parse(), Ok(recorded), "{told}");
    assert!(
        told.contains("run the same command again: it takes in the rest, and counts nothing twice"),
        "{told}"
    );
    let rest = place.json("--data d import codex s");
    assert_eq!((rest["new"].as_u64(), rest["duplicate"].as_u64()), (Some(20_000 - recorded), Some(recorded)));
    assert_eq!(place.totals("d").0, 20_000);
}

#[test]
fn the_real_sessions_give_the_true_totals() {
    let Some(folder) = real_sessions() else {
        eprintln!("skipped: no real sessions here; set TOLLGATE_SESSIONS to a folder with Codex rollouts");
        return;
    };
    let place = Place::new();
    let _ = place.ok(&format!("--data d import codex \"{}\"", folder.display()));
    let report = place.json("--data d report");
    let tokens = serde_json::json!({"total": 49_820_530, "input_uncached": 1_285_441, "cached_input": 48_100_608,
        "cache_write": 0, "output": 434_481, "reasoning": 305_728});
    assert_eq!((&report["tokens"], report["cost_usd"].as_str()), (&tokens, Some("11.96418725")));
    assert_eq!(place.json(&format!("--data d import codex \"{}\"", folder.display()))["new"], 0);
    assert!(place.ok("--data d log verify").starts_with("passed: "));
    let rebuilt = place.json("--data d view rebuild");
    assert!(rebuilt.as_array().unwrap().iter().all(|view| view["identical"] == true), "{rebuilt}");
}

/// The fixture was imported by a version that numbered a file's growing snapshots: it counts the copies in a
/// fork, a stale snapshot as a restart, and cache writes as plain input.
#[test]
fn importing_again_corrects_what_an_earlier_version_counted() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import-v1");
    let name = |task: &str| format!("codex-01990000-0000-7000-8000-0000000000{task}");
    let sessions: Vec<String> = ["-20T08-00-00", "-25T12-00-00", "-01T10-00-00", "-20T05-40-00"]
        .iter()
        .zip([("2026-06", "a1"), ("2026-06", "a2"), ("2026-07", "a3"), ("2026-08", "a4")])
        .map(|(time, (month, task))| {
            let directory = if task == "a4" { "sessions/sub" } else { "sessions" };
            let name = name(task).replace("codex-", "");
            fixture.join(format!("{directory}/rollout-{month}{time}-{name}.jsonl")).display().to_string()
        })
        .collect();
    let folder = fixture.join("sessions").display().to_string();
    for order in [vec![folder.clone()], sessions.clone(), sessions.into_iter().rev().collect()] {
        let place = Place::new();
        let _ = place.ok(&format!("--data d restore \"{}\"", fixture.join("backup").display()));
        assert_eq!(place.totals("d").1, 7_795, "as the earlier version counted");
        let mut corrected = 0;
        for path in &order {
            let import = place.json(&format!("--data d import codex \"{path}\""));
            assert_eq!(import["refused"], 0, "{import}");
            corrected += import["corrected"].as_u64().unwrap();
        }
        let tokens = place.json("--data d report")["tokens"].take();
        let right = serde_json::json!({"total": 4_619, "input_uncached": 970, "cached_input": 3_470, "cache_write": 60,
            "output": 119, "reasoning": 29});
        assert_eq!(tokens, right, "{order:?}");
        let list = place.json("--data d task list");
        let tasks: Vec<(&str, u64)> = list["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| (task["task"].as_str().unwrap(), task["tokens_used"].as_u64().unwrap()))
            .collect();
        let right =
            [("a1", 1_850), ("a2", 125), ("a3", 1_632), ("a4", 1_012)].map(|(task, sum)| (name(task), sum));
        assert_eq!(tasks, right.each_ref().map(|(task, sum)| (task.as_str(), *sum)), "{order:?}");
        // Each correction names what it corrects.
        let log = place.ok("--data d log tail -n 0 --format json");
        let adjusted = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let adjusted: Vec<_> = adjusted.filter(|event| event.get("usage_adjusted").is_some()).collect();
        assert_eq!(adjusted.len() as u64, corrected);
        for event in adjusted {
            let (id, of) =
                (event["id"].as_str().unwrap(), event["usage_adjusted"]["adjusts"].as_str().unwrap());
            assert_eq!(id.rsplit_once('~').unwrap().0, of, "{event}");
            assert!(log.contains(&format!("\"id\":\"{of}\"")), "{of} is not in the log");
        }
        let again = place.json(&format!("--data d import codex \"{folder}\""));
        assert_eq!((&again["new"], &again["corrected"]), (&0.into(), &0.into()), "{order:?}");
        assert!(place.ok("--data d log verify").starts_with("passed: "));
    }
}

/// Like an import that moves a fork's copies to their parent after prices have changed: usage that is removed
/// completely gives back what it was charged.
#[test]
fn what_is_taken_away_whole_gives_back_what_it_was_charged() {
    let place = Place::new();
    for (name, rate) in [("old", "1e-06"), ("new", "3e-06")] {
        let book = format!(
            r#"{{"gpt-5": {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": {rate}, "output_cost_per_token": {rate}}}}}"#
        );
        place.write(&format!("{name}.json"), &book);
    }
    let _ = place.ok(
        "--data d --prices old.json usage record T-1 --provider openai --model gpt-5 --input 1000 --id u",
    );
    let _ = place
        .ok("--data d --prices old.json usage record T-1 --provider openai --model gpt-5 --input 500 --id v");
    let _ = place.ok("--data d --prices new.json usage adjust T-1 u --input=-1000 --reason moved");
    let shown = place.json("--data d task show T-1");
    assert_eq!((&shown["cost_usd"], &shown["unpriced_tokens"]), (&json!("0.0005"), &json!(0)), "{shown}");
    // A part of another call is removed: its price is no longer known, which is reported. It was charged, so that this
    // leaves nothing without a price.
    let told = place.run_line("--data d usage adjust T-1 v --input=-100 --reason miscounted").err;
    let shown = place.json("--data d task show T-1");
    assert_eq!((&shown["cost_usd"], &shown["unpriced_tokens"]), (&json!("0.0005"), &json!(0)), "{shown}");
    assert!(told.contains("cannot be priced: what it counts changes, its cost does not"), "{told}");
}

#[test]
fn growth_of_a_call_after_prices_changed_is_unpriced_and_said() {
    let place = Place::new();
    for (name, rate) in [("old", "1e-06"), ("new", "3e-06")] {
        let book = format!(
            r#"{{"opus": {{"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": {rate}, "output_cost_per_token": {rate}}}}}"#
        );
        place.write(&format!("{name}.json"), &book);
    }
    let write = |output: u32| {
        place.write(
            "s/S.jsonl",
            &format!(
                r#"{{"type":"assistant","uuid":"a1","timestamp":"2026-05-03T08:00:00.000Z","sessionId":"S","message":{{"id":"m1","model":"opus","usage":{{"input_tokens":100,"output_tokens":{output}}}}}}}
"#
            ),
        );
    };
    write(1);
    let _ = place.ok("--data d --prices old.json import claude s");
    write(900);
    let told = place.ok("--data d --prices new.json import claude s");
    assert!(told.contains("1 correction without a price, as prices have changed since"), "{told}");
    assert_eq!(place.totals("d").1, 1_000);
}
