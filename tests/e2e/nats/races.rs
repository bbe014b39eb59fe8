//! Decisions that race: through servers, and through commands that are their own ledger, exactly one wins.

use std::process::Stdio;
use std::sync::Barrier;

use serde_json::{Value, json};
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Place, Server, request};

/// Racers over HTTP.
const RACERS: usize = 16;

/// Commands that race against them.
const COMMANDS: usize = 4;

/// The ways to reach a ledger: servers by their addresses, commands by these flags.
struct Ways<'a> {
    place: &'a Place,
    urls: Vec<String>,
    flags: String,
}

/// A decision: where it is posted, what it says in addition to its id, and the command that says the same.
struct Decision {
    path: String,
    body: Value,
    line: String,
}

impl Ways<'_> {
    /// All of them say the same at once, each under a unique id. Exactly one may win; all others must be told
    /// that a rule refuses them.
    fn race(&self, name: &str, decision: &Decision) {
        let begin = Barrier::new(RACERS + COMMANDS);
        let outcomes: Vec<bool> = std::thread::scope(|scope| {
            let racer = |number: usize| {
                let (begin, url) = (&begin, &self.urls[number % self.urls.len()]);
                scope.spawn(move || {
                    let mut body = decision.body.clone();
                    body["id"] = json!(format!("{name}-{number}"));
                    body["producer"] = json!("race");
                    begin.wait();
                    let (status, answer) = request(url, "POST", &decision.path, &body.to_string()).unwrap();
                    assert!([201, 422].contains(&status), "{name}: {status} {answer}");
                    status == 201
                })
            };
            let command = |number: usize| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    let said = self
                        .place
                        .run_line(&format!("{} {} --id {name}-c{number}", self.flags, decision.line));
                    assert!([0, 3].contains(&said.code), "{name}: {said:?}");
                    said.code == 0
                })
            };
            let all: Vec<_> = (0..RACERS).map(racer).chain((0..COMMANDS).map(command)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(outcomes.iter().filter(|won| **won).count(), 1, "{name}: {outcomes:?}");
    }

    fn race_through_a_life(&self) {
        for number in 0..3 {
            let task = format!("T-{number}");
            // A task that is open cannot be opened a second time.
            let open = Decision {
                path: "/v1/tasks".to_owned(),
                body: json!({"task": task, "complexity": "Small"}),
                line: format!("task open {task} --complexity Small"),
            };
            self.race(&format!("{task}-open"), &open);
            let start = Decision {
                path: format!("/v1/tasks/{task}/phases"),
                body: json!({"phase": "PLAN"}),
                line: format!("phase start {task} PLAN"),
            };
            self.race(&format!("{task}-start"), &start);
            let end = Decision {
                path: format!("/v1/tasks/{task}/phases/PLAN/end"),
                body: json!({}),
                line: format!("phase end {task} PLAN"),
            };
            self.race(&format!("{task}-end"), &end);
        }
        let tail = format!("{} --format json log tail --records 0", self.flags);
        let log = self.place.ok(&tail);
        for kind in ["\"task_opened\"", "\"phase_started\"", "\"phase_ended\""] {
            assert_eq!(log.matches(kind).count(), 3, "{kind} stands once for each task:\n{log}");
        }
    }
}

#[test]
fn through_two_servers_and_commands() {
    let Some(cluster) = Cluster::start() else { return };
    let servers = [cluster.serve(), cluster.serve()];
    let urls = servers.iter().map(|server| server.url.clone()).collect();
    let flags = format!("--log {}", cluster.nats.url());
    Ways { place: &cluster.place, urls, flags }.race_through_a_life();
}

#[test]
fn through_one_server_of_a_directory_and_commands_that_find_it() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let flags = "--data d".to_owned();
    Ways { place: &place, urls: vec![server.url.clone()], flags }.race_through_a_life();
}

#[test]
fn of_commands_alone() {
    let Some(cluster) = Cluster::start() else { return };
    let url = cluster.nats.url();
    let _ = cluster.place.ok(&format!("--log {url} task open T-1"));
    let spawn = |number: usize| {
        let id = format!("s{number}");
        let args = ["--log", &url, "phase", "start", "T-1", "PLAN", "--id", &id];
        cluster.place.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).start()
    };
    let commands: Vec<_> = (0..8).map(spawn).collect();
    let codes: Vec<_> =
        commands.into_iter().map(|mut command| command.wait().unwrap().code().unwrap()).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 3).count(), 7, "{codes:?}");
}
