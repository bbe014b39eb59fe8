//! A replay is killed between two saves.

use std::path::Path;
use std::process::Stdio;

use tollgate_tests::{Place, session};

const WHAT_IF: &str =
    "replay what-if --from d --config built-in --unopened judge --threads 1 --save-every 100";

/// How many partitions were saved.
fn saved(unfinished: &Path) -> usize {
    let Ok(files) = std::fs::read_dir(unfinished) else { return 0 };
    let is_saved = |name: &str| name.starts_with("partition-") && !name.contains('.');
    files.flatten().filter(|file| is_saved(&file.file_name().to_string_lossy())).count()
}

#[test]
fn a_replay_that_was_killed_goes_on_and_ends_with_the_same_bytes() {
    let place = Place::new();
    for number in 0..30 {
        let turns: Vec<[u64; 4]> = (0..60).map(|turn| [1000 + turn, 4, 3, 1]).collect();
        place.write(&format!("s/{number}.jsonl"), &session(&format!("S{number}"), &turns));
    }
    let _ = place.ok("--data d import codex s");
    let _ = place.ok(&format!("{WHAT_IF} --out whole"));
    let files = ["what-if.json", "differing.csv"];
    let read = |dir: &str| files.map(|name| std::fs::read_to_string(place.path(dir).join(name)).unwrap());
    let mut cut = 0;
    for after in [1, 5] {
        let out = format!("out{after}");
        let line = format!("{WHAT_IF} --out {out}");
        let words: Vec<&str> = line.split(' ').collect();
        let mut run = place.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).start();
        let unfinished = place.path(&out).join("unfinished");
        while saved(&unfinished) < after && run.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let ended = run.crash();
        let again = place.run_line(&line);
        assert_eq!(again.code, 0, "{}", again.err);
        cut += u32::from(again.err.contains("went on from an interrupted run"));
        assert_eq!(read(&out), read("whole"), "killed after {after}: {ended:?}");
        assert!(!unfinished.exists(), "a whole run leaves nothing behind");
    }
    assert!(cut > 0, "every replay was over before it was killed");
}
