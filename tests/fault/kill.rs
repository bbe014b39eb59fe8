//! The server is killed or told to stop in the middle of its work.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tollgate_tests::{Follower, Place, Server, request, session};

/// Sessions that take several requests to import.
fn sessions(place: &Place) {
    for number in 0..40 {
        let turns: Vec<[u64; 4]> = (0..200).map(|turn| [10 + turn, 4, 3, 1]).collect();
        place.write(&format!("s/{number}.jsonl"), &session(&format!("S{number}"), &turns));
    }
}

#[test]
fn a_server_killed_in_the_middle_of_an_import_leaves_the_same_totals() {
    let place = Place::new();
    sessions(&place);
    let _ = place.ok("--data whole import codex s");
    let whole = place.totals("whole");
    let mut cut = 0;
    for after in [1, 800, 3000] {
        let data = format!("d{after}");
        let server = Server::start(&place, &data);
        let mut follower = Follower::start(&place, &server);
        let mut command = place.command(&["--server", &server.url, "import", "codex", "s"]);
        let mut import = command.stdout(Stdio::null()).stderr(Stdio::null()).start();
        // The config and the prices come before the import's events.
        follower.wait_for(2 + after);
        server.kill();
        cut += u32::from(!import.wait().unwrap().success());
        drop(follower);
        let server = Server::start(&place, &data);
        let again = place.json(&format!("--data {data} import codex s"));
        let found = again["duplicate"].as_u64().unwrap();
        assert!(found >= after as u64, "{found} were there after {after} had been seen");
        assert_eq!(place.totals(&data), whole, "killed after {after}");
        assert!(server.terminate().success());
        assert!(place.ok(&format!("--data {data} log verify")).starts_with("passed: "));
        assert!(place.ok(&format!("--data {data} view rebuild")).contains("status: identical"));
        assert_eq!(place.totals(&data), whole);
    }
    assert!(cut > 0, "every import was over before its server was killed");
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill_and_after_a_stop() {
    for graceful in [false, true] {
        let place = Place::new();
        let server = Server::start(&place, "d");
        let (url, stop) = (server.url.clone(), Arc::new(AtomicBool::new(false)));
        let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let (url, stop, acknowledged) = (url.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
                std::thread::spawn(move || {
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let id = format!("p{producer}-{n}");
                        let body = format!(
                            r#"{{"producer":"p","events":[{{"id":"{id}","task":"T-{producer}","usage_recorded":{{"tokens":{{"output":1}}}}}}]}}"#
                        );
                        match request(&url, "POST", "/v1/events", &body) {
                            Some((201, _)) => acknowledged.lock().unwrap().push(id),
                            Some(other) => panic!("{other:?}"),
                            None => return,
                        }
                    }
                })
            })
            .collect();
        let mut follower = Follower::start(&place, &server);
        follower.wait_for(60);
        if graceful {
            assert!(server.terminate().success());
        } else {
            server.kill();
        }
        stop.store(true, Ordering::Relaxed);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        let acknowledged = acknowledged.lock().unwrap().clone();
        assert!(acknowledged.len() >= 50, "{}", acknowledged.len());
        let log = place.ok("--data d --format json log tail --records 0");
        for id in &acknowledged {
            assert!(log.contains(&format!("\"id\":\"{id}\"")), "{id} was acknowledged and is gone");
        }
        let report = place.json("--data d report");
        assert!(report["tokens"]["output"].as_u64().unwrap() >= acknowledged.len() as u64);
        assert_eq!(report["tokens"]["output"], report["usage_events"]);
    }
}
