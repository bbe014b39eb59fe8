//! Tables of what happened and what follows, and the laws that hold whatever happens.

use proptest::prelude::*;

use super::task::Fact;
use super::*;
use crate::config::BudgetConfig;
use crate::limits::{TaskLimits, task_limits};
use crate::metadata::TaskMetadata;
use crate::phase::Phase;

/// Three phases with limits of 1,000, 2,000 and 1,000 tokens, and a point for each `done`.
pub(crate) fn limits(progress: &str) -> TaskLimits {
    let yaml = format!(
        "phases: [PLAN, BUILD, TEST]
base_budgets: {{ PLAN: {{ tokens: 1000, latency_ms: 1 }}, BUILD: {{ tokens: 2000, latency_ms: 1 }}, TEST: {{ tokens: 1000, latency_ms: 1 }} }}
phase_weights: {{ PLAN: 1, BUILD: 1, TEST: 1 }}
progress: {{ signals: {{ PLAN: {{ done: 1 }}, BUILD: {{ done: 1, files: 2 }} }}, productive_rate: 4{progress} }}"
    );
    let config = BudgetConfig::from_yaml(&yaml).unwrap();
    task_limits(&config, &TaskMetadata::default()).unwrap()
}

fn named(word: &str) -> Option<Phase> {
    (word != "-").then(|| word.parse().unwrap())
}

pub(crate) fn happen(limits: &TaskLimits, steps: &str) -> TaskProgress {
    let mut task = TaskProgress::default();
    for step in steps.split(", ").filter(|step| !step.is_empty()) {
        let words: Vec<&str> = step.split(' ').collect();
        let (phase, fact) = match words[..] {
            ["start", phase] => (phase, Fact::Started),
            ["end", phase] => (phase, Fact::Ended),
            ["wait", phase, ms] => (phase, Fact::Waited(ms.parse().unwrap())),
            [tokens, phase] if tokens.starts_with('+') => (phase, Fact::Used(tokens.parse().unwrap())),
            [tokens, phase] if tokens.starts_with('-') => (phase, Fact::Corrected(tokens.parse().unwrap())),
            [name, phase, value] => {
                (phase, Fact::Signalled { name, key: None, value: value.parse().unwrap() })
            }
            [name, phase, value, key] => {
                (phase, Fact::Signalled { name, key: Some(key), value: value.parse().unwrap() })
            }
            _ => panic!("unknown step: {step}"),
        };
        task.take(limits, named(phase).as_ref(), fact);
    }
    task
}

/// The figures that a case names, as it names them.
fn shown(task: &TaskProgress, limits: &TaskLimits, expected: &str) -> String {
    let figures = task.figures(limits).expect("a phase has started");
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let words = expected.split_whitespace().map(|word| {
        let (name, _) = word.split_once('=').unwrap();
        let value = match name {
            "pace" => figures.pace.to_string(),
            "tokens" => figures.tokens.to_string(),
            "points" => figures.points.to_string(),
            "since" => figures.since_progress_tokens.to_string(),
            "repeats" => figures.repeated.as_ref().map_or(0, |repeated| repeated.times).to_string(),
            "limit" => figures.effective_limit().to_string(),
            "extended" => figures.extended_tokens.to_string(),
            "in" => figures.carried_in_tokens.to_string(),
            "wait" => figures.wait_ms.to_string(),
            "checked" => figures.checked_percent.to_string(),
            "next" => number(figures.next_check_tokens),
            "total" => task.total_limit(limits).to_string(),
            "ends" => number(figures.forecast_phase_tokens),
            "task" => number(figures.forecast_task_tokens),
            "checks" => {
                let phase = task.phase(&figures.phase).unwrap();
                let checks = phase.checks.iter().map(|check| format!("{}:{}", check.percent, check.pace));
                checks.collect::<Vec<_>>().join(",")
            }
            phase => number(task.limit_of(&named(phase).unwrap(), limits)),
        };
        format!("{name}={value}")
    });
    words.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(progress: &str, cases: &str) {
    let limits = limits(progress);
    for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (steps, expected) = case.split_once(" | ").unwrap();
        let task = happen(&limits, steps.trim());
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(shown(&task, &limits, &expected), expected, "{case}");
    }
}

#[test]
fn a_phase_is_checked_at_each_quarter_of_its_own_limit() {
    check(
        ", spinning_share: 0",
        "
        start PLAN                                              | checked=0 next=250 checks=
        start PLAN, +249 PLAN                                   | checked=0 next=1
        start PLAN, done PLAN 1, +250 PLAN                      | checked=25 next=250 checks=25:productive
        start PLAN, done PLAN 0, +250 PLAN                      | checked=25 checks=25:slow
        start PLAN, +250 PLAN                                   | checked=25 checks=25:unknown
        start PLAN, done PLAN 3, +900 PLAN                      | checked=75 next=100 checks=75:slow
        start PLAN, done PLAN 1, +250 PLAN, +250 PLAN, done PLAN 1, +250 PLAN | checks=25:productive,50:slow,75:productive
        start PLAN, +250 PLAN, done PLAN 1                      | pace=productive checks=25:unknown
        start PLAN, +500 PLAN, -300 PLAN, +300 PLAN             | checked=50 checks=50:unknown
        start PLAN, +200 BUILD, +50 -                           | checked=0 tokens=0
        start TEST, done TEST 9, +600 TEST                      | pace=unknown checks=50:unknown
        start PLAN, done PLAN 1, +100 PLAN, wait PLAN 70, wait PLAN 5 | wait=75 tokens=100 pace=productive
        ",
    );
}

#[test]
fn a_productive_phase_is_extended_and_a_slow_one_is_not() {
    check(
        ", extension: 0.25, ceiling: 2, spinning_share: 0",
        "
        start PLAN, done PLAN 4, +999 PLAN                      | limit=1000 extended=0 total=4000
        start PLAN, done PLAN 4, +1000 PLAN                     | limit=1250 extended=250 pace=productive total=4000
        start PLAN, done PLAN 3, +1000 PLAN                     | limit=1000 extended=0 pace=slow
        start PLAN, +1000 PLAN, done PLAN 9                     | limit=1000
        start PLAN, done PLAN 1, +1000 PLAN, done PLAN 8, +250 PLAN | limit=1500 checks=100:slow,125:productive
        start PLAN, done PLAN 9, +2249 PLAN                     | limit=2000 extended=1000
        start PLAN, done PLAN 50, +9000 PLAN                    | limit=2000
        start PLAN, done PLAN 6, +1400 PLAN, -800 PLAN, +700 PLAN | limit=1500
        ",
    );
    check(
        ", spinning_share: 0, extension: 0.25, ceiling: 1.1, extension_raises_total: true",
        "start PLAN, done PLAN 9, +1200 PLAN | limit=1100 total=4100",
    );
    check(
        ", spinning_share: 0, extension: 0",
        "start PLAN, done PLAN 9, +1200 PLAN | limit=1000 pace=productive",
    );
}

#[test]
fn the_same_again_and_again_is_spinning() {
    check(
        ", spinning_repeats: 3, spinning_share: 0",
        "
        start PLAN, tool PLAN 1 a, tool PLAN 1 a                | repeats=2 pace=unknown
        start PLAN, tool PLAN 1 a, tool PLAN 1 a, tool PLAN 1 a | repeats=3 pace=spinning
        start PLAN, tool PLAN 1 a, tool PLAN 2 a                | repeats=3 pace=spinning
        start PLAN, tool PLAN 2 a, tool PLAN 1 b, tool PLAN 1 a | repeats=1 pace=unknown
        start PLAN, tool PLAN 2 a, read PLAN 1 a                | repeats=1
        start PLAN, tool PLAN 2 a, tool BUILD 1 a               | repeats=2
        start PLAN, tool PLAN 2 a, noise PLAN 5, tool PLAN 1 a  | repeats=3 pace=spinning
        start PLAN, tool PLAN 2 a, done PLAN 1, tool PLAN 1 a   | repeats=1 pace=productive
        start PLAN, tool PLAN 2 a, done PLAN 0, tool PLAN 1 a   | repeats=3 pace=spinning
        start PLAN, tool PLAN -1 a, tool PLAN 0 a               | repeats=0
        start PLAN, done PLAN 1 a, done PLAN 1 a, done PLAN 1 b | points=2
        start BUILD, files BUILD 1 a, files BUILD 1 b, done BUILD 1 | points=5
        start PLAN, tool PLAN 3 a, done PLAN 9, tool PLAN 1 b, +1000 PLAN | pace=productive extended=250
        start PLAN, done PLAN 9, tool PLAN 3 a, +1000 PLAN      | pace=spinning extended=0
        ",
    );
    check(", spinning_repeats: 0, spinning_share: 0", "start PLAN, tool PLAN 99 a | repeats=99 pace=unknown");
}

#[test]
fn too_much_without_progress_is_spinning_once_progress_is_reported_at_all() {
    check(
        ", spinning_repeats: 0, spinning_share: 0.5",
        "
        start PLAN, +400 PLAN, +101 PLAN                        | pace=unknown since=501
        start PLAN, done PLAN 0, +400 PLAN, +100 PLAN           | pace=slow
        start PLAN, done PLAN 0, +400 PLAN, +101 PLAN           | pace=spinning
        start PLAN, done PLAN 0, +501 PLAN                      | pace=slow
        start PLAN, done PLAN 0, +900 PLAN, -1 PLAN             | pace=slow
        start PLAN, done PLAN 0, +900 PLAN, -500 PLAN, +1 PLAN  | pace=slow since=401
        start PLAN, done PLAN 4, +400 PLAN, done PLAN 1, +400 PLAN, +100 PLAN | since=500 pace=slow
        start PLAN, done PLAN 4, +400 PLAN, done PLAN -2, done PLAN 2, +101 PLAN | since=501 pace=spinning
        start PLAN, done PLAN 1, end PLAN, start BUILD, +1 BUILD, +1000 BUILD | pace=spinning
        start PLAN, done PLAN 1, end PLAN, start TEST, +1 TEST, +1000 TEST | pace=unknown
        start PLAN, done PLAN 0, +500 PLAN, +1 PLAN, done PLAN 9 | pace=slow since=0
        ",
    );
}

#[test]
fn what_ended_phases_left_is_moved_once_to_phases_that_may_have_it() {
    check(
        ", carry_forward: 0.5, carry_phases: [BUILD, TEST], ceiling: 1.2",
        "
        start PLAN, +400 PLAN, end PLAN, start BUILD            | in=300 limit=2300 PLAN=700 total=4000
        start PLAN, +400 PLAN, start BUILD                      | in=0 PLAN=1000
        start PLAN, +400 PLAN, end PLAN, start BUILD, end BUILD, start BUILD | in=300 PLAN=700
        start PLAN, +400 PLAN, end PLAN, start TEST             | in=200 limit=1200 PLAN=800
        start PLAN, +400 PLAN, end PLAN, start TEST, end TEST, start BUILD | in=400 PLAN=700 TEST=900 BUILD=2400
        start PLAN, +1400 PLAN, end PLAN, start BUILD           | in=0 PLAN=1000
        start BUILD, end BUILD, start PLAN                      | in=0 BUILD=2000
        start PLAN, end PLAN, start BUILD, end BUILD, start PLAN, +900 PLAN, end PLAN, start TEST | in=200 PLAN=600 BUILD=2200 total=4000
        ",
    );
}

#[test]
fn forecasts_follow_ended_phases_or_the_phases_own_rate() {
    check(
        ", expected_points: { BUILD: 10 }, forecast_min_phases: 1",
        "
        start PLAN, +500 PLAN                                   | ends=- task=-
        start PLAN, +500 PLAN, end PLAN                         | ends=- task=2000
        start PLAN, +1501 PLAN, end PLAN, +10 -                 | task=6014
        start PLAN, +500 PLAN, end PLAN, start BUILD            | ends=1000 task=2000
        start PLAN, +500 PLAN, end PLAN, start BUILD, +1200 BUILD | ends=1200 task=2200
        start PLAN, +500 PLAN, end PLAN, start BUILD, done BUILD 4, +1200 BUILD | ends=3000 task=4000
        start BUILD, done BUILD 3, +1000 BUILD                  | ends=3334 task=-
        start BUILD, done BUILD 11, +1000 BUILD                 | ends=1000
        start BUILD, +1000 BUILD, end BUILD                     | task=1500
        start PLAN, +1000 PLAN, end PLAN, start PLAN            | ends=- task=-
        ",
    );
    check(
        ", forecast_min_phases: 2",
        "
        start PLAN, +500 PLAN, end PLAN                         | task=-
        start PLAN, +500 PLAN, end PLAN, start BUILD, +1000 BUILD, end BUILD | task=2000
        ",
    );
}

#[test]
fn a_forecast_is_kept_each_time_a_phase_ends_first() {
    let limits = limits("");
    let task = happen(
        &limits,
        "start PLAN, +500 PLAN, end PLAN, start BUILD, +3000 BUILD, end BUILD, start PLAN, end PLAN",
    );
    let kept: Vec<String> = task
        .forecasts
        .iter()
        .map(|forecast| {
            let later: Vec<String> =
                forecast.phases.iter().map(|(phase, tokens)| format!("{phase} {tokens}")).collect();
            format!("{}: {} in all; {}", forecast.after, forecast.task_tokens, later.join(", "))
        })
        .collect();
    assert_eq!(kept, ["PLAN: 2000 in all; BUILD 1000, TEST 500", "BUILD: 4667 in all; TEST 1167"]);
}

#[test]
fn only_the_latest_checks_are_kept_and_without_rules_nothing_is() {
    let mut limits = limits(", check_percent: 1");
    let steps: Vec<String> = (0..40).map(|_| "+10 PLAN".to_owned()).collect();
    let task = happen(&limits, &format!("start PLAN, {}", steps.join(", ")));
    let checks = &task.phases[0].checks;
    assert_eq!((checks.len(), checks[0].percent, checks[15].percent), (phase::KEPT_CHECKS, 25, 40));
    limits.progress = None;
    let task = happen(&limits, "start PLAN, +10 PLAN, done PLAN 3, +5 -, end PLAN");
    assert_eq!((task.figures(&limits), &task), (None, &TaskProgress::default()));
}

/// Any step, with numbers that may overflow.
fn step() -> impl Strategy<Value = (usize, u8, i64, u8)> {
    let value = prop_oneof![0..2_000_i64, -500..0_i64, any::<i64>()];
    (0..4_usize, 0..6_u8, value, 0..3_u8)
}

proptest! {
    #[test]
    fn budget_is_moved_and_never_made(steps in proptest::collection::vec(step(), 0..60)) {
        let limits = limits(", carry_forward: 0.7, ceiling: 1.6, extension: 0.3");
        let mut task = TaskProgress::default();
        for (place, kind, value, key) in steps {
            let phase = ["PLAN", "BUILD", "TEST", "-"][place];
            let key = ["a", "b", "c"][usize::from(key)];
            let fact = match kind {
                0 => Fact::Started,
                1 => Fact::Ended,
                2 => Fact::Used(value.into()),
                3 => Fact::Signalled { name: "done", key: None, value },
                4 => Fact::Signalled { name: "files", key: Some(key), value },
                _ => Fact::Waited(value.unsigned_abs()),
            };
            task.take(&limits, named(phase).as_ref(), fact);
            let (mut carried_in, mut carried_out) = (0, 0);
            for known in &task.phases {
                let own = limits.phase(&known.phase).unwrap().tokens;
                carried_in += known.carried_in;
                carried_out += known.carried_out;
                prop_assert!(known.effective_limit(own) <= own * 16 / 10, "above the ceiling: {known:?}");
                prop_assert!(known.carried_out <= own + known.carried_in, "gave what it had not: {known:?}");
                prop_assert!(known.tokens_at_progress <= known.used(), "{known:?}");
            }
            prop_assert_eq!(carried_in, carried_out);
            prop_assert_eq!(task.total_limit(&limits), 4_000);
            let figures = task.figures(&limits);
            prop_assert_eq!(figures.is_some(), task.current.is_some());
        }
    }
}
