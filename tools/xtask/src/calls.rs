//! Calls and types that have one home, or none.

use crate::finding::Finding;
use crate::source::{self, Source};

/// Words that must not appear in code, and where.
struct Ban {
    rule: &'static str,
    words: &'static [&'static str],
    /// Prefixes of the paths it applies to; if empty, everywhere.
    within: &'static [&'static str],
    /// Prefixes of the paths it does not apply to.
    except: &'static [&'static str],
    held: Held,
    advice: &'static str,
}

/// Which code a ban applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Everywhere,
    /// Test code may.
    ButInTests,
    InTestsOnly,
}

const BANS: &[Ban] = &[
    Ban {
        rule: "clock",
        words: &["Instant::now"],
        within: &[],
        except: &["crates/clock/src/", "tools/bench/"],
        held: Held::ButInTests,
        advice: "time enters as data: take a `tollgate_clock::Stopwatch`",
    },
    Ban {
        rule: "clock",
        words: &["SystemTime::now", "Utc::now", "Local::now"],
        within: &[],
        except: &["crates/clock/src/", "tests/process/src/clock.rs", "tools/bench/"],
        held: Held::Everywhere,
        advice: "time enters as data: take a `tollgate_clock::Clock`; a test names the times that it needs",
    },
    Ban {
        rule: "clock",
        words: &["SystemClock", "SystemTimer"],
        within: &[],
        except: &["tools/bench/"],
        held: Held::InTestsOnly,
        advice: "a test passes on any day: take a `ManualClock`; what must agree with a process that the test starts takes \
                 `tollgate_test_process::now`",
    },
    Ban {
        rule: "process",
        words: &["Command::new"],
        within: &[],
        except: &["tests/process/src/", "tools/"],
        held: Held::InTestsOnly,
        advice: "a test starts processes as `tollgate_test_process::Program`: with its clock, and so that they end with it",
    },
    Ban {
        rule: "sleep",
        words: &["thread::sleep", "thread::park_timeout", "tokio::time::sleep", "tokio::time::sleep_until"],
        within: &[],
        except: &["crates/clock/src/", "tools/bench/"],
        held: Held::Everywhere,
        advice: "wait for a position or a notification; where only time helps, `sleep`, `Timer` and `Backoff` are in tollgate-clock",
    },
    Ban {
        rule: "sleep",
        words: &["tollgate_clock::sleep", "tollgate_clock::sleep_blocking"],
        within: &[],
        // Its tests run under a paused clock.
        except: &["crates/log/src/groups.rs"],
        held: Held::InTestsOnly,
        advice: "a test waits for a position, a notification or a line, never for time",
    },
    Ban {
        rule: "random",
        words: &["rand::", "Uuid::now_v7", "Uuid::new_v4"],
        within: PURE,
        except: &[],
        held: Held::Everywhere,
        advice: "this crate is pure, the same events give the same bytes: take the value as an argument",
    },
    Ban {
        rule: "io",
        words: &["std::fs", "std::net", "tokio"],
        within: PURE,
        except: &[],
        held: Held::ButInTests,
        advice: "this crate is pure: read outside and pass the content in",
    },
    Ban {
        rule: "float",
        words: &["f32", "f64"],
        within: &["crates/domain/src/", "crates/projection/src/"],
        except: &[],
        held: Held::ButInTests,
        advice: "money, tokens and limits are exact: use integers, Decimal or Usd",
    },
    Ban {
        rule: "unfinished",
        words: &["todo!", "unimplemented!"],
        within: &[],
        except: &[],
        held: Held::Everywhere,
        advice: "finish it, or leave it out and say so in the documentation",
    },
];

const PURE: &[&str] = &["crates/domain/", "crates/projection/"];

/// Checks one source file.
pub(crate) fn check(path: &str, text: &str) -> Vec<Finding> {
    let source = Source::new(text);
    let imports = source.imports();
    let mut findings = ignored_tests(path, &source);
    for ban in BANS {
        let begins = |starts: &[&str]| starts.iter().any(|start| path.starts_with(start));
        let held = ban.within.is_empty() || begins(ban.within);
        if !held || begins(ban.except) {
            continue;
        }
        let holds_at = |at: usize| match ban.held {
            Held::Everywhere => true,
            Held::ButInTests => !is_test_file(path) && !source.is_test(at),
            Held::InTestsOnly => is_test_file(path) || source.is_test(at),
        };
        for &word in ban.words {
            let imported = imports.iter().filter(|(_, path)| source::find(path, word).next().is_some());
            let found = source.find(word).chain(imported.map(|&(at, _)| at));
            for at in found.filter(|&at| holds_at(at)) {
                let message = format!("`{word}` must not stand here: {}", ban.advice);
                findings.push(Finding::broken(path, source.line(at), ban.rule, message));
            }
        }
    }
    findings.sort();
    // `use std::fs;` is found both as text and as an import.
    findings.dedup_by(|a, b| (a.line, a.rule) == (b.line, b.rule));
    findings
}

/// Files that contain only tests.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// `#[ignore]`, and `#[ignore = ""]`, whose string is left empty by the blanking.
fn ignored_tests(path: &str, source: &Source) -> Vec<Finding> {
    let is_reason = |rest: &str| {
        let reason = rest.trim_start().strip_prefix('=').map(str::trim_start);
        reason.is_some_and(|reason| reason.starts_with(['"', 'r']) && !reason.starts_with("\"\""))
    };
    let unexplained = |&at: &usize| !is_reason(&source.code[at + "#[ignore".len()..]);
    let finding = |at| {
        let message = "a test that is ignored says why: `#[ignore = \"reason\"]`";
        Finding::broken(path, source.line(at), "ignored", message)
    };
    source.find("#[ignore").filter(unexplained).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path | code | rules that fire`; `⏎` is a line end.
    #[test]
    fn bans_fire_where_they_hold_and_nowhere_else() {
        let table = r##"
            crates/log/src/a.rs      | let t = std::time::Instant::now();             | clock
            crates/log/src/a.rs      | use std::time::Instant; // Instant::now()      |
            crates/log/src/a.rs      | let t = "Instant::now()";                      |
            crates/clock/src/clock.rs | SystemTime::now();                            |
            crates/log/src/clock.rs  | SystemTime::now();                             | clock
            crates/client/src/a.rs   | tokio::time::Instant::now();                   | clock
            crates/cli/src/a.rs      | chrono::Utc::now(); Local::now();              | clock
            crates/cli/src/a.rs      | MyUtc::now();                                  |
            crates/cli/src/a.rs      | #[cfg(test)] mod t { fn f() { Utc::now(); } }  | clock
            crates/cli/src/a/tests.rs | Utc::now();                                   | clock
            crates/cli/tests/a.rs    | SystemTime::now();                             | clock
            tests/src/a.rs           | Local::now();                                  | clock
            tests/process/src/clock.rs | SystemTime::now();                           |
            tests/src/a.rs           | Instant::now();                                |
            crates/cli/src/a.rs      | #[cfg(test)] mod t { fn f() { Instant::now(); } } |
            crates/cli/src/a.rs      | SystemClock.now();                             |
            crates/cli/src/a.rs      | #[cfg(test)] mod t { use a::clock::{Clock, SystemClock}; } | clock
            crates/cli/tests/a.rs    | SystemTimer.now();                             | clock
            crates/cli/src/a.rs      | Command::new(program);                         |
            crates/cli/src/a/tests.rs | tokio::process::Command::new(program);        | process
            tests/e2e/a.rs           | Command::new(program);                         | process
            tests/process/src/lib.rs | Command::new(program);                         |
            tools/bench/src/main.rs  | Instant::now(); std::thread::sleep(d);         |
            tools/xtask/src/main.rs  | Instant::now();                                | clock
            crates/log/src/a.rs      | thread::sleep(d);                              | sleep
            crates/log/src/a.rs      | tokio::time::sleep(d).await;                   | sleep
            crates/log/src/a.rs      | use tokio::{sync, time::{sleep, Duration}};    | sleep
            crates/log/src/a.rs      | tokio::time::sleep_until(d).await;             | sleep
            crates/log/src/a.rs      | tokio::time::timeout(d, f).await;              |
            tests/src/a.rs           | thread::sleep(d);                              | sleep
            crates/log/src/a.rs      | #[cfg(test)] mod t { fn f() { thread::sleep(d); } } | sleep
            crates/clock/src/sleep.rs | tokio::time::sleep(d).await;                  |
            crates/log/src/a.rs      | std::thread::park_timeout(d);                  | sleep
            crates/log/src/a.rs      | use tollgate_clock::sleep;                     |
            crates/log/tests/a.rs    | use tollgate_clock::{Clock, sleep};            | sleep
            crates/domain/src/a.rs   | rand::random();                                | random
            crates/domain/src/a.rs   | operand::random();                             |
            crates/projection/src/a.rs | Uuid::now_v7(); Uuid::new_v4();              | random
            crates/projection/src/tests.rs | Uuid::new_v4();                          | random
            crates/log/src/a.rs      | Uuid::now_v7(); rand::random();                |
            crates/domain/src/a.rs   | use std::fs;                                   | io
            crates/domain/src/a.rs   | use std::{fmt, fs::File};                      | io
            crates/domain/src/a.rs   | std::net::IpAddr;                              | io
            crates/domain/src/a.rs   | #[cfg(test)] mod t { use std::fs; }            |
            crates/domain/src/a.rs   | /* tokio */ tokio_like();                      |
            crates/projection/src/a.rs | tokio::spawn(f);                             | io
            crates/server/src/a.rs   | tokio::spawn(f); std::fs::read(p);             |
            crates/domain/src/a.rs   | fn f(x: f64) {}                                | float
            crates/domain/src/a.rs   | fn f(x: u64) {}                                |
            crates/domain/build.rs   | fn f(x: f64) {}                                |
            crates/import/src/a.rs   | fn f(x: f64) {}                                |
            crates/cli/src/a.rs      | todo!()                                        | unfinished
            crates/cli/tests/a.rs    | unimplemented!("later")                        | unfinished
            crates/cli/src/a.rs      | // todo!()⏎my_todo!()                          |
            crates/cli/tests/a.rs    | #[ignore] fn f() {}                            | ignored
            crates/cli/tests/a.rs    | #[ignore = ""] fn f() {}                       | ignored
            crates/cli/tests/a.rs    | #[ignore = "needs a server"] fn f() {}         |
            crates/cli/tests/a.rs    | #[ignored] fn f() {}                           |
        "##;
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let [path, code, rules]: [&str; 3] =
                line.split(" | ").map(str::trim).collect::<Vec<_>>().try_into().unwrap_or_else(
                    |columns: Vec<&str>| [columns[0], columns[1].trim_end_matches('|').trim_end(), ""],
                );
            let found: Vec<&str> =
                check(path, &code.replace('⏎', "\n")).iter().map(|finding| finding.rule).collect();
            assert_eq!(found.join(" "), rules, "{line}");
        }
    }

    #[test]
    fn the_finding_names_the_line_and_what_to_do() {
        let findings = check("crates/cli/src/a.rs", "//! A.\n\nfn f() {\n    std::thread::sleep(d);\n}\n");
        assert_eq!(
            findings[0].to_string(),
            "crates/cli/src/a.rs:4: sleep: `thread::sleep` must not stand here: wait for a position or a notification; \
             where only time helps, `sleep`, `Timer` and `Backoff` are in tollgate-clock"
        );
    }
}
