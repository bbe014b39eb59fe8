//! Alerts on the bus: read with nothing but the NATS protocol.

use serde_json::Value;
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Follower, Server};

#[test]
fn alerts_are_published_with_an_id_under_tenant_and_rule() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.place.write("alerts.yaml", "endpoints: [{name: bus, nats: true, rules: [pressure]}]\n");
    let url = cluster.nats.url();
    let args = ["--log", &url, "serve", "--listen", "127.0.0.1:0", "--alerts", "alerts.yaml"];
    let mut follower = Follower::of(
        &cluster.place,
        &["--log", &url, "--format", "json", "log", "tail", "--follow", "--records", "0"],
    );
    let server = Server::of(&cluster.place, &args);
    // The endpoint is noted before anything is sent to it.
    follower.wait_for_line("delivery_attempted");
    let mut subscriber = cluster.nats.connect();
    subscriber.subscribe("tollgate.v1.alerts.acme.pressure");
    for line in ["task open T-1 --complexity Small", "usage record T-1 --output 9500"] {
        let _ = cluster.place.ok(&format!("--log {url} --tenant acme {line}"));
    }
    let (headers, body) = subscriber.message();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["type"], &body["data"]["task"]), (&"alert.raised".into(), &"T-1".into()), "{body}");
    assert!(headers["Nats-Msg-Id"].starts_with("msg_"), "{headers:?}");
    follower.wait_for_line("\"delivered\"");
    let list = cluster.json("alerts deliveries --all --endpoint bus");
    let told: Vec<String> = list["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["change"], it["state"]).replace('"', ""))
        .collect();
    assert!(told.contains(&"raised delivered".to_owned()), "{told:?}");
    assert!(server.terminate().success());
}

#[test]
fn an_allocation_that_is_exceeded_is_told_of_in_each_tenant() {
    let Some(cluster) = Cluster::start() else { return };
    let url = cluster.nats.url();
    for tenant in ["aaa", "default"] {
        for line in [
            format!("allocate create job-{tenant} --tokens 1000"),
            format!("usage record T-1 --output 5000 --allocation job-{tenant}"),
        ] {
            let _ = cluster.place.ok(&format!("--log {url} --tenant {tenant} {line}"));
        }
    }
    let mut follower = Follower::of(
        &cluster.place,
        &["--log", &url, "--format", "json", "log", "tail", "--follow", "--records", "0"],
    );
    let server = cluster.serve();
    for tenant in ["aaa", "default"] {
        follower.wait_for_line(&format!("allocation `job-{tenant}`"));
        let list = cluster.json(&format!("--tenant {tenant} alerts --rule allocation_overrun"));
        assert_eq!(list["alerts"].as_array().unwrap().len(), 1, "{list}");
    }
    assert!(server.terminate().success());
}
