//! What the section `progress` may contain, and what it means where it is left out.

use super::super::{BudgetConfig, BudgetedLatency};
use super::*;

fn phase(name: &str) -> Phase {
    name.parse().unwrap()
}

fn read(yaml: &str) -> ProgressRules {
    BudgetConfig::from_yaml(yaml).unwrap().progress.unwrap()
}

#[test]
fn without_the_section_nothing_changes_and_with_it_the_defaults_are_in_the_hash() {
    let built_in = BudgetConfig::built_in();
    for absent in ["rollout: observe", "progress:\nrollout: observe"] {
        let config = BudgetConfig::from_yaml(absent).unwrap();
        assert_eq!((config.progress.is_none(), config.hash()), (true, built_in.hash()), "{absent}");
    }
    let config = BudgetConfig::from_yaml("progress: {}").unwrap();
    let names: Vec<Phase> = built_in.phases.iter().map(|base| base.phase.clone()).collect();
    assert_eq!(config.progress, Some(ProgressRules::of_phases(&names)));
    let added: Vec<String> = config.canonical().lines().map(str::to_owned).collect();
    let known: Vec<String> = built_in.canonical().lines().map(str::to_owned).collect();
    let added: Vec<String> = added.into_iter().filter(|line| !known.contains(line)).collect();
    insta::assert_snapshot!(added.join("\n"));
}

#[test]
fn waiting_is_not_charged_unless_the_file_says_so() {
    for (yaml, budgeted) in [
        ("rollout: observe", BudgetedLatency::Full),
        ("progress: {}", BudgetedLatency::Active),
        ("progress: {}\nbudgeted_latency: full", BudgetedLatency::Full),
        ("budgeted_latency: active", BudgetedLatency::Active),
    ] {
        assert_eq!(BudgetConfig::from_yaml(yaml).unwrap().budgeted_latency, budgeted, "{yaml}");
    }
}

#[test]
fn signals_are_read_in_the_order_of_the_phases_and_replace_the_defaults() {
    let rules = read(
        "progress: { signals: { verify: { tests_passing: 2 }, SPEC: { criteria_defined: 1 } }, expected_points: { VERIFY: 40 } }",
    );
    let of = |name: &str, signal: &str, points, expected_points| PhaseSignals {
        phase: phase(name),
        points: BTreeMap::from([(signal.to_owned(), points)]),
        expected_points,
    };
    assert_eq!(
        rules.phases,
        [of("SPEC", "criteria_defined", 1, None), of("VERIFY", "tests_passing", 2, Some(40))]
    );
    assert_eq!(rules.signals_of(&phase("PLAN")), None, "what is not listed is not judged");
}

#[test]
fn every_problem_is_named_at_once() {
    let yaml = "progress:
  signals: { VERIFI: { a: 1 }, VERIFY: { 'a b': 1, tests_passing: 0, c: many }, verify: { d: 1 } }
  expected_points: { PLAN: 3 }
  check_percent: 0
  productive_rate: 0
  extension: -1
  ceiling: 0.5
  extension_raises_total: sometimes
  spinning_repeats: 1
  spinning_share: 0.1234567
  spinning_action: stop
  carry_forward: 1.1
  carry_phases: [VERIFY, 7]
  forecast_warn: 2000
  forecast_min_phases: 0
  later: 1
rollout: never
";
    let error = BudgetConfig::from_yaml(yaml).unwrap_err();
    let problems: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(problems.join("\n"));
    let many: Vec<String> = (0..65).map(|nth| format!("s{nth}: 1")).collect();
    let many = format!("progress: {{ signals: {{ PLAN: {{ {} }} }} }}", many.join(", "));
    assert!(BudgetConfig::from_yaml(&many.replace(", s64: 1", "")).is_ok());
    for (yaml, says) in [
        (many.as_str(), "progress.signals: `65 signals`: must name at most 64 signals in all"),
        ("progress: 5", "progress: `5`: must be a mapping, is a number"),
        ("progress: { ceiling: 1 }", "progress.ceiling: `1`: must be above 1 where `extension`"),
        (
            "progress: { ceiling: 1, extension: 0, carry_forward: 0.5 }",
            "progress.ceiling: `1`: must be above 1",
        ),
    ] {
        let error = BudgetConfig::from_yaml(yaml).unwrap_err().to_string();
        assert!(error.starts_with(&format!("line 1: {says}")), "{yaml}: {error}");
    }
}
