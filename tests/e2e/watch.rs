//! What a server finds out from its clock alone, and how people acknowledge it.

use tollgate_tests::{Follower, Place, Server};

#[test]
fn a_server_watches_executions_by_itself_and_a_person_says_that_it_was_seen() {
    let place = Place::new();
    place.write("d/phase_budgets.yaml", "alerts: { silence_after_ms: 1, stuck_factor: 0 }\n");
    let server = Server::start(&place, "d");
    let mut follower =
        Follower::of(&place, &["--server", &server.url, "--format", "json", "alerts", "--follow"]);
    let _ = place.ok("--data d task open T-1");
    let _ = place.ok("--data d phase start T-1 THINK");
    // Raised without any command.
    follower.wait_for(1);
    let list = place.ok("--data d alerts --rule silence");
    assert!(list.contains("THINK of task T-1 has been running without reported usage for 1 ms"), "{list}");
    let id = list.lines().nth(1).unwrap().split_whitespace().last().unwrap().to_owned();
    let said = place.ok(&format!("--data d alerts ack {id} --by grace --note looking"));
    assert_eq!(said, format!("{id}: seen by grace\n"));
    follower.wait_for(1);
    let list = place.ok("--data d alerts --state acknowledged");
    assert!(list.contains("seen by grace"), "{list}");
    let _ = place.ok("--data d phase end T-1 THINK");
    follower.wait_for(1);
    let all = place.ok("--data d alerts --state resolved --rule silence");
    assert!(all.contains("resolved: THINK ended"), "{all}");
    drop(follower);
    assert!(server.terminate().success());
    assert!(place.ok("--data d view rebuild alerts").contains("alerts: identical, byte for byte"));
    assert!(place.ok("--data d log verify").starts_with("passed"));
}

#[test]
fn importance_is_changed_and_drifts_and_an_empty_quarantine_says_so() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-1 --importance low");
    let said = place.ok("--data d task importance T-1 critical --author ada --reason outage --id i-1");
    assert_eq!(said, "T-1: now of critical importance\n");
    let again = place.ok("--data d task importance T-1 critical --author ada --reason outage --id i-1");
    assert!(again.contains("it was there already"), "{again}");
    let refused = place.fails(3, "--data d task importance T-1 high --from low --author ada --reason r");
    assert!(refused.contains("importance mismatch: the task is of critical importance"), "{refused}");
    let list = place.ok("--data d alerts --severity error");
    assert!(list.contains("went from low to critical importance"), "{list}");
    assert_eq!(place.ok("--data d quarantine list"), "nothing in quarantine\n");
    let refused = place.run(&["--data", "d", "quarantine", "explain", "rejected-0"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("not found as of"), "{}", refused.err);
}
