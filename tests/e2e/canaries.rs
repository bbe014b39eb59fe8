//! Other people's text on a terminal: nothing in it moves a cursor, changes the reading direction, hides, or
//! forges a line.

use serde_json::json;
use tollgate_tests::{Place, Server};

/// ESC, BEL, the control sequence introducer as one character, characters that change direction or hide text,
/// and a separate line.
const TEXT: &str = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}\r\nFORGED line";

/// Those of them that an id may contain.
const ID: &str = "T\u{202e}\u{200b}\u{feff}1";

/// Characters that must not reach a terminal; line ends and tabs are not among them.
fn hidden(text: &str) -> Option<char> {
    let text = text.replace("\r\n", "\n");
    text.chars().find(|c| {
        (c.is_control() && !"\n\t".contains(*c))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    })
}

fn fill(server: &Server) {
    let usage = |id: &str, tokens: u64| {
        json!({"id": id, "task": ID, "usage_recorded": {"phase": "PLAN", "provider": TEXT, "model": TEXT, "component": TEXT,
            "request_id": TEXT, "labels": {"note": TEXT}, "tokens": {"output": tokens}}})
    };
    let events = [
        json!({"id": "o", "task": ID, "task_opened": {"title": TEXT, "justification": TEXT, "importance": "critical", "author": TEXT,
            "tags": [TEXT], "labels": {"note": TEXT}}}),
        json!({"id": "s", "task": ID, "phase_started": {"phase": "PLAN"}}),
        usage("u\u{202e}", 5_000_000),
        json!({"id": "w", "task": ID, "wait_recorded": {"phase": "PLAN", "kind": "human", "wait_ms": 5}}),
        json!({"id": "a", "task": ID, "usage_adjusted": {"adjusts": "u\u{202e}", "tokens": {"output": -9_000_000}, "reason": TEXT, "author": TEXT}}),
        usage("v", 7_000_000),
        json!({"id": "i", "task": ID, "importance_changed": {"to": "low", "author": TEXT, "reason": TEXT}}),
        json!({"id": "e", "task": ID, "phase_ended": {"phase": "PLAN"}}),
        json!({"id": "x", "task": ID, "phase_explained": {"phase": "PLAN", "attempt": 1, "author": TEXT, "explanation": TEXT}}),
        json!({"id": "g", "task": ID, "override_granted": {"block": {"advance": "IMPLEMENT"}, "approver": TEXT, "reason": TEXT}}),
        json!({"id": "c", "task": ID, "task_closed": {"outcome": "abandoned", "author": TEXT, "reason": TEXT}}),
    ];
    for event in events {
        let body = json!({"producer": "p\u{202e}\u{200b}", "events": [event]});
        let (status, answer) = server.post("/v1/events", &body.to_string()).unwrap();
        assert_eq!(status, 201, "{answer}");
    }
}

#[test]
fn nothing_that_others_wrote_acts_on_a_terminal() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    fill(&server);
    let commands: [&[&str]; 22] = [
        &["task", "show", ID],
        &["task", "explain", ID],
        &["task", "list"],
        &["gate", ID, "IMPLEMENT"],
        &["report"],
        &["report", ID],
        &["report", ID, "--format", "md"],
        &["report", ID, "--format", "html"],
        &["report", ID, "--format", "csv"],
        &["report", "accesses"],
        &["report", "savings"],
        &["alerts"],
        &["health", "budgets"],
        &["status"],
        &["log", "tail"],
        &["quarantine", "list"],
        // Errors repeat what was given.
        &["task", "show", "T\u{1b}[2J\u{202e}"],
        &["phase", "start", ID, "PL\u{1b}[2JAN"],
        &["task", "close", ID, "--outcome", "completed"],
        // So do those of the command line itself.
        &["task", "sho\u{1b}[2Jw\u{202e}"],
        &["gate", ID, "PLAN", "\u{1b}[2J\u{202e}"],
        &["usage", "record", ID, "--output", "\u{1b}[2J\u{202e}"],
    ];
    let mut shown = 0;
    for command in commands {
        for format in [&[][..], &["--format", "json"]] {
            if command.contains(&"--format") && !format.is_empty() {
                continue;
            }
            let args = [&["--server", &server.url], command, format].concat();
            let said = place.run(&args);
            for text in [&said.out, &said.err] {
                assert_eq!(hidden(text), None, "{command:?} {format:?}: {text:?}");
                assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{command:?}: {text}");
                shown += text.matches("u{202e}").count() + text.matches("u202e").count();
            }
            let of_programs = !format.is_empty() && said.code == 0;
            if of_programs && serde_json::from_str::<serde_json::Value>(&said.out).is_err() {
                for line in said.out.lines() {
                    let value = serde_json::from_str::<serde_json::Value>(line);
                    assert!(value.is_ok(), "{command:?}: {value:?} {line}");
                }
            }
            if format.is_empty() && command[0] == "task" && said.code == 0 {
                assert!(said.out.contains("T\\u{202e}\\u{200b}\\u{feff}1"), "{command:?}: {}", said.out);
            }
        }
    }
    assert!(shown > 20, "the canaries are there, written out: {shown}");
    let listed = place.run(&["--server", &server.url, "task", "list", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(listed["tasks"][0]["task"], ID, "JSON says the same as before");
    assert_eq!(listed["tasks"][0]["title"], TEXT);
}
