//! A replay is killed between two saves.

use std::path::Path;
use std::process::Stdio;

use tollgate_tests::{Place, session};

const WHAT_IF: &str = "replay what-if --from d --config built-in --unopened judge --threads 1";

const CALIBRATE: &str = "replay calibrate --from tollgate-demo --threads 1";

/// How many partitions were saved with a task: longer than those without one.
fn saved(unfinished: &Path) -> usize {
    let Ok(files) = std::fs::read_dir(unfinished) else { return 0 };
    let is_saved = |name: &str| name.starts_with("partition-") && !name.contains('.');
    let files = files.flatten().filter(|file| is_saved(&file.file_name().to_string_lossy()));
    let lengths: Vec<u64> = files.filter_map(|file| Some(file.metadata().ok()?.len())).collect();
    let least = lengths.iter().min().copied().unwrap_or_default();
    lengths.into_iter().filter(|length| *length > least).count()
}

/// Kills a run that saves after every record, as soon as this many partitions have a task. Whether it was in the
/// middle.
fn killed(place: &Place, run: &str, out: &str, after: usize) -> bool {
    let line = format!("{run} --save-every 1 --out {out}");
    let words: Vec<&str> = line.split(' ').collect();
    let mut run = place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).start();
    let unfinished = place.path(out).join("unfinished");
    while saved(&unfinished) < after && run.try_wait().expect("its state").is_none() {
        std::thread::yield_now();
    }
    let _ = run.crash();
    saved(&unfinished) >= after
}

#[test]
fn a_replay_that_was_killed_goes_on_and_ends_with_the_same_bytes() {
    let place = Place::new();
    for number in 0..60 {
        let turns: Vec<[u64; 4]> = (0..20).map(|turn| [1000 + turn, 4, 3, 1]).collect();
        place.write(&format!("s/{number}.jsonl"), &session(&format!("S{number}"), &turns));
    }
    let _ = place.ok("--data d import codex s");
    let _ = place.ok(&format!("{WHAT_IF} --out whole"));
    let files = ["what-if.json", "differing.csv"];
    let read = |dir: &str| files.map(|name| std::fs::read_to_string(place.path(dir).join(name)).unwrap());
    for after in [1, 8] {
        // On a machine that lets a run end before this test looks again, the next one is killed.
        let out =
            (0..50).map(|nth| format!("out-{after}-{nth}")).find(|out| killed(&place, WHAT_IF, out, after));
        let out = out.expect("of fifty runs one is killed before it ends");
        let again = place.run_line(&format!("{WHAT_IF} --out {out}"));
        assert_eq!(again.code, 0, "{}", again.err);
        assert!(again.err.contains("went on from an interrupted run"), "{}", again.err);
        assert_eq!(read(&out), read("whole"), "killed after {after}");
        assert!(!place.path(&out).join("unfinished").exists(), "a whole run leaves nothing behind");
    }
}

#[test]
fn a_calibration_that_was_killed_goes_on_and_ends_with_the_same_bytes() {
    let place = Place::new();
    let _ = place.ok("demo");
    let _ = place.ok(&format!("{CALIBRATE} --out whole"));
    let files = ["calibrated.yaml", "calibrate.json", "calibrate.md"];
    let read = |dir: &str| files.map(|name| std::fs::read_to_string(place.path(dir).join(name)).unwrap());
    for after in [1, 3] {
        let out = (0..50).map(|nth| format!("out-{after}-{nth}"));
        let out = { out }.find(|out| killed(&place, CALIBRATE, out, after));
        let out = out.expect("of fifty runs one is killed before it ends");
        let again = place.run_line(&format!("{CALIBRATE} --out {out}"));
        assert_eq!(again.code, 0, "{}", again.err);
        assert!(again.err.contains("went on from an interrupted run"), "{}", again.err);
        assert_eq!(read(&out), read("whole"), "killed after {after}");
        assert!(!place.path(&out).join("unfinished").exists(), "a whole run leaves nothing behind");
    }
}
