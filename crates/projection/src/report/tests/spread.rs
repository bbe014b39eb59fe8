//! Phases beside those of their class: far from how it is spread, or too few to say so.

use super::*;
use tollgate_domain::progress::anomaly::Side;
use tollgate_wire::api::TaskReport;

/// A task beside others of its class whose THINK took about 1,000 tokens and 10 s.
fn beside(others: u64, think: &str) -> TaskReport {
    let mut script = String::new();
    for nth in 0..others {
        let (tokens, seconds) = (1_000 + nth % 5 * 10, 10 + nth % 3);
        script += &format!(
            "in O-{nth}, open, start THINK, use THINK/1 in={tokens}, +{seconds}s, end THINK, close completed, "
        );
    }
    let story = story(&format!("{script}in T-104_b, open, {think}"));
    task_report(named(&story), &similar(&story), Some(story.now), "9f3c@3:120".to_owned())
}

const FAR: &str = "start THINK, use THINK/1 in=5000, +60s, end THINK";

#[test]
fn far_from_the_class_is_said_with_its_quartiles_and_how_many_they_are() {
    let report = beside(30, FAR);
    let [phase] = &report.class.as_ref().unwrap().phases[..] else { panic!("one phase") };
    let (tokens, latency) = (&phase.tokens_spread, &phase.latency_spread);
    assert_eq!((tokens.value, tokens.others, tokens.far), (5_000, 30, Some(Side::Above)));
    assert_eq!((tokens.p25, tokens.p50, tokens.p75), (1_010, 1_020, 1_030));
    assert_eq!((latency.value, latency.p50, latency.far), (60_000, 11_000, Some(Side::Above)));
    for sentence in [
        "THINK took 60.0s, 5.4 times the median of 30 similar tasks (quartiles 10.0s / 11.0s / 12.0s)",
        "THINK used 5,000 tokens, 4.9 times the median of 30 similar tasks (quartiles 1,010 / 1,020 / 1,030)",
    ] {
        assert!(report.anomalies.iter().any(|said| said == sentence), "{:?}", report.anomalies);
    }
    assert_eq!(report.summary[1], format!("Largest anomaly: {}", report.anomalies[0]));
    let text = markdown(&report);
    let line = "Quartiles of the others: THINK 1,010 / 1,020 / 1,030 tokens, 10.0s / 11.0s / 12.0s of 30.";
    assert!(text.contains(line), "{text}");
    assert!(html(&report).contains(line));
}

#[test]
fn far_below_is_said_once_the_phase_has_ended() {
    let little = "start THINK, use THINK/1 in=100, +11s";
    let runs = beside(30, little);
    assert!(runs.anomalies.iter().all(|said| !said.contains("the median")), "{:?}", runs.anomalies);
    let ended = beside(30, &format!("{little}, end THINK"));
    let sentence = "THINK used 100 tokens, the median is 10.2 times that, of 30 similar tasks (quartiles 1,010 / 1,020 / 1,030)";
    assert!(ended.anomalies.iter().any(|said| said == sentence), "{:?}", ended.anomalies);
}

#[test]
fn too_few_others_are_compared_by_their_average_and_that_is_said() {
    for (others, judged) in [(19, false), (20, true)] {
        let report = beside(others, FAR);
        let phase = &report.class.as_ref().unwrap().phases[0];
        assert_eq!((phase.tokens_spread.judged, phase.tokens_spread.far.is_some()), (judged, judged));
        let average = report.anomalies.iter().any(|said| said.contains("of the average of 19 similar tasks"));
        assert_eq!(average, !judged, "{:?}", report.anomalies);
        let too_few = "Too few others to say how the class is spread, at least 20 are needed: THINK (19).";
        assert_eq!(markdown(&report).contains(too_few), !judged);
    }
}

#[test]
fn what_is_usual_is_no_anomaly() {
    let report = beside(30, "start THINK, use THINK/1 in=1015, +11s, end THINK");
    assert!(report.anomalies.iter().all(|said| !said.contains("median")), "{:?}", report.anomalies);
    // The average of the others is 1,020: half as much again is no anomaly while it is within the class's spread.
    assert_eq!(report.class.unwrap().phases[0].tokens_spread.far, None);
}
