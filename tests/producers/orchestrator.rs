//! The program of `docs/guides/orchestrator.md`, against a real server.

use tollgate_tests::blocks::blocks;
use tollgate_tests::{Place, Server};

#[path = "../../crates/client/examples/orchestrator.rs"]
#[expect(dead_code, reason = "the test calls what `main` calls")]
mod program;

const GUIDE: &str = "docs/guides/orchestrator.md";

/// Multipliers that reduce every limit of a small task to a hundredth of what it would be.
const TIGHT: &str = "complexity_multipliers: {Small: 0.01}\n";

/// Runs it against a server with this config; returns whether it completed, and the report of its task.
async fn run(config: &str) -> (bool, serde_json::Value) {
    let place = Place::new();
    place.write("d/phase_budgets.yaml", config);
    let server = Server::start(&place, "d");
    let completed = program::work(&server.url, place.path("spool").to_str().unwrap()).await.unwrap();
    (completed, place.json("--data d report T-1"))
}

#[tokio::test]
async fn a_task_within_its_limits_is_completed_with_its_estimates_shown() {
    let (completed, report) = run("rollout: enforce\n").await;
    assert!(completed);
    assert_eq!((&report["stage"], &report["title"]), (&"completed".into(), &"pay out on Fridays".into()));
    let totals = &report["totals"];
    assert_eq!((&totals["tokens"]["total"], &totals["estimated_tokens"]), (&3000.into(), &600.into()));
    assert_eq!(totals["breach_status"], "within");
}

#[tokio::test]
async fn a_warning_makes_it_go_on_with_less_and_a_block_stops_it() {
    let (completed, report) = run(TIGHT).await;
    assert!(completed, "the gate only observes");
    assert_eq!(report["decisions"][1]["verdict"], "warn");
    let (completed, report) = run(&format!("rollout: enforce\n{TIGHT}")).await;
    assert!(!completed);
    assert_eq!((&report["stage"], &report["blocked_before"]), (&"open".into(), &"PLAN".into()));
    assert_eq!(report["totals"]["tokens"]["total"], 1500, "of PLAN nothing was spent");
}

#[test]
fn the_guide_shows_the_program_that_runs() {
    let shown = blocks(GUIDE).into_iter().find(|block| block.language == "rust").unwrap();
    assert_eq!(shown.text, include_str!("../../crates/client/examples/orchestrator.rs"));
    let toml = blocks(GUIDE).into_iter().find(|block| block.language == "toml").unwrap();
    let workspace = include_str!("../../Cargo.toml");
    for line in toml.text.lines().filter(|line| line.contains("path = ")) {
        let (name, rest) = line.split_once(" = { path = \"tollgate/").unwrap();
        let path = rest.split('"').next().unwrap();
        assert!(workspace.contains(&format!("{name} = {{ path = \"{path}\"")), "{line}");
    }
}
