//! Foreign messages in the ledger's subjects.

use serde_json::{Value, json};
use tollgate_tests::nats::Cluster;
use tollgate_tests::request;

#[test]
fn garbage_in_the_subjects_of_the_ledger_holds_up_no_view_and_stays_visible() {
    let Some(mut cluster) = Cluster::start() else { return };
    let server = cluster.serve();
    let line = |line: &str| format!("--server {} {line}", server.url);
    let _ = cluster.place.ok(&line("task open X --complexity Small"));
    let mut stranger = cluster.nats.connect();
    for partition in 0..16 {
        stranger.publish(&format!("tollgate.v1.dec.{partition}.default.X"), "", &[], b"garbage \x1b[2J");
    }
    // A query to the same server after them: they are in the stream.
    let reply = stranger.request("$JS.API.STREAM.INFO.TOLLGATE", &[], b"");
    assert!(!reply.1.is_empty());

    // Facts, decisions about that very subject, the gate, reports: everything works as before.
    let _ = cluster.place.ok(&line("phase start X PLAN"));
    let _ = cluster.place.ok(&line("usage record X --output 100 --id u"));
    let gate: Value = cluster.place.json(&line("gate X IMPLEMENT"));
    assert_eq!(gate["verdict"], "allow", "{gate}");
    assert_eq!(cluster.place.json(&line("report"))["tokens"]["total"], 100);
    let _ = cluster.place.ok(&line("phase end X PLAN"));
    let _ = cluster.place.ok(&line("task close X"));
    assert_eq!(cluster.place.json(&line("task list"))["tasks"][0]["stage"], "completed");

    // They are reported, also by views that were restarted, and by verification.
    let named = || {
        let (_, text) = request(&server.url, "GET", "/v1/health", "").unwrap();
        let health: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(health["status"], "degraded", "{health}");
        let views = health["views"].as_array().unwrap();
        for view in views {
            let found = &view["quarantined"][0];
            assert_eq!((&found["task"], &found["waiting"]), (&json!("_foreign"), &json!(16)), "{view}");
            let error = found["error"].as_str().unwrap();
            assert!(
                error.contains("no server of this ledger wrote it") && error.contains(".default.X"),
                "{error}"
            );
            assert!(error.contains("\"garbage \\x1b[2J\""), "{error}");
        }
        views.len()
    };
    assert_eq!(named(), 4);
    cluster.projectors.clear();
    for view in ["status", "reports", "alerts", "spending"] {
        let projector = cluster.projector(&["projector", view, "--data", view]);
        cluster.projectors.push(projector);
    }
    // Each view has seen the end of the log before its health is queried.
    for command in ["task list", "report", "alerts", "usage summary"] {
        let _ = cluster.place.ok(&line(command));
    }
    assert_eq!(named(), 4);
    // An alert says where the first one is, and does not point to a task to wait for.
    let alert = loop {
        let alerts: Value = cluster.place.json(&line("alerts --rule quarantine"));
        if let Some(alert) = alerts["alerts"].as_array().unwrap().first() {
            break alert.clone();
        }
    };
    let message = alert["message"].as_str().unwrap();
    assert!(message.contains("is not a valid record: no server of this ledger wrote it"), "{message}");
    assert!(message.contains("take that permission away") && !message.contains('\x1b'), "{message}");
    assert!(!alert["raised_at"].as_str().unwrap().starts_with("1970"), "{alert}");
    is_listed(&cluster.place.ok(&line("quarantine list")));
    let verified = cluster.place.ok(&format!("--log {} log verify", cluster.nats.url()));
    assert!(
        verified.starts_with("passed") && verified.matches("foreign: message").count() == 16,
        "{verified}"
    );
    assert!(!verified.contains("newer version") && !verified.contains('\x1b'), "{verified}");
    let copied = cluster.place.ok(&format!("log copy {} copy", cluster.nats.url()));
    assert!(copied.contains("equal"), "{copied}");
}

/// What the command that lists the quarantine says about them.
fn is_listed(list: &str) {
    let begins =
        "16 messages that no server wrote stand in the ledger's stream and are passed over; the first is";
    assert!(list.starts_with(begins) && !list.contains('\x1b'), "{list}");
}
