//! Alerts on their way to a webhook, from a server that stops, dies and loses its views.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tollgate_tests::nats::Cluster;
use tollgate_tests::{Follower, Place, Server, request};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a webhook's receiver got: its id and its body.
type Post = (String, serde_json::Value);

/// A receiver on a free port that accepts everything; its port, and what it receives.
fn receiver() -> (u16, Receiver<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (posts, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut headers = BTreeMap::new();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some((name, value)) = line.split_once(": ") {
                    headers.insert(name.to_lowercase(), value.trim().to_owned());
                }
                line.clear();
            }
            let mut body = vec![0; headers["content-length"].parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            assert!(headers["webhook-signature"].starts_with("v1,"));
            reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            if posts.send((headers["webhook-id"].clone(), serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (port, got)
}

fn configure(place: &Place, port: u16) {
    place.write("d/pager.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
    let secret = place.path("d/pager.secret");
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.write(
        "d/alerts.yaml",
        &format!(
            "endpoints:\n  - {{name: pager, url: 'http://127.0.0.1:{port}/T0KEN', secret_file: pager.secret, rules: [pressure], \
             allow_http: true, allow_private: true, ports: [{port}], digest: {{after: 100}}}}\n"
        ),
    );
}

/// The task of each message, sorted, once there are this many; and their ids.
fn next(got: &Receiver<Post>, count: usize) -> Vec<(String, String)> {
    let mut messages: Vec<(String, String)> = (0..count)
        .map(|_| got.recv_timeout(PATIENCE).unwrap())
        .map(|(id, body)| {
            let data = &body["data"];
            (format!("{} {} {}", body["type"], data["task"], data["level"]).replace('"', ""), id)
        })
        .collect();
    messages.sort();
    messages
}

fn words(messages: &[(String, String)]) -> Vec<&str> {
    messages.iter().map(|(word, _)| word.as_str()).collect()
}

fn raise(place: &Place, task: &str) {
    let _ = place.ok(&format!("--data d task open {task} --complexity Small"));
    let _ = place.ok(&format!("--data d usage record {task} --output 9500"));
}

#[test]
fn each_alert_is_delivered_once_though_the_server_dies_and_its_views_are_lost() {
    let place = Place::new();
    let (port, got) = receiver();
    let server = Server::start(&place, "d");
    raise(&place, "T-0");
    assert!(server.terminate().success());
    configure(&place, port);
    let server = Server::start(&place, "d");
    // The endpoint is noted before anything is sent to it; what was raised before that is not sent.
    let mut log = Follower::of(
        &place,
        &["--server", &server.url, "--format", "json", "log", "tail", "--follow", "--records", "0"],
    );
    log.wait_for_line("delivery_attempted");
    drop(log);
    raise(&place, "T-1");
    let first = next(&got, 1);
    assert_eq!(words(&first), ["alert.raised T-1 50"]);
    let _ = place.ok("--data d task close T-1 --outcome cancelled");
    assert_eq!(words(&next(&got, 1)), ["alert.resolved T-1 50"]);
    assert!(place.ok("--data d view rebuild alerts").contains("identical"));
    server.kill();
    let server = Server::start(&place, "d");
    raise(&place, "T-2");
    // What was in flight when it died may arrive again, under its own id.
    let mut messages = next(&got, 1);
    while words(&messages) != ["alert.raised T-2 50"] {
        assert!(messages[0].0.ends_with("T-1 50"), "{messages:?}");
        messages = next(&got, 1);
    }
    assert!(server.terminate().success());
    std::fs::remove_dir_all(place.path("d/views")).unwrap();
    let server = Server::start(&place, "d");
    raise(&place, "T-3");
    assert_eq!(words(&next(&got, 1)), ["alert.raised T-3 50"]);
    // Requested again, under the same id.
    let list = place.json("--data d alerts --all --task T-1");
    let id = list["alerts"][0]["id"].as_str().unwrap().to_owned();
    let _ = place.ok(&format!("--data d alerts resend {id} --by grace --reason \"it was lost\""));
    assert_eq!(next(&got, 1), first);
    assert!(server.terminate().success());
    assert_eq!(place.ok("--data d alerts deliveries"), "no deliveries\n");
    let all = place.json(&format!("--data d alerts deliveries --all --alert {id}"));
    let states: Vec<String> = all["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            format!("{} {} {} {}", it["endpoint"], it["change"], it["state"], it["attempts"]).replace('"', "")
        })
        .collect();
    let mut sorted = states.clone();
    sorted.sort();
    assert_eq!(sorted, ["pager raised delivered 2", "pager resolved delivered 1"]);
    assert!(got.try_recv().is_err(), "nothing else was sent");
}

#[test]
fn a_config_that_is_wrong_is_refused_at_the_start_with_every_problem_and_nothing_secret() {
    let place = Place::new();
    configure(&place, 7071);
    std::fs::set_permissions(place.path("d/pager.secret"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = place.fails(1, "--data d serve --listen 127.0.0.1:0");
    assert!(
        told.contains("endpoint `pager`: reading the webhook secret") && told.contains("chmod 600"),
        "{told}"
    );
    place.write(
        "a.yaml",
        "endpoints:\n  - {name: pager, url: 'http://10.0.0.1/T0KEN', secret: whsec_T0KEN}\n  - {name: bus, nats: true}\n",
    );
    let told = place.fails(1, "--data d serve --listen 127.0.0.1:0 --alerts a.yaml");
    for part in [
        "endpoints[0].url: `http://10.0.0.1`: must begin with https",
        "endpoints[0].secret: `***`: unknown key",
        "endpoints[0].secret_file: must name",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("T0KEN"), "{told}");
    place.write("a.yaml", "endpoints: [{name: bus, nats: true}]\n");
    let told = place.fails(1, "--data d serve --listen 127.0.0.1:0 --alerts a.yaml");
    assert!(told.contains("endpoint `bus`: `nats: true` needs a ledger on NATS"), "{told}");
    let told = place.fails(1, "--data d serve --listen 127.0.0.1:0 --alerts none.yaml");
    assert!(told.contains("alerts config none.yaml"), "{told}");
}

#[test]
fn asking_for_what_is_not_there_is_refused() {
    let place = Place::new();
    raise(&place, "T-1");
    let id = place.json("--data d alerts")["alerts"][0]["id"].as_str().unwrap().to_owned();
    for (line, expected) in [
        ("alerts resend 00000000000000000000000000000000 --by me --reason x".to_owned(), "not found as of"),
        (
            format!("alerts resend {id} --change resolved --by me --reason x"),
            "did not happen to this alert yet",
        ),
        (
            format!("alerts resend {id} --endpoint pager --by me --reason x"),
            "must be the name of an endpoint",
        ),
        (format!("alerts resend {id} --by \"\" --reason x"), "by"),
    ] {
        let told = place.fails(3, &format!("--data d {line}"));
        assert!(told.contains(expected), "{line}: {told}");
    }
}

#[test]
fn a_remediation_is_told_once_by_a_signed_webhook_also_of_a_block_that_came_before() {
    let place = Place::new();
    let (port, got) = receiver();
    place.write("d/phase_budgets.yaml", "rollout: enforce\n");
    let webhook = format!(
        "ways:\n  - {{name: tracker, url: 'http://127.0.0.1:{port}/T0KEN', secret_file: pager.secret, allow_http: true, \
         allow_private: true, ports: [{port}]}}\n"
    );
    let block = |task: &str| {
        let _ = place.ok(&format!("--data d task open {task}"));
        let _ = place.ok(&format!("--data d usage record {task} --output 90000"));
        let _ = place.fails(5, &format!("--data d gate {task} REVIEW"));
    };
    // By a command without a server: the task is opened, the rest is left to the next server.
    block("T-1");
    assert!(place.ok("--data d task list").contains("FIX-BUDGET-BREACH-T-1"));
    configure(&place, port);
    place.write("d/alerts.yaml", "endpoints: []\n");
    place.write("d/remediation.yaml", &webhook);
    let server = Server::start(&place, "d");
    let told = |(id, body): Post| {
        assert_eq!(body["type"], "remediation.opened");
        (body["data"]["remediation"].as_str().unwrap().to_owned(), id)
    };
    let first = told(got.recv_timeout(PATIENCE).unwrap());
    assert_eq!(first.0, "FIX-BUDGET-BREACH-T-1");
    assert!(server.terminate().success());
    let server = Server::start(&place, "d");
    let _ = place.fails(5, "--data d gate T-1 PLAN");
    block("T-2");
    let second = told(got.recv_timeout(PATIENCE).unwrap());
    assert_eq!(second.0, "FIX-BUDGET-BREACH-T-2", "the first is not told again");
    assert_ne!(first.1, second.1);
    assert!(server.terminate().success());
    assert!(got.try_recv().is_err());
    // An invalid file keeps the server from starting, and the error reports everything but secrets.
    place.write(
        "d/remediation.yaml",
        "ways:\n  - {name: A, command: []}\n  - {name: b, url: 'ftp://whsec_x/'}\n",
    );
    let said = place.run(&["--data", "d", "serve", "--listen", "127.0.0.1:0"]);
    assert_ne!(said.code, 0, "{said:?}");
    for part in [
        "remediation config d/remediation.yaml",
        "ways[0].name: `A`",
        "ways[0].command",
        "ways[1].url",
        "ways[1].secret_file",
    ] {
        assert!(said.err.contains(part), "{part}\n{}", said.err);
    }
    assert!(!said.err.contains("whsec_x"), "{}", said.err);
}

/// What health says about how alerts get delivered: its status, whether all is well, and the sentence.
fn alerts_check(server: &Server) -> (String, bool, String) {
    let (_, text) = request(&server.url, "GET", "/v1/health", "").unwrap();
    let health: serde_json::Value = serde_json::from_str(&text).unwrap();
    let checks = health["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "alerts").unwrap();
    let said = check["detail"].as_str().unwrap().to_owned();
    (health["status"].as_str().unwrap().to_owned(), check["ok"] == true, said)
}

/// It is known which file says where alerts go as long as it is named; if it no longer is although the log
/// has deliveries, that is reported loudly, until someone says what is intended.
fn alerts_are_not_forgotten(place: &Place, log: &[&str], serve: &[&str]) {
    let start = |more: &[&str]| Server::of(place, &[log, serve, more].concat());
    let (port, got) = receiver();
    configure(place, port);
    // If the log has no deliveries, none are missed.
    let server = start(&[]);
    let (status, ok, said) = alerts_check(&server);
    assert_eq!(
        (status.as_str(), ok, said.as_str()),
        ("ok", true, "not delivered; name a file with --alerts")
    );
    assert!(server.terminate().success());
    let server = start(&["--alerts", "d/alerts.yaml"]);
    let (status, ok, said) = alerts_check(&server);
    assert_eq!((status.as_str(), ok), ("ok", true), "{said}");
    assert!(said.starts_with("delivered by d/alerts.yaml (") && said.ends_with("), 1 endpoint"), "{said}");
    // A change to the file is not followed, and that is reported.
    let file = place.path("d/alerts.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}# changed\n")).unwrap();
    let (status, ok, said) = alerts_check(&server);
    assert_eq!((status.as_str(), ok), ("degraded", false), "{said}");
    assert!(
        said.ends_with("was changed since this server read it: restart the server to follow it"),
        "{said}"
    );
    std::fs::remove_file(&file).unwrap();
    let (status, ok, said) = alerts_check(&server);
    assert_eq!((status.as_str(), ok), ("degraded", false), "{said}");
    assert!(said.contains("cannot be read any more (No such file or directory"), "{said}");
    std::fs::write(&file, text).unwrap();
    assert_eq!(alerts_check(&server).0, "ok");
    let mut log_of = Follower::start(place, &server);
    log_of.wait_for_line("delivery_attempted");
    drop(log_of);
    let call = |line: &str| place.ok(&format!("--server {} {line}", server.url));
    let _ = call("task open T-1 --complexity Small");
    let _ = call("usage record T-1 --output 9500");
    assert_eq!(words(&next(&got, 1)), ["alert.raised T-1 50"]);
    let (end, told) = server.end();
    assert!(end.success() && told.contains("alerts: delivered by d/alerts.yaml ("), "{told}");
    // The next server is started without one.
    let server = start(&[]);
    let (status, ok, said) = alerts_check(&server);
    assert_eq!((status.as_str(), ok), ("degraded", false), "{said}");
    assert!(
        said.contains("the log has deliveries; name the file with --alerts, or say --alerts none"),
        "{said}"
    );
    let shown = place.ok(&format!("--server {} status", server.url));
    assert!(shown.contains("DEGRADED alerts: not delivered"), "{shown}");
    let (_, told) = server.end();
    assert!(told.contains("! alerts: not delivered: no file is named, but the log has deliveries"), "{told}");
    let server = start(&["--alerts", "none"]);
    let (status, ok, said) = alerts_check(&server);
    assert_eq!((status.as_str(), ok), ("ok", true), "{said}");
    assert_eq!(said, "not delivered from here, as asked (--alerts none)");
    let shown = place.ok(&format!("--server {} status", server.url));
    assert!(shown.contains("alerts: not delivered from here"), "{shown}");
}

#[test]
fn alerts_are_not_forgotten_on_a_data_directory() {
    let place = Place::new();
    std::fs::create_dir(place.path("d")).unwrap();
    alerts_are_not_forgotten(&place, &["--data", "e"], &["serve", "--listen", "127.0.0.1:0"]);
}

#[test]
fn alerts_are_not_forgotten_over_nats() {
    let Some(cluster) = Cluster::start() else { return };
    std::fs::create_dir(cluster.place.path("d")).unwrap();
    let url = cluster.nats.url();
    alerts_are_not_forgotten(&cluster.place, &["--log", &url], &["serve", "--listen", "127.0.0.1:0"]);
}
