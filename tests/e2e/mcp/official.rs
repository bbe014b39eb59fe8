//! What the makers of the protocol made to try servers with, where `tools/test` has put it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tollgate_test_process::Program;
use tollgate_tests::{Place, Server, binary};

use super::SETTING_UP;

/// Where `tools/test` puts it, next to the build folders.
fn fetched(what: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    own.ancestors().map(|dir| dir.join("mcp").join(what)).find(|path| path.exists())
}

/// The same; whoever has it not says so.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn installed(what: &str) -> Option<PathBuf> {
    let found = fetched(what);
    if found.is_none() {
        eprintln!("SKIPPED: {what} is not there; `tools/test` installs it where it may");
    }
    found
}

#[test]
fn the_official_sdk_is_answered_over_both_ways_in_both_revisions() {
    let Some(python) = installed("python/bin/python") else { return };
    let place = Place::new();
    for line in SETTING_UP {
        let _ = place.ok(line);
    }
    let root = place.ok("key create root --scope admin");
    let server = Server::start(&place, "tollgate-data");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/mcp/sdk.py");
    let mut command = Program::new("timeout");
    command.arg("120").arg(python).arg(script).arg(binary()).arg(&server.url).current_dir(place.path(""));
    let output = command.env("TOLLGATE_API_KEY", root.trim()).output();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    // Two ways, two revisions, and each of them repeated what the first had done.
    assert_eq!(out, "stdio 2025-11-25\nstdio 2026-07-28\nhttp 2025-11-25\nhttp 2026-07-28\n");
    let totals = place.json(&format!("--server {} --api-key {} report", server.url, root.trim()));
    assert_eq!(totals["usage_events"], 1, "{totals}");
}

/// Scenarios of the conformance suite that need no tools of its own, and the revision in which each is tried.
const SCENARIOS: [(&str, &str); 13] = [
    ("server-initialize", "2025-11-25"),
    ("ping", "2025-11-25"),
    ("tools-list", "2025-11-25"),
    ("tools-list", "2026-07-28"),
    ("resources-list", "2025-11-25"),
    ("prompts-list", "2025-11-25"),
    ("dns-rebinding-protection", "2025-11-25"),
    ("dns-rebinding-protection", "2026-07-28"),
    ("caching", "2026-07-28"),
    ("http-header-validation", "2026-07-28"),
    ("sep-2164-resource-not-found", "2026-07-28"),
    ("server-sse-multiple-streams", "2026-07-28"),
    ("input-required-result-unsupported-methods", "2026-07-28"),
];

#[test]
fn the_conformance_suite_finds_nothing() {
    let Some(suite) = installed("conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js")
    else {
        return;
    };
    let place = Place::new();
    let server = Server::start(&place, "d");
    // The system's, unless that is too old and `tools/test` fetched another one.
    let node = fetched("node/bin/node").unwrap_or_else(|| PathBuf::from("node"));
    let url = format!("{}/mcp", server.url);
    let run = |(scenario, revision): (&'static str, &'static str)| {
        let mut command = Program::new("timeout");
        command.arg("60").arg(&node).arg(&suite).args(["server", "--url", &url, "--scenario", scenario]);
        command.args(["--spec-version", revision]).current_dir(place.path(""));
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).start();
        (scenario, revision, process)
    };
    // Each of them mostly waits for its own start.
    for started in SCENARIOS.map(run) {
        let (scenario, revision, process) = started;
        let output = process.wait_with_output();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{scenario} {revision}:\n{out}{err}");
        assert!(out.contains(", 0 failed, 0 warnings"), "{scenario} {revision}:\n{out}{err}");
    }
}
