//! A command for one ledger never reaches another.

use tollgate_test_process::Program;
use tollgate_tests::{Place, Server};

/// A server's port, to be used again later.
fn address(server: &Server) -> String {
    server.url.trim_start_matches("http://").to_owned()
}

#[test]
fn a_command_for_a_ledger_whose_server_was_killed_does_not_reach_the_one_at_its_port() {
    let place = Place::new();
    let server = Server::start(&place, "a");
    let port = address(&server);
    let _ = place.ok("--data a usage record T-1 --output 5");
    server.kill();
    let other = Server::start_at(&place, "b", &port);
    let _ = place.ok("--data a usage record T-1 --output 7");
    assert_eq!(place.totals("a").1, 12, "both are in the ledger that was named");
    assert_eq!(place.totals("b").1, 0, "and nothing in the other one");
    drop(other);
    assert_eq!(place.totals("a").1, 12);
}

#[test]
fn a_copy_of_a_served_directory_is_a_ledger_of_its_own() {
    let place = Place::new();
    let server = Server::start(&place, "a");
    let _ = place.ok("--data a usage record T-1 --output 5");
    let copied = Program::new("cp").args(["-r", "a", "copy"]).current_dir(place.path("")).output();
    assert!(copied.status.success());
    // The copy says which server serves the original, with the same epoch.
    let _ = place.ok("--data copy usage record T-1 --output 7");
    assert_eq!((place.totals("a").1, place.totals("copy").1), (5, 12));
    // The other way round: the copy's server on the port that the original's had.
    let port = address(&server);
    server.kill();
    let copy = Server::start_at(&place, "copy", &port);
    let _ = place.ok("--data a usage record T-1 --output 1");
    assert_eq!((place.totals("a").1, place.totals("copy").1), (6, 12));
    drop(copy);
}

#[test]
fn a_ledger_whose_server_does_not_say_so_is_held_and_not_opened_twice() {
    let place = Place::new();
    let server = Server::start(&place, "a");
    let found = place.path("a/server.json");
    let text = std::fs::read_to_string(&found).unwrap();
    std::fs::write(&found, text.replace(server.url.as_str(), "http://127.0.0.1:1")).unwrap();
    let told = place.fails(1, "--data a usage record T-1 --output 5");
    assert!(told.contains("tollgate serve at"), "who holds it is named: {told}");
    std::fs::write(&found, text).unwrap();
    assert_eq!(place.totals("a").1, 0);
}

#[test]
fn a_ledger_of_the_command_line_is_not_taken_over_by_one_of_the_environment() {
    let place = Place::new();
    let other = Server::start(&place, "b");
    let said = |args: &[&str]| {
        let output = place.command(args).env("TOLLGATE_URL", &other.url).output();
        assert!(output.status.success(), "{output:?}");
    };
    said(&["--data", "a", "usage", "record", "T-1", "--output", "5"]);
    said(&["usage", "record", "T-1", "--output", "3", "--data", "a"]);
    said(&["usage", "record", "T-1", "--output", "1"]);
    assert_eq!((place.totals("a").1, place.totals("b").1), (8, 1));
}

#[test]
fn asking_or_deciding_about_an_existing_task_makes_no_directory() {
    let place = Place::new();
    for line in [
        "task show T-1",
        "task list",
        "task explain T-1",
        "task close T-1 --outcome completed",
        "task override T-1 --advance VERIFY --approver a --reason r",
        "task importance T-1 high --author a --reason r",
        "task mark T-1 legitimate --author a --reason r",
        "phase start T-1 PLAN",
        "phase end T-1 PLAN",
        "phase explain T-1 PLAN --author a --text t",
        "usage adjust T-1 u --output=-5 --reason r",
        "gate T-1 VERIFY",
        "report T-1",
        "alerts",
        "status",
        "health budgets",
        "log tail",
    ] {
        let told = place.fails(1, &format!("--data typo {line}"));
        assert!(told.contains("typo: no ledger here"), "{line}: {told}");
        assert!(!place.path("typo").exists(), "{line} made a directory");
    }
}

#[test]
fn printed_commands_reach_the_ledger_that_they_are_about() {
    let place = Place::new();
    let _ = place.ok("--data \"my ledger\" --tenant crew task open T-1");
    let _ = place.ok("--data \"my ledger\" --tenant crew phase start T-1 PLAN");
    let told = place.fails(3, "--data \"my ledger\" --tenant crew phase end T-1 THINK");
    let command = "`tollgate --data 'my ledger' --tenant crew task recover T-1`";
    assert!(told.contains(command), "{told}");
    // Programs get what the ledger says, unchanged.
    let said = place.run_line("--data \"my ledger\" --tenant crew --format json phase end T-1 THINK");
    assert!(said.out.contains("`tollgate task recover T-1`"), "{}", said.out);
}

#[test]
fn the_demo_replaces_nothing_that_is_served_or_that_it_did_not_make() {
    let place = Place::new();
    let _ = place.ok("demo");
    let server = Server::start(&place, "tollgate-demo/data");
    let _ = place.ok("--data tollgate-demo/data usage record T-mine --output 5");
    let told = place.fails(1, "demo");
    assert!(told.contains("its ledger is in use by tollgate serve at") && told.contains("--dir"), "{told}");
    let _ = place.ok("--data tollgate-demo/data task show T-mine");
    drop(server);
    // A user's own ledger in place of the demo's.
    let _ = place.ok("--data own usage record T-1 --output 5");
    std::fs::remove_dir_all(place.path("tollgate-demo/data")).unwrap();
    std::fs::rename(place.path("own"), place.path("tollgate-demo/data")).unwrap();
    let told = place.fails(1, "demo");
    assert!(told.contains("was not made by a demo"), "{told}");
    assert_eq!(place.totals("tollgate-demo/data").1, 5);
}
