//! What tests start runs by the clock of the test, and that is the clock that was requested.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

use std::time::UNIX_EPOCH;

use tollgate_test_process::{Program, now};

fn seconds() -> u64 {
    now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn said(program: &mut Program) -> String {
    String::from_utf8(program.output().stdout).unwrap()
}

#[test]
fn what_a_process_takes_for_now_is_what_the_test_does() {
    for mut date in [Program::bare("/bin/date"), Program::new("date")] {
        let before = seconds();
        let date: u64 = said(date.arg("+%s")).trim().parse().unwrap();
        assert!((before..=seconds()).contains(&date), "{date}");
    }
}

/// The moment that `tools/test --dates` asks for is before the end of every test, and time advances.
#[test]
fn the_clock_is_the_one_that_was_asked_for() {
    let Ok(moment) = std::env::var("TOLLGATE_TEST_AT") else { return };
    let moment: u64 = moment.parse().unwrap();
    // Without nextest a single program runs all the tests.
    assert!((moment - 2..moment + 3600).contains(&seconds()), "{} is not around {moment}", seconds());
}

#[test]
fn a_bare_program_gets_the_clock_and_nothing_else() {
    let of_the_clock = |name: &str| {
        ["LD_PRELOAD", "TZ", "TZDIR", "NO_FAKE_STAT"].contains(&name) || name.contains("FAKETIME")
    };
    let said = said(&mut Program::bare("/usr/bin/env"));
    let found: Vec<&str> = said.lines().filter(|line| line.contains('=')).collect();
    let expected: Vec<String> = std::env::vars()
        .filter(|(name, _)| of_the_clock(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(found.len(), expected.len(), "{said}");
    assert!(expected.iter().all(|line| found.contains(&line.as_str())), "{said}");
}
