//! The same ledger over NATS: the same totals, parts of views in separate processes, decisions that race.

mod behind;
mod budget_race;
mod foreign;
mod memory;
mod projectors;
mod races;
mod servers;
mod session;

use serde_json::{Value, json};
use tollgate_test_process::real_sessions;
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Place, request, session as session_of};

/// Sessions, and their totals.
fn sessions(place: &Place) {
    for number in 0..12 {
        let turns: Vec<[u64; 4]> = (0..30).map(|turn| [10 + turn, 4, 3, 1]).collect();
        place.write(&format!("s/{number}.jsonl"), &session_of(&format!("S{number}"), &turns));
    }
}

fn without_position(mut report: Value) -> Value {
    report["price_warnings"] = Value::Null;
    report["as_of"] = Value::Null;
    report
}

#[test]
fn a_ledger_over_nats_says_what_the_embedded_one_says() {
    let Some(cluster) = Cluster::start() else { return };
    sessions(&cluster.place);
    let folder = real_sessions().map_or_else(|| "s".to_owned(), |folder| folder.display().to_string());
    let import = format!("import codex \"{folder}\"");
    let embedded = cluster.place.json(&format!("--data d {import}"));
    let over_nats = cluster.json(&import);
    assert_eq!(embedded["new"], over_nats["new"]);
    let report = |line: &str| without_position(cluster.place.json(line));
    let expected = report("--data d report");
    assert_eq!(without_position(cluster.json("report")), expected);
    assert_eq!(cluster.json(&import)["new"], 0, "a second import adds nothing");
    assert_eq!(without_position(cluster.json("report")), expected);
    // A copy of the one log says the same as both, and copying again adds nothing.
    let copied = cluster.place.json(&format!("log copy {} copied", cluster.nats.url()));
    assert_eq!((&copied["equal"], &copied["sequences_kept"]), (&json!(true), &json!(true)), "{copied}");
    assert_eq!(report("--data copied report"), expected);
    let again = cluster.place.json(&format!("log copy {} copied", cluster.nats.url()));
    assert_eq!((&again["equal"], &again["events"]), (&json!(true), &json!(0)), "{again}");
    let url = cluster.nats.url();
    let verified = cluster.place.ok(&format!("--log {url} log verify"));
    assert!(verified.starts_with("passed: "), "{verified}");
    let rebuilt = cluster.json("view rebuild");
    assert!(rebuilt.as_array().unwrap().iter().all(|view| view["identical"] == true), "{rebuilt}");
}

#[test]
fn parts_of_a_view_in_processes_of_their_own_answer_as_one_and_a_missing_one_is_named() {
    let Some(mut cluster) = Cluster::start() else { return };
    sessions(&cluster.place);
    let _ = cluster.json("import codex s");
    let (report, tasks) = (cluster.json("report"), cluster.json("task list"));
    let by_task = "usage summary --group-by task,model --by day --limit 2";
    let (summary, records) = (cluster.json(by_task), cluster.json("usage list"));
    assert!(records["records"].as_array().unwrap().len() > 2, "{records}");
    cluster.projectors.clear();
    for (view, partitions) in [
        ("status", "0-4"),
        ("status", "5-15"),
        ("reports", "0-7"),
        ("reports", "8-9,11"),
        ("spending", "0-6"),
        ("spending", "7-15"),
        ("reports", "10,12-15"),
    ] {
        let data = format!("{view}-{partitions}");
        let projector = cluster.projector(&["projector", view, "--partitions", partitions, "--data", &data]);
        cluster.projectors.push(projector);
    }
    // It says how many days old the prices are, and the day may have ended in the meantime.
    let aged = |mut report: Value| {
        report["price_warnings"] = Value::Null;
        report
    };
    assert_eq!(aged(cluster.json("report")), aged(report));
    assert_eq!(cluster.json("task list"), tasks);
    assert_eq!((cluster.json(by_task), cluster.json("usage list")), (summary, records));
    // Nothing answers for the last partitions any more.
    cluster.projectors.pop();
    let url = cluster.nats.url();
    let told = cluster.place.fails(1, &format!("--log {url} --no-wait report"));
    assert!(told.contains("view reports: no projector answers for partition 10"), "{told}");
    assert!(told.contains("`tollgate projector reports --log URL`"), "{told}");
    let server = cluster.serve();
    let (status, ready) = request(&server.url, "GET", "/v1/ready", "").unwrap();
    assert!(status == 503 && ready.contains("view reports of partitions 10,12-15"), "{status} {ready}");
    // One that also has another's partitions: their answers cannot be added up.
    let overlapping = cluster.projector(&["projector", "reports", "--partitions", "9-15", "--data", "more"]);
    let told = cluster.place.fails(1, &format!("--log {url} --no-wait report"));
    assert!(told.contains("overlap"), "{told}");
    drop(overlapping);
}
