//! Phases that rules give to session files: what they cover, and what follows in both kinds of replay.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tollgate_domain::config::BudgetConfig;
use tollgate_domain::ids::TenantId;
use tollgate_domain::price::PriceBook;
use tollgate_import::reader::Format;
use tollgate_replay::calibrate::Options;
use tollgate_replay::collect::{Asked, CalibrationResult, calibrate_history};
use tollgate_replay::session_phases::{CoveredCalls, PhaseCoverage, Rules};
use tollgate_replay::source::sessions::{Completion, Sessions, format_of, read};
use tollgate_replay::what_if::Unopened;
use tollgate_test_process::{real_sessions, temporary};

use crate::story::{about, candidate, replay, runtime};

fn sessions(path: &Path, format: Format, rules: Option<&Rules>) -> Sessions {
    let config = BudgetConfig::built_in();
    let completion = Completion { tenant: TenantId::default_tenant(), prices: PriceBook::shipped(), config };
    let read = runtime().block_on(read(path, format, &completion, rules));
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shipped() -> Rules {
    Rules::shipped(&[candidate("built-in", "rollout: observe")]).unwrap()
}

fn covered(path: &Path, format: Format) -> PhaseCoverage {
    sessions(path, format, Some(&shipped())).phases.expect("rules were given")
}

fn calibrated(sessions: &Sessions) -> CalibrationResult {
    let (runtime, current, options) =
        (runtime(), candidate("built-in", "rollout: observe"), Options::default());
    let asked = Asked {
        marks: None,
        current: &current,
        options: &options,
        session_phases: sessions.phases.as_ref(),
        threads: 2,
        out: None,
        checkpoint_events: u64::MAX,
    };
    let found =
        calibrate_history(&sessions.history, &asked, runtime.handle(), &|_| ControlFlow::Continue(()));
    found.unwrap().result
}

/// Calls and tokens of all rules and of none add up to all, and so do those of all phases and of none.
fn check(coverage: &PhaseCoverage) {
    let sum = |parts: &mut dyn Iterator<Item = CoveredCalls>, rest: CoveredCalls| {
        parts.fold(rest, |sum, part| CoveredCalls {
            calls: sum.calls + part.calls,
            tokens: sum.tokens + part.tokens,
        })
    };
    let PhaseCoverage { all, no_rule, no_phase, .. } = coverage;
    assert_eq!(sum(&mut coverage.by_rule.iter().map(|it| it.matched), *no_rule), *all);
    assert_eq!(sum(&mut coverage.by_phase.iter().map(|it| it.used), *no_phase), *all);
    assert_eq!(sum(&mut coverage.by_basis.iter().map(|it| it.phased), *no_phase), *all);
    assert_eq!(sum(&mut coverage.by_agent.iter().map(|it| it.all), CoveredCalls::default()), *all);
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// The folders of a folder, by name.
fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

#[test]
fn the_coverage_of_the_fixtures_is_as_it_was_read_by_hand() {
    let mut text = String::new();
    let agents = folders(&fixtures().join("agents")).into_iter().flat_map(|agent| folders(&agent));
    for folder in agents.chain(folders(&fixtures().join("session_phases"))) {
        let format = format_of(&folder).unwrap();
        let coverage = covered(&folder, format);
        check(&coverage);
        let name = folder.strip_prefix(fixtures()).unwrap().display().to_string();
        let CoveredCalls { calls, tokens } = coverage.all;
        writeln!(text, "{name}: {} sessions, {calls} calls, {tokens} tokens", coverage.sessions).unwrap();
        let line =
            |what: &str, of: CoveredCalls| format!("    {what}: {} calls, {} tokens\n", of.calls, of.tokens);
        for rule in coverage.by_rule.iter().filter(|rule| rule.matched.calls > 0) {
            text += &line(&format!("{} ({})", rule.rule, rule.basis), rule.matched);
        }
        for phase in coverage.by_phase.iter().filter(|phase| phase.executions > 0) {
            text += &line(&format!("{} × {}", phase.phase, phase.executions), phase.used);
        }
        text += &line("no phase", coverage.no_phase);
        let expected = std::fs::read_to_string(folder.join("expected.json")).ok();
        if let Some(expected) = expected {
            let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
            let all: u64 =
                expected["tasks"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum();
            assert_eq!(tokens, all, "{name}");
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn real_sessions_are_covered_to_the_last_token() {
    let Some(folder) = real_sessions() else { return };
    let format = format_of(&folder).unwrap();
    let rules = shipped();
    let read = sessions(&folder, format, Some(&rules));
    let coverage = read.phases.as_ref().unwrap();
    check(coverage);
    assert_eq!(coverage.all, CoveredCalls { calls: 958, tokens: 49_820_530 });
    assert_eq!((coverage.sessions, coverage.no_phase), (17, CoveredCalls::default()));
    // Their texts were removed, and with them every tool.
    assert_eq!(coverage.by_agent[0].sessions_with_tools, 0);
    assert!(
        coverage.sentences()[1]
            .starts_with("17 of 17 sessions of codex, with 100.0 % of the tokens, name no tool")
    );
    let phases: BTreeMap<&str, u64> = coverage
        .by_phase
        .iter()
        .filter(|phase| phase.executions > 0)
        .map(|phase| (phase.phase.as_str(), phase.used.tokens))
        .collect();
    assert_eq!(phases.keys().copied().collect::<Vec<_>>(), ["IMPLEMENT", "THINK"]);
    let calibration = calibrated(&read);
    assert_eq!(calibration.calibration.data.tasks, 17);
    assert_eq!(calibration.inputs.session_phases.as_ref(), Some(coverage));
    assert!(
        calibration
            .calibration
            .config
            .contains("# ! Phases were not reported: they came from the rules shipped")
    );
    // Without rules, nothing is as it was not before.
    assert!(sessions(&folder, format, None).phases.is_none());
}

#[test]
fn the_same_files_and_rules_give_the_same_bytes_and_other_rules_others() {
    let folder = fixtures().join("session_phases/claude");
    let rules = shipped();
    let once = calibrated(&sessions(&folder, Format::Claude, Some(&rules)));
    let again = calibrated(&sessions(&folder, Format::Claude, Some(&rules)));
    assert_eq!(once.canonical(), again.canonical());
    let text = tollgate_domain::session_phases::DEFAULT_RULES.replace("phase: REVIEW", "phase: VERIFY");
    let other = Rules::read("other", &text, &[]).unwrap();
    let other = calibrated(&sessions(&folder, Format::Claude, Some(&other)));
    let hash = |result: &CalibrationResult| result.inputs.session_phases.as_ref().unwrap().rules.hash.clone();
    assert_ne!((once.hash(), hash(&once)), (other.hash(), hash(&other)));
    let config = &once.calibration.config;
    assert!(config.contains("# ! Phases were not reported: they came from the rules shipped ("), "{config}");
    // Nothing of a command, a path or a text is in the result.
    let bytes = String::from_utf8(once.canonical()).unwrap();
    for private in ["cargo", "cart.rs", "git push", "gh pr", "example.com", "/srv"] {
        assert!(!bytes.contains(private), "{private}");
    }
}

#[test]
fn the_gate_is_asked_before_each_call_whether_it_may_go_on_in_its_phase() {
    let folder = fixtures().join("session_phases/codex");
    let runtime = runtime();
    let strict = "rollout: enforce\nstop_loss:\n  per_phase_threshold: 1.5\n  per_phase_action: block\n";
    let candidates = [candidate("strict", strict), candidate("loose", "stop_loss:\n  profile: loose\n")];
    let rules = shipped();
    let read = sessions(&folder, Format::Codex, Some(&rules));
    let mut question = about(&candidates);
    question.unopened = Unopened::Judge;
    question.session_phases = read.phases.as_ref();
    let result = replay(&runtime, &read.history, &question).unwrap().result;
    assert_eq!(result.inputs.session_phases, read.phases);
    let [differing] = &result.differing[..] else { panic!("one task: {:?}", result.differing) };
    let first = differing.outcomes[0].first.as_ref().unwrap();
    // IMPLEMENT has 3,500 tokens: its two calls use 4,040 and 5,050, and then it goes on to VERIFY.
    assert_eq!((first.advance.as_str(), first.used, first.limit), ("VERIFY", 9_090, 3_500));
    let unphased = sessions(&folder, Format::Codex, None);
    question.session_phases = None;
    let result = replay(&runtime, &unphased.history, &question).unwrap().result;
    assert!(result.assumptions.iter().any(|it| it.contains("where no phase and so no latency is known")));
}

#[test]
fn a_phase_that_takes_too_much_is_stopped_before_its_next_call() {
    let (runtime, dir) = (runtime(), temporary());
    let edit = r#"{"type":"tool_use","name":"Edit","input":{"file_path":"a.rs"}}"#;
    let lines: Vec<String> = (0..4).map(|nth| answer(nth, 4_000, edit) + "\n").collect();
    std::fs::write(dir.path().join("s.jsonl"), lines.concat()).unwrap();
    let read = sessions(dir.path(), Format::Claude, Some(&shipped()));
    let block = "rollout: enforce\nstop_loss: { per_phase_action: block }\n";
    let candidates = [candidate("block", block), candidate("loose", "stop_loss: { profile: loose }")];
    let mut question = about(&candidates);
    (question.unopened, question.session_phases) = (Unopened::Judge, read.phases.as_ref());
    let result = replay(&runtime, &read.history, &question).unwrap().result;
    let first = result.differing[0].outcomes[0].first.as_ref().unwrap();
    assert_eq!((first.advance.as_str(), first.used, first.limit), ("IMPLEMENT", 8_000, 3_500));
    assert_eq!(first.after.tokens, 8_000, "two calls followed");
}

/// A line of an answer of a session of Claude Code.
fn answer(nth: usize, tokens: usize, tool: &str) -> String {
    format!(
        r#"{{"type":"assistant","uuid":"a{nth}","timestamp":"2026-04-21T10:{:02}:{:02}.000Z","sessionId":"s","message":{{"id":"m{nth}","model":"claude-sonnet-4-5","content":[{tool}],"usage":{{"input_tokens":{},"output_tokens":1}}}}}}"#,
        nth / 60,
        nth % 60,
        tokens - 1
    )
}

fn any_tool() -> impl Strategy<Value = String> {
    let tools = [
        ("Read", r#""file_path":"a.rs""#),
        ("Edit", r#""file_path":"a.rs""#),
        ("Edit", r#""file_path":"tests/a.rs""#),
        ("Bash", r#""command":"cargo test""#),
        ("Bash", r#""command":"git commit""#),
        ("TodoWrite", ""),
    ];
    let tool = prop::sample::select(tools.to_vec());
    prop::option::of(tool).prop_map(|tool| match tool {
        Some((name, input)) => format!(r#"{{"type":"tool_use","name":"{name}","input":{{{input}}}}}"#),
        None => r#"{"type":"text","text":"x"}"#.to_owned(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A session is the same in one file and in several, whichever is read first.
    #[test]
    fn a_session_in_several_files_has_the_phases_that_it_has_in_one(
        tools in prop::collection::vec(any_tool(), 1..12), cut in 0..12_usize, swapped in any::<bool>(),
    ) {
        let lines: Vec<String> = tools.iter().enumerate().map(|(nth, tool)| answer(nth, nth + 2, tool) + "\n").collect();
        let (one, two) = (temporary(), temporary());
        std::fs::write(one.path().join("s.jsonl"), lines.concat()).unwrap();
        let (first, second) = lines.split_at(cut.min(lines.len()));
        let names = if swapped { ["b.jsonl", "a.jsonl"] } else { ["a.jsonl", "b.jsonl"] };
        for (name, lines) in names.iter().zip([first, second]) {
            std::fs::write(two.path().join(name), lines.concat()).unwrap();
        }
        let total = (1..=tools.len() as u64).map(|nth| nth + 1).sum::<u64>();
        // Some calls have no rule, some go on from one without a phase.
        let few = "rules: [{ name: a, when: { tools: [none] }, continues: true }, { name: b, when: { tools: [edit] }, phase: PR }]";
        for rules in [shipped(), Rules::read("few", few, &[]).unwrap()] {
            let covered = |dir: &Path| sessions(dir, Format::Claude, Some(&rules)).phases.unwrap();
            let (whole, parted) = (covered(one.path()), covered(two.path()));
            check(&whole);
            prop_assert_eq!(whole.all.tokens, total);
            prop_assert_eq!(whole, parted);
        }
    }
}
