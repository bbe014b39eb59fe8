//! The blocks of `docs/guides/producers.md` are run as written.

use std::path::{Path, PathBuf};

use tollgate_test_process::Program;
use tollgate_tests::Server;
use tollgate_tests::nats::Cluster;

use crate::inbox::drained;

/// The blocks in one language, in order.
fn blocks(language: &str) -> Vec<String> {
    let all = tollgate_tests::blocks::blocks("docs/guides/producers.md").into_iter();
    let found: Vec<String> = all.filter(|block| block.language == language).map(|block| block.text).collect();
    assert!(!found.is_empty(), "the guide has no block in {language}");
    found
}

/// Where `tools/test` puts what the blocks need, next to the build folders.
fn installed(what: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let found = own.ancestors().map(|dir| dir.join("producers").join(what)).find(|path| path.exists());
    if found.is_none() {
        skipped(&format!("{what} is not there; `tools/test` installs it where it may"));
    }
    found
}

/// What the guide's publish program prints, in both languages; its event is counted once.
#[track_caller]
fn check_publish(cluster: &Cluster, printed: &str, task: &str) {
    assert_eq!(printed, "TOLLGATE_IN new\nTOLLGATE_IN again\n");
    drained(cluster);
    let shown = cluster.json(&format!("task show {task}"));
    assert_eq!(shown["tokens"]["total"], 2 * 900 + 1200 + 300 + 700, "{shown}");
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: blocks of the guide: {why}");
}

/// Runs a program with a time limit; returns what it printed.
#[track_caller]
fn run(program: &Path, args: &[&str], dir: &Path, url: &str) -> String {
    let mut command = Program::new("timeout");
    command.arg("120").arg(program).args(args).current_dir(dir).env("NATS_URL", url);
    let output = command.output();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {}\n{out}{err}", program.display(), output.status);
    out.into_owned()
}

/// What the guide's append program prints, in both languages.
#[track_caller]
fn check_append(cluster: &Cluster, printed: &str, task: &str) {
    let words = |line: &str| {
        line.replace(['[', ']', '\'', ',', '"'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 4, "{printed}");
    assert_eq!(words(lines[0]), "appended appended appended", "{printed}");
    assert!(lines[1].contains('@'), "{printed}");
    assert_eq!(words(lines[2]), "duplicate duplicate duplicate", "{printed}");
    assert!(lines[3].starts_with("conflict - event"), "{printed}");
    let shown = cluster.json(&format!("task show {task}"));
    assert_eq!(shown["tokens"]["total"], 2 * 900 + 1200 + 300, "{shown}");
}

fn ledger() -> Option<(Cluster, Server)> {
    let cluster = Cluster::start()?;
    let server = cluster.serve();
    Some((cluster, server))
}

#[test]
fn the_blocks_in_python_run() {
    let Some(python) = installed("python/bin/python") else { return };
    let Some((cluster, _server)) = ledger() else { return };
    for (nth, block) in blocks("python").into_iter().enumerate() {
        let file = format!("block{nth}.py");
        cluster.place.write(&file, &block);
        let printed = run(&python, &[&file], &cluster.place.path(""), &cluster.nats.url());
        let check = if nth == 0 { check_append } else { check_publish };
        check(&cluster, &printed, "T-python");
    }
}

#[test]
fn the_blocks_in_javascript_run() {
    let Some(modules) = installed("node/node_modules") else { return };
    let Some((cluster, _server)) = ledger() else { return };
    // Imports are looked up next to the program.
    std::os::unix::fs::symlink(modules, cluster.place.path("node_modules")).unwrap();
    for (nth, block) in blocks("javascript").into_iter().enumerate() {
        let file = format!("block{nth}.mjs");
        cluster.place.write(&file, &block);
        let printed = run(Path::new("node"), &[&file], &cluster.place.path(""), &cluster.nats.url());
        let check = if nth == 0 { check_append } else { check_publish };
        check(&cluster, &printed, "T-node");
    }
}

#[test]
fn the_blocks_for_the_shell_run() {
    if Program::new("nats").arg("--version").try_output().is_err() {
        return skipped("the `nats` CLI is not installed");
    }
    let Some((cluster, _server)) = ledger() else { return };
    for block in blocks("sh") {
        let printed = run(Path::new("sh"), &["-ec", &block], &cluster.place.path(""), &cluster.nats.url());
        assert!(printed.contains("appended") || printed.contains("TOLLGATE_IN"), "{printed}");
    }
    drained(&cluster);
    let shown = cluster.json("task show T-shell");
    assert_eq!(shown["tokens"]["total"], 1200 + 300, "{shown}");
}
