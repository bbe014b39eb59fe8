//! The first command of the README.

use tollgate_tests::{Place, binary, session};

#[test]
fn the_demo_tells_a_day_and_what_to_type_next() {
    let place = Place::new();
    let out = place.ok("demo");
    let exe = binary().display().to_string();
    insta::assert_snapshot!("demo", out.replace(&exe, "tollgate"));
    let story = place.ok("--data tollgate-demo/data task explain T-104");
    insta::assert_snapshot!("explain", story);
    let report =
        std::fs::read_to_string(place.path("tollgate-demo/evidence/T-104/verify/budget_report.md")).unwrap();
    assert!(report.starts_with("> Verdict: BLOCKED") || report.contains("EXCEEDED"), "{report}");
    assert!(place.path("tollgate-demo/evidence/T-104/verify/budget_enforcement.json").is_file());
    // A second demo replaces the first; anything else is never replaced.
    assert_eq!(place.ok("demo").lines().count(), out.lines().count());
    place.write("mine/notes.txt", "not to be lost");
    assert!(place.fails(1, "demo --dir mine").contains("is no demo of Tollgate; choose another with --dir"));
    assert!(place.path("mine/notes.txt").is_file());
}

/// The evidence files of the spec: of a task within its limits, of one with further attempts and a warning,
/// of a blocked one, and the report of a session that was imported and never opened.
#[test]
fn evidence_files_are_as_the_spec_has_them() {
    let place = Place::new();
    let _ = place.ok("demo");
    for task in ["T-101", "T-103", "T-104"] {
        for file in ["budget_report.md", "budget_enforcement.json"] {
            let path = place.path("tollgate-demo/evidence").join(task).join("verify").join(file);
            let text = std::fs::read_to_string(path).unwrap();
            insta::assert_snapshot!(format!("{task}_{file}"), without_positions(&text));
        }
    }
    place.write("s/a.jsonl", &session("A", &[[100, 40, 10, 5], [50, 20, 20, 10]]));
    let _ = place.ok("--data d import codex s");
    insta::assert_snapshot!("imported_report", without_positions(&place.ok("--data d report codex-A")));
    insta::assert_snapshot!("imported_explain", place.ok("--data d task explain codex-A"));
}

/// Positions name the log, which is a different one in each run.
fn without_positions(text: &str) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if let Some((before, after)) = line.split_once("True as of record ") {
            let (_, log) = after.split_once(" of log ").unwrap();
            out += &format!("{before}True as of [position]{}", &log[8..]);
            continue;
        }
        match line.find('@').filter(|at| *at >= 32) {
            Some(at) if line[at - 32..at].bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                let rest = line[at..].trim_start_matches(|c: char| c.is_ascii_digit() || "@:,".contains(c));
                out += &format!("{}[position]{rest}", &line[..at - 32]);
            }
            Some(_) | None => out += line,
        }
    }
    out
}

#[test]
fn what_the_demo_says_to_type_next_works() {
    let place = Place::new();
    let out = place.ok("demo");
    let exe = binary().display().to_string();
    let commands: Vec<&str> = out.lines().filter_map(|line| line.trim().strip_prefix(&exe)).collect();
    assert_eq!(commands.len(), 9, "{out}");
    for command in commands.iter().filter(|command| !command.ends_with("serve")) {
        let said = place.ok(command);
        assert!(!said.is_empty(), "{command}");
    }
    // The override that was typed lets the task pass, with a warning.
    let answer = place.json("--data tollgate-demo/data gate T-104 VERIFY");
    assert_eq!((answer["verdict"].as_str(), answer["ruled"].as_str()), (Some("warn"), Some("block")));
}
