//! Pools of unused budget: a server has completed tasks give, the gate draws, and replay of the same history with the
//! same config says the same.

use serde_json::{Value, json};
use tollgate_tests::{Place, Server};

const CONFIG: &str =
    "rollout: enforce\npool:\n  window: monthly\n  leave: { low: 0.6, medium: 0.25, high: 0, critical: 0 }\n";

/// How often the pool is looked at before it is taken that nothing more moves.
const LOOKS: usize = 200;

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
    // What closes as a month ends may give nothing, in the next one.
    let moved = |what: &str, tokens: u64| (0..LOOKS).any(|_| pool()["total"][what] == json!(tokens));
    for task in ["A", "B", "C"] {
        asked(place, &server, task, "medium", 400);
        let _ = at(&format!("task close {task} --outcome completed"));
    }
    if !moved("given", 69_000) {
        return false;
    }
    let window = pool()["window"]["from"].clone();
    // 69,000 are there: the first draws 17,550, the second must leave 41,400, the third nothing.
    let mut said = Vec::new();
    for (task, importance, tokens) in [("M", "medium", 36_000), ("L", "low", 30_000), ("H", "high", 69_000)] {
        let answer = asked(place, &server, task, importance, tokens);
        said.push((answer["verdict"].clone(), answer["drawn_tokens"].clone()));
    }
    let _ = at("task close M --outcome completed");
    let came_back = moved("returned", 4_950);
    let shown = at("budget pool");
    let after = pool();
    let _ = server.terminate();
    if !came_back || after["window"]["from"] != window {
        return false;
    }
    let (warn, block) = (json!("warn"), json!("block"));
    assert_eq!(said, [(warn.clone(), json!(17_550)), (block, json!(null)), (warn, json!(35_100))], "{after}");
    let total = json!({"given": 69_000, "drawn": 52_650, "returned": 4_950, "expired": 0});
    assert_eq!((&after["total"], &after["in_pool"]), (&total, &json!(21_300)));
    for line in ["pool of default  21,300 tokens", "in this window", "H             35,100"] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
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
    // All that is said of a config with a pool is said with it: M and H are warned, as they were.
    assert_eq!((&candidates[0]["blocked"], &pool["blocked_without"]), (&json!(1), &json!(3)), "{candidates}");
    let differing = replayed["result"]["differing"].as_array().unwrap().iter();
    let outcomes: Vec<(&Value, &Value)> =
        differing.map(|it| (&it["task"], &it["outcomes"][0]["outcome"])).collect();
    assert_eq!(outcomes, [(&json!("H"), &json!("warned")), (&json!("M"), &json!("warned"))], "{replayed}");
    let drew = &replayed["result"]["differing"][0]["outcomes"][0]["first"];
    assert_eq!(
        (&drew["rule"], &drew["used"], &drew["limit"]),
        (&json!("pool_drawn"), &json!(69_000), &json!(70_200))
    );
    // Another pool beside that of a config: which was meant nobody knows.
    place.write("pool.yaml", "pool: {}\n");
    let told = place.fails(3, "replay what-if --from data --config pooled.yaml --pool pool.yaml");
    assert!(told.contains("pooled.yaml` has a section `pool` of its own"), "{told}");
}
