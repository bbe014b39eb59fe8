//! Every block of the documents runs as written, is parsed, or is listed below with what tests it instead.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tollgate_domain::price::PriceBook;
use tollgate_test_process::Program;
use tollgate_tests::blocks::{Block, Reader, blocks};
use tollgate_tests::nats::NatsServer;
use tollgate_tests::{Place, Server, session};
use tollgate_wire::{Defaults, Submitted};

/// Documents whose console blocks are typed here, each in a separate test.
const TYPED: [&str; 17] = [
    "README.md",
    "docs/guides/alerts.md",
    "docs/guides/allocations.md",
    "docs/guides/budgets.md",
    "docs/guides/calibrate.md",
    "docs/guides/enforce.md",
    "docs/guides/governance.md",
    "docs/guides/keys.md",
    "docs/guides/mcp.md",
    "docs/guides/money-reports.md",
    "docs/guides/nats.md",
    "docs/guides/progress.md",
    "docs/guides/replay.md",
    "docs/guides/reports.md",
    "docs/guides/serve.md",
    "docs/guides/usage.md",
    "docs/reference/http-api.md",
];

/// Documents whose blocks in these languages are parsed here.
const READ: [(&str, &str); 4] = [
    ("docs/reference/alerts-config.md", "yaml"),
    ("docs/reference/config.md", "json"),
    ("docs/reference/events.md", "json"),
    ("docs/reference/remediation-config.md", "yaml"),
];

/// Blocks that are neither typed nor parsed: document, words in the block, and what tests them instead or why
/// nothing does.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("README.md", "./tools/test", "runs this test"),
    ("README.md", "cargo install", "builds everything once more"),
    ("README.md", "warn  T-103", "compared below the demo"),
    ("docs/guides/alerts.md", "quarantine", "tests/producers/inbox.rs, tests/e2e/watch.rs"),
    ("docs/guides/alerts.md", "deliveries", "tests/e2e/deliver.rs"),
    ("docs/guides/allocations.md", "work(&url", "tests/producers/allocations.rs"),
    ("docs/guides/governance.md", "breaker reset", "tests/edge/governing.rs: an open one"),
    ("docs/guides/grpc.md", "", "tests/producers/grpc.rs"),
    ("docs/guides/install.md", "", "tests/e2e/package.rs, tests/e2e/manual.rs"),
    ("docs/guides/keys.md", "issuer: https", "server/tests/api/keys/tokens/config.rs"),
    ("docs/guides/keys.md", "--jwt jwt.yaml", "server/tests/api/keys/tokens"),
    ("docs/guides/keys.md", "\"iss\"", "server/tests/api/keys/tokens"),
    ("docs/guides/keys.md", "scopes: scope", "server/tests/api/keys/tokens"),
    ("docs/guides/mcp.md", "claude mcp", "by hand: it needs Claude Code"),
    ("docs/guides/mcp.md", "codex mcp", "by hand: it needs Codex CLI"),
    ("docs/guides/mcp.md", "mcpServers", "tests/e2e/mcp/settings.rs"),
    ("docs/guides/mcp.md", "mcp_servers", "tests/e2e/mcp/settings.rs"),
    ("docs/guides/nats.md", "--durability", "log-jetstream/tests/jetstream/durability.rs"),
    (
        "docs/guides/nats.md",
        "racing decisions",
        "log-jetstream/tests/jetstream/cluster.rs, on servers of both versions",
    ),
    ("docs/guides/nats.md", "no projector answers", "tests/e2e/nats/projectors.rs"),
    ("docs/guides/nats.md", "another projector has it", "tests/e2e/nats/projectors.rs"),
    ("docs/guides/nats.md", "--partitions", "tests/e2e/nats/projectors.rs"),
    ("docs/guides/nats.md", "overlap", "tests/e2e/nats/projectors.rs"),
    ("docs/guides/nats.md", "tollgate_view_lag_records", "tests/e2e/nats/servers.rs"),
    ("docs/guides/serve.md", "--tls-cert", "tests/edge/tls.rs"),
    ("docs/guides/orchestrator.md", "", "tests/producers/orchestrator.rs"),
    (
        "docs/guides/prices.md",
        "",
        "tests/e2e/prices.rs, price-sources/src/config/tests.rs, tools/prices: they need files that the reader has",
    ),
    ("docs/guides/producers.md", "", "tests/producers/guide.rs"),
    ("docs/guides/python.md", "", "crates/client/python/tests/test_guide.py, tests/producers/python.rs"),
    (
        "docs/guides/runbook.md",
        "",
        "answers to faults: tests/fault, tests/e2e/nats, tests/producers/inbox.rs; archives: tests/e2e/segments.rs",
    ),
    ("docs/guides/tekton.md", "", "tests/e2e/tekton.rs: it needs stores that the reader has"),
    ("docs/guides/typescript.md", "", "crates/client/typescript/test/guide.test.ts"),
    ("docs/guides/webhooks.md", "", "deliver/tests/it/guide.rs"),
    ("docs/reference/alerts-config.md", "umask", "a secret; deliver/tests/it/guide.rs has one"),
    ("docs/reference/benchmarks.md", "", "measured, not tested"),
    ("docs/reference/cli.md", "task list", "tests/edge/selecting.rs"),
    (
        "docs/reference/price-disagreements.md",
        "disagreements",
        "tools/prices: it needs packages that the reader has",
    ),
    ("docs/reference/config.md", "house-gateway", "domain/src/config/prices.rs, server/tests/api/prices.rs"),
    ("docs/reference/nats.md", "", "log-jetstream/tests/jetstream/permissions.rs"),
    ("docs/reference/reliability.md", "", "tests/fault/chaos.rs, for a shorter time"),
    ("docs/reference/remediation-config.md", "remediation.opened", "deliver/src/remediation/tests.rs"),
    ("docs/reference/session-phases.md", "", "domain/src/session_phases/tests/conditions.rs"),
];

/// A log small enough for the disk of any machine.
const SMALL: &str = "log init --max-bytes 64MiB";

fn elsewhere(block: &Block) -> bool {
    ELSEWHERE.iter().any(|(file, words, _)| block.file == *file && block.text.contains(words))
}

/// The README and all guides and references, as paths in the repository.
fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec!["README.md".to_owned()];
    for folder in ["docs/guides", "docs/reference"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            found.push(format!("{folder}/{name}"));
        }
    }
    found.sort();
    found
}

/// The blocks of a document that are typed here.
fn typed(file: &str) -> Vec<Block> {
    assert!(TYPED.contains(&file), "{file}");
    blocks(file).into_iter().filter(|block| !elsewhere(block)).collect()
}

#[test]
fn every_block_is_typed_or_read_or_tested_elsewhere() {
    let all: Vec<Block> = documents().iter().flat_map(|file| blocks(file)).collect();
    assert!(all.len() > 60, "{}", all.len());
    for block in &all {
        let typed = block.language == "console" && TYPED.contains(&block.file.as_str());
        let read = READ.contains(&(block.file.as_str(), block.language.as_str()));
        let Block { file, line, text, .. } = block;
        assert!(typed || read || elsewhere(block), "{file}:{line}: nothing tests this block\n{text}");
    }
    for (file, words, _) in ELSEWHERE {
        let there = all.iter().any(|block| block.file == *file && block.text.contains(words));
        assert!(there, "{file} has no block with `{words}`: take it out of the list");
    }
}

/// Whether curl is available; says so if it is not.
fn curl() -> bool {
    let there = Program::new("curl").arg("--version").try_output().is_ok();
    if !there {
        skipped("curl is not installed");
    }
    there
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: blocks of the documents: {why}");
}

#[test]
fn the_readme_as_a_new_user_types_it() {
    if !curl() {
        return;
    }
    let mut reader = Reader::new();
    reader.place.write(".codex/sessions/a.jsonl", &session("A", &[[100, 40, 10, 5]]));
    let answer = r#"{"type":"assistant","uuid":"u1","timestamp":"2025-10-10T01:00:00Z","sessionId":"S","message":{"id":"m1","usage":{"input_tokens":9,"output_tokens":1}}}"#;
    reader.place.write(".claude/projects/p/S.jsonl", &format!("{answer}\n"));
    reader.replace("cargo run --release --", "tollgate");
    let nats = NatsServer::start(&Place::new());
    if let Some(nats) = &nats {
        reader.replace("nats://127.0.0.1:4222", nats.url());
        reader.replace("log init", SMALL);
    }
    let shown = blocks("README.md").into_iter().find(|block| block.text.starts_with("warn  T-103"));
    let shown = shown.expect("the README shows what the demo prints").text;
    for mut block in typed("README.md") {
        if block.text.contains("demo") {
            block.text += &shown;
        }
        if block.text.contains("nats://") && nats.is_none() {
            skipped("README.md: nats-server is not installed");
            continue;
        }
        reader.follow(&block);
    }
    assert!(reader.place.path("T-1.html").is_file());
}

#[test]
fn the_guide_to_reports() {
    let mut reader = Reader::new();
    let _ = reader.ok("tollgate demo");
    reader.set("TOLLGATE_DATA", "tollgate-demo/data");
    reader.set("TOLLGATE_READER", "ada");
    for block in typed("docs/guides/reports.md") {
        // After this guide, the last reads in the list are different ones.
        if block.text.contains("accesses") { reader.type_only(&block) } else { reader.follow(&block) }
    }
    assert!(reader.place.path("T-104.html").is_file());
}

#[test]
fn the_guides_to_replay_and_calibration() {
    for guide in [
        "docs/guides/replay.md",
        "docs/guides/calibrate.md",
        "docs/guides/progress.md",
        "docs/guides/enforce.md",
    ] {
        let mut reader = Reader::new();
        for block in typed(guide) {
            reader.follow(&block);
        }
    }
}

#[test]
fn the_guide_to_reports_of_money() {
    let mut reader = Reader::new();
    for block in typed("docs/guides/money-reports.md") {
        reader.follow(&block);
    }
}

#[test]
fn the_guide_to_keys() {
    if !curl() {
        return;
    }
    let mut reader = Reader::new();
    for block in typed("docs/guides/keys.md") {
        reader.follow(&block);
    }
}

#[test]
fn the_guide_to_agents() {
    if !curl() {
        return;
    }
    let mut reader = Reader::new();
    for block in typed("docs/guides/mcp.md") {
        reader.follow(&block);
    }
}

#[test]
fn the_guide_to_usage() {
    let mut reader = Reader::new();
    for block in typed("docs/guides/usage.md") {
        reader.follow(&block);
    }
}

/// A task that the gate warned about.
fn warned(reader: &mut Reader) {
    for command in [
        "tollgate task open T-1 --complexity Tiny",
        "tollgate phase start T-1 PLAN",
        "tollgate usage record T-1 --phase PLAN --output 90000",
        "tollgate phase end T-1 PLAN",
        "tollgate gate T-1 THINK",
    ] {
        let _ = reader.ok(command);
    }
}

#[test]
fn the_guide_to_governing_budgets() {
    let mut reader = Reader::new();
    warned(&mut reader);
    for block in typed("docs/guides/governance.md") {
        // The savings of 55 tasks; their figures are tested in projection/src/savings.
        if block.text.contains("report savings") { reader.type_only(&block) } else { reader.follow(&block) }
    }
}

#[test]
fn the_guide_to_alerts() {
    let mut reader = Reader::new();
    let _server = Server::start(&reader.place, "tollgate-data");
    warned(&mut reader);
    let alerts = reader.ok("tollgate alerts --format json");
    let alerts: serde_json::Value = serde_json::from_str(&alerts).unwrap();
    let id = alerts["alerts"][0]["id"].as_str().unwrap();
    reader.replace("9f90030a401f2bc52fbce3d7e915eaa3", id);
    for block in typed("docs/guides/alerts.md") {
        reader.follow(&block);
    }
}

/// Their windows are those of the calendar: where a day or a month ends while they are typed, what was spent is of the
/// one before. They are typed once more then.
#[test]
fn the_guides_to_budgets_and_allocations() {
    let day = || {
        let since = tollgate_test_process::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        since.as_secs() / 86_400
    };
    let begun = day();
    if let Err(panic) = std::panic::catch_unwind(type_guides_to_budgets) {
        // On the day they began on, it is a failure.
        if day() == begun {
            std::panic::resume_unwind(panic);
        }
        type_guides_to_budgets();
    }
}

fn type_guides_to_budgets() {
    for guide in ["docs/guides/budgets.md", "docs/guides/allocations.md"] {
        let mut reader = Reader::new();
        // A raise that is over is none.
        reader.replace("--until 2026-", "--until 2226-");
        for block in typed(guide) {
            reader.follow(&block);
        }
    }
}

#[test]
fn the_guide_to_servers_and_the_reference_of_the_api() {
    if !curl() {
        return;
    }
    let mut reader = Reader::new();
    let home = reader.place.path("lib").display().to_string();
    reader.replace("/var/lib/tollgate", home);
    for block in typed("docs/guides/serve.md").iter().chain(&typed("docs/reference/http-api.md")) {
        reader.follow(block);
    }
}

#[test]
fn the_guide_to_nats_up_to_where_things_go_wrong() {
    let place = Place::new();
    let Some(nats) = NatsServer::start(&place) else { return };
    if !curl() {
        return;
    }
    let mut reader = Reader::new();
    reader.replace("nats-server -c nats-server.conf", "true");
    reader.replace("nats://127.0.0.1:4222", nats.url());
    reader.replace("log init --max-bytes 1GiB", SMALL);
    let home = reader.place.path("lib").display().to_string();
    reader.replace("/var/lib/tollgate", home);
    for block in typed("docs/guides/nats.md") {
        reader.follow(&block);
    }
}

#[test]
fn files_of_settings_in_the_reference_are_taken() {
    let place = Place::new();
    for secret in ["pager", "team-new", "team-old", "tracker"] {
        let name = format!("{secret}.secret");
        place.write(&name, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        std::fs::set_permissions(place.path(&name), Permissions::from_mode(0o600)).unwrap();
    }
    let yaml = |file: &str| blocks(file).into_iter().find(|block| block.language == "yaml").unwrap().text;
    place.write("remediation.yaml", &yaml("docs/reference/remediation-config.md"));
    place.write("alerts.yaml", &yaml("docs/reference/alerts-config.md"));
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let remediation = [&["--data", "d"], &serve[..], &["--remediation", "remediation.yaml"]].concat();
    Server::of(&place, &remediation).kill();
    // One of its endpoints is NATS.
    if let Some(nats) = NatsServer::start(&place) {
        let log = nats.url();
        let _ = place.ok(&format!("log init --max-bytes 64MiB --log {log}"));
        let alerts = [&["--log", log.as_str()], &serve[..], &["--alerts", "alerts.yaml"]].concat();
        Server::of(&place, &alerts).kill();
    }
    let prices =
        blocks("docs/reference/config.md").into_iter().find(|block| block.language == "json").unwrap();
    let (book, notes) = PriceBook::from_litellm(&prices.text, "reference").unwrap();
    assert_eq!((book.len(), notes.warnings()), (1, Vec::new()));
}

#[test]
fn events_of_the_reference_are_taken() {
    let mut taken = 0;
    for block in blocks("docs/reference/events.md").iter().filter(|block| block.language == "json") {
        let values = serde_json::Deserializer::from_str(&block.text).into_iter::<serde_json::Value>();
        for value in values {
            let value = value.unwrap_or_else(|error| panic!("{}:{}: {error}", block.file, block.line));
            // What the ledger itself writes comes with its place in the log.
            if value.get("sequence").is_some() || value.get("task").is_none() {
                continue;
            }
            let event = Submitted::from_json(&value.to_string(), &Defaults::default());
            event.unwrap_or_else(|error| panic!("{}:{}: {error}", block.file, block.line));
            taken += 1;
        }
    }
    assert!(taken > 10, "{taken}");
}
