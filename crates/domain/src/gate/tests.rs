//! The rules of the gate as tables. A Medium/medium task: 23,400 tokens and 573,000 ms in all.

use super::*;
use crate::config::{BudgetConfig, Profile};
use crate::decimal::Decimal;
use crate::limits::task_limits;
use crate::metadata::TaskMetadata;
use crate::tier::Importance;

/// One line per case: `settings | tokens% latency% phase% | advance | verdict: reason codes`.
///
/// The percentages are of the task's tokens, the task's latency, and the tokens of the phase being left (THINK).
#[track_caller]
fn check(table: &str) {
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [settings, used, advance, then]: [&str; 4] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("4 columns");
        let decided = case(settings, used, advance);
        let mut codes: Vec<&str> = decided.reasons.iter().map(|reason| reason.code.as_str()).collect();
        codes.dedup();
        let got = format!("{}: {}", decided.verdict.as_str(), codes.join(" "));
        assert_eq!(got.trim_end(), then, "case: {line}");
    }
}

fn case(settings: &str, used: &str, advance: &str) -> GateDecided {
    let mut config = BudgetConfig::built_in();
    let mut metadata = TaskMetadata::default();
    let mut passes = Vec::new();
    for setting in settings.split_whitespace() {
        match setting {
            "observe" => config.rollout = Rollout::Observe,
            "enforce" => config.rollout = Rollout::Enforce,
            "low_medium" => config.rollout = Rollout::EnforceLowMedium,
            "off" => config.stop_loss.enabled = false,
            "high" => metadata.importance = Some(Importance::High),
            "tracked" => metadata.enforcement = Enforcement::Off,
            "latency=block" => config.stop_loss.latency_action = BreachAction::Block,
            "phase=block" => config.stop_loss.per_phase_action = BreachAction::Block,
            "pass" => passes.push(advance.parse().unwrap()),
            "graduated" => config.stop_loss.thresholds.profile = Profile::Graduated,
            "loose" => {
                let text = crate::config::DEFAULT_CONFIG.replace("profile: strict ", "profile: loose ");
                config = BudgetConfig::from_yaml(&text).unwrap();
                config.rollout = Rollout::Enforce;
            }
            other => panic!("unknown setting {other}"),
        }
    }
    let limits = task_limits(&config, &metadata).unwrap();
    let percents: Vec<u128> = used.split_whitespace().map(|percent| percent.parse().unwrap()).collect();
    let of = |limit: u64, percent: u128| u128::from(limit) * percent / 100;
    let think: Phase = "THINK".parse().unwrap();
    let phase_limit = limits.phase(&think).unwrap().tokens;
    let active = ExecutionId { phase: think.clone(), attempt: 1 };
    let standing = TaskFigures {
        task: "T-1",
        limits: Some(&limits),
        enforcement: metadata.enforcement,
        tokens_used: of(limits.total_tokens(), percents[0]),
        latency_ms: of(limits.total_latency_ms(), percents[1]),
        leaving: Some(PhaseFigures {
            phase: think,
            tokens_used: of(phase_limit, percents[2]),
            latency_ms: 0,
        }),
        active: Some(&active),
        passes: &passes,
        progress: None,
    };
    let advance = advance.parse().unwrap();
    let decided = decide(&standing, &advance, Switches::from(&config));
    let mut silent = decide_without_sentences(&standing, &advance, Switches::from(&config));
    for (silent, said) in silent.reasons.iter_mut().zip(&decided.reasons) {
        silent.message.clone_from(&said.message);
    }
    assert_eq!(silent, decided, "without sentences it is the same decision");
    decided
}

#[test]
fn tokens_before_and_after_the_checkpoint() {
    check(
        "
        enforce | 100 0 0 | IMPLEMENT  | allow:
        enforce | 101 0 0 | IMPLEMENT  | warn: token_budget_warning
        enforce | 150 0 0 | VERIFY     | warn: token_budget_warning
        enforce | 151 0 0 | VERIFY     | block: token_budget_exceeded
        enforce | 120 0 0 | REVIEW     | warn: token_budget_warning
        enforce | 121 0 0 | REVIEW     | block: token_budget_exceeded
        enforce | 125 0 0 | PR         | block: token_budget_exceeded
        enforce | 125 0 0 | MONITOR    | block: token_budget_exceeded
        enforce | 121 0 0 | completion | block: token_budget_exceeded
        enforce | 100 0 0 | completion | allow:
        ",
    );
}

#[test]
fn latency_and_single_phases_warn_or_block_as_configured() {
    check(
        "
        enforce                           | 50 120 0  | REVIEW  | allow:
        enforce                           | 50 121 0  | REVIEW  | warn: latency_budget_exceeded
        enforce latency=block             | 50 121 0  | REVIEW  | block: latency_budget_exceeded
        enforce                           | 50 0 150  | REVIEW  | allow:
        enforce                           | 50 0 151  | REVIEW  | warn: phase_budget_exceeded
        enforce phase=block               | 50 0 151  | REVIEW  | block: phase_budget_exceeded
        enforce phase=block latency=block | 50 130 151 | PLAN   | block: latency_budget_exceeded phase_budget_exceeded
        ",
    );
}

#[test]
fn nearly_done_softens_latency_and_phase_blocks_but_never_tokens() {
    check(
        "
        enforce latency=block | 109 121 0 | PR         | warn: token_budget_warning latency_budget_exceeded nearly_done
        enforce latency=block | 110 121 0 | PR         | block: token_budget_warning latency_budget_exceeded
        enforce latency=block | 50 121 0  | REVIEW     | block: latency_budget_exceeded
        enforce phase=block   | 50 0 200  | MONITOR    | warn: phase_budget_exceeded nearly_done
        enforce phase=block   | 50 0 200  | completion | warn: phase_budget_exceeded nearly_done
        enforce latency=block | 125 121 0 | PR         | block: token_budget_exceeded latency_budget_exceeded
        ",
    );
}

#[test]
fn profiles() {
    check(
        "
        loose             | 140 0 0 | REVIEW | warn: token_budget_warning
        loose             | 151 0 0 | REVIEW | block: token_budget_exceeded
        loose             | 50 0 199 | REVIEW | allow:
        loose             | 50 0 201 | REVIEW | warn: phase_budget_exceeded
        graduated enforce | 120 0 0 | PLAN   | allow:
        graduated enforce | 150 0 0 | REVIEW | warn: token_budget_warning
        graduated enforce | 200 0 0 | REVIEW | warn: token_budget_warning
        graduated enforce | 201 0 0 | PLAN   | block: token_budget_exceeded
        ",
    );
    let requirements = |used: &str| case("graduated enforce", used, "REVIEW").requirements;
    assert_eq!(requirements("121 0 0"), [Requirement::Review]);
    assert_eq!(requirements("151 0 0"), [Requirement::PostMortem]);
    assert_eq!(requirements("201 0 0"), [Requirement::Remediation, Requirement::Investigation]);
}

#[test]
fn what_keeps_a_block_from_blocking_says_so() {
    check(
        "
        observe         | 130 0 0 | REVIEW | warn: token_budget_exceeded observe_only
        observe         | 50 0 0  | REVIEW | allow:
        low_medium      | 130 0 0 | REVIEW | block: token_budget_exceeded
        low_medium high | 130 0 0 | REVIEW | warn: token_budget_exceeded rollout_exempt
        enforce high    | 130 0 0 | REVIEW | block: token_budget_exceeded
        enforce off     | 130 0 0 | REVIEW | warn: token_budget_exceeded stop_loss_disabled
        enforce off     | 50 0 0  | REVIEW | allow: stop_loss_disabled
        enforce tracked | 130 0 0 | REVIEW | warn: token_budget_exceeded tracking_only
        enforce pass    | 130 0 0 | REVIEW | warn: token_budget_exceeded override_granted
        ",
    );
    let observed = case("observe", "130 0 0", "REVIEW");
    assert_eq!((observed.ruled, observed.verdict), (Verdict::Block, Verdict::Warn));
}

#[test]
fn the_message_names_everything() {
    let decided = case("enforce", "127 0 160", "REVIEW");
    assert_eq!(decided.reasons[0].message, "Task T-1 exceeded token budget: 29,718 / 23,400 (127%)");
    assert_eq!(
        decided.reasons[1].message,
        "Phase THINK of task T-1 exceeded its token budget: 9,600 / 6,000 (160%)"
    );
    assert_eq!(decided.requirements, [Requirement::Remediation, Requirement::Explanation]);
    assert_eq!((decided.remaining_tokens, decided.remaining_latency_ms), (Some(0), Some(135_000)));
}

#[test]
fn a_task_without_limits_is_allowed_and_says_why() {
    let standing = TaskFigures {
        task: "T-1",
        limits: None,
        enforcement: Enforcement::On,
        tokens_used: 1_000_000_000,
        latency_ms: 0,
        leaving: None,
        active: None,
        passes: &[],
        progress: None,
    };
    let decided = decide(&standing, &Advance::Completion, Switches::from(&BudgetConfig::built_in()));
    assert_eq!((decided.verdict, decided.tokens), (Verdict::Allow, None));
    assert_eq!(decided.reasons[0].code, ReasonCode::NoLimits);
}

#[test]
fn thresholds_are_the_tasks_own() {
    // The config in force is more lenient than the one the task was opened under: the task keeps its own.
    let mut limits = task_limits(&BudgetConfig::built_in(), &TaskMetadata::default()).unwrap();
    limits.thresholds.cumulative_token = Decimal::new(11, 1);
    let used = u128::from(limits.total_tokens()) * 115 / 100;
    let standing = TaskFigures {
        task: "T-1",
        limits: Some(&limits),
        enforcement: Enforcement::On,
        tokens_used: used,
        latency_ms: 0,
        leaving: None,
        active: None,
        passes: &[],
        progress: None,
    };
    let mut config = BudgetConfig::built_in();
    config.rollout = Rollout::Enforce;
    let decided = decide(&standing, &Advance::Completion, Switches::from(&config));
    assert_eq!(decided.verdict, Verdict::Block);
}
