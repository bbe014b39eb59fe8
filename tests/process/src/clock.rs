//! The clock of a test and of every process that it starts.
//!
//! Tests run by the machine's clock, or by that of [faketime](https://github.com/wolfcw/libfaketime)
//! (`tools/test --dates`), which a process gets through environment variables.

use std::time::SystemTime;

/// The current time by the test's clock, for what has to agree with a process that it started. What a test
/// asserts follows from times that the test itself gives.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one home of the wall clock in tests")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The variables that make up a clock, including the time zone.
pub(crate) fn variables() -> impl Iterator<Item = (String, String)> {
    let is_of_the_clock = |name: &str| {
        ["LD_PRELOAD", "TZ", "TZDIR", "NO_FAKE_STAT"].contains(&name) || name.contains("FAKETIME")
    };
    std::env::vars().filter(move |(name, _)| is_of_the_clock(name))
}
