//! A task from its opening to its report, typed by hand: without a server and with one.

use tollgate_tests::{Follower, Place, Server};

const ENFORCE: &str = "rollout: enforce\n";

/// The same steps for both ways to reach a ledger.
fn live(place: &Place, to: &str, follower: Option<Follower>) {
    let run = |line: &str| place.ok(&format!("{to} {line}"));
    assert_eq!(run("task open T-1 --complexity Small --title \"fix it\" --id o1"), "T-1: open\n");
    assert_eq!(
        run("task open T-1 --complexity Small --title \"fix it\" --id o1"),
        "T-1: open (it was there already, nothing changed)\n"
    );
    assert_eq!(run("phase start T-1 think"), "T-1: THINK started, attempt 1\n");
    assert_eq!(
        run("usage record T-1 --phase THINK --model gpt-5 --input 30000 --output 2000 --id u1"),
        "T-1: 32,000 tokens recorded\n"
    );
    assert_eq!(run("phase end T-1 THINK"), "T-1: THINK ended\n");
    let blocked = place.run(&format!("{to} gate T-1 IMPLEMENT").split_whitespace().collect::<Vec<_>>());
    assert_eq!(blocked.code, 5, "{blocked:?}");
    assert!(
        blocked
            .out
            .starts_with("BLOCK: T-1 to IMPLEMENT\n  Task T-1 exceeded token budget: 32,000 / 18,720 (171%)"),
        "{}",
        blocked.out
    );
    if let Some(mut follower) = follower {
        // The server opens it after answering.
        follower.wait_for_line("FIX-BUDGET-BREACH-T-1");
    }
    let _ = run("task override T-1 --advance IMPLEMENT --approver ada --reason \"demo on Monday\"");
    assert!(run("gate T-1 IMPLEMENT").starts_with("WARN (the rules say block): T-1 to IMPLEMENT"));
    let _ = run("usage adjust T-1 u1 --input=-25000 --reason \"counted twice\"");
    assert!(run("gate T-1 VERIFY").starts_with("ALLOW: T-1 to VERIFY"));
    let story = run("task explain T-1");
    for part in
        ["gate: block to advance to IMPLEMENT", "by ada: demo on Monday", "tokens   7,000 of 18,720 (37%)"]
    {
        assert!(story.contains(part), "{part}\n{story}");
    }
    let _ = run("task close T-1 --reason done");
    assert!(run("task show T-1").starts_with("T-1 (fix it): completed, Small, medium, within\n"));
    let report = run("report T-1");
    assert!(report.contains("# Budget Report: T-1") && report.contains("ada"), "{report}");
    let list = place.json(&format!("{to} task list"));
    let tasks: Vec<_> =
        list["tasks"].as_array().unwrap().iter().map(|task| task["task"].as_str().unwrap()).collect();
    assert_eq!(tasks, ["FIX-BUDGET-BREACH-T-1", "T-1"]);
    assert!(run("status").starts_with("2 tasks, 1 of them open; 7,000 tokens"));
}

#[test]
fn without_a_server() {
    let place = Place::new();
    place.write("d/phase_budgets.yaml", ENFORCE);
    live(&place, "--data d --evidence-dir e", None);
    for file in ["budget_report.md", "budget_enforcement.json"] {
        assert!(place.path("e/T-1/verify").join(file).is_file(), "{file}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.path("e/T-1/verify/budget_enforcement.json")).unwrap())
            .unwrap();
    assert_eq!((json["task_id"].as_str(), json["stage"].as_str()), (Some("T-1"), Some("completed")));
}

#[test]
fn with_a_server() {
    let place = Place::new();
    place.write("d/phase_budgets.yaml", ENFORCE);
    let server = Server::start(&place, "d");
    let follower = Follower::start(&place, &server);
    live(&place, &format!("--server {}", server.url), Some(follower));
    assert!(server.terminate().success());
    assert!(place.path("state/evidence/T-1/verify/budget_report.md").is_file());
}

#[test]
fn usage_that_no_model_reported_is_estimated_and_shown_as_such() {
    let place = Place::new();
    let _ = place.ok("--data d task open T-1");
    let _ = place.ok("--data d phase start T-1 PLAN");
    let record = "--data d usage record T-1 --phase PLAN --id u";
    assert_eq!(
        place.ok(&format!("{record}1 --prompt-chars 10 --completion-chars 3")),
        "T-1: 4 tokens recorded, estimated from lengths of texts\n"
    );
    assert_eq!(
        place.ok(&format!("{record}2 --prompt-chars 4001")),
        "T-1: 1,001 tokens recorded, estimated from lengths of texts\n"
    );
    let report = place.json("--data d report T-1");
    assert_eq!(
        (&report["totals"]["tokens"]["total"], &report["totals"]["estimated_tokens"]),
        (&1005.into(), &1005.into())
    );
    assert!(place.ok("--data d report T-1").contains("PLAN: 1,005 tokens are estimated from text lengths"));
}

#[test]
fn limits_need_no_ledger() {
    let place = Place::new();
    insta::assert_snapshot!("limits", place.ok("limits --complexity Large --importance critical"));
    let small = place.json("limits --complexity Small --importance low");
    let pr = small["phases"].as_array().unwrap().iter().find(|phase| phase["phase"] == "PR").unwrap().clone();
    assert_eq!((pr["tokens"].as_u64(), pr["latency_ms"].as_u64()), (Some(504), Some(10_080)));
    assert!(small.get("progress").is_none(), "the built-in config has none");
    let rules = "progress:\n  spinning_action: block\n  carry_forward: 0.5\n  carry_phases: [VERIFY]\n  expected_points: { PLAN: 9 }\n";
    place.write("progress.yaml", rules);
    let shown = place.ok("limits --config progress.yaml");
    let progress = shown.split_once("\nprogress: ").expect("its rules").1;
    insta::assert_snapshot!("limits_with_progress", progress);
    let json = place.json("limits --config progress.yaml");
    let plan =
        json["progress"]["phases"].as_array().unwrap().iter().find(|it| it["phase"] == "PLAN").unwrap();
    assert_eq!(
        (plan["points"]["planner_iterations"].as_u64(), plan["expected_points"].as_u64()),
        (Some(3), Some(9))
    );
    assert_eq!(json["progress"]["spinning_action"], "block");
    place.write(
        "quiet.yaml",
        "progress: { extension: 0, spinning_repeats: 0, spinning_share: 0, forecast_warn: 0 }\n",
    );
    let quiet = place.ok("limits --config quiet.yaml");
    for word in ["gets", "spinning", "carried", "forecast"] {
        assert!(!quiet.contains(&format!("  {word} ")), "{word}: {quiet}");
    }
}
