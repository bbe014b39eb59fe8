//! given | then: what following progress changes beside the same limits as fixed ones, in small stories and in a
//! generated history whose good and spinning tasks are known.

use std::sync::Arc;

use tollgate_charts::svg::{Styles, svg};
use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;
use tollgate_replay::generate::{Spec, TaskKind, append};
use tollgate_replay::pictures::what_if;
use tollgate_replay::source::LogHistory;
use tollgate_replay::what_if::Replayed;
use tollgate_replay::what_if::progress::ProgressResult;
use tollgate_replay::what_if::result::CandidateResult;

use crate::story::{about, candidate, replay, replayed, runtime};

/// A Medium task of medium importance: PLAN has 2,400 tokens, THINK 6,000, all 23,400.
const STOPS: &str = "rollout: enforce\nprogress: { spinning_action: block, extension_raises_total: true }";

fn following(script: &str, config: &str) -> (&'static str, ProgressResult) {
    let result = replayed(script, &[config]).result;
    let candidate = &result.candidates[0];
    let outcome = match (candidate.unasked, candidate.within, candidate.warned, candidate.blocked) {
        (1, 0, 0, 0) => "unasked",
        (0, 1, 0, 0) => "within",
        (0, 0, 1, 0) => "warned",
        (0, 0, 0, 1) => "blocked",
        other => panic!("{script}: {other:?}"),
    };
    (outcome, candidate.progress.clone().unwrap_or_else(|| panic!("{script}")))
}

/// What became of the task, and why it is not what fixed limits would have made of it.
#[track_caller]
fn check(config: &str, cases: &[(&str, &str, &str)]) {
    for (script, outcome, changed) in cases {
        let (found, progress) = following(script, config);
        let words = progress.changed.iter().map(|task| {
            let earlier = task.earlier_tokens.map(|tokens| format!(" {tokens} earlier")).unwrap_or_default();
            format!("{}: {} not {}{earlier}", task.because, task.following, task.fixed)
        });
        assert_eq!((found, words.collect::<Vec<_>>().join("; ").as_str()), (*outcome, *changed), "{script}");
    }
}

#[test]
fn a_spinning_task_is_stopped_inside_the_phase_and_earlier_than_by_fixed_limits() {
    let begin = "open, start PLAN, signal PLAN 0, signal planner_iterations 1, use 1000, use 300, +1, use 41000, +1, use 1";
    check(
        STOPS,
        &[
            // 1,300 of 2,400 without progress: stopped there, 41,001 tokens before the next question.
            (
                &format!("{begin}, end PLAN, start THINK, close abandoned"),
                "blocked",
                "spinning: block not block 41001 earlier",
            ),
            // Nobody asked again: until the end of the task.
            (
                &format!("{begin}, end PLAN, close abandoned"),
                "blocked",
                "spinning: block not allow 41001 earlier",
            ),
            // 36,000 of 23,400 are above 1.5 at the check, and nobody asked about fixed limits.
            (
                "open, start PLAN, use 36000, use 5000, close abandoned",
                "blocked",
                "checked: block not allow 5000 earlier",
            ),
            ("open, start PLAN, use 1300, use 1, close abandoned", "within", ""),
            (
                "open, start PLAN, signal planner_iterations 1, use 1300, signal planner_iterations 1, use 1, close abandoned",
                "within",
                "",
            ),
            ("open, start PLAN, signal tool 7 a, signal tool 1 b, use 1, close abandoned", "within", ""),
            (
                "open, start PLAN, signal tool 7 a, signal tool 1 a, use 9, close abandoned",
                "blocked",
                "spinning: block not allow 9 earlier",
            ),
        ],
    );
    let (_, progress) = following(&format!("{begin}, close completed, mark legitimate"), STOPS);
    assert_eq!((progress.stopped_spinning, progress.good_stopped_spinning, progress.unreported), (1, 1, 0));
}

#[test]
fn what_led_to_a_block_is_not_after_it() {
    let script = "open, start PLAN, signal planner_iterations 0, use 1000, use 300, use 50, +1, use 7, close abandoned";
    let result = replayed(script, &[STOPS]).result;
    // Of one moment with what led to it: 50, and later 7.
    assert_eq!(result.candidates[0].saved.tokens, 57);
    assert_eq!(result.candidates[0].blocks[0].most_percent, Some(55), "1,300 of 2,400 tokens");
    let script = "open, start PLAN, signal tool 12 a, close abandoned";
    let point = &replayed(script, &[STOPS]).result.candidates[0].blocks[0];
    assert_eq!((point.rule, point.most_percent), ("spinning", Some(150)), "12 of 8 in a row");
    let differing = &result.differing[..];
    assert!(matches!(differing, [task] if task.live.is_none()), "no gate was asked about it: {differing:?}");
}

#[test]
fn a_productive_task_is_spared() {
    let productive = "open, start PLAN, signal planner_iterations 20, use 20000, signal planner_iterations 20, use 11000, end PLAN";
    // 31,000 are above 1.2 of 23,400, and of the 25,800 that PLAN earns with twice its limit.
    check(STOPS, &[(&format!("{productive}, close completed"), "blocked", "")]);
    let roomy = STOPS.replace("raises_total: true", "raises_total: true, ceiling: 20, forecast_warn: 0");
    check(
        &roomy,
        &[
            (&format!("{productive}, close completed"), "within", "extended: allow not block"),
            (
                &productive
                    .replace("iterations 20", "iterations 1")
                    .replace(", end PLAN", ", end PLAN, close completed"),
                "blocked",
                "",
            ),
        ],
    );
    check(
        &roomy.replace("raises_total: true", "raises_total: false"),
        &[(&format!("{productive}, close completed"), "blocked", "")],
    );
    let (_, progress) = following(&format!("{productive}, close completed"), &roomy);
    let counts =
        (progress.spared, progress.good_spared, progress.blocked_by_fixed, progress.good_blocked_by_fixed);
    assert_eq!((counts, progress.extended, progress.extended_tokens), ((1, 1, 1, 1), 1, 28_800));
}

#[test]
fn unused_budget_carried_forward_spares_a_phase() {
    let script = "open, start STRATEGIZE, use 500, end STRATEGIZE, start PLAN, use 4000, end PLAN, start THINK, close completed";
    let config = "rollout: enforce\nstop_loss: { per_phase_action: block }\nprogress: { carry_forward: 1, forecast_warn: 0 }";
    check(config, &[(script, "within", "carried_forward: allow not block")]);
    let (_, progress) = following(script, config);
    assert_eq!((progress.carried, progress.unreported), (1, 1));
    check(&config.replace("carry_forward: 1", "carry_forward: 0.01"), &[(script, "blocked", "")]);
}

#[test]
fn forecasts_are_measured_by_how_tasks_ended() {
    // After PLAN with half of its 2,400 tokens: THINK is expected at 3,000, the task at 1,200 + 7,500.
    let script = "open, start PLAN, use 1200, end PLAN, start THINK, use 4000, end THINK, close completed";
    let (_, progress) = following(script, STOPS);
    let shown = |errors: &[tollgate_replay::what_if::progress::ForecastError]| {
        let shown = errors.iter().map(|error| {
            format!("{} {} {} {}", error.phase, error.tasks, error.median_permille, error.p90_permille)
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    // |3,000 − 4,000| / 4,000 of THINK. Of the task 8,700 and then 5,200 + 9,000 · 5,200 / 8,400 = 10,772 of
    // 5,200; to three digits, rounded up.
    assert_eq!(shown(&progress.phase_forecasts), "THINK 1 250 250");
    assert_eq!(shown(&progress.task_forecasts), "PLAN 1 674 674, THINK 1 1080 1080");
    let (_, progress) = following(&script.replace("close completed", "close cancelled"), STOPS);
    assert_eq!(
        (progress.phase_forecasts.len(), progress.task_forecasts.len()),
        (0, 0),
        "it did not end well"
    );
}

#[test]
fn a_candidate_with_fixed_limits_has_none_of_it() {
    let result =
        replayed("open, start PLAN, signal tool 90 a, close completed", &["rollout: enforce"]).result;
    assert_eq!(result.candidates[0].progress, None);
    assert!(!result.assumptions.iter().any(|said| said.contains("follow progress")));
}

/// 1,500 tasks that report progress: 12 % go in circles, 12 % use much for a reason.
fn spec() -> Spec {
    Spec {
        signals: true,
        calls_per_phase: 8,
        runaways_permille: 120,
        large_permille: 120,
        large_times: 1_800,
        ..Spec::new(64, 1_500)
    }
}

/// The parts of it, each by itself, beside the same limits as fixed ones.
const PARTS: [(&str, &str); 6] = [
    ("fixed", "rollout: enforce\nbudgeted_latency: active"),
    ("progress", STOPS),
    ("spinning", "rollout: enforce\nprogress: { spinning_action: block, extension: 0 }"),
    (
        "extension",
        "rollout: enforce\nprogress: { spinning_repeats: 0, spinning_share: 0, extension_raises_total: true }",
    ),
    ("phases fixed", "rollout: enforce\nbudgeted_latency: active\nstop_loss: { per_phase_action: block }"),
    (
        "phases carried",
        "rollout: enforce\nstop_loss: { per_phase_action: block }\nprogress: { spinning_repeats: 0, spinning_share: 0, extension: 0, carry_forward: 1 }",
    ),
];

fn side_by_side(spec: &Spec, threads: usize) -> Replayed {
    let runtime = runtime();
    let log = Arc::new(MemoryLog::new(Arc::new(ManualClock::default())));
    runtime.block_on(append(spec.events().unwrap(), &*log)).unwrap();
    let history = runtime.block_on(LogHistory::open("memory".to_owned(), log)).unwrap();
    let candidates = PARTS.map(|(name, config)| candidate(name, config));
    let mut question = about(&candidates);
    question.threads = threads;
    replay(&runtime, &history, &question).unwrap()
}

/// Runaways found, good tasks interrupted, tokens saved in runaways, tokens of interrupted work.
fn figures(candidate: &CandidateResult) -> [i64; 4] {
    let (found, wrong) = (candidate.found_runaways.part, candidate.false_positives.part);
    let tasks = [found, wrong].map(|tasks| i64::try_from(tasks).unwrap());
    [tasks[0], tasks[1], candidate.saved_of_runaways.tokens, candidate.interrupted.tokens]
}

#[test]
fn on_a_known_history_fewer_good_tasks_are_interrupted_and_spinning_ones_stopped_earlier() {
    let spec = spec();
    let planted = spec.planted().filter(|planted| planted.kind == TaskKind::Runaway).count() as u64;
    let result = side_by_side(&spec, 2).result;
    let [fixed, progress, ..] = &result.candidates[..] else { panic!("two at least") };
    assert_eq!((fixed.found_runaways.of, progress.found_runaways.of), (planted, planted));
    let ([found, wrong, saved, _], [found_now, wrong_now, saved_now, _]) =
        (figures(fixed), figures(progress));
    assert!(found_now >= found && wrong_now < wrong && saved_now > saved);
    // Exact for the seed: the table of docs/guides/progress.md.
    let lines = result.candidates.iter().map(|candidate| {
        let [found, wrong, saved, interrupted] = figures(candidate);
        format!(
            "{}: found {found} of {planted}, interrupted {wrong}, saved {saved}, lost {interrupted}",
            candidate.name
        )
    });
    insta::assert_snapshot!("parts", lines.collect::<Vec<_>>().join("\n"));
    let changed = progress.progress.as_ref().unwrap();
    assert_eq!(changed.blocked_by_fixed, fixed.blocked, "the other candidate is the same, fixed");
    let spinning = changed.changed.iter().filter(|task| task.because == "spinning").count() as u64;
    assert!(spinning > planted / 2, "{spinning} of {planted}");
    let sums = ProgressResult { changed: Vec::new(), ..changed.clone() };
    insta::assert_snapshot!("changed", serde_json::to_string_pretty(&sums).unwrap());
}

#[test]
fn it_is_the_same_on_any_number_of_threads() {
    let spec = Spec { tasks: 200, ..spec() };
    assert_eq!(side_by_side(&spec, 1).hash, side_by_side(&spec, 16).hash);
}

#[test]
fn forecast_errors_are_drawn_for_each_candidate_that_has_forecasts() {
    let replayed = side_by_side(&Spec { tasks: 200, ..spec() }, 2);
    let figures = what_if(&replayed);
    let candidates = replayed.result.candidates.iter().enumerate();
    for (nth, candidate) in candidates {
        let figure = figures.iter().find(|figure| figure.name == format!("forecasts-{}", nth + 1));
        let errors =
            candidate.progress.iter().flat_map(|it| it.task_forecasts.iter().chain(&it.phase_forecasts));
        assert_eq!(figure.map_or(0, |figure| figure.table.rows.len()), errors.count(), "{}", candidate.name);
    }
    let drawn = figures.iter().find(|figure| figure.name.starts_with("forecasts-")).unwrap();
    insta::assert_snapshot!("forecasts", svg(&drawn.scene(), Styles::OfPage));
}
