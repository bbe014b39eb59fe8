//! Pools of unused budget: a server has completed tasks give, the gate draws, and replay of the same history with the
//! same config says the same.

use serde_json::{Value, json};
use tollgate_tests::{Follower, Place, Server};

const CONFIG: &str =
    "rollout: enforce\npool:\n  window: monthly\n  leave: { low: 0.6, medium: 0.25, high: 0, critical: 0 }\n";

/// Opens a task, uses so much and asks the gate before PLAN.
fn asked(place: &Place, server: &Server, task: &str, importance: &str, tokens: u64) -> Value {
    let run = |line: &str| place.run_line(&format!("--server {} --format json {line}", server.url));
    let opened = run(&format!("task open {task} --importance {importance} --justification test"));
    assert_eq!(opened.code, 0, "{}", opened.err);
    assert_eq!(run(&format!("usage record {task} --output {tokens}")).code, 0);
    serde_json::from_str(&run(&format!("gate {task} PLAN")).out).unwrap()
}

/// One life of a server; whether all of it was in one month.
fn live(place: &Place) -> bool {
    let server =
        Server::of(place, &["--data", "data", "serve", "--listen", "127.0.0.1:0", "--config", "pooled.yaml"]);
    let at = |line: &str| place.ok(&format!("--server {} {line}", server.url));
    let pool = || -> Value { place.json(&format!("--server {} budget pool", server.url)) };
    let mut follower = Follower::start(place, &server);
    for task in ["A", "B", "C"] {
        asked(place, &server, task, "medium", 400);
        let _ = at(&format!("task close {task} --outcome completed"));
        follower.wait_for_line(&format!("\"id\":\"pool-give/{task}\""));
    }
    let window = pool()["window"]["from"].clone();
    // 69,000 are there: the first draws 17,550, the second must leave 41,400, the third nothing.
    let mut said = Vec::new();
    for (task, importance, tokens) in [("M", "medium", 36_000), ("L", "low", 30_000), ("H", "high", 69_000)] {
        let answer = asked(place, &server, task, importance, tokens);
        said.push((answer["verdict"].clone(), answer["drawn_tokens"].clone()));
    }
    let _ = at("task close M --outcome completed");
    follower.wait_for_line("\"id\":\"pool-give/M\"");
    let after = pool();
    let _ = server.terminate();
    if after["window"]["from"] != window {
        return false;
    }
    let (warn, block) = (json!("warn"), json!("block"));
    assert_eq!(said, [(warn.clone(), json!(17_550)), (block, json!(null)), (warn, json!(35_100))], "{after}");
    let total = json!({"given": 69_000, "drawn": 52_650, "returned": 4_950, "expired": 0});
    assert_eq!((&after["total"], &after["in_pool"]), (&total, &json!(21_300)));
    true
}

#[test]
fn a_server_with_a_pool_and_replay_of_its_history_say_the_same() {
    let place = loop {
        let place = Place::new();
        place.write("pooled.yaml", CONFIG);
        if live(&place) {
            break place;
        }
    };
    let replayed = place.json("replay what-if --from data --config pooled.yaml --config built-in");
    let candidates = &replayed["result"]["candidates"];
    let pool = &candidates[0]["pool"];
    let sums = ["given_tokens", "drawn_tokens", "returned_tokens", "expired_tokens", "left_tokens"];
    assert_eq!(sums.map(|sum| pool[sum].as_u64().unwrap()), [69_000, 52_650, 4_950, 0, 21_300], "{pool}");
    let drawers = pool["drawers"].as_array().unwrap().iter();
    let drawn: Vec<(&Value, &Value)> = drawers.map(|it| (&it["task"], &it["drawn_tokens"])).collect();
    assert_eq!(drawn, [(&json!("H"), &json!(35_100)), (&json!("M"), &json!(17_550))]);
    assert_eq!(candidates[1]["pool"], Value::Null, "that config has none: {candidates}");
    // Another pool beside that of a config: which was meant nobody knows.
    place.write("pool.yaml", "pool: {}\n");
    let told = place.fails(3, "replay what-if --from data --config pooled.yaml --pool pool.yaml");
    assert!(told.contains("pooled.yaml` has a section `pool` of its own"), "{told}");
    let shown = place.ok("--data data budget pool");
    for line in ["pool of default  21,300 tokens", "in this window", "H             35,100"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}
