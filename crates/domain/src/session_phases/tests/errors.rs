//! Files that cannot be used, with everything that is said of them.

use std::fmt::Write as _;

use super::*;

#[test]
fn every_problem_is_named_with_field_value_and_rule() {
    let built_in = BudgetConfig::built_in();
    let rule = |rest: &str| format!("rules: [{{ {rest} }}]");
    let when = |when: &str| format!("rules: [{{ name: a, when: {{ {when} }}, phase: PLAN }}]");
    let mut said = String::new();
    for text in [
        String::new(),
        "- a".to_owned(),
        "rules:".to_owned(),
        "rule: []".to_owned(),
        "rules: []".to_owned(),
        "rules: edit".to_owned(),
        "rules: [edit]".to_owned(),
        rule("name: a"),
        rule("when: { tools: [edit] }, phase: PLAN"),
        rule("name: A b, when: { tools: [edit] }, phase: PLAN"),
        rule("name: 7, when: { tools: [edit] }, phase: PLAN"),
        rule("name: a, when: { tools: [edit] }, phase: PLANN"),
        rule("name: a, when: { tools: [edit] }, phase: 'a b'"),
        rule("name: a, when: { tools: [edit] }, phase: [PLAN]"),
        rule("name: a, when: { tools: [edit] }, phase: PLAN, continues: true"),
        rule("name: a, when: { tools: [edit] }, continues: false"),
        rule("name: a, when: { tools: [edit] }, continues: 1"),
        rule("name: a, when: { tools: [edit] }, phase: PLAN, then: b"),
        rule("name: a, when: {}, phase: PLAN"),
        when("tool: [edit]"),
        when("tools: edit"),
        when("tools: []"),
        when("tools: [edits, 3]"),
        when("commands: ['a | b', 3, '']"),
        when("files: [test]"),
        when("plan_mode: on"),
        when("before_edit: 1"),
        when("turns: 1"),
        when("turns: {}"),
        when("turns: { from: 0 }"),
        when("turns: { from: 3, to: 2 }"),
        when("share_of_calls: { from: 20, to: 20 }"),
        when("share_of_time: { from: -1, to: 101 }"),
        when("tools_recorded: false, tools: [edit]"),
        when("commands: [ls], tools: [edit]"),
        when("commands: [ls], files: [tests]"),
        when("tools: [edit], before_edit: true"),
        "rules:
          - { name: a, when: { tools: [edit] }, phase: PLAN }
          - { name: a, when: { tools: [edit] }, phase: NONE }
          - { name: B, when: { turns: { from: 2, to: 1 } } }"
            .to_owned(),
    ] {
        let error = SessionPhases::from_yaml(&text, &[("mine.yaml", &built_in)]).unwrap_err();
        assert!(!error.problems.is_empty());
        writeln!(said, "{text}").unwrap();
        for problem in error.problems {
            writeln!(said, "    {problem}").unwrap();
        }
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_phase_has_to_be_one_of_every_config() {
    let built_in = BudgetConfig::built_in();
    let other = BudgetConfig::from_yaml(
        "base_budgets: { BUILD: { tokens: 1, latency_ms: 1 } }\nphases: [BUILD]\nphase_weights: { BUILD: 1 }\n\
         stop_loss: { checkpoint_phase: BUILD, nearly_done_phases: [] }",
    )
    .unwrap();
    let rules = "rules: [{ name: a, when: { tools: [edit] }, phase: BUILD }]";
    assert!(SessionPhases::from_yaml(rules, &[("other.yaml", &other)]).is_ok());
    let error =
        SessionPhases::from_yaml(rules, &[("other.yaml", &other), ("built-in", &built_in)]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 1: rules[0].phase: `BUILD`: must be a phase of the config built-in: ")
    );
    let error = SessionPhases::from_yaml(DEFAULT_RULES, &[("other.yaml", &other)]).unwrap_err();
    assert!(error.problems.len() > 10, "every rule is named: {error}");
}
