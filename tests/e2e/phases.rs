//! Imported sessions with phases: the same totals, each call once, whatever was imported before and how.

use serde_json::{Value, json};
use tollgate_test_process::real_sessions;
use tollgate_tests::{Place, session};

/// Long answers are changes, short ones are reading.
const RULES: &str = "rules:
  - { name: long, when: { written_tokens: { from: 100 } }, phase: IMPLEMENT }
  - { name: short, when: { written_tokens: { to: 99 } }, phase: THINK }
";

const THINK: [u64; 4] = [100, 0, 10, 0];
const CHANGE: [u64; 4] = [100, 0, 200, 0];

/// `PHASE attempt state tokens calls` of each execution of a task.
fn executions(place: &Place, data: &str, task: &str) -> Vec<String> {
    let status = place.json(&format!("--data {data} task show {task}"));
    assert_eq!(status["stage"], "implicit");
    assert_eq!(status["unmatched_tokens"], 0, "{status}");
    let shown = |it: &Value| {
        let word = |key: &str| it[key].as_str().unwrap().to_owned();
        format!(
            "{} {} {} {} {}",
            word("phase"),
            it["attempt"],
            word("state"),
            it["tokens_used"],
            it["usage_events"]
        )
    };
    let mut shown: Vec<String> = status["executions"].as_array().unwrap().iter().map(shown).collect();
    let unphased = status["unphased_tokens"].as_i64().unwrap();
    shown.extend((unphased > 0).then(|| format!("unphased {unphased}")));
    shown
}

fn import(place: &Place, rest: &str) -> Value {
    let said = place.json(&format!("--data {rest}"));
    json!([
        said["new"],
        said["duplicate"],
        said["refused"],
        said["phases"]["executions"],
        said["phases"]["recorded_without"]
    ])
}

fn write(place: &Place, turns: &[[u64; 4]]) {
    place.write("rules.yaml", RULES);
    place.write("s/a.jsonl", &session("A", turns));
}

const PHASED: &str = "d import codex s --phases rules.yaml";

#[test]
fn a_session_that_grows_has_the_phases_that_it_would_have_had_at_once() {
    let place = Place::new();
    write(&place, &[THINK, THINK, CHANGE]);
    assert_eq!(import(&place, PHASED), json!([3, 0, 0, 2, 0]));
    assert_eq!(import(&place, PHASED), json!([0, 3, 0, 0, 0]));
    assert_eq!(executions(&place, "d", "codex-A"), ["THINK 1 ended 220 2", "IMPLEMENT 1 ended 300 1"]);
    write(&place, &[THINK, THINK, CHANGE, CHANGE, THINK, CHANGE]);
    assert_eq!(import(&place, PHASED), json!([3, 3, 0, 2, 0]));
    assert_eq!(import(&place, PHASED), json!([0, 6, 0, 0, 0]));
    // Without the flag nothing changes either.
    assert_eq!(import(&place, "d import codex s"), json!([0, 6, 0, null, null]));
    let grown = executions(&place, "d", "codex-A");
    assert_eq!(
        grown,
        ["THINK 1 ended 220 2", "IMPLEMENT 1 ended 600 2", "THINK 2 ended 110 1", "IMPLEMENT 2 ended 300 1"]
    );
    assert_eq!(import(&place, "e import codex s --phases rules.yaml"), json!([6, 0, 0, 4, 0]));
    assert_eq!(executions(&place, "e", "codex-A"), grown);
    assert_eq!(place.totals("d"), place.totals("e"));
    assert!(place.ok("--data d view rebuild").contains("status: identical, byte for byte"));
}

#[test]
fn what_was_imported_without_phases_stays_so_and_counts_once() {
    let place = Place::new();
    write(&place, &[THINK, CHANGE]);
    assert_eq!(import(&place, "d import codex s"), json!([2, 0, 0, null, null]));
    write(&place, &[THINK, CHANGE, CHANGE, THINK]);
    assert_eq!(import(&place, PHASED), json!([2, 2, 0, 2, 2]));
    assert_eq!(
        executions(&place, "d", "codex-A"),
        ["IMPLEMENT 1 ended 300 1", "THINK 1 ended 110 1", "unphased 410"]
    );
    let said = place.ok(&format!("--data {PHASED}"));
    assert!(said.contains("2 calls had been imported without phases: they stay so"), "{said}");
    assert_eq!(import(&place, "e import codex s"), json!([4, 0, 0, null, null]));
    assert_eq!(place.totals("d"), place.totals("e"));
}

#[test]
fn status_report_and_gate_say_which_rules_concluded_the_phases() {
    let place = Place::new();
    write(&place, &[THINK, CHANGE]);
    let said = place.ok(&format!("--data {PHASED}"));
    assert!(said.contains("2 executions began, 2 calls of this import in a phase"), "{said}");
    assert!(said.contains("by what calls did for 2 calls (100.0 % of the tokens)"), "{said}");
    let concluded = "phases were not reported: the rules rules.yaml (";
    for command in ["task show codex-A", "report codex-A --format md"] {
        let said = place.ok(&format!("--data d {command}"));
        assert!(said.contains(concluded), "{said}");
        assert!(said.contains("IMPLEMENT"), "{said}");
    }
    let redacted = place.ok("--data d report codex-A --redact --format md");
    assert!(redacted.contains("the rules \\[redacted\\] concluded"), "{redacted}");
    let by_phase = place.ok("--data d report --by phase");
    assert!(by_phase.contains("THINK") && !by_phase.contains("unphased"), "{by_phase}");
    let answer = place.json("--data d gate codex-A VERIFY");
    assert_eq!(
        (answer["verdict"].as_str(), answer["reasons"][0]["code"].as_str()),
        (Some("allow"), Some("no_limits"))
    );
    assert_eq!(place.ok("--data d alerts").trim(), "no alerts");
    // The log says it, too, and a file of the same history is judged as the ledger is.
    let log = place.ok("--data d log tail -n 0 --format json");
    assert!(log.contains("\"concluded_by\":\"rules.yaml ("), "{log}");
    let judged = |from: &str| {
        let replayed = place.json(&format!("replay what-if --config built-in --unopened judge {from}"));
        let candidate = &replayed["result"]["candidates"][0];
        json!([candidate["blocked"], candidate["saved"], candidate["blocks"], candidate["warned"]])
    };
    assert_eq!(judged("--from d"), judged("--from s --phases rules.yaml"));
}

#[test]
fn a_replay_of_the_ledger_says_that_phases_were_concluded_and_one_of_the_files_says_from_what() {
    let place = Place::new();
    write(&place, &[THINK, THINK, CHANGE]);
    let _ = import(&place, PHASED);
    let concluded = |from: &str| {
        let command = format!("replay what-if --from {from} --config built-in --unopened judge");
        place.json(&command)["result"]["history"]["concluded_phases"].clone()
    };
    let found = concluded("d");
    assert_eq!(found["executions"], 2, "{found}");
    let rules: Vec<(&String, &Value)> = found["by_rules"].as_object().unwrap().iter().collect();
    let [(rules, count)] = rules[..] else { panic!("one set of rules: {found}") };
    assert!(rules.starts_with("rules.yaml") && *count == 2, "{found}");
    let said = place.ok("replay what-if --from d --config built-in --unopened judge");
    assert!(
        said.contains(&format!(
            "2 of 2 executions of phases were not reported: the rules {rules} concluded them"
        )),
        "{said}"
    );
    let notes = place.json("replay calibrate --from d")["result"]["calibration"]["notes"].clone();
    assert!(notes.to_string().contains("2 of 2 executions of phases were not reported"), "{notes}");
    assert_eq!(concluded("s --phases rules.yaml"), Value::Null, "the coverage of the rules says more");
}

#[test]
fn an_imported_session_is_judged_as_its_files_are() {
    let place = Place::new();
    // IMPLEMENT has 3,500 tokens: what is called then, and after it.
    let (think, change) = ([900, 0, 20, 0], [2_000, 0, 300, 0]);
    write(&place, &[think, think, change, change, think, change, think]);
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/session_phases/codex");
    let block = "rollout: enforce\nstop_loss:\n  per_phase_threshold: 1.5\n  per_phase_action: block\n";
    place.write("block.yaml", block);
    let judged = |from: &str| {
        let configs = "--config block.yaml --config built-in";
        let found = place.json(&format!("replay what-if --from {from} {configs} --unopened judge"));
        let result = &found["result"];
        json!([result["candidates"], result["differing"], result["history"]["used"]])
    };
    for (files, data, phases) in [("s", "d", "rules.yaml"), (fixture, "e", "shipped")] {
        let _ = import(&place, &format!("{data} import codex {files} --phases {phases}"));
        let from_files = judged(&format!("{files} --phases {phases}"));
        assert_eq!(from_files[1].as_array().unwrap().len(), 1, "blocked by one of them: {from_files}");
        assert_eq!(judged(data), from_files);
    }
}

#[test]
fn a_task_that_was_opened_keeps_the_phases_that_are_reported() {
    let place = Place::new();
    write(&place, &[THINK, CHANGE]);
    let _ = place.ok("--data d task open codex-A");
    let said = place.run_line(&format!("--data {PHASED}"));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(
        said.err.contains("session codex-A is imported without phases: the task was opened: its phases are those that are reported"),
        "{}",
        said.err
    );
    assert_eq!(place.json("--data d task show codex-A")["unphased_tokens"], 410);
}

#[test]
fn rules_that_do_not_fit_are_named_before_anything_is_read() {
    let place = Place::new();
    write(&place, &[THINK]);
    place.write("guess.yaml", "rules:\n  - { name: all, when: { turns: { from: 1 } }, phase: GUESS }\n");
    let told = place.fails(6, "--data d import codex s --phases guess.yaml");
    assert!(told.contains("guess.yaml: ") && told.contains("GUESS"), "{told}");
    let told = place.fails(1, "--data d import codex s --phases no-such.yaml");
    assert!(told.contains("reading no-such.yaml: "), "{told}");
    assert_eq!(place.totals("d").0, 0);
}

/// The samples of real sessions, where they are.
#[test]
fn real_sessions_have_the_same_totals_with_phases() {
    let Some(sessions) = real_sessions() else { return };
    let place = Place::new();
    let sessions = sessions.display();
    let _ = place.ok(&format!("--data plain import codex {sessions}"));
    let said = place.json(&format!("--data d import codex {sessions} --phases shipped"));
    assert_eq!(place.totals("d"), place.totals("plain"));
    let coverage = &said["phases"]["coverage"];
    assert_eq!(said["phases"]["calls"], said["new"], "all of them are in a phase by the shipped rules");
    let report = place.json("--data d report");
    for share in coverage["by_phase"].as_array().unwrap().iter().filter(|share| share["calls"] != 0) {
        let groups = report["by_phase"].as_array().unwrap();
        let group = groups.iter().find(|group| group["key"] == share["phase"]).unwrap();
        assert_eq!(group["tokens"]["total"], share["tokens"], "{}", share["phase"]);
    }
    let again = place.json(&format!("--data d import codex {sessions} --phases shipped"));
    assert_eq!(
        (&again["new"], &again["refused"], &again["phases"]["executions"]),
        (&json!(0), &json!(0), &json!(0))
    );
}
