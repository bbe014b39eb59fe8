//! Nothing outlives a test: processes, their own children, directories, whatever ends the test.
//!
//! The test that ends is this program again: [`ends_in_the_middle`], which only does something when told to.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tollgate_test_process::{Process, Program, temporary};

/// Says how the inner test ends.
const HOW: &str = "TOLLGATE_TEST_ENDS";

/// The longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn ends_in_the_middle() {
    let Ok(how) = std::env::var(HOW) else { return };
    let place = temporary();
    std::fs::write(place.path().join("file"), "").unwrap();
    // Both hold stderr open for as long as they run. The test does not know the first one's own child.
    let script = "trap '' TERM HUP; sleep 600 & echo runs; wait; sleep 600";
    let mut process = Program::bare("/bin/sh").args(["-c", script]).stdout(Stdio::piped()).start();
    // A process that is not running yet would prove nothing.
    let mut said = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
    eprintln!("place {}\n{}", place.path().display(), said.trim());
    match how.as_str() {
        "panic" => panic!("as a test that fails"),
        "forgotten" => std::mem::forget((process, place)),
        "orphan" => {
            let mut first = Program::new("sh");
            let mut first = first.args(["-c", "sleep 600 &"]).start();
            assert!(first.wait().unwrap().success());
        }
        _ => {
            let _ = process.wait();
        }
    }
}

/// The program, told to end this way; and what it prints on stderr, line by line until no process holds that
/// open any more.
fn test_that_ends(how: &str) -> (Process, Receiver<String>) {
    let mut program = Program::new(std::env::current_exe().unwrap());
    program.args(["--exact", "ends_in_the_middle", "--nocapture"]).env(HOW, how);
    let mut test = program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).start();
    let stderr = BufReader::new(test.stderr.take().unwrap());
    let (said, lines) = channel();
    std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
    (test, lines)
}

#[test]
fn whatever_ends_a_test_ends_what_it_started() {
    for how in ["panic", "forgotten", "orphan", "KILL", "TERM", "INT"] {
        let (mut test, lines) = test_that_ends(how);
        let (mut place, mut runs) = (None, false);
        while place.is_none() || !runs {
            let line = lines.recv_timeout(LIMIT).unwrap();
            runs |= line == "runs";
            place = line.strip_prefix("place ").map(PathBuf::from).or(place);
        }
        if how.chars().all(char::is_uppercase) {
            test.signal(how);
        }
        assert_eq!(test.wait().unwrap().success(), ["forgotten", "orphan"].contains(&how), "{how}");
        // Until there is no process left that could print anything.
        while let Ok(line) = lines.recv_timeout(LIMIT) {
            assert!(!line.contains("place"), "{line}");
        }
        assert_eq!(
            lines.try_recv(),
            Err(std::sync::mpsc::TryRecvError::Disconnected),
            "{how}: somebody is left"
        );
        gone(&place.unwrap());
    }
}

/// Waits until a directory is gone.
fn gone(place: &std::path::Path) {
    let (_nothing, comes) = channel::<()>();
    for _ in 0..600 {
        if !place.exists() && !place.parent().unwrap().exists() {
            return;
        }
        let _ = comes.recv_timeout(Duration::from_millis(100));
    }
    panic!("{} is left", place.display());
}

#[test]
fn what_is_dropped_is_gone_at_once() {
    let place = temporary();
    let mut process = Program::bare("/bin/sleep").arg("600").stdout(Stdio::piped()).start();
    let mut stdout = process.stdout.take().unwrap();
    drop(process);
    // It ends with the process.
    assert_eq!(stdout.read_to_string(&mut String::new()).unwrap(), 0);
    let path = place.path().to_owned();
    drop(place);
    assert!(!path.exists());
}
