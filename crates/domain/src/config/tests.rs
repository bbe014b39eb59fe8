//! What a config may contain, and the errors for what it may not.

use super::*;
use crate::yaml::ConfigProblem;

#[track_caller]
fn problems(text: &str) -> Vec<String> {
    let error = BudgetConfig::from_yaml(text).expect_err("must be refused");
    error.problems.iter().map(ConfigProblem::message).collect()
}

/// The shipped config with one line replaced.
fn edited(from: &str, to: &str) -> String {
    assert!(DEFAULT_CONFIG.contains(from), "{from}");
    DEFAULT_CONFIG.replace(from, to)
}

#[test]
fn the_shipped_config_is_valid_and_has_the_documented_defaults() {
    let config = BudgetConfig::built_in();
    assert_eq!(config.phases.len(), 9);
    assert_eq!(config.rollout, Rollout::Observe);
    assert!(config.stop_loss.enabled);
    assert_eq!(config.stop_loss.thresholds.cumulative_token, Decimal::new(12, 1));
    assert_eq!(config.stop_loss.on_stale, StalePolicy::Open);
    assert_eq!(config.pressure_levels, [50, 80, 90, 100, 150]);
}

#[test]
fn a_file_with_only_the_older_keys_loads_and_means_the_defaults() {
    let older = "
base_budgets:
  strategize: {tokens: 3000, latency_ms: 60000}
  spec: {tokens: 1500, latency_ms: 40000}
  plan: {tokens: 2000, latency_ms: 50000}
  think: {tokens: 4000, latency_ms: 90000}
  implement: {tokens: 3500, latency_ms: 120000}
  verify: {tokens: 2500, latency_ms: 60000}
  review: {tokens: 2000, latency_ms: 50000}
  pr: {tokens: 1500, latency_ms: 30000}
  monitor: {tokens: 1000, latency_ms: 20000}
complexity_multipliers: {Tiny: 0.50, Small: 0.8, Medium: 1, Large: 1.5}
importance_multipliers: {low: 0.7, medium: 1.0, high: 1.5, critical: 2.0}
phase_weights: {strategize: 1.5, spec: 1.0, plan: 1.2, think: 1.5, implement: 1.0, verify: 0.8, review: 1.0, pr: 0.6, monitor: 0.6}
";
    let config = BudgetConfig::from_yaml(older).unwrap();
    assert_eq!(config, BudgetConfig::built_in());
    assert_eq!(config.hash(), BudgetConfig::built_in().hash());
}

#[test]
fn the_hash_follows_the_meaning_and_is_stable() {
    let built_in = BudgetConfig::built_in().hash();
    assert_eq!(built_in, "7ee5b86b00a9be78d55502478bc8099a40d018985396bf8b3452e83dbb67dc98");
    let respelled =
        edited("{ tokens: 4000, latency_ms: 90000 }", "{ latency_ms: 90000, tokens: 4000 } # the same");
    assert_eq!(BudgetConfig::from_yaml(&respelled).unwrap().hash(), built_in);
    let changed = edited("tokens: 4000", "tokens: 4001");
    assert_ne!(BudgetConfig::from_yaml(&changed).unwrap().hash(), built_in);
}

#[test]
fn ec01_ec03_multipliers_out_of_range_are_refused() {
    let text =
        edited("Tiny: 0.5, Small: 0.8", "Tiny: 0, Small: -1").replace("critical: 2.0", "critical: 10.5");
    assert_eq!(
        problems(&text),
        [
            "complexity_multipliers.Tiny: `0`: must be above 0 and at most 10",
            "complexity_multipliers.Small: `-1`: must be above 0 and at most 10",
            "importance_multipliers.critical: `10.5`: must be above 0 and at most 10",
        ]
    );
}

#[test]
fn ec02_a_missing_phase_is_named() {
    let text = edited("  MONITOR: { tokens: 1000, latency_ms: 20000 }\n", "");
    assert!(problems(&text).contains(&"base_budgets: missing base budget for phase MONITOR".to_owned()));
    let text = edited("  MONITOR: 0.6\n", "");
    assert_eq!(problems(&text), ["phase_weights: missing weight for phase MONITOR"]);
}

#[test]
fn a_phase_is_added_by_editing_the_config() {
    let text = edited(
        "  PR: { tokens: 1500, latency_ms: 30000 }\n",
        "  DEPLOY: { tokens: 700, latency_ms: 9000 }\n  PR: { tokens: 1500, latency_ms: 30000 }\n",
    )
    .replace("  PR: 0.6\n", "  PR: 0.6\n  deploy: 1.1\n");
    let config = BudgetConfig::from_yaml(&text).unwrap();
    let names: Vec<&str> = config.phases.iter().map(|base| base.phase.as_str()).collect();
    assert_eq!(names[6..], ["REVIEW", "DEPLOY", "PR", "MONITOR"]);
}

#[test]
fn phases_of_its_own_replace_the_default_nine() {
    let text = "
phases: [draft, check]
base_budgets: {check: {tokens: 10, latency_ms: 20}, draft: {tokens: 30, latency_ms: 40}}
phase_weights: {draft: 1, check: 0.5}
";
    let config = BudgetConfig::from_yaml(text).unwrap();
    let names: Vec<&str> = config.phases.iter().map(|base| base.phase.as_str()).collect();
    assert_eq!(names, ["DRAFT", "CHECK"]);
    assert_eq!(config.stop_loss.thresholds.checkpoint_phase, None);
    assert!(config.stop_loss.thresholds.nearly_done_phases.is_empty());
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = edited("{ tokens: 4000, latency_ms: 90000 }", "{ tokens: 4000.5, latency_ms: 0, money: 1 }")
        .replace("  THINK: 1.5", "  THINKK: 1.5")
        .replace("enabled: true", "enabled: 1")
        .replace("latency_action: warn ", "latency_action: blok ")
        .replace("Large: 1.5", "Huge: 1.5")
        .replace("rollout: observe", "rolout: observe");
    let problems = problems(&text);
    let expected = [
        "base_budgets.THINK.tokens: `4000.5`: must be a whole number above 0 and at most 10000000000",
        "base_budgets.THINK.latency_ms: `0`: must be a whole number above 0 and at most 10000000000",
        "base_budgets.THINK.money: `1`: unknown key, must be one of tokens, latency_ms",
        "phase_weights: missing weight for phase THINK",
        "phase_weights.THINKK: unknown phase, it has no base budget or is not listed in `phases`; \
         did you mean `THINK`?",
        "complexity_multipliers.Huge: `1.5`: unknown tier, must be one of Tiny, Small, Medium, Large",
        "stop_loss.enabled: `1`: must be true or false, is a number",
        "stop_loss.latency_action: `blok`: must be one of warn, block; did you mean `block`?",
        "rolout: `observe`: unknown key, must be one of phases, base_budgets, complexity_multipliers, \
         importance_multipliers, phase_weights, stop_loss, rollout, budgeted_latency, pressure_levels, alerts, prices, tracking, reports, progress, pool; \
         did you mean `rollout`?",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn wrong_types_and_shapes_are_named_with_their_path() {
    let text = edited("  SPEC: { tokens: 1500, latency_ms: 40000 }", "  SPEC: 1500")
        .replace("tokens: 2000, latency_ms: 50000 }\n  THINK", "tokens: many, latency_ms: 50000 }\n  THINK")
        .replace("pressure_levels: [50, 80, 90, 100, 150]", "pressure_levels: [50, 40, x]")
        .replace("cumulative_token_threshold: 1.2 ", "cumulative_token_threshold: -0.5 ")
        .replace("checkpoint_phase: VERIFY", "checkpoint_phase: VERFY");
    let problems = problems(&text).join("\n");
    for expected in [
        "base_budgets.SPEC: `1500`: must be a mapping, is a number",
        "base_budgets.PLAN.tokens: `many`: must be a whole number, is text",
        "pressure_levels: `40`: levels must ascend",
        "pressure_levels: `x`: must be a whole number, is text",
        "stop_loss.cumulative_token_threshold: `-0.5`: must be above 0",
        "stop_loss.checkpoint_phase: `VERFY`: unknown phase",
    ] {
        assert!(problems.contains(expected), "{expected}\nin\n{problems}");
    }
}

#[test]
fn a_file_that_is_no_yaml_names_the_line() {
    let problems = problems("base_budgets: [1, 2\nrollout: observe\n");
    assert!(problems[0].contains("not readable as YAML") && problems[0].contains("line"), "{problems:?}");
}

#[test]
fn one_mistake_is_one_problem() {
    for (text, says) in [
        ("", "the file holds no settings: it must be a mapping"),
        ("- 1\n", "the file is a list: it must be a mapping"),
        ("rolout: observe\n", "did you mean `rollout`?"),
        (
            "base_budgets: []\nphase_weights: {THINK: 1}\nphases: [THINK]",
            "base_budgets: `a list`: must be a mapping",
        ),
        (
            "phases: [THINK]\nbase_budgets: {THINK: {tokens: 1, latency_ms: 1}}",
            "phase_weights: must be given",
        ),
        ("phase_weights: {THINK: 1}\nphases: [THINK]\nbase_budgets:\n", "base_budgets: must be given"),
        ("phase_weights: {THINK: 1}\nphases: [THINK]\nbase_budgets: {}\n", "base_budgets: must be given"),
    ] {
        let problems = problems(text);
        assert!(
            problems.len() == 1 && problems[0].contains(says),
            "{text}\nmust say: {says}\nsays: {problems:#?}"
        );
    }
}

#[test]
fn numbers_are_read_from_their_text() {
    // As a binary float this would become 1.2 and be accepted.
    let text =
        edited("cumulative_token_threshold: 1.2 ", "cumulative_token_threshold: 1.20000000000000000001 ");
    assert_eq!(
        problems(&text),
        [
            "stop_loss.cumulative_token_threshold: `1.20000000000000000001`: must have at most 18 digits and 27 decimal \
          places, so that it stays exact"
        ]
    );
}

#[test]
fn a_file_that_says_nothing_of_phases_keeps_the_shipped_ones() {
    let config = BudgetConfig::from_yaml("rollout: enforce\n").unwrap();
    assert_eq!(config, BudgetConfig { rollout: Rollout::Enforce, ..BudgetConfig::built_in() });
    let taken = "phases: [Completion]\nbase_budgets: {completion: {tokens: 1, latency_ms: 1}}\nphase_weights: {COMPLETION: 1}\n";
    let problems = BudgetConfig::from_yaml(taken).unwrap_err().problems;
    assert!(problems[0].rule.contains("choose another"), "{problems:?}");
    let problems = BudgetConfig::from_yaml("phase_weights: {PLAN: 1.0}\n").unwrap_err().problems;
    assert!(problems.iter().any(|problem| problem.field.contains("base_budgets")), "{problems:?}");
}

#[test]
fn tracking_is_on_unless_a_file_switches_it_off_and_only_then_part_of_the_hash() {
    let [left_out, on, off] =
        ["rollout: enforce", "tracking: true\nrollout: enforce", "tracking: false\nrollout: enforce"]
            .map(|text| BudgetConfig::from_yaml(text).unwrap());
    assert_eq!((left_out.tracking, on.tracking, off.tracking), (true, true, false));
    assert_eq!(left_out.hash(), on.hash(), "hashes that logs hold stay");
    assert_ne!(on.hash(), off.hash());
    let problems = problems("tracking: perhaps");
    assert!(problems[0].starts_with("tracking: `perhaps`"), "{problems:?}");
}
