//! Limits proposed from history, as people do it.

use serde_json::{Value, json};
use tollgate_domain::config::BudgetConfig;
use tollgate_log::contract::Durability;
use tollgate_log::embedded::{EmbeddedLog, Options as LogOptions};
use tollgate_replay::calibrate::{History, Options, calibrate};
use tollgate_replay::generate::{Spec, append};
use tollgate_tests::nats::NatsServer;
use tollgate_tests::{Place, session};

use crate::replay::contents;

/// The files of a result.
const FILES: [&str; 3] = ["calibrate.json", "calibrate.md", "calibrated.yaml"];

fn spec() -> Spec {
    Spec { calls_per_phase: 1, ..Spec::new(11, 300) }
}

/// A ledger with a generated history.
fn generated() -> Place {
    let place = Place::new();
    let options = LogOptions { durability: Durability::PageCache, ..LogOptions::default() };
    let log = EmbeddedLog::open_or_create(&place.path("data"), options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(append(spec().events().unwrap(), &log)).unwrap() > 5_000);
    place
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.path(name)).unwrap()
}

/// The files of a result, and nothing else.
fn files(place: &Place, dir: &str) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(place.path(dir))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, FILES);
    FILES.iter().map(|name| read(place, &format!("{dir}/{name}"))).collect()
}

#[test]
fn what_a_ledger_gives_is_what_its_samples_give() {
    let place = generated();
    let mut samples = History::default();
    samples.extend(spec().samples()).unwrap();
    let expected = calibrate(&mut samples, &BudgetConfig::built_in(), &Options::default()).unwrap();
    let found = place.json("replay calibrate --from data");
    let (calibration, inputs) = (&found["result"]["calibration"], &found["result"]["inputs"]);
    assert_eq!(*calibration, serde_json::to_value(&expected).unwrap());
    assert_eq!(calibration["data"]["tasks"], 300);
    assert_eq!(found["current"], "built-in");
    assert_eq!(inputs["current"], BudgetConfig::built_in().hash());
    let fitted =
        calibration["complexity"].as_array().unwrap().iter().filter(|tier| tier["origin"] == "fitted");
    assert_eq!(fitted.count(), 3, "{}", calibration["complexity"]);
}

#[test]
fn the_config_is_ready_to_use_and_the_same_each_time() {
    let place = generated();
    let ledger = contents(&place.path("data"));
    let summary = place.ok("replay calibrate --from data --threads 1 --out one");
    assert_eq!(contents(&place.path("data")), ledger, "not a byte changes, and no file is written again");
    let one = files(&place, "one");
    for part in ["## Base budgets and weights", "300 tasks over 5", "* hash "] {
        assert!(summary.contains(part) && one[1].contains(part), "{part}\n{summary}");
    }
    let checked = place.ok("config check one/calibrated.yaml");
    assert!(checked.contains("one/calibrated.yaml: valid"), "{checked}");
    let result: Value = serde_json::from_str(&one[0]).unwrap();
    let source = &result["source"];
    let from =
        [&source["origin"], &source["position"], &result["result"]["inputs"]["digest"], &result["hash"]];
    for part in from.map(|part| part.as_str().unwrap()) {
        assert!(one[2].lines().take(2).any(|line| line.starts_with('#') && line.contains(part)), "{part}");
    }
    assert!(checked.contains(result["result"]["calibration"]["config_hash"].as_str().unwrap()), "{checked}");
    let compared = place.json("replay what-if --from data --config built-in --config one/calibrated.yaml");
    let blocked = |nth: usize| compared["result"]["candidates"][nth]["blocked"].as_u64().unwrap();
    assert!(blocked(1) < blocked(0) && blocked(1) > 0, "{} {}", blocked(0), blocked(1));
    // Once more, on many threads, from a copy.
    let _ = place.ok("replay calibrate --from data --threads 4 --out four");
    assert_eq!(files(&place, "four"), one);
    let _ = place.ok("--data data backup copy");
    let copy = place.json("replay calibrate --from copy");
    assert_eq!((&copy["hash"], &copy["result"]), (&result["hash"], &result["result"]));
    if let Some(nats) = NatsServer::start(&place) {
        let url = nats.url();
        let _ = place.ok(&format!("--log {url} log init --max-bytes 64MiB"));
        let _ = place.ok(&format!("log copy data {url}"));
        let stream = place.json(&format!("replay calibrate --from {url}"));
        assert_eq!((&stream["hash"], &stream["result"]), (&result["hash"], &result["result"]));
    }
    // Other inputs, another hash.
    let strict = place.json("replay calibrate --from data --false-positives 0.5");
    assert_eq!(strict["result"]["calibration"]["options"]["false_positives_permille"], 5);
    let other = place.json("replay calibrate --from data --config one/calibrated.yaml");
    assert_eq!(other["current"], "one/calibrated.yaml");
    assert!(strict["hash"] != result["hash"] && other["hash"] != result["hash"]);
    // The same inputs in other places and under other names, the same hash.
    let config = place.ok("config show --defaults");
    place.write("copy/phase_budgets.yaml", &config);
    let renamed = place.json("replay calibrate --from data --config copy/phase_budgets.yaml");
    assert_eq!((&renamed["hash"], &renamed["result"]), (&result["hash"], &result["result"]));
    // What can be chosen.
    let chosen = place
        .json("replay calibrate --from data --holdout 0 --latency-margin 10 --confidence 99 --weights keep");
    let options = &chosen["result"]["calibration"]["options"];
    let expected = serde_json::json!({"confidence": 99, "holdout_percent": 0, "false_positives_permille": 20,
        "latency_margin_percent": 10, "weights": "keep", "precision_points": 5});
    assert_eq!(*options, expected);
    let refused = place.run_line("replay calibrate --from data --confidence 80");
    assert!(refused.err.contains("must be 90, 95 or 99 percent"), "{}", refused.err);
}

#[test]
fn too_little_data_is_said_and_the_config_still_works() {
    let place = Place::new();
    let _ = place.ok("demo");
    let summary = place.ok("replay calibrate --from tollgate-demo --out out");
    let written = files(&place, "out");
    for part in [
        "Too little data: limits are fitted to 4 tasks, at least 50 of all kinds are needed. Do not enforce this config",
        "13 give an interval, about 314 one of ±5 percentage points",
    ] {
        assert!(summary.contains(part), "{part}\n{summary}");
        assert!(written[1].contains(part) && written[2].contains(part), "{part}");
    }
    assert!(summary.contains("against the config tollgate-demo/data/phase_budgets.yaml"), "{summary}");
    let _ = place.ok("config check out/calibrated.yaml");
    let _ = place.ok("replay what-if --from tollgate-demo --config out/calibrated.yaml");
}

#[test]
fn what_is_said_of_a_task_after_its_end_counts() {
    let place = Place::new();
    for line in [
        "task open A",
        "phase start A PLAN",
        "usage record A --id u --phase PLAN --output 900",
        "phase end A PLAN",
        "task close A --outcome completed",
        "usage record A --phase PLAN --output 50",
        "usage record A --phase PLAN --output 50",
        "task open B",
        "phase start B PLAN",
        "usage record B --phase PLAN --output 33000",
        "phase end B PLAN",
        "gate B completion",
        "task close B --outcome completed",
        "task mark B runaway --author a --reason r",
    ] {
        let said = place.run_line(&format!("--data data {line}"));
        assert!(said.code == 0 || line.starts_with("gate"), "{line}: {said:?}");
    }
    let found = place.json("replay calibrate --from data");
    let calibration = &found["result"]["calibration"];
    let group = &calibration["groups"][0];
    assert_eq!((&group["phase"], &group["tokens"]["samples"]), (&json!("PLAN"), &json!(1)), "{group}");
    let median = &group["tokens"]["percentiles"][0];
    assert_eq!(median["value"], 1_000, "{group}");
    assert_eq!((&group["complexity"], &group["data"]), (&Value::Null, &json!("too_few")), "{group}");
    let outcomes = calibration["data"]["outcomes"].as_array().unwrap();
    assert!(outcomes.contains(&json!(["runaway", 1])), "{outcomes:?}");
}

#[test]
fn what_cannot_be_calibrated_is_said_and_nothing_is_written() {
    let place = Place::new();
    let calls = [[20_000, 0, 100, 0], [5_000, 0, 100, 0]];
    place.write("sessions/rollout-1-A.jsonl", &session("0199cbc9-c52b-7310-a697-9a5dc7d2a91d", &calls));
    for line in ["task open A", "phase start A PLAN"] {
        let _ = place.ok(&format!("--data data {line}"));
    }
    place.write("wrong.yaml", "rolout: enforce\n");
    for (code, line, said) in [
        (
            1,
            "--from sessions --phases none",
            "none of its 1 tasks has a phase, so there is nothing to calibrate by phase",
        ),
        (1, "--from sessions --phases none", "`tollgate task open`, `phase start`, `phase end`"),
        (
            1,
            "--from data",
            "none of 1 tasks has a phase to learn from: 1 failed, were marked runaway or have not ended",
        ),
        (
            3,
            "--from data --phases shipped",
            "--phases shipped: data is a ledger, its phases are those that were reported",
        ),
        (1, "--from sessions --phases gone.yaml", "reading gone.yaml: "),
        (
            6,
            "--from sessions --phases wrong.yaml",
            "wrong.yaml: line 1: rolout: `enforce`: unknown key, must be one of rules",
        ),
        (1, "--from nowhere", "--from nowhere: does not exist; name a data directory"),
        (6, "--from data --config wrong.yaml", "unknown key"),
        (2, "--from data --false-positives 51", "must be a percentage from 0 to 50"),
        (2, "--from data --false-positives 1.25", "with at most one decimal"),
        (2, "--from data --format csv", "--format md, html and csv"),
    ] {
        let found = place.fails(code, &format!("replay calibrate {line} --out out"));
        assert!(found.contains(said), "{line}: {found}");
        assert!(!place.path("out").exists(), "{line}");
    }
    let refused = place.fails(3, "replay calibrate --from data --out data/out");
    assert!(refused.contains("it is inside data, where the history is"), "{refused}");
}
