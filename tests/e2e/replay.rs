//! Running history through other limits, as people do it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use tollgate_domain::config::BudgetConfig;
use tollgate_tests::nats::NatsServer;
use tollgate_tests::{Place, Server, request, session};

/// Two configs side by side.
const CONFIGS: &str = "--config built-in --config loose.yaml";

/// A ledger with a task that was completed and one that used far too much.
fn ledger() -> Place {
    let place = Place::new();
    place.write("loose.yaml", "rollout: enforce\nstop_loss:\n  profile: loose\n");
    for (task, tokens) in [("A", 900), ("B", 33_000), ("C", 99_000)] {
        for line in [
            format!("task open {task}"),
            format!("phase start {task} PLAN"),
            format!("usage record {task} --phase PLAN --output {tokens}"),
            format!("phase end {task} PLAN"),
            format!("gate {task} completion"),
            format!("task close {task} --outcome completed"),
        ] {
            let _ = place.ok(&format!("--data data {line}"));
        }
    }
    place
}

fn hash(result: &Value) -> &str {
    result["hash"].as_str().unwrap()
}

#[test]
fn configs_are_compared_side_by_side_from_a_ledger_its_backup_and_nats() {
    let place = ledger();
    let ledger = place.json(&format!("replay what-if --from data {CONFIGS}"));
    let [strict, loose] = [0, 1].map(|nth| ledger["result"]["candidates"][nth]["blocked"].as_u64().unwrap());
    assert_eq!((strict, loose), (2, 1));
    assert_eq!(ledger["result"]["differing"][0]["task"], "B");
    let _ = place.ok("--data data backup copy");
    let backup = place.json(&format!("replay what-if --from copy {CONFIGS} --threads 3"));
    assert_eq!((hash(&ledger), &ledger["result"]), (hash(&backup), &backup["result"]));
    assert_eq!(ledger["source"]["position"], backup["source"]["position"]);
    if let Some(nats) = NatsServer::start(&place) {
        let url = nats.url();
        let _ = place.ok(&format!("--log {url} log init --max-bytes 64MiB"));
        let _ = place.ok(&format!("log copy data {url}"));
        let stream = place.json(&format!("replay what-if --from {url} {CONFIGS}"));
        assert_eq!((hash(&ledger), &ledger["result"]), (hash(&stream), &stream["result"]));
    }
    let table =
        place.ok(&format!("replay what-if --from data {CONFIGS} --cost-usd 2 --interruption-usd 0.5"));
    for part in [
        "blocked",
        "loose.yaml",
        "1 task with an outcome that differs",
        "token_budget_exceeded 33,000 / 23,400 (141 %)",
        "return ",
        "hash ",
    ] {
        assert!(table.contains(part), "{part}\n{table}");
    }
}

#[test]
fn the_config_in_force_is_the_last_one_of_the_log_wherever_that_is() {
    let place = ledger();
    place.write("mine.yaml", "rollout: enforce\nstop_loss:\n  cumulative_token_threshold: 1.15\n");
    let _ = place.ok("--data data --config mine.yaml task open D");
    let config = std::fs::read_to_string(place.path("mine.yaml")).unwrap();
    let hash = BudgetConfig::from_yaml(&config).unwrap().hash();
    // Whatever happens to the files that were read, and whatever a file says that nobody put in force.
    std::fs::remove_file(place.path("mine.yaml")).unwrap();
    place.write("data/phase_budgets.yaml", "rollout: observe\n");
    let _ = place.ok("--data data backup copy");
    let mut sources = vec!["data".to_owned(), "copy".to_owned()];
    let nats = NatsServer::start(&place);
    if let Some(nats) = &nats {
        let _ = place.ok(&format!("--log {} log init --max-bytes 64MiB", nats.url()));
        let _ = place.ok(&format!("log copy data {}", nats.url()));
        sources.push(nats.url());
    }
    let mut hashes = std::collections::BTreeSet::new();
    for from in &sources {
        let calibrated = place.json(&format!("replay calibrate --from {from}"));
        assert_eq!(calibrated["current"], "mine.yaml", "{from}");
        assert_eq!(calibrated["result"]["inputs"]["current"], hash, "{from}");
        let alone = place.json(&format!("replay what-if --from {from}"));
        let named = place.json(&format!("replay what-if --from {from} --config built-in --config in-force"));
        for (result, nth) in [(&alone, 0), (&named, 1)] {
            let candidate = &result["result"]["inputs"]["candidates"][nth];
            assert_eq!((&candidate["name"], &candidate["config_hash"]), (&json!("mine.yaml"), &json!(hash)));
        }
        hashes.insert([calibrated, alone, named].map(|result| self::hash(&result).to_owned()));
    }
    assert_eq!(hashes.len(), 1, "{sources:?}");
}

#[test]
fn configs_are_named_by_what_tells_them_apart_however_their_paths_are_typed() {
    let place = ledger();
    let loose = std::fs::read_to_string(place.path("loose.yaml")).unwrap();
    place.write("other/loose.yaml", &loose);
    let full = place.path("loose.yaml").display().to_string();
    let typed = ["loose.yaml", "./loose.yaml", "other/../loose.yaml", &full];
    let results = typed.map(|path| place.json(&format!("replay what-if --from data --config {path}")));
    for (path, result) in typed.iter().zip(&results) {
        assert_eq!(
            (hash(result), &result["result"]["candidates"][0]["name"]),
            (hash(&results[0]), &json!("loose.yaml")),
            "{path}"
        );
    }
    let both = place.json("replay what-if --from data --config loose.yaml --config other/loose.yaml");
    assert_eq!(both["result"]["candidates"][1]["name"], "other/loose.yaml");
}

#[test]
fn results_are_written_to_a_directory_of_their_own() {
    let place = ledger();
    let _ = place.ok(&format!("replay what-if --from data {CONFIGS} --out out"));
    let names: Vec<_> = names(&place.path("out")).into_iter().collect();
    assert_eq!(names, [PathBuf::from("differing.csv"), PathBuf::from("what-if.json")]);
    let written: Value =
        serde_json::from_slice(&std::fs::read(place.path("out/what-if.json")).unwrap()).unwrap();
    assert_eq!(written, place.json(&format!("replay what-if --from data {CONFIGS}")));
    let csv = place.ok(&format!("replay what-if --from data {CONFIGS} --format csv"));
    assert_eq!(csv, std::fs::read_to_string(place.path("out/differing.csv")).unwrap());
    assert_eq!(csv.lines().count(), 3, "a row for each candidate of the one task\n{csv}");
    let refused = place.fails(3, &format!("replay what-if --from data {CONFIGS} --out data/out"));
    assert!(refused.contains("it is inside data, where the history is"), "{refused}");
    assert!(!place.path("data/out").exists());
}

#[test]
fn what_the_live_gate_returned_is_what_the_report_of_savings_says() {
    let place = ledger();
    let costs = "--cost-usd 0.5 --interruption-usd 0.01";
    let replayed = place.json(&format!("replay what-if --from data {costs}"));
    let report = place.json(&format!("--data data report savings {costs}"));
    let [of_replay, of_report] =
        [&replayed["result"]["live"]["return_on_investment"], &report["return_on_investment"]];
    assert!(of_report["runaways"]["of"].is_u64(), "{report}");
    assert_eq!(of_replay, of_report);
}

/// Which file, what was attempted, and what to do.
const MISSING: &str =
    "reading missing.yaml: No such file or directory (os error 2): check the path, which begins at /";

#[test]
fn what_cannot_be_replayed_is_said() {
    let place = ledger();
    place.write("wrong.yaml", "rolout: enforce\n");
    place.write("policies.yaml", "policies: {p: {window: daily}}\n");
    place.write("empty/nothing.txt", "");
    place.write("wrong.csv", "task,mark\nT-1,bad\n");
    place.write("slip.csv", "task,mark\nT-77,runaway\n");
    for (code, line, said) in [
        (1, "--from nowhere --config built-in", "--from nowhere: does not exist; name a data directory"),
        (1, "--from empty --config built-in", "reading sessions of empty"),
        (6, "--from data --config wrong.yaml", "unknown key"),
        (1, "--from data --config missing.yaml", MISSING),
        (1, "--from data --policies missing.yaml", MISSING),
        (1, "--from data --pool missing.yaml", MISSING),
        (1, "--from data --marks missing.yaml", MISSING),
        (1, "--from data --config built-in --config built-in", "--config `built-in` is named twice"),
        (6, "--from data --config built-in --policies policies.yaml", "policy `p`: "),
        (6, "--from data --marks wrong.csv", "line 2: task `T-1`: mark `bad` must be legitimate or runaway"),
        (1, "--from data --marks slip.csv", "`T-77`; name tasks as the history has them"),
        (
            1,
            "--from data --policies policies.yaml --policies ./policies.yaml",
            "--policies `policies.yaml` and `./policies.yaml` are the same file",
        ),
        (
            1,
            "--from data --config loose.yaml --config ./loose.yaml",
            "`loose.yaml` and `./loose.yaml` are the same file",
        ),
        (3, "--from data --config built-in --cost-usd=-1", "--cost-usd: `-1`: must not be negative"),
    ] {
        let found = place.fails(code, &format!("replay what-if {line}"));
        assert!(found.contains(said), "{line}: {found}");
    }
}

#[test]
fn sessions_of_an_agent_are_judged_before_each_call() {
    let place = Place::new();
    let calls = [[20_000, 0, 100, 0], [20_000, 0, 100, 0], [5_000, 0, 100, 0]];
    place.write("sessions/rollout-1-A.jsonl", &session("0199cbc9-c52b-7310-a697-9a5dc7d2a91d", &calls));
    place.write(
        "policies.yaml",
        "policies:\n  day: {window: daily, limit_tokens: 30000, enforcement: hard_limit}\n",
    );
    let result = place.json("replay what-if --from sessions --config built-in --policies policies.yaml");
    let result = &result["result"];
    assert_eq!(
        (&result["inputs"]["unopened"], &result["candidates"][0]["blocked"]),
        (&json!("judge"), &json!(1))
    );
    assert_eq!(result["candidates"][0]["saved"]["tokens"], 5_100);
    assert_eq!(result["money"]["candidates"][0]["policies"][0]["exceeded"][0]["over_tokens"], 15_300);
    place.write("marks.csv", "task,mark\ncodex-0199cbc9-c52b-7310-a697-9a5dc7d2a91d,runaway\n");
    let marked = place.json("replay what-if --from sessions --config built-in --marks marks.csv");
    assert_eq!(marked["result"]["candidates"][0]["found_runaways"]["part"], 1);
    let left = place.json("replay what-if --from sessions --config built-in --unopened leave-out");
    assert_eq!(left["result"]["candidates"][0]["judged"], 0);
    // Rules give their calls phases of every config that is compared, or none.
    let phases = |line: &str| {
        let found = place.json(&format!("replay what-if --from sessions --config built-in {line}"));
        found["result"]["inputs"]["session_phases"].clone()
    };
    place.write(
        "mine.yaml",
        "rules:\n  - { name: all, when: { share_of_calls: { from: 50 } }, phase: review }\n",
    );
    let (shipped, mine) = (phases("--phases shipped"), phases("--phases mine.yaml"));
    assert_eq!((phases(""), phases("--phases none")), (shipped.clone(), Value::Null));
    assert_eq!((&mine["rules"]["name"], &mine["no_phase"]["calls"]), (&json!("mine.yaml"), &json!(2)));
    assert_ne!(mine["rules"]["hash"], shipped["rules"]["hash"]);
    place.write("build.yaml", BUILD);
    let refused = place.fails(6, "replay what-if --from sessions --config built-in --config build.yaml");
    assert!(
        refused.contains("the shipped rules for phases of sessions: line 12: rules[0].phase: `PLAN`: must be a phase of the config build.yaml: BUILD")
            && refused.contains("name other rules with --phases FILE"),
        "{refused}"
    );
}

/// A config with a phase of its own.
const BUILD: &str = "phases: [BUILD]
base_budgets: { BUILD: { tokens: 1000, latency_ms: 1000 } }
phase_weights: { BUILD: 1 }
stop_loss: { checkpoint_phase: BUILD, nearly_done_phases: [] }
";

/// Requests of one producer until it is told to stop; returns how many events it appended.
fn work(url: &str, stop: &AtomicBool, begun: &AtomicU64) -> u64 {
    let mut appended = 0;
    while !stop.load(Ordering::Relaxed) {
        let events: Vec<Value> = (0..20)
            .map(|nth| {
                json!({"task": format!("L-{}", nth % 5), "id": format!("l{}", appended + nth), "producer": "load",
                    "usage_recorded": {"tokens": {"output": 100}}})
            })
            .collect();
        let body = json!({"events": events}).to_string();
        let (status, answer) = request(url, "POST", "/v1/events", &body).unwrap();
        assert_eq!(status, 201, "{answer}");
        appended += 20;
        begun.fetch_add(1, Ordering::Relaxed);
    }
    appended
}

#[test]
fn replay_beside_a_server_that_works_leaves_no_trace() {
    let place = ledger();
    let server = Server::start(&place, "data");
    let before = log(&place, &server);
    let known = names(&place.path("data"));
    let (stop, begun) = (AtomicBool::new(false), AtomicU64::new(0));
    let (appended, seen) = std::thread::scope(|scope| {
        let working = scope.spawn(|| work(&server.url, &stop, &begun));
        while begun.load(Ordering::Relaxed) < 3 {
            std::thread::yield_now();
        }
        let mut seen = Vec::new();
        for _ in 0..4 {
            let replayed = place.json(&format!("replay what-if --from data {CONFIGS} --out out"));
            seen.push(replayed["result"]["inputs"]["events"].as_u64().unwrap());
        }
        stop.store(true, Ordering::Relaxed);
        (working.join().unwrap(), seen)
    });
    assert!(seen.is_sorted() && seen[0] >= 20 + before.len() as u64, "{seen:?}");
    let after = log(&place, &server);
    let others: Vec<&Value> = after.iter().filter(|event| event["producer"] != "load").collect();
    assert_eq!(others, before.iter().collect::<Vec<_>>(), "nothing but what the producer sent was appended");
    assert_eq!(after.len() as u64, before.len() as u64 + appended);
    let accesses = place.json(&format!("--server {} report accesses", server.url));
    assert_eq!(accesses["accesses"], json!([]), "reading history is no read of a report");
    assert_eq!(server.terminate().code(), Some(0));
    let new: Vec<PathBuf> = names(&place.path("data")).difference(&known).cloned().collect();
    let servers_own =
        |path: &PathBuf| ["log", "ids", "views", "evidence.json"].iter().any(|dir| path.starts_with(dir));
    assert!(new.iter().all(servers_own), "{new:?}");
    // Nobody writes now: not a byte changes, and no file is written again.
    let data = contents(&place.path("data"));
    let _ = place.json(&format!("replay what-if --from data {CONFIGS}"));
    assert_eq!(contents(&place.path("data")), data);
}

/// Every event of the log.
fn log(place: &Place, server: &Server) -> Vec<Value> {
    let out = place.ok(&format!("--server {} log tail --records 0 --format json", server.url));
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The files below a directory.
fn names(dir: &Path) -> std::collections::BTreeSet<PathBuf> {
    contents(dir).into_keys().map(|path| path.strip_prefix(dir).unwrap().to_owned()).collect()
}

/// The files below a directory, with their bytes and when they were written.
pub(crate) fn contents(dir: &Path) -> std::collections::BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut all = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else {
            let written = path.metadata().unwrap().modified().unwrap();
            let bytes = std::fs::read(&path).unwrap();
            all.insert(path, (bytes, written));
        }
    }
    all
}
