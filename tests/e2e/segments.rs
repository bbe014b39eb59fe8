//! Full segments of the log are packed and archived, as operators do it.

use tollgate_log::contract::Durability;
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_replay::generate::{Spec, append};
use tollgate_tests::{Place, Server};

/// A ledger with a generated history in small segments.
fn generated() -> Place {
    let place = Place::new();
    let options = Options {
        durability: Durability::PageCache,
        first_segment_bytes: 64 << 10,
        max_segment_bytes: 256 << 10,
        ..Options::default()
    };
    let log = EmbeddedLog::open_or_create(&place.path("d"), options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let spec = Spec { calls_per_phase: 1, ..Spec::new(5, 300) };
    assert!(runtime.block_on(append(spec.events().unwrap(), &log)).unwrap() > 5_000);
    log.close();
    place
}

fn count(place: &Place, dir: &str, extension: &str) -> usize {
    let entries = std::fs::read_dir(place.path(dir)).unwrap();
    entries
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|of| of == extension))
        .count()
}

#[test]
fn an_archived_log_is_verified_reported_and_replayed_as_before() {
    let place = generated();
    let verified = || place.ok("--data d log verify").lines().next().unwrap_or_default().to_owned();
    let before = (place.totals("d"), verified());
    assert!(before.1.starts_with("passed: "), "{}", before.1);
    let replayed = place.json("replay what-if --from d --config built-in")["outputs"].clone();
    let plain = count(&place, "d/log", "segment");
    assert!(plain > 4, "{plain}");

    let packed = place.json("--data d log pack");
    assert_eq!(packed["segments"], plain - 2);
    let bytes = |name: &str| packed[name].as_u64().unwrap();
    assert!(bytes("bytes_now") * 2 < bytes("bytes_before"), "{packed}");
    assert!(place.ok("--data d log pack").starts_with("nothing to pack"));

    assert!(place.ok("--data d log archive --to cold --before 2020-01-01").starts_with("nothing to move"));
    let said = place.ok("--data d log archive --to cold");
    assert!(said.starts_with(&format!("moved {} segments, ", plain - 2)), "{said}");
    assert!(said.contains(": records up to "), "{said}");
    assert_eq!((count(&place, "cold", "packed"), count(&place, "d/log", "packed")), (plain - 2, 0));

    // Views, ids and all answers are made from it again.
    std::fs::remove_dir_all(place.path("d/views")).unwrap();
    std::fs::remove_dir_all(place.path("d/ids")).unwrap();
    assert_eq!((place.totals("d"), verified()), before);
    assert_eq!(place.json("replay what-if --from d --config built-in")["outputs"], replayed);
    assert!(place.ok("--data d view rebuild status").contains("identical, byte for byte"));

    std::fs::rename(place.path("cold"), place.path("away")).unwrap();
    let told = place.fails(6, "--data d log verify");
    assert!(told.contains("it is archived in") && told.contains("cold"), "{told}");
}

#[test]
fn commands_store_segments_as_those_of_an_object_store_would() {
    let place = generated();
    let totals = place.totals("d");
    std::fs::create_dir(place.path("bucket")).unwrap();
    let bucket = place.path("bucket").display().to_string();
    let put = format!("cp \"$TOLLGATE_FILE\" '{bucket}'/\"$TOLLGATE_SEGMENT\"");
    let get = format!("cp '{bucket}'/\"$TOLLGATE_SEGMENT\" \"$TOLLGATE_FILE\"");
    let said = place.run(&["--data", "d", "log", "archive", "--put", &put, "--get", &get]);
    assert!(said.out.starts_with("moved "), "{} {}", said.out, said.err);
    assert!(count(&place, "bucket", "packed") > 2 && count(&place, "d/log", "packed") == 0);
    std::fs::remove_dir_all(place.path("d/views")).unwrap();
    assert_eq!(place.totals("d"), totals);
    assert!(place.ok("--data d log verify").starts_with("passed: "));
    std::fs::remove_dir_all(place.path("bucket")).unwrap();
    let told = place.fails(6, "--data d log verify");
    assert!(told.contains("the archive's command `cp '") && told.contains("failed for"), "{told}");
}

#[test]
fn a_server_packs_by_itself_and_its_segments_are_archived_while_it_runs() {
    let place = generated();
    let plain = count(&place, "d/log", "segment");
    let server = Server::start(&place, "d");
    while count(&place, "d/log", "segment") > 2 {
        std::thread::yield_now();
    }
    let told = place.fails(1, "--data d log pack");
    assert!(told.contains("a server runs on d: it packs segments as they become full"), "{told}");
    let moved = place.json("--data d log archive --to cold");
    assert_eq!((moved["segments"].as_u64(), moved["not_packed"].as_u64()), (Some(plain as u64 - 2), Some(0)));
    assert!(place.ok("--data d view rebuild reports").contains("identical, byte for byte"));
    assert!(place.ok("--data d usage record T-1 --output 7").contains("T-1"));
    drop(server);
    assert!(place.ok("--data d log verify").starts_with("passed: "));
}

#[test]
fn what_cannot_be_archived_is_said() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-1");
    for (code, line, says) in [
        (2, "--data d log archive", "--to"),
        (2, "--data d log archive --put x", "--get"),
        (2, "--data d log archive --to a --put x --get y", "cannot be used with"),
        (1, "--data d log archive --to a --before yesterday", "must be an RFC 3339 time, or a date"),
        (1, "--data nowhere log archive --to a", "no ledger here"),
        (1, "--data nowhere log pack", "no ledger here"),
        (1, "--server http://127.0.0.1:1 log pack", "run it on the server's machine"),
        (1, "--server http://127.0.0.1:1 log archive --to a", "run it on the server's machine"),
    ] {
        let told = place.fails(code, line);
        assert!(told.contains(says), "tollgate {line}\nmust say: {says}\nsays: {told}");
    }
    assert!(place.ok("--data d log archive --to a").starts_with("nothing to move"));
}
