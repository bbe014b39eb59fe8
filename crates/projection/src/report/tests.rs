//! Golden files of what people and programs read about a task: the evidence files, the story, the ledger's report.

mod adds_up;

use tollgate_domain::zone::{Calendar, Grain};
use tollgate_wire::api::ReportPeriod;

use crate::report::{Named, Similar, explain, html, ledger_csv, markdown, task_report};
use crate::reports::{
    CellKey, Class, ClassSums, DAY_CELLS, LedgerTotals, QuarterKey, ReportRow, Reports, task_sums_key,
};
use crate::status::TaskRow;
use crate::testing::{Story, folded, story};

mod spread;

/// Usage came first, and the task was never opened: one call that names a phase, one that names none, one estimated.
const IMPLICIT: &str = "in T-104_b, by codex, use - in=8200 cached=31000 out=2400 think=900 model=gpt-5 provider=openai usd=0.03, \
    +90s, use THINK in=1200 out=300 est model=house-llm, +30s, signal PLAN files_read 3";

/// High importance from its tag, the second phase is running, everything within limits.
const OPEN: &str = "in T-104_b, open title=Split_the_parser tag=core, gate STRATEGIZE, start STRATEGIZE, \
    use STRATEGIZE/1 in=2900 out=1100 think=400 usd=0.011 model=opus provider=anthropic, +41s, wait STRATEGIZE/1 4000, \
    end STRATEGIZE, gate SPEC, start SPEC, use SPEC/1 in=900 out=350 usd=0.004 model=opus provider=anthropic, +12s, \
    +400ms";

/// THINK reads a lot, IMPLEMENT iterates, the gate blocks VERIFY.
const BLOCKED: &str = "in T-104_b, open complexity=Small title=Migrate_the_*billing*_importer, +5s, gate PLAN, start PLAN, \
    use PLAN/1 in=900 out=700 usd=0.01 model=opus provider=anthropic, +20s, end PLAN, +1s, gate THINK, start THINK, \
    signal THINK/1 files_read 1031, use THINK/1 in=9200 out=800 usd=0.02 model=opus provider=anthropic, +2min, \
    end THINK, +1s, gate IMPLEMENT, start IMPLEMENT, signal IMPLEMENT/1 model_calls 44, \
    use IMPLEMENT/1 in=12000 out=8000 usd=0.13 model=opus provider=anthropic, +5min, end IMPLEMENT, +1s, gate VERIFY";

/// A person overrode the block and raised a limit; PLAN ran again; the gate let it pass.
const SET_ASIDE: &str = "+1h, pass VERIFY, raise IMPLEMENT 16000 400000, +1min, start PLAN, \
    use PLAN/2 in=2000 out=20 usd=0.004 model=opus provider=anthropic, +9s, end PLAN, +1s, gate VERIFY";

/// Critical without a stated reason, overridden limits, tokens estimated, unpriced, unphased, unmatched and
/// corrected; an end before its start; a phase without reported usage.
const COMPLETED: &str = "in T-104_b, open importance=critical complexity=Tiny multiplier=1.5 PR=500 MONITOR=5000, start SPEC, \
    use SPEC/1 in=1500 out=600 est model=house-llm, +30s, end SPEC, +1s, start THINK, \
    use THINK/1 in=2000 cached=1500 write=250 out=900 think=500 usd=0.0213 model=opus provider=anthropic, \
    adjust THINK/1 out=-300 usd=-0.0075 model=opus provider=anthropic, adjust ? out=-50, +80s, end THINK, +1s, \
    start IMPLEMENT, use IMPLEMENT/1 in=1 est, +12s, end IMPLEMENT, start REVIEW, -2s, end REVIEW, +3s, start PR, \
    use PR/1 in=400 out=200 usd=0.002 model=opus provider=anthropic, +4s, end PR, use - in=40 out=2, use SPEC/3 out=7, \
    gate MONITOR, start MONITOR, use MONITOR/1 in=2000 out=900 usd=0.03 model=opus provider=anthropic, +19s, end MONITOR";

fn named(story: &Story) -> Named<'_> {
    Named { tenant: "default", task: "T-104_b", row: story.row().unwrap(), degraded: false }
}

/// What the other tasks of the class used, according to the reports view.
fn similar(story: &Story) -> Similar {
    let row = story.row().unwrap();
    let Some(limits) = row.state.limits.as_deref() else { return Similar::NoClass };
    let class = Class { tenant: "default", complexity: limits.complexity, importance: limits.importance };
    let rows = folded(&Reports, &story.events);
    let mut sums = ClassSums::default();
    for (key, row) in &rows {
        if let ReportRow::Class(found) = row {
            sums.add_row(&class, key, found);
        }
    }
    if let Some(ReportRow::Task(own)) = rows.get(&task_sums_key("default", "T-104_b")) {
        sums.leave_out(own);
    }
    Similar::Known(sums)
}

/// Both evidence files of a story.
fn evidence(name: &str, script: &str) {
    let story = story(script);
    let report = task_report(
        named(&story),
        &similar(&story),
        Some(story.now),
        "9f3c2ab1000000000000000000000001@3:1120,7:90".to_owned(),
    );
    insta::assert_snapshot!(format!("{name}_budget_report"), markdown(&report));
    let json = serde_json::to_string_pretty(&report).unwrap();
    assert_eq!(serde_json::from_str::<tollgate_wire::api::TaskReport>(&json).unwrap(), report);
    insta::assert_snapshot!(format!("{name}_budget_enforcement"), json);
}

#[test]
fn evidence_of_an_implicit_task() {
    evidence("implicit", IMPLICIT);
}

#[test]
fn evidence_of_an_open_task_within_its_limits() {
    evidence("open", OPEN);
}

#[test]
fn evidence_of_a_task_that_was_blocked_and_let_pass() {
    evidence("blocked", &format!("{BLOCKED}, {SET_ASIDE}"));
}

#[test]
fn evidence_of_a_completed_task_with_unpriced_and_estimated_tokens() {
    evidence("completed", COMPLETED);
}

#[test]
fn the_story_of_a_blocked_task_before_and_after_it_was_set_aside() {
    for (name, script) in [
        ("explain_blocked", BLOCKED.to_owned()),
        ("explain_set_aside", format!("{BLOCKED}, {SET_ASIDE}")),
        ("explain_implicit", IMPLICIT.to_owned()),
        ("explain_completed", COMPLETED.to_owned()),
    ] {
        let story = story(&script);
        insta::assert_snapshot!(name, explain(named(&story), Some(story.now)));
    }
}

/// Tasks of one class: what PLAN and THINK used. Not counted: one of another class, one cancelled, one still running.
const OTHERS: &str = "in A, open complexity=Small, start PLAN, use PLAN out=1000 usd=0, end PLAN, start THINK, \
    use THINK out=4000 usd=0, end THINK, close completed, use PLAN out=200 usd=0, adjust THINK out=-100 usd=0, \
    in B, open complexity=Small, start PLAN, use PLAN out=1001 usd=0, end PLAN, start PLAN, use PLAN out=500 usd=0, end PLAN, \
    close completed, in C, open complexity=Small, start PLAN, use PLAN out=100 usd=0, end PLAN, close cancelled, \
    in D, open complexity=Large, start PLAN, use PLAN out=9000 usd=0, end PLAN, close completed, \
    in E, open complexity=Small, start PLAN, use PLAN out=8000 usd=0";

#[test]
fn a_task_beside_those_of_its_class() {
    let own = "in T-104_b, open complexity=Small, start PLAN, use PLAN out=1680 usd=0, end PLAN, +1s, gate THINK, start THINK, \
        use THINK out=9000 usd=0, +9min, end THINK, +1s, gate IMPLEMENT, explain THINK the_formats_were_not_documented, +1min, \
        start IMPLEMENT";
    evidence("compared", &format!("{OTHERS}, {own}"));
    let story = story(&format!("{OTHERS}, {own}"));
    let report = task_report(named(&story), &similar(&story), None, String::new());
    let class = report.class.clone().unwrap();
    let found: Vec<_> = class.phases.iter().map(|of| (&*of.phase, of.comparison.clone())).collect();
    let found: Vec<_> =
        found.iter().map(|(phase, it)| (*phase, it.tasks, it.average_tokens, it.percent)).collect();
    // PLAN: (1,200 + 1,501 + 100) / 3; THINK: 3,900 of one task, which is not enough for an anomaly.
    let expected = [
        ("PLAN", 3, Some(933), Some(180)),
        ("THINK", 1, Some(3900), Some(231)),
        ("IMPLEMENT", 0, None, None),
    ];
    assert_eq!(found, expected);
    // Whole tasks: the two that were completed, (5,100 + 1,501) / 2.
    assert_eq!(
        (class.whole.tasks, class.whole.average_tokens, class.whole.percent),
        (2, Some(3300), Some(324))
    );
    let anomalies = [
        "THINK used 9,000 / 4,800 tokens (188%)",
        "PLAN used 1,680 tokens, 180% of the average of 3 similar tasks (933 tokens)",
        "THINK took 540,000 / 108,000 ms (500%)",
    ];
    assert!(
        anomalies.iter().all(|anomaly| report.anomalies.iter().any(|found| found == anomaly)),
        "{report:?}"
    );
}

#[test]
fn a_class_that_cannot_be_asked_for_is_missing_data_and_fails_nothing() {
    let story = story(OPEN);
    let similar = Similar::Unavailable("the view `reports` is behind".to_owned());
    let report = task_report(named(&story), &similar, None, String::new());
    assert_eq!(report.class, None);
    let text = markdown(&report);
    assert!(text.contains("\n- Data unavailable: what similar tasks used (the view"), "{text}");
}

#[test]
fn who_is_asked_for_an_explanation_is_until_one_is_given() {
    let story_of = |more: &str| {
        let script = "in T-104_b, open complexity=Small, start PLAN, use PLAN out=2881 usd=0, end PLAN, start THINK, \
            use THINK out=7200 usd=0, end THINK";
        let story = story(&format!("{script}{more}"));
        task_report(named(&story), &Similar::NoClass, None, String::new())
    };
    let (before, after) = (story_of(""), story_of(", explain PLAN/1 three_formats"));
    assert_eq!((before.unexplained, after.unexplained), (vec!["PLAN".to_owned()], Vec::new()));
    assert!(
        before.recommendations[1].starts_with("ask who worked on PLAN why"),
        "{:?}",
        before.recommendations
    );
    assert_eq!(after.explanations[0].explanation, "three formats");
}

#[test]
fn earlier_decisions_are_counted_in_words() {
    for (asked, said) in [(50, None), (51, Some("1 earlier decision")), (52, Some("2 earlier decisions"))] {
        let story = story(&format!("in T-104_b, open complexity=Tiny, {}", "+1s, gate PLAN, ".repeat(asked)));
        let report = task_report(named(&story), &Similar::NoClass, None, String::new());
        for text in [markdown(&report), explain(named(&story), None)] {
            assert_eq!(text.contains("earlier decision"), said.is_some(), "{text}");
            let ends = |said: &str| {
                [" of the gate)\n", ".\n"].iter().any(|end| text.contains(&format!("{said}{end}")))
            };
            assert!(said.is_none_or(ends), "{text}");
        }
    }
}

/// Each attempt is within the phase's limit, both together are above it: no execution shows it, the phase does.
#[test]
fn attempts_count_together_against_the_limit_of_their_phase() {
    let script = "in T-104_b, open, start PLAN, use PLAN/1 out=2000 usd=0, end PLAN, start PLAN, use PLAN/2 out=1881 usd=0, end PLAN, \
        use - out=20000 usd=0";
    let story = story(script);
    let report = task_report(named(&story), &Similar::NoClass, None, String::new());
    assert_eq!(report.anomalies, ["PLAN used 3,881 / 2,400 tokens (162%) in 2 attempts"]);
    let advice = "look at PLAN first: it used 3,881 / 2,400 tokens (162%) in 2 attempts";
    let ask = "ask who worked on PLAN why it went so far above its limit, and record the answer";
    assert_eq!(report.recommendations, [advice, ask]);
    assert_eq!(report.breaches, ["task tokens: 23,881 / 23,400 (102%)"]);
}

#[test]
fn a_task_above_its_limits_never_has_nothing_to_do() {
    for (script, advice) in [
        (
            "open, use - out=23401 usd=0",
            "usage should name its phase: no phase is above its limit, the task as a whole is",
        ),
        (
            "open, use PLAN out=23401 usd=0, use - out=9 usd=0",
            "start PLAN before its usage is recorded: no phase is above its limit, the task as a whole is",
        ),
        (
            "open, start PR, use PR/1 out=1 usd=0, +10min, end PR",
            "find out what PR waited for: it took 600,000 / 18,000 ms (3,333%)",
        ),
    ] {
        let story = story(&format!("in T-104_b, {script}"));
        let report = task_report(named(&story), &Similar::NoClass, None, String::new());
        assert_eq!(report.recommendations.last().map(String::as_str), Some(advice));
    }
}

#[test]
fn a_degraded_task_says_that_data_is_unavailable() {
    let story = story(OPEN);
    let degraded = Named { degraded: true, ..named(&story) };
    let text = markdown(&task_report(degraded, &Similar::NoClass, None, String::new()));
    assert!(text.contains("\n- Data unavailable: some events could not be read"), "{text}");
    let none = TaskRow::default();
    let nothing = Named { row: &none, ..degraded };
    let text = markdown(&task_report(nothing, &Similar::NoClass, None, String::new()));
    assert!(text.contains("\n| Data unavailable |"), "{text}");
}

#[test]
fn what_people_wrote_changes_no_markup() {
    let story = story("in T-104_b, open title=<b>|`#[x](y)");
    let text = markdown(&task_report(named(&story), &Similar::NoClass, None, String::new()));
    assert!(text.contains("\n&lt;b&gt;\\|\\`\\#\\[x\\](y)\n"), "{text}");
}

#[test]
fn the_report_of_a_small_ledger() {
    let script = format!("{IMPLICIT}, +20h, by agent, of acme, {OPEN}, of beta, {COMPLETED}");
    let rows = folded(&Reports, &story(&script).events);
    let mut totals = LedgerTotals::default();
    let mut calendar = Calendar::new("Asia/Kathmandu".parse().unwrap(), Grain::Day);
    for (key, row) in &rows {
        let ReportRow::Cell(cell) = row else { continue };
        match QuarterKey::read(key) {
            Some(quarter) => totals.add_quarter(&mut calendar, &quarter, cell),
            None if key.starts_with(DAY_CELLS) => totals.add(&CellKey::read(key).unwrap(), cell),
            None => {}
        }
    }
    let period = ReportPeriod {
        by: "day".to_owned(),
        time_zone: "Asia/Kathmandu".to_owned(),
        time_zone_database: "2026f".to_owned(),
        ..ReportPeriod::default()
    };
    insta::assert_snapshot!(
        "ledger_csv",
        ledger_csv(&totals.report(period.clone(), None, 3, 0, "9f3c@3:120".to_owned()))
    );
    let report = totals.report(period, None, 3, 0, "9f3c@3:120".to_owned());
    insta::assert_snapshot!("ledger_report", serde_json::to_string_pretty(&report).unwrap());
}
