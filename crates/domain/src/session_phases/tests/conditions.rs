//! What each condition of a rule asks, what the shipped rules make of sessions, and what follows from it.

use super::*;

/// Rules of one condition each, and calls of which it holds (`YES`) or not (`-`).
#[test]
fn calls_that_a_ledger_has_without_a_phase_stay_without_one() {
    let sorted =
        |phase: Option<&str>| Sorted { rule: None, phase: phase.map(|phase| phase.parse().unwrap()) };
    let calls = [Some("A"), Some("A"), None, Some("B"), Some("A"), Some("A")].map(sorted);
    let recorded = [Recorded::No, Recorded::In(None), Recorded::No, Recorded::In(None), Recorded::No];
    let Placed { executions, calls } = placed(&calls, &recorded);
    let shown: Vec<String> =
        calls.iter().map(|call| call.as_ref().map_or("-".to_owned(), ToString::to_string)).collect();
    assert_eq!(shown, ["A", "-", "-", "-", "A attempt 2", "A attempt 2"]);
    let shown: Vec<String> =
        executions.iter().map(|it| format!("{} {}-{}", it.id, it.first, it.last)).collect();
    assert_eq!(shown, ["A 0-0", "A attempt 2 4-5"]);
}

#[test]
fn each_condition_holds_of_its_calls_alone() {
    for (when, calls, expected) in [
        ("{ tools: [edit, plan] }", "edit, read, plan, read edit, +", "YES - YES YES -"),
        ("{ tools: [none] }", "edit, +, read", "- YES -"),
        ("{ tools: [none] }", "+, +", "- -"),
        (
            "{ commands: [git commit, pytest] }",
            "[git commit], [cd a && git -C b commit], [git log], [pytest -q], read, [echo pytest]",
            "YES YES - YES - -",
        ),
        ("{ files: [tests] }", "edit/tests, read/tests, edit/code, edit", "YES YES - -"),
        ("{ tools: [edit], files: [tests] }", "edit/tests, read/tests, read/tests edit/code", "YES - -"),
        ("{ plan_mode: true }", "p, edit, p edit", "YES - YES"),
        ("{ plan_mode: false }", "p, edit, p edit", "- YES -"),
        ("{ before_edit: true }", "read, +, edit, read", "YES YES - -"),
        ("{ before_edit: false }", "read, +, edit, read", "- - YES YES"),
        ("{ before_edit: true }", "+, p", "- -"),
        ("{ tools_recorded: true }", "+, read", "YES YES"),
        ("{ tools_recorded: false }", "+, read", "- -"),
        ("{ tools_recorded: false }", "+, p", "YES YES"),
        ("{ turns: { to: 1 } }", "read, + read, read, + read", "YES YES YES -"),
        ("{ turns: { from: 2, to: 2 } }", "+, read, +, read, +", "- - YES YES -"),
        ("{ turns: { from: 1 } }", "read, read", "- -"),
        ("{ written_tokens: { from: 400 } }", "=400, =399 edit, read, =9000", "YES - - YES"),
        ("{ written_tokens: { to: 3 } }", "=0, =1, =3, =4", "- YES YES -"),
        ("{ share_of_calls: { to: 50 } }", "+, +, +", "YES YES -"),
        ("{ share_of_calls: { from: 50 } }", "+, +, +, +", "- - YES YES"),
        ("{ share_of_calls: { from: 0, to: 100 } }", "+", "YES"),
        ("{ share_of_time: { to: 50 } }", "@0, @4, @5, @10", "YES YES - -"),
        ("{ share_of_time: { from: 50 } }", "@0, @4, @5, @10", "- - YES YES"),
        ("{ share_of_time: { from: 0 } }", "@7, @7", "- -"),
        (
            "{ tools: [read], plan_mode: true, turns: { to: 1 } }",
            "+ p read, p edit, read, + p read",
            "YES - - -",
        ),
    ] {
        let text = format!("rules: [{{ name: a, when: {when}, phase: yes }}]");
        let rules = SessionPhases::from_yaml(&text, &[]).unwrap_or_else(|error| panic!("{when}: {error}"));
        assert_eq!(phases_of(&rules, calls), expected, "{when} of {calls}");
    }
}

#[test]
fn the_rules_of_the_reference_are_rules() {
    let page = include_str!("../../../../../docs/reference/session-phases.md");
    let (_, after) = page.split_once("```yaml\n").unwrap();
    let (rules, _) = after.split_once("```").unwrap();
    let built_in = BudgetConfig::built_in();
    let rules = SessionPhases::from_yaml(rules, &[("built-in", &built_in)]).unwrap();
    let calls = "+ read, [git commit], edit/tests, edit, read, + read";
    assert_eq!(phases_of(&rules, calls), "THINK PR VERIFY IMPLEMENT IMPLEMENT IMPLEMENT");
}

#[test]
fn the_first_rule_wins_and_what_goes_on_has_the_phase_before() {
    let rules = "rules:
      - { name: edits, when: { tools: [edit] }, phase: a }
      - { name: edits-of-tests, when: { files: [tests] }, phase: b }
      - { name: looks, when: { tools: [read] }, continues: true }";
    let rules = SessionPhases::from_yaml(rules, &[]).unwrap();
    assert_eq!(phases_of(&rules, "read, edit/tests, read, read/tests, read, web, read"), "- A A B B - -");
    let session = session("read, edit/tests, read, read/tests, web");
    let rules: Vec<Option<usize>> = sorted(&rules, &session).into_iter().map(|call| call.rule).collect();
    assert_eq!(rules, [Some(2), Some(0), Some(2), Some(1), None]);
}

#[test]
fn the_shipped_rules_give_a_session_the_phases_that_a_reader_would() {
    for (calls, expected) in [
        // Read, planned, changed, tested, read on, changed again, tested, looked over, committed, answered.
        (
            "+ [rg x], read, plan, edit/code, read, [cargo test], read, edit/code, [cargo test], [git diff], [git commit], +",
            "THINK THINK PLAN IMPLEMENT IMPLEMENT VERIFY VERIFY IMPLEMENT VERIFY REVIEW PR PR",
        ),
        ("+ p read, p plan, edit, plan, +", "PLAN PLAN IMPLEMENT IMPLEMENT IMPLEMENT"),
        ("edit/tests, [uv run pytest -q], [gh pr create], [gh run watch]", "VERIFY VERIFY PR MONITOR"),
        ("+, read, agent", "- THINK THINK"),
        // Nothing is named: by what was written.
        ("+ =9, =50, =399, =400, =30, +", "THINK THINK THINK IMPLEMENT IMPLEMENT IMPLEMENT"),
        ("+", "THINK"),
    ] {
        assert_eq!(phases_of(&shipped(), calls), expected, "{calls}");
    }
}

#[test]
fn going_back_to_a_phase_is_another_attempt_of_it() {
    for (phases, expected) in [
        ("A A B B", "A#1 0-1, B#1 2-3"),
        ("A B A A B", "A#1 0-0, B#1 1-1, A#2 2-3, B#2 4-4"),
        ("- A - A - B - A -", "A#1 1-3, B#1 5-5, A#2 7-7"),
        ("- -", ""),
        ("", ""),
    ] {
        let phase = |word: &str| (word != "-").then(|| word.parse().unwrap());
        let sorted: Vec<Sorted> =
            phases.split_whitespace().map(|word| Sorted { rule: None, phase: phase(word) }).collect();
        let shown: Vec<String> = executions(&sorted)
            .iter()
            .map(|it| format!("{}#{} {}-{}", it.id.phase, it.id.attempt, it.first, it.last))
            .collect();
        assert_eq!(shown.join(", "), expected, "{phases}");
    }
}

#[test]
fn what_a_phase_was_concluded_from_follows_from_the_conditions() {
    let basis = |when: &str, gives: &str| {
        let text = format!("rules: [{{ name: a, when: {when}, {gives} }}]");
        SessionPhases::from_yaml(&text, &[]).unwrap().rules[0].basis()
    };
    assert_eq!(basis("{ tools: [edit] }", "phase: a"), Basis::Activity);
    assert_eq!(basis("{ plan_mode: true, share_of_calls: { to: 9 } }", "phase: a"), Basis::Activity);
    assert_eq!(basis("{ written_tokens: { from: 1 } }", "phase: a"), Basis::Activity);
    assert_eq!(basis("{ tools: [edit] }", "continues: true"), Basis::Continued);
    assert_eq!(basis("{ turns: { to: 1 } }", "phase: a"), Basis::Position);
    assert_eq!(basis("{ tools_recorded: false, share_of_time: { to: 9 } }", "phase: a"), Basis::Position);
}

#[test]
fn files_are_classed_by_their_paths() {
    use crate::session_phases::files::{FileClass, class};
    for (path, expected) in [
        ("src/a.rs", FileClass::Code),
        ("/srv/x/tests/fixtures/a.json", FileClass::Tests),
        ("C:\\w\\Tests\\A.cs", FileClass::Tests),
        ("src/contest.rs", FileClass::Code),
        ("src/latest/a.rs", FileClass::Code),
        ("src/a_test.go", FileClass::Tests),
        ("test_a.py", FileClass::Tests),
        ("web/a.spec.ts", FileClass::Tests),
        ("src/domain/tests.rs", FileClass::Tests),
        ("conftest.py", FileClass::Tests),
        ("README.md", FileClass::Docs),
        ("docs/a.py", FileClass::Docs),
        ("", FileClass::Code),
        ("Makefile", FileClass::Code),
    ] {
        assert_eq!(class(path), expected, "{path}");
    }
}
