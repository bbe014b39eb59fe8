//! Processes that race for the last tokens of a budget: exactly those that fit win. `tollgate-bench race` has more of
//! them, for a thousand budgets.

use std::process::Stdio;

use serde_json::json;
use tollgate_test_process::Process;
use tollgate_tests::nats::Cluster;
use tollgate_tests::{Place, Server, request};

/// Processes that race, a third of them without a server: they decide over the log themselves.
const RACERS: usize = 9;

/// How many of them fit, one budget after the other.
const FITTING: [usize; 4] = [4, 0, 8, 1];

/// Tokens that each asks for.
const TOKENS: usize = 1_000;

/// What is used of each budget, and what is reserved beyond that, before they race.
const USED: usize = 2_500;
const RESERVED: usize = 1_500;

/// Has a budget made, and what is not left used and reserved.
fn make(place: &Place, way: &str, name: &str, fitting: usize) {
    let limit = USED + RESERVED + fitting * TOKENS + TOKENS / 2;
    let _ = place.ok(&format!(
        "{way} policy set {name} --window fixed --window-from 2020-01-01T00:00:00Z --window-to 2220-01-01T00:00:00Z --limit-tokens {limit} --enforcement hard_limit --scope label.race={name}"
    ));
    let (all, used) =
        (USED + RESERVED, format!("--output {USED} --allocation {name}-base --label race={name}"));
    let _ = place.ok(&format!("{way} allocate create {name}-base --tokens {all} --label race={name}"));
    let _ = place.ok(&format!("{way} usage record T-1 --id {name}-used {used}"));
}

/// Has one process ask in each of these ways, all at once; returns how many were given.
fn race(place: &Place, ways: &[Vec<String>], name: &str) -> usize {
    let ask = |way: &[String], number: usize| -> Process {
        let (allocation, label) = (format!("{name}-{number}"), format!("race={name}"));
        let tokens = TOKENS.to_string();
        let mut args: Vec<&str> = way.iter().map(String::as_str).collect();
        args.extend(["allocate", "create", &allocation, "--tokens", &tokens, "--label", &label]);
        place.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).start()
    };
    let mut racing: Vec<(usize, Process)> =
        (0..RACERS).map(|number| (number, ask(&ways[number % ways.len()], number))).collect();
    let mut given = 0;
    while let Some((number, process)) = racing.pop() {
        let output = process.wait_with_output();
        let told = String::from_utf8(output.stderr).unwrap();
        match output.status.code() {
            Some(0) => given += 1,
            Some(5) => {}
            // Nothing was decided, for a view that is behind or decisions of others that came first.
            Some(1 | 4) if told.contains("ask again") => {
                racing.push((number, ask(&ways[number % ways.len()], number)));
            }
            code => panic!("{name}-{number}: exit code {code:?}: {told}"),
        }
    }
    given
}

/// Budgets, one after the other, each made in another way than the one before.
fn run(place: &Place, ways: &[String], server: &Server) {
    let words = |way: &String| way.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let split: Vec<Vec<String>> = ways.iter().map(words).collect();
    for (round, fitting) in FITTING.into_iter().enumerate() {
        let name = format!("b{round}");
        make(place, &ways[round % ways.len()], &name, fitting);
        assert_eq!(race(place, &split, &name), fitting, "{name}");
        let (_, text) =
            request(&server.url, "GET", &format!("/v1/policies/{name}?at_least=tail"), "").unwrap();
        let policy: serde_json::Value = serde_json::from_str(&text).unwrap();
        let status = &policy["status"];
        assert_eq!(
            (&status["booked"]["tokens"], &status["reserved"]["tokens"]),
            (&json!(USED), &json!(RESERVED + fitting * TOKENS)),
            "{policy}"
        );
    }
}

#[test]
fn through_two_servers_and_without_exactly_those_that_fit_are_given() {
    let Some(cluster) = Cluster::start() else { return };
    let servers = [cluster.serve(), cluster.serve()];
    let [first, second] = servers.each_ref().map(|server| format!("--server {}", server.url));
    let ways = [first, second, format!("--log {}", cluster.nats.url())];
    run(&cluster.place, &ways, &servers[0]);
}

#[test]
fn through_one_server_of_a_directory_exactly_those_that_fit_are_given() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let ways = [format!("--server {}", server.url), "--data d".to_owned()];
    run(&place, &ways, &server);
}

/// What a server remembers does not have what another one decided since; and what it refuses is not appended, so that
/// the log cannot object.
#[test]
fn what_one_server_gives_the_other_extends_and_releases() {
    let Some(cluster) = Cluster::start() else { return };
    let servers = [cluster.serve(), cluster.serve()];
    let [first, second] = servers.each_ref().map(|server| format!("--server {}", server.url));
    let place = &cluster.place;
    make(place, &first, "b", 2);
    let create = "allocate create b-1 --tokens 1000 --label race=b";
    for (way, line) in [
        (&second, create),
        (&first, "allocate extend b-1 --tokens 1000 --id e-1"),
        (&second, "allocate release b-1"),
        // Both know the state by now, and it has room again.
        (&first, "allocate create b-2 --tokens 2000 --label race=b"),
        (&second, "allocate release b-2"),
        (&first, "allocate extend b-base --tokens 2000 --id e-2"),
    ] {
        let _ = place.ok(&format!("{way} {line}"));
    }
    let told = place.fails(5, &format!("{second} allocate extend b-base --tokens 1000 --id e-3"));
    assert!(told.contains("would be exceeded"), "{told}");
}
