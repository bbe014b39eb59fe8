//! The page of a task: golden, harmless whatever its names are, and with a style that its policy allows.

use sha2::{Digest, Sha256};

use super::{CONTENT_SECURITY_POLICY, STYLE, html};
use crate::report::{Named, Similar, csv, task_report};
use crate::testing::story;

/// A task with every part a page has: attempts, an override, an explanation, a block, estimated and unphased usage.
const FULL: &str = "in T-7, open complexity=Small title=Migrate_the_importer PR=500, gate PLAN, start PLAN, \
    use PLAN/1 in=900 out=1100 usd=0.01, +20s, end PLAN, +5s, start THINK, signal THINK/1 files_read 40, \
    use THINK/1 in=9000 out=800 usd=0.04, +2min, end THINK, +1s, start PLAN, use PLAN/2 out=90 est, +9s, end PLAN, \
    explain THINK <i>slow</i>, start IMPLEMENT, +1min, end IMPLEMENT, gate VERIFY, pass VERIFY, use - out=40, \
    start VERIFY, use VERIFY/1 in=20000 out=90 usd=0.09, +30s, end VERIFY, gate REVIEW, start REVIEW, use REVIEW out=10, +5s";

fn report(task: &str, script: &str) -> tollgate_wire::api::TaskReport {
    let story = story(script);
    let named = Named { tenant: "default", task, row: story.row().unwrap(), degraded: false };
    task_report(
        named,
        &Similar::NoClass,
        Some(story.now),
        "9f3c2ab1000000000000000000000001@3:1120,7:90".to_owned(),
    )
}

#[test]
fn the_page_and_the_table_of_a_task() {
    let report = report("T-7", FULL);
    insta::assert_snapshot!("page", html(&report).replace(STYLE, "…"));
    insta::assert_snapshot!("csv", csv(&report).replace("\r\n", "\n"));
    assert_eq!(
        csv(&report).matches("\r\n").count(),
        8,
        "a head, six executions, and what none of them holds"
    );
}

#[test]
fn a_page_of_an_implicit_task_says_what_is_missing() {
    let page = html(&report("T-7", "in T-7, use - out=8200 usd=0"));
    assert_eq!(page.matches("Data unavailable").count(), 3, "{page}");
    assert!(page.contains("NO LIMITS"), "{page}");
}

#[test]
fn a_page_says_at_its_top_that_the_task_is_blocked_until_it_is_not() {
    let blocked = "open complexity=Tiny, start PLAN, use PLAN in=90000 usd=0, +1s, end PLAN, gate THINK";
    let banner = "<strong>Blocked</strong>: the gate does not let this task go on to THINK.";
    for (script, says) in [
        (blocked.to_owned(), true),
        (format!("{blocked}, pass THINK"), false),
        (format!("{blocked}, close cancelled"), false),
        (
            "open complexity=Tiny, start PLAN, use PLAN in=9 usd=0, +1s, end PLAN, gate THINK".to_owned(),
            false,
        ),
    ] {
        let page = html(&report("T-7", &format!("in T-7, {script}")));
        assert_eq!(page.contains(banner), says, "{script}");
        let (banner, answer) = (page.find(banner), page.find("class=\"answer\"").unwrap());
        assert!(banner.is_none_or(|banner| banner < answer), "{script}");
    }
}

#[test]
fn bars_that_are_cut_off_say_so_and_shapes_need_no_font() {
    let page = html(&report("T-7", FULL));
    assert_eq!(page.matches("class=\"cut\"").count(), 2, "the bar of VERIFY, wide and narrow");
    assert!(page.contains("Cut off at 300% of the limit: VERIFY (1,256%)."));
    for emoji in ['✅', '⚠', '❌'] {
        assert!(!page.contains(emoji), "{emoji}");
    }
    let within = html(&report("T-7", "in T-7, open, start PLAN, use PLAN in=2000 usd=0"));
    assert!(!within.contains("class=\"cut\"") && !within.contains("Cut off"));
}

#[test]
fn an_execution_of_which_nothing_was_reported_is_not_within_its_limit() {
    let page = html(&report("T-7", FULL));
    let row = page.lines().find(|line| line.contains(">IMPLEMENT<") && line.contains("Data unavailable"));
    assert!(row.is_some_and(|row| row.contains("unknown") && !row.contains("within")), "{row:?}");
}

#[test]
fn no_name_becomes_a_part_of_the_page() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut report = report("T-7", FULL);
    report.task_id = hostile.to_owned();
    report.title = Some(hostile.to_owned());
    for execution in &mut report.executions {
        execution.phase = hostile.to_owned();
    }
    report.as_of = hostile.to_owned();
    report.blocked_before = Some(hostile.to_owned());
    report.current_phase = Some(hostile.to_owned());
    report.totals.cost_usd = hostile.to_owned();
    report.config_hash = Some(hostile.to_owned());
    let texts = [
        &mut report.summary,
        &mut report.progress,
        &mut report.breaches,
        &mut report.anomalies,
        &mut report.warnings,
        &mut report.recommendations,
        &mut report.unexplained,
    ];
    texts.into_iter().for_each(|texts| texts.push(hostile.to_owned()));
    for decision in &mut report.decisions {
        decision.at = hostile.to_owned();
        decision.advance_to = hostile.to_owned();
        decision.requirements.push(hostile.to_owned());
        decision.reasons.iter_mut().for_each(|reason| reason.message = hostile.to_owned());
    }
    for given in &mut report.explanations {
        (given.author, given.explanation, given.phase) =
            (hostile.to_owned(), hostile.to_owned(), hostile.to_owned());
    }
    for granted in &mut report.overrides {
        (granted.what, granted.approver, granted.reason) =
            (hostile.to_owned(), hostile.to_owned(), hostile.to_owned());
    }
    if let Some(calculation) = &mut report.calculation {
        calculation.importance_source = format!("tag:{hostile}");
        calculation.phases.iter_mut().for_each(|limit| limit.phase = hostile.to_owned());
    }
    let page = html(&report);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("\"'>"), "{page}");
    assert!(page.contains("&lt;script&gt;"));
    // Nothing is loaded, linked or run.
    for word in
        [" src=", " href=", " style=", " onload", "url(", "@import", "<link", "<iframe", "javascript:"]
    {
        let found = page.replace(&super::escaped(hostile), "").contains(word);
        assert!(!found, "{word}");
    }
}

#[test]
fn the_policy_allows_this_style_and_nothing_else() {
    let hash = base64(&Sha256::digest(STYLE.as_bytes()));
    let allowed = format!("style-src 'sha256-{hash}'");
    assert!(CONTENT_SECURITY_POLICY.contains(&allowed), "the style has changed: write {allowed}");
    assert!(!CONTENT_SECURITY_POLICY.contains("unsafe"));
    assert!(html(&report("T-7", FULL)).contains(CONTENT_SECURITY_POLICY));
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for nth in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * nth) & 63) as usize];
            out.push(if nth > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    out
}
