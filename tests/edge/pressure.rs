//! Producers that are faster than the views: refused while a view is too far behind, if the server was told so.

use serde_json::{Value, json};
use tollgate_tests::{Place, Server, request};

fn usage(number: u64) -> String {
    let usage = json!({"tokens": {"output": 1}});
    let event = json!({"id": format!("u{number}"), "task": format!("T-{number}"), "usage_recorded": usage});
    json!({"producer": "test", "events": [event]}).to_string()
}

#[test]
fn events_wait_for_views_and_none_is_lost_or_counted_twice() {
    let place = Place::new();
    let server = Server::of(&place, &["--data", "d", "serve", "--listen", "127.0.0.1:0", "--max-lag", "0"]);
    let (mut sent, mut refused) = (0, Vec::new());
    // The views that nobody waits for are behind again and again.
    while refused.len() < 3 {
        let body = usage(sent);
        match server.post("/v1/events", &body).expect("an answer") {
            (201, _) => {}
            (429, answer) => {
                refused.push(serde_json::from_str::<Value>(&answer).unwrap());
                // The same again until it is taken.
                while server.post("/v1/events", &body).expect("an answer").0 != 201 {}
            }
            other => panic!("{other:?}"),
        }
        sent += 1;
    }
    for problem in refused {
        assert_eq!(
            (&problem["code"], &problem["retryable"]),
            (&json!("overloaded"), &json!(true)),
            "{problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("records behind, and this server's --max-lag is 0"), "{detail}");
    }
    // What asks the gate is never kept waiting.
    let gate = json!([{"task": "T-0", "advance_to": "PLAN"}]);
    for number in 0..50 {
        let mut body: Value = serde_json::from_str(&usage(sent + number)).unwrap();
        body["gates"] = gate.clone();
        let (status, answer) = server.post("/v1/events", &body.to_string()).expect("an answer");
        assert_eq!(status, 201, "{answer}");
    }
    assert_eq!(place.totals("d").1, i64::try_from(sent + 50).unwrap());
    let (_, health) = request(&server.url, "GET", "/v1/health", "").expect("an answer");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert!(health["views"][0]["lag_growth"].is_i64(), "{health}");
}
