//! Results as pictures: the same bytes for the same result, as they were looked at, whatever is in the result.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use proptest::prelude::*;
use tollgate_charts::html::html;
use tollgate_charts::svg::{Styles, svg};
use tollgate_charts::{Figure, Mark};
use tollgate_domain::ids::TenantId;
use tollgate_replay::calibrate::Options;
use tollgate_replay::collect::{Asked, Calibrated, calibrate_history};
use tollgate_replay::pictures::{calibration, calibration_page, what_if, what_if_page};
use tollgate_replay::what_if::{Candidate, Replayed, read_policies};

use crate::story::{about, candidate, generated, replay, runtime, story};

fn candidates() -> [Candidate; 3] {
    let tight =
        "rollout: enforce\nstop_loss:\n  cumulative_token_threshold: 1.0\n  per_phase_action: block\n";
    let half = "complexity_multipliers: {Tiny: 0.1, Small: 0.2, Medium: 0.5, Large: 0.8}\n";
    [
        candidate("as it was", "rollout: enforce"),
        candidate("configs/<team & \"co\">/a name that is rather long for the row beside a bar.yaml", tight),
        candidate("half", half),
    ]
}

/// A history with runaways, good and unknown tasks, under three candidates and two sets of policies.
fn replayed(threads: usize) -> Replayed {
    let (runtime, candidates) = (runtime(), candidates());
    let hour = "policies: {hour: {window: hourly, limit_tokens: 60000, enforcement: hard_limit}}";
    let cost = "policies: {cost: {window: hourly, limit_usd: '0.02', enforcement: hard_limit}}";
    let policies = [("hour.yaml", hour), ("cost.yaml", cost)]
        .map(|(name, text)| read_policies(name, text, &TenantId::default_tenant()).unwrap());
    let mut question = about(&candidates);
    (question.threads, question.policies) = (threads, &policies);
    replay(&runtime, &generated(7, 200).history(&runtime), &question).unwrap()
}

fn calibrated(threads: usize) -> Calibrated {
    let (runtime, current) = (runtime(), candidate("built-in", "rollout: observe"));
    let asked = Asked {
        current: &current,
        options: &Options::default(),
        marks: None,
        session_phases: None,
        threads,
        out: None,
        checkpoint_events: u64::MAX,
    };
    let history = generated(12, 120).history(&runtime);
    calibrate_history(&history, &asked, runtime.handle(), &|_| ControlFlow::Continue(())).unwrap()
}

fn pictures(figures: &[Figure]) -> Vec<String> {
    figures.iter().map(|figure| svg(&figure.scene(), Styles::Own)).collect()
}

/// Whether something would be fetched.
fn is_alone(text: &str) -> bool {
    let without = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    !["http://", "https://", "url(", "src=", "href", "<script", "@import"]
        .iter()
        .any(|word| without.contains(word))
}

#[test]
fn the_same_result_gives_the_same_bytes_and_needs_nothing_else() {
    let (one, many) = (replayed(1), replayed(16));
    assert!(html(&what_if_page(&one)) == html(&what_if_page(&many)));
    assert_eq!(pictures(&what_if(&one)), pictures(&what_if(&many)));
    let (first, second) = (calibrated(1), calibrated(16));
    assert!(html(&calibration_page(&first)) == html(&calibration_page(&second)));
    assert_eq!(pictures(&calibration(&first)), pictures(&calibration(&second)));
    for text in [html(&what_if_page(&one)), html(&calibration_page(&first))] {
        assert!(text.contains("<svg xmlns") && is_alone(&text));
    }
    assert!(pictures(&what_if(&one)).iter().all(|text| is_alone(text)));
}

#[test]
fn pictures_stay_as_they_were() {
    let (replayed, calibrated) = (replayed(4), calibrated(4));
    let figures = [what_if(&replayed), calibration(&calibrated)].concat();
    let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "outcomes",
            "candidates",
            "trade-off",
            "thresholds-1",
            "thresholds-2",
            "policies",
            "policy-1",
            "policy-2",
            "tokens-of-phases",
            "latency-of-phases",
            "later-tasks",
            "coverage",
        ]
    );
    for figure in figures {
        insta::assert_snapshot!(figure.name.clone(), svg(&figure.scene(), Styles::OfPage));
    }
}

#[test]
fn what_is_drawn_is_what_the_result_says() {
    let replayed = replayed(4);
    let figures = what_if(&replayed);
    let bars = figures[0].panels[0]
        .marks
        .iter()
        .filter_map(|mark| if let Mark::Bar { x, y, .. } = mark { Some((x.1, y.0)) } else { None });
    // The last bar of a row ends at the number of judged tasks.
    let rows: BTreeSet<u64> = bars.clone().map(|(_, row)| row.round() as u64).collect();
    assert_eq!(rows.len(), 3);
    for (row, candidate) in replayed.result.candidates.iter().enumerate() {
        let ends = bars.clone().filter(|(_, at)| at.round() as usize == row).map(|(end, _)| end as u64);
        assert_eq!(ends.max(), Some(candidate.judged));
    }
    let knee = replayed.result.candidates[0].thresholds.knee.as_ref().unwrap();
    let said = |figure: &Figure, words: &str| svg(&figure.scene(), Styles::OfPage).contains(words);
    assert!(said(&figures[2], &format!(">knee {knee} ×<")), "{knee}");
    assert!(said(&figures[3], &format!(">knee {knee} ×<")));
    for figure in &figures {
        assert!(figure.table.rows.iter().all(|row| row.len() == figure.table.head.len()), "{}", figure.name);
        assert!(!figure.desc.is_empty(), "{}", figure.name);
    }
}

#[test]
fn legends_name_what_is_drawn_and_whoever_is_at_the_same_point() {
    let (runtime, enforce) = (runtime(), "rollout: enforce");
    let script = "open, start PLAN, use 40000, end PLAN, start THINK, use 5, end THINK, close abandoned";
    let candidates = [candidate("a", enforce), candidate("b", enforce), candidate("c", "rollout: observe")];
    let replayed = replay(&runtime, &story(script).history(&runtime), &about(&candidates)).unwrap();
    let labels = |figure: &Figure| -> Vec<String> {
        figure.panels[0].keys.iter().map(|key| key.label.clone()).collect()
    };
    let figures = what_if(&replayed);
    let trade_off = figures.iter().find(|figure| figure.name == "trade-off").unwrap();
    assert_eq!(labels(trade_off), ["a, b, c", "all rules of a, b, c"]);
    let over = figures.iter().find(|figure| figure.name == "thresholds-1").unwrap();
    assert_eq!(labels(over), ["saved at most", "interrupted", "threshold in the config"], "no task is good");
}

#[test]
fn few_tasks_and_none_have_pictures_too() {
    let runtime = runtime();
    let completed = "open, start PLAN, use 0, end PLAN, close completed";
    for (script, is_empty) in [("", true), ("open", true), (completed, false), ("use 5", true)] {
        let candidates = candidates();
        let replayed = replay(&runtime, &story(script).history(&runtime), &about(&candidates)).unwrap();
        let page = html(&what_if_page(&replayed));
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{script}");
        assert_eq!(page.contains("nothing to show"), is_empty, "{script}");
        assert!(page.contains("no threshold saves anything"), "{script}");
    }
    let one = "open, start PLAN, use 5, end PLAN, close completed";
    let current = candidate("built-in", "rollout: observe");
    let asked = Asked {
        current: &current,
        options: &Options::default(),
        marks: None,
        session_phases: None,
        threads: 1,
        out: None,
        checkpoint_events: u64::MAX,
    };
    let history = story(one).history(&runtime);
    let found =
        calibrate_history(&history, &asked, runtime.handle(), &|_| ControlFlow::Continue(())).unwrap();
    let page = html(&calibration_page(&found));
    assert!(page.contains("PLAN") && !page.contains("NaN") && !page.contains("Judged by later tasks"));
}

#[test]
fn odd_calibrations_have_pictures_too() {
    let mut calibrated = calibrated(2);
    let found = &mut calibrated.result.calibration;
    let (values, mut judged) = ([0, 1, u64::MAX], found.judged.clone().unwrap());
    for (nth, group) in found.groups.iter_mut().enumerate() {
        for percentile in &mut group.tokens.percentiles {
            (percentile.value, percentile.low, percentile.high) = (values[nth % 3], None, Some(u64::MAX));
        }
        group.latency_ms.percentiles.clear();
    }
    for judgement in [&mut judged.proposed, &mut judged.current] {
        (judgement.breaches.count, judgement.breaches.of, judgement.runaways_stopped.of) =
            (u64::MAX, u64::MAX, 0);
    }
    judged.coverage.clear();
    found.judged = Some(judged);
    let first = found.phases[0].clone();
    found.phases.extend((0..60).map(|nth| {
        let mut phase = first.clone();
        (phase.phase, phase.tokens.value) = (format!("PHASE_{nth}").parse().unwrap(), u64::MAX);
        phase
    }));
    let figures = calibration(&calibrated);
    assert_eq!(figures.len(), 3, "without coverage there is no picture of it");
    assert_eq!(figures[0].table.rows.len(), 69, "the table has all phases");
    let pictures = pictures(&figures);
    assert!(pictures.iter().all(|picture| !picture.contains("NaN") && !picture.contains(">inf")));
    assert!(
        pictures[0].contains(">PHASE_30<") && !pictures[0].contains(">PHASE_31<"),
        "forty of them are drawn"
    );
    assert!(figures[2].desc.contains("none to judge by") && figures[2].desc.contains("100.00 %"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_number_and_no_name_spoils_a_picture(
        counts in proptest::array::uniform4(prop_oneof![Just(0), Just(u64::MAX), any::<u64>()]),
        tokens in proptest::array::uniform3(prop_oneof![Just(0), Just(i64::MAX), Just(i64::MIN), any::<i64>()]),
        names in proptest::collection::vec(".{0,60}|x{300}|<&\">", 0..50),
        word in ".{0,20}",
    ) {
        let runtime = runtime();
        let given = candidates();
        let mut replayed = replay(&runtime, &story("open").history(&runtime), &about(&given)).unwrap();
        let mut like = replayed.result.candidates[0].clone();
        [like.judged, like.within, like.warned, like.blocked] = counts;
        (like.saved.tokens, like.interrupted.tokens) = (tokens[0], tokens[1]);
        (like.false_positives.percent, like.headroom.unused_percent) = (Some(word.clone()), Some(word.clone()));
        like.false_positives.interval = Some([word.clone(), "50".to_owned()]);
        for point in &mut like.thresholds.points {
            (point.blocked, point.saved_tokens, point.interrupted_tokens) = (counts[0], tokens[1], tokens[2]);
        }
        (like.thresholds.knee, like.thresholds.own) = (Some("1.5".to_owned()), word);
        let named = names.into_iter().map(|name| { let mut like = like.clone(); like.name = name; like });
        replayed.result.candidates = named.collect();
        let figures = what_if(&replayed);
        for figure in &figures {
            let picture = svg(&figure.scene(), Styles::Own);
            prop_assert!(!picture.contains("NaN") && !picture.contains(">inf"));
            let body = picture.split("</style>").nth(1).unwrap();
            prop_assert!(!body.contains("<&") && picture.len() < 200_000);
        }
        prop_assert!(html(&what_if_page(&replayed)).ends_with("</html>\n"));
    }
}
