//! A projector that is unavailable, and one that is killed midway: what is reported meanwhile, and what is
//! there afterwards.

use serde_json::{Value, json};
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Follower, Place, Server, request, session};

/// The status view's index among a cluster's projectors.
const STATUS: usize = 0;

fn serve(cluster: &Cluster, config: &str) -> Server {
    cluster.place.write(config, &format!("rollout: enforce\nstop_loss: {{ on_stale: {config} }}\n"));
    let url = cluster.nats.url();
    Server::of(&cluster.place, &["--log", &url, "--config", config, "serve", "--listen", "127.0.0.1:0"])
}

fn ask(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = request(&server.url, method, path, &body.to_string()).unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// Checks that are not ok, except for the config: each of the two servers names its own, and says that the
/// other did too.
fn red(health: &Value) -> Vec<&str> {
    let checks = health["checks"].as_array().unwrap().iter();
    let red = checks.filter(|check| check["ok"] == false).filter_map(|check| check["name"].as_str());
    red.filter(|name| *name != "config").collect()
}

#[test]
fn failure_05_without_its_projector_the_gate_says_stale_by_policy_and_health_is_red() {
    let Some(mut cluster) = Cluster::start() else { return };
    let (open, closed) = (serve(&cluster, "open"), serve(&cluster, "closed"));
    let run = |line: &str| cluster.place.ok(&format!("--server {} {line}", open.url));
    let _ = run("task open T-1 --complexity Tiny --id o");
    let _ = run("usage record T-1 --output 10 --id u1");
    let gate = |server: &Server| {
        let body = json!({"advance_to": "PLAN", "wait_ms": 200});
        let (status, answer) = ask(server, "POST", "/v1/tasks/T-1/gate", &body);
        assert_eq!(status, 200, "{answer}");
        (answer["verdict"].as_str().unwrap().to_owned(), answer["stale"].as_bool().unwrap())
    };
    assert_eq!((gate(&open), gate(&closed)), (("allow".to_owned(), false), ("allow".to_owned(), false)));
    assert_eq!(red(&ask(&open, "GET", "/v1/health", &Value::Null).1), [""; 0]);
    drop(cluster.projectors.remove(STATUS));
    // The log accepts what comes all the same.
    let _ = cluster.place.ok(&format!("--server {} usage record T-1 --output 900000 --id u2", open.url));
    assert_eq!((gate(&open), gate(&closed)), (("allow".to_owned(), true), ("block".to_owned(), true)));
    let health = ask(&open, "GET", "/v1/health", &Value::Null).1;
    assert_eq!(health["status"], "failing", "{health}");
    assert_eq!(red(&health), ["view status"], "{health}");
    let told = cluster.place.run_line(&format!("--server {} --no-wait task show T-1", open.url));
    assert!(told.code != 0 && told.err.contains("projector status"), "never an answer of 0: {told:?}");
    let said = cluster.place.run_line(&format!("--server {} --no-wait status", open.url));
    assert!(said.code == 1 && said.err.contains("projector status"), "{said:?}");
    for line in ["ok      log: ", "FAILING view status: ", "ok      view reports: ", "ok      view alerts: "]
    {
        assert!(said.out.contains(line), "what is away, and what is there: {said:?}");
    }
    // It comes back where it left off.
    let again = cluster.projector(&["projector", "status", "--data", "status"]);
    assert_eq!((gate(&open), gate(&closed)), (("block".to_owned(), false), ("block".to_owned(), false)));
    assert_eq!(red(&ask(&open, "GET", "/v1/health", &Value::Null).1), [""; 0]);
    drop(again);
}

#[test]
fn without_the_projector_of_money_the_gate_decides_and_says_that_policies_are_not_known() {
    let Some(mut cluster) = Cluster::start() else { return };
    let server = cluster.serve();
    let run = |line: &str| cluster.place.ok(&format!("--server {} {line}", server.url));
    let _ = run("task open T-1 --complexity Large --importance high --author ada --id o");
    let _ = run("policy set p --window monthly --limit-usd 0.01 --enforcement hard_limit --author ada");
    let _ = run("usage record T-1 --model gpt-5 --output 1000 --id u");
    let gate = |body: Value| {
        let (status, answer) = ask(&server, "POST", "/v1/tasks/T-1/gate", &body);
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let known = gate(json!({"advance_to": "PLAN", "wait_ms": 30_000}));
    assert_eq!((&known["policies"], &known["policies_unknown"]), (&json!(["p"]), &Value::Null), "{known}");
    drop(cluster.projectors.pop());
    // However long it would wait, and however often it is asked.
    for body in [json!({"advance_to": "PLAN"}), json!({"advance_to": "PLAN", "wait_ms": 1000})] {
        let unknown = gate(body);
        assert_eq!(
            (&unknown["policies"], &unknown["policies_unknown"]),
            (&Value::Null, &json!(true)),
            "{unknown}"
        );
        assert_eq!((&unknown["verdict"], &unknown["stale"]), (&json!("allow"), &json!(false)), "{unknown}");
    }
}

#[test]
fn a_projector_killed_in_the_middle_goes_on_where_it_was() {
    let Some(mut cluster) = Cluster::start() else { return };
    let url = cluster.nats.url();
    for number in 0..30 {
        let turns: Vec<[u64; 4]> = (0..100).map(|turn| [10 + turn, 4, 3, 1]).collect();
        cluster.place.write(&format!("s/{number}.jsonl"), &session(&format!("S{number}"), &turns));
    }
    let mut follower = Follower::of(
        &cluster.place,
        &["--log", &url, "--format", "json", "log", "tail", "--follow", "--records", "0"],
    );
    let mut import = cluster.place.command(&["--log", &url, "import", "codex", "s"]);
    let mut import = import.stdout(std::process::Stdio::null()).start();
    // Each is killed while the log grows, and restarted while it is still growing.
    for (number, view) in ["status", "reports", "alerts", "spending"].into_iter().enumerate() {
        follower.wait_for(500);
        drop(cluster.projectors.remove(number));
        // An import asks the view `status` what the ledger has: without it nothing more is imported.
        if view != "status" {
            follower.wait_for(200);
        }
        let again = cluster.projector(&["projector", view, "--data", view]);
        cluster.projectors.insert(number, again);
    }
    assert!(import.wait().unwrap().success());
    let report =
        |json: Value| (json["usage_events"].clone(), json["tokens"].clone(), json["cost_usd"].clone());
    let place = Place::new();
    let _ = place.ok(&format!("--data d import codex {}", cluster.place.path("s").display()));
    assert_eq!(report(cluster.json("report")), report(place.json("--data d report")));
    let rebuilt = cluster.json("view rebuild");
    assert!(rebuilt.as_array().unwrap().iter().all(|view| view["identical"] == true), "{rebuilt}");
}

#[test]
fn the_store_of_a_projector_may_be_lost() {
    let Some(mut cluster) = Cluster::start() else { return };
    cluster.place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10]]));
    let _ = cluster.json("import codex s");
    let before = (cluster.json("report"), cluster.json("task list"));
    cluster.projectors.clear();
    for view in ["status", "reports", "alerts", "spending"] {
        std::fs::remove_dir_all(cluster.place.path(view)).unwrap();
        let again = cluster.projector(&["projector", view, "--data", view]);
        cluster.projectors.push(again);
    }
    assert_eq!((cluster.json("report"), cluster.json("task list")), before);
}
