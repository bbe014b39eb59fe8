//! An older log under newer views: refused and named, what remembers the loss is kept, and continuing without
//! it is reported loudly.

use serde_json::Value;
use tollgate_files::copies::copy_dir;
use tollgate_tests::{Place, Server};

#[test]
fn an_older_log_beside_newer_views_is_refused_until_the_loss_is_accepted() {
    let place = Place::new();
    for n in 0..3 {
        record(&place, n);
    }
    let (log, copy) = (place.path("d/log"), place.path("copy"));
    copy_dir(&log, &copy).unwrap();
    for n in 3..8 {
        record(&place, n);
    }
    assert_eq!(place.totals("d").0, 8);
    let position = place.json("--data d report")["as_of"].as_str().unwrap().to_owned();
    // The copy has its own frontier, and nothing but the views remembers more.
    std::fs::remove_dir_all(&log).unwrap();
    copy_dir(&copy, &log).unwrap();
    let _ = std::fs::remove_file(place.path("d/evidence.json"));

    for _ in 0..2 {
        for line in [
            "--data d log verify",
            "--data d report",
            "--data d serve --listen 127.0.0.1:0",
            "--data d task list",
        ] {
            let said = place.fails(6, line);
            assert!(said.contains("the view contains") && said.contains("--accept-loss"), "{line}: {said}");
        }
    }
    assert_eq!(aside(&place), 0, "what remembers the loss is kept");
    // A command that only looks accepts no loss.
    let said = place.fails(6, "--data d --accept-loss log verify");
    assert!(said.contains("the view contains"), "{said}");

    let server = Server::of(&place, &["--data", "d", "--accept-loss", "serve", "--listen", "127.0.0.1:0"]);
    assert!(server.terminate().success());
    assert_eq!(place.totals("d").0, 3);
    assert!(aside(&place) > 0, "the views that were ahead are kept aside");
    assert!(place.ok("--data d log verify").contains("passed"));
    let ledger = std::fs::read_to_string(place.path("d/ledger.json")).unwrap();
    assert!(ledger.contains("losses") && ledger.contains("the view contains"), "{ledger}");
    // It is also an event: once, however often the ledger is opened.
    let earlier = position.split('@').next().expect("an epoch");
    let told: Vec<_> = events(&place).into_iter().filter(|event| !event["loss_accepted"].is_null()).collect();
    let [lost] = &told[..] else { panic!("one loss: {told:?}") };
    let (lost, id) = (&lost["loss_accepted"], &lost["id"]);
    assert!(id.as_str().is_some_and(|id| id.starts_with("loss:")), "{id}");
    assert!(lost["witness"].as_str().is_some_and(|witness| witness.contains("the view contains")), "{lost}");
    assert_eq!(lost["earlier_epoch"], earlier, "{lost}");
    // A position of the log that had more belongs to a different log.
    let now = place.json("--data d report")["as_of"].as_str().unwrap().to_owned();
    assert_ne!(now.split(':').next(), position.split(':').next(), "{now} {position}");
    record(&place, 9);
    assert_eq!(place.totals("d").0, 4);
}

fn record(place: &Place, n: u32) {
    let said = place.ok(&format!("--data d usage record T-{n} --id e{n} --output 1"));
    assert!(said.contains("recorded"), "{said}");
}

fn events(place: &Place) -> Vec<Value> {
    let lines = place.ok("--data d --format json log tail --records 0");
    lines.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

fn aside(place: &Place) -> usize {
    let names = std::fs::read_dir(place.path("d/views")).expect("it can be read");
    names
        .filter(|entry| {
            entry.as_ref().expect("it can be read").file_name().to_string_lossy().contains("damaged")
        })
        .count()
}
