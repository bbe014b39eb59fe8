//! Every operation of the API has a command.

use std::collections::BTreeMap;

use tollgate_tests::{Place, Server};

/// Each operation of the document, and the command that does it.
const COMMANDS: [(&str, &str); 78] = [
    ("POST /mcp", "mcp"),
    ("GET /metrics", "health metrics"),
    ("GET /v1/alerts", "alerts"),
    ("GET /v1/alerts/changes", "alerts"),
    ("GET /v1/alerts/deliveries", "alerts deliveries"),
    ("POST /v1/alerts/look", "alerts look"),
    ("GET /v1/alerts/stream", "alerts"),
    ("GET /v1/alerts/{id}", "alerts show"),
    ("POST /v1/alerts/{id}/acknowledge", "alerts ack"),
    ("POST /v1/alerts/{id}/resend", "alerts resend"),
    ("GET /v1/allocations", "allocate list"),
    ("POST /v1/allocations", "allocate create"),
    ("GET /v1/allocations/{allocation}", "allocate show"),
    ("POST /v1/allocations/{allocation}/extend", "allocate extend"),
    ("POST /v1/allocations/{allocation}/release", "allocate release"),
    ("POST /v1/bills", "bill import"),
    ("GET /v1/bills/compare", "bill compare"),
    ("GET /v1/breaker", "breaker show"),
    ("POST /v1/breaker/reset", "breaker reset"),
    ("GET /v1/budgets", "budget list"),
    ("POST /v1/budgets/default-policies", "budget defaults"),
    ("GET /v1/budgets/{budget}", "budget show"),
    ("POST /v1/budgets/{budget}", "budget set"),
    ("POST /v1/check", "check"),
    ("GET /v1/config", "config show"),
    ("POST /v1/config/reload", "config reload"),
    ("POST /v1/events", "log append"),
    ("POST /v1/events/find", "log find"),
    ("GET /v1/health", "status"),
    ("GET /v1/health/budgets", "health budgets"),
    ("GET /v1/keys", "key list"),
    ("POST /v1/keys", "key create"),
    ("POST /v1/keys/{key}/revoke", "key revoke"),
    ("POST /v1/keys/{key}/rotate", "key rotate"),
    ("GET /v1/limits", "limits"),
    ("GET /v1/log", "log tail"),
    ("GET /v1/policies", "policy list"),
    ("GET /v1/policies/{policy}", "policy show"),
    ("POST /v1/policies/{policy}", "policy set"),
    ("POST /v1/policies/{policy}/raise", "policy raise"),
    ("POST /v1/policies/{policy}/withdraw", "policy withdraw"),
    ("GET /v1/pool", "budget pool"),
    ("GET /v1/position", "log position"),
    ("GET /v1/prices", "prices list"),
    ("POST /v1/prices/approve", "prices approve"),
    ("GET /v1/prices/history", "prices history"),
    ("GET /v1/prices/quote", "prices show"),
    ("POST /v1/prices/reject", "prices reject"),
    ("POST /v1/prices/reprice", "prices reprice"),
    ("POST /v1/prices/set", "prices set"),
    ("GET /v1/prices/sources", "prices sources"),
    ("POST /v1/prices/update", "prices update"),
    ("GET /v1/quarantine", "quarantine list"),
    ("GET /v1/quarantine/{id}", "quarantine explain"),
    ("POST /v1/quarantine/{id}/drop", "quarantine drop"),
    ("POST /v1/quarantine/{id}/redrive", "quarantine redrive"),
    ("GET /v1/report", "report"),
    ("GET /v1/report/accesses", "report accesses"),
    ("GET /v1/report/export", "report export"),
    ("GET /v1/report/focus", "report focus"),
    ("GET /v1/report/savings", "report savings"),
    ("POST /v1/route", "route"),
    ("GET /v1/tasks", "task list"),
    ("POST /v1/tasks", "task open"),
    ("GET /v1/tasks/{task}", "task show"),
    ("POST /v1/tasks/{task}/close", "task close"),
    ("GET /v1/tasks/{task}/explain", "task explain"),
    ("POST /v1/tasks/{task}/gate", "gate"),
    ("POST /v1/tasks/{task}/importance", "task importance"),
    ("POST /v1/tasks/{task}/mark", "task mark"),
    ("POST /v1/tasks/{task}/overrides", "task override"),
    ("POST /v1/tasks/{task}/phases", "phase start"),
    ("POST /v1/tasks/{task}/phases/{phase}/end", "phase end"),
    ("POST /v1/tasks/{task}/phases/{phase}/explanation", "phase explain"),
    ("GET /v1/tasks/{task}/report", "report"),
    ("GET /v1/usage", "usage list"),
    ("GET /v1/usage/summary", "usage summary"),
    ("POST /v1/views/{view}/rebuild", "view rebuild"),
];

#[test]
fn every_operation_of_the_api_has_a_command() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let (_, document) = tollgate_tests::request(&server.url, "GET", "/v1/openapi.json", "").unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let commands = BTreeMap::from(COMMANDS);
    let missing: Vec<String> =
        operations.clone().filter(|operation| !commands.contains_key(operation.as_str())).collect();
    assert!(missing.is_empty(), "these operations have no command in the table: {missing:?}");
    assert_eq!(operations.count(), COMMANDS.len(), "the table names operations that are not there");
    let mut tried: Vec<&str> = commands.into_values().collect();
    tried.sort_unstable();
    tried.dedup();
    for command in tried {
        let words: Vec<&str> = command.split(' ').collect();
        let help = place.ok(&format!("{command} -h"));
        assert!(help.contains(&format!("Usage: tollgate {}", words.join(" "))), "{command}: {help}");
    }
}

#[test]
fn events_are_appended_from_files_of_each_form_and_found() {
    let place = Place::new();
    let event = |id: &str| {
        format!(
            r#"{{"id": "{id}", "task": "T-1", "usage_recorded": {{"model": "gpt-5", "tokens": {{"output": 5}}}}}}"#
        )
    };
    place.write("lines.jsonl", &format!("{}\n\n{}\n", event("1"), event("2")));
    place.write("list.json", &format!("[{}, {}]", event("2"), event("3")));
    place.write("request.json", &format!(r#"{{"producer": "x", "events": [{}]}}"#, event("3")));
    assert_eq!(place.ok("log append lines.jsonl"), "2 events: 2 appended\n");
    assert_eq!(place.ok("log append list.json"), "2 events: 1 appended, 1 duplicate\n");
    let answer = place.json("log append request.json");
    assert_eq!(answer["outcomes"][0]["outcome"], "duplicate", "{answer}");
    assert_eq!(place.json("report")["usage_events"], 3);
    let found = place.ok("log find T-1 1 9");
    let lines: Vec<&str> = found.lines().collect();
    assert!(
        lines[0].contains("usage_recorded") && lines[1] == "`9` of producer `cli`: not in the log",
        "{found}"
    );
    assert!(place.json("log find T-1 9")["events"][0].is_null());
    let end = place.ok("log position");
    assert_eq!(place.json("log position")["position"], end.trim());
    place.write("bad.jsonl", &format!("{}\n{{\n", event("4")));
    let said = place.fails(3, "log append bad.jsonl");
    assert!(said.contains("line 2") && said.contains("one event a line"), "{said}");
    place.write("none.jsonl", "\n");
    assert!(place.fails(3, "log append none.jsonl").contains("no events"));
    assert!(place.fails(3, "log append nowhere.json").contains("nowhere.json"));
    assert_eq!(place.json("report")["usage_events"], 3, "nothing of a file that cannot be read is appended");
}

#[test]
fn many_events_are_several_requests() {
    let place = Place::new();
    let lines = (0..1_203).map(|nth| {
        format!(
            r#"{{"id": "{nth}", "task": "T-{}", "usage_recorded": {{"tokens": {{"output": 1}}}}}}"#,
            nth % 7
        )
    });
    place.write("many.jsonl", &lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(place.ok("log append many.jsonl"), "1,203 events: 1203 appended\n");
    assert_eq!(place.json("report")["usage_events"], 1_203);
}

#[test]
fn alerts_are_looked_for_and_shown_and_counters_printed() {
    let place = Place::new();
    let _ = place.ok("demo");
    let on = |line: &str| format!("--data tollgate-demo/data {line}");
    let id = place.json(&on("alerts"))["alerts"][0]["id"].as_str().unwrap().to_owned();
    let shown = place.ok(&on(&format!("alerts show {id}")));
    assert!(shown.contains(&id) && shown.lines().count() == 2, "{shown}");
    assert_eq!(place.json(&on(&format!("alerts show {id}")))["id"], id.as_str());
    assert!(place.ok(&on(&format!("alerts show {id} --format csv"))).contains(&id));
    assert!(place.json(&on("alerts look"))["recorded"].is_u64());
    assert!(place.ok(&on("alerts look")).contains("nothing new"));
    assert!(place.ok(&on("health metrics")).contains("# TYPE tollgate_"));
}
