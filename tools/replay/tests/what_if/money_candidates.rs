//! given | then: what sets of policies would have said to requests, which tasks they would have stopped, and what the
//! ledger really decided.

use proptest::prelude::*;
use tollgate_domain::ids::TenantId;
use tollgate_replay::what_if::result::{Amounts, MoneyCandidate, MoneyResult};
use tollgate_replay::what_if::{Candidate, Policies, read_policies};

use crate::story::{Story, about, candidate, generated, replay, runtime, story};

pub(crate) fn policies(name: &str, text: &str) -> Policies {
    read_policies(name, &format!("policies: {{p: {text}}}"), &TenantId::default_tenant()).unwrap()
}

/// A story through sets of policies, each of one policy; the same on any number of threads.
pub(crate) fn through(story: &Story, policies: &[Policies]) -> (MoneyResult, Amounts) {
    let (runtime, candidates) = (runtime(), [candidate("c", "rollout: enforce")]);
    let history = story.history(&runtime);
    let mut question = about(&candidates);
    question.policies = policies;
    let alone = replay(&runtime, &history, &question).unwrap();
    question.threads = 16;
    assert_eq!(replay(&runtime, &history, &question).unwrap(), alone, "on any number of threads");
    (alone.result.money.unwrap(), alone.result.history.used)
}

pub(crate) fn of_one(script: &str, policy: &str) -> MoneyCandidate {
    through(&story(script), &[policies("p.yaml", policy)]).0.candidates.remove(0)
}

/// A token costs a micro-dollar. Under `tight`, a thousand of them an hour:
///
/// | at | request | spent | reserved | asked | |
/// |---|---|---|---|---|---|
/// | 08:00 | allocation a1 for A, of which 500 are used | 0 | 0 | 600 | allowed |
/// | 08:01 | B | 500 | 100 | 300 | 90 %: warned |
/// | 08:02 | C, and 50 more later | 800 | 100 | 200 | 110 %: refused |
/// | 08:04 | D, after a1 was released | 800 | 0 | 150 | 95 %: warned |
/// | 08:05 | B | 950 | 0 | 100 | 105 %: refused |
/// | 08:06 | allocation e1 for E, which the ledger refused | 950 | 0 | 500 | refused |
const MORNING: &str = "in A, open, allocate a1 600, use 500 allocation=a1, +60, in B, open, use 300, +60, \
     in C, open, use 200, +10, use 50, close abandoned, +50, release a1, +60, in D, open, use 150, close completed, \
     +60, in B, use 100, close completed, +60, in E, open, allocate e1 500 refused";

const TIGHT: &str = "{window: hourly, limit_usd: '0.001', enforcement: hard_limit}";
const LOOSE: &str = "{window: hourly, limit_usd: '0.002', enforcement: hard_limit}";

#[test]
fn figures_are_those_that_were_computed_by_hand() {
    let named = [policies("tight.yaml", TIGHT), policies("loose.yaml", LOOSE)];
    let (money, _) = through(&story(MORNING), &named);
    let live = &money.live;
    assert_eq!((live.allowed, live.warned, live.refused, live.refused_tasks), (1, 0, 1, 1));
    let [tight, loose] = &money.candidates[..] else { panic!("two candidates") };
    let asked = &tight.requests;
    assert_eq!((asked.judged, asked.allowed, asked.warned, asked.refused), (6, 1, 2, 3));
    assert_eq!((asked.stopped, asked.covered), (1, 1), "C had another 50; A used its allocation");
    assert_eq!((tight.judged, tight.within, tight.warned, tight.refused, tight.blocked), (5, 1, 1, 1, 2));
    let of = |it: &Amounts| (it.tasks, it.tokens, it.cost_usd.clone());
    assert_eq!(of(&tight.after_block), (2, 350, "0.00035".to_owned()));
    assert_eq!(of(&tight.saved), (1, 250, "0.00025".to_owned()), "C was given up");
    assert_eq!(of(&tight.interrupted), (1, 100, "0.0001".to_owned()), "B was completed");
    assert_eq!((tight.false_positives.part, tight.false_positives.of), (1, 2), "B, of B and D");
    let [point] = &tight.blocks[..] else { panic!("one policy: {:?}", tight.blocks) };
    assert_eq!((point.tasks, point.median_percent, point.most_percent), (2, Some(105), Some(110)));
    let pairs = |it: &MoneyCandidate| -> Vec<(&str, &str, u64)> {
        it.decisions.iter().map(|pair| (pair.live, pair.candidate, pair.times)).collect()
    };
    assert_eq!(pairs(tight), [("allowed", "allowed", 1), ("refused", "refused", 1)]);
    // 1,300 were spent: with 500 more it is above 80 % of 2,000.
    assert_eq!(pairs(loose), [("allowed", "allowed", 1), ("refused", "warned", 1)]);
    assert_eq!((loose.requests.judged, loose.requests.allowed, loose.blocked), (7, 6, 0));
    assert_eq!(of(&loose.after_block), (0, 0, "0".to_owned()));
    let left = loose.policies[0].headroom.usd.as_ref().unwrap();
    assert_eq!((left.unused.as_str(), left.unused_percent.as_deref()), ("0.0007", Some("35")));
    assert_eq!(tight.policies[0].headroom.windows, 0, "all that was used is above its limit");
    insta::assert_snapshot!("money", serde_json::to_string_pretty(&money).unwrap());
}

#[test]
fn every_task_whose_outcome_differs_is_named_with_the_numbers_of_the_rule() {
    let (both, _) = through(&story(MORNING), &[policies("tight.yaml", TIGHT), policies("loose.yaml", LOOSE)]);
    let words: Vec<(&str, Option<&str>, Vec<&str>)> = both
        .differing
        .iter()
        .map(|task| (task.task.as_str(), task.live, task.outcomes.iter().map(|it| it.outcome).collect()))
        .collect();
    let differ = |task, outcome| (task, None, vec![outcome, "within"]);
    let of_e = ("E", Some("refused"), vec!["refused", "warned"]);
    assert_eq!(words, [differ("B", "blocked"), differ("C", "blocked"), differ("D", "warned"), of_e]);
    let refused = both.differing[1].outcomes[0].refused.as_ref().unwrap();
    assert_eq!(
        (refused.at.as_str(), refused.policy.as_str(), refused.ruling),
        ("2026-11-21T08:02:00Z", "p", "refused")
    );
    assert_eq!((refused.limit_tokens, refused.limit_usd.as_deref()), (None, Some("0.001")));
    assert_eq!((refused.used_tokens, refused.used_usd.as_str()), (900, "0.0009"), "100 are reserved");
    assert_eq!((refused.asked_usd.as_str(), refused.after.tokens), ("0.0002", 250));
    // A single set stands beside what the ledger decided.
    let (one, _) = through(&story(MORNING), &[policies("tight.yaml", TIGHT)]);
    let tasks: Vec<&str> = one.differing.iter().map(|task| task.task.as_str()).collect();
    assert_eq!(tasks, ["B", "C"], "of E both say the same");
}

#[test]
fn what_the_ledger_refused_is_judged_as_any_request() {
    let refused = |script: &str, policy: &str| {
        let (money, _) = through(&story(script), &[policies("p.yaml", policy)]);
        let words = money.differing.iter().map(|task| {
            let task = (task.task.clone(), task.live, task.outcomes[0].outcome);
            (task.0, task.1.unwrap_or("not asked"), task.2)
        });
        words.collect::<Vec<_>>()
    };
    let limit = |tokens: u64| format!("{{window: daily, limit_tokens: {tokens}, enforcement: hard_limit}}");
    let differs = |outcome| vec![("E".to_owned(), "refused", outcome)];
    let script = "in E, open, use 10, +1, allocate e 500 refused, +1, use 20";
    assert_eq!(refused(script, &limit(100)), [], "both refuse it");
    assert_eq!(refused(script, &limit(10_000)), differs("within"));
    // All that it asked for.
    assert_eq!(refused("in E, open, allocate e 500 refused", &limit(100)), []);
    assert_eq!(refused("in E, open, allocate e 500 refused", &limit(10_000)), differs("within"));
    assert_eq!(refused("in E, open, allocate e 500 refused", &limit(510)), differs("warned"));
    let elsewhere = "{window: daily, limit_tokens: 1, enforcement: hard_limit, scope: {team: search}}";
    assert_eq!(refused("in E, open, allocate e 500 refused", elsewhere), differs("not judged"));
    // The same answer has the same consequence: nothing is saved.
    let found = of_one(script, &limit(100));
    assert_eq!((found.refused, found.blocked, found.after_block.tokens), (1, 0, 0));
    assert_eq!((found.requests.refused, found.requests.allowed, found.requests.stopped), (1, 2, 0));
    assert_eq!(found.policies[0].refused_requests, 1);
    // What the ledger allowed still stops it.
    let found = of_one(script, &limit(25));
    assert_eq!((found.refused, found.blocked, found.after_block.tokens), (0, 1, 20));
}

/// judged, allowed, warned, refused, stopped, covered
pub(crate) type Counts = [u64; 6];

/// Policies, what happened, and how many requests there are.
pub(crate) fn assert_requests(cases: &[(&str, &str, Counts)]) {
    for (policy, script, expected) in cases {
        // Each task a second after the one before: of the same moment, partitions would decide the order.
        let found = of_one(&script.replace(", in ", ", +1, in "), policy).requests;
        let found = [found.judged, found.allowed, found.warned, found.refused, found.stopped, found.covered];
        assert_eq!(found, *expected, "{policy}: {script}");
    }
}

#[test]
fn uses_are_judged_by_the_rules_of_the_ledger() {
    assert_requests(&[
        ("{window: hourly, limit_tokens: 1000, enforcement: warn}", "use 900, use 200", [2, 0, 2, 0, 0, 0]),
        ("{window: hourly, limit_tokens: 1000, enforcement: ignore}", "use 700, use 400", [2, 2, 0, 0, 0, 0]),
        // What was refused is not spent: the next task may have it.
        (
            "{window: hourly, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, use 600, in B, use 500, in C, use 100, in B, use 1",
            [3, 2, 0, 1, 1, 0],
        ),
        // A task stays stopped when the next hour begins; others do not.
        (
            "{window: hourly, limit_tokens: 10, enforcement: hard_limit}",
            "in A, use 11, +3600, use 1, in B, use 1",
            [2, 1, 0, 1, 1, 0],
        ),
        (
            "{window: per_task, limit_tokens: 10, enforcement: hard_limit}",
            "in A, use 5, in B, use 5, in A, use 6",
            [3, 2, 0, 1, 0, 0],
        ),
        (
            "{window: per_session, limit_tokens: 10, enforcement: hard_limit}",
            "in A, use 5 session=s, in B, use 6 session=s, in C, use 6 session=t",
            [3, 2, 0, 1, 0, 0],
        ),
        (
            "{window: daily, limit_tokens: 10, enforcement: hard_limit, scope: {team: search}}",
            "in A, use 50 team=other, in B, use 11 team=search",
            [1, 0, 0, 1, 0, 0],
        ),
        // One that passes the limit within a minute, the next is too soon, and that in the minute after passes.
        (
            "{window: daily, limit_tokens: 10, enforcement: throttle, throttle_per_minute: 1}",
            "in A, use 7, use 5, +10, use 5, in B, +51, use 5",
            [4, 1, 2, 1, 0, 0],
        ),
        // A correction makes room, and counts at its own time.
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, use 900, adjust -400, in B, use 200",
            [2, 1, 1, 0, 0, 0],
        ),
        // What is corrected of a stopped task was not spent.
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit}",
            "in A, use 1001, adjust -1000, in B, use 500, in C, use 290",
            [3, 2, 0, 1, 0, 0],
        ),
        // A policy that begins later counts what its window has, and judges nothing before.
        (
            "{window: daily, limit_tokens: 1000, enforcement: hard_limit, from: '2026-11-21T08:01:00Z'}",
            "in A, use 900, +120, in B, use 200",
            [1, 0, 0, 1, 0, 0],
        ),
        // What one day left rolls over to the next.
        (
            "{window: daily, limit_tokens: 100, enforcement: hard_limit, rollover: all}",
            "in A, use 40, +86400, use 120, in B, use 90",
            [3, 2, 0, 1, 0, 0],
        ),
        // Of another owner, and of nobody's policy.
        ("{window: daily, limit_tokens: 1}", "of other, use 50, allocate a 50", [0; 6]),
        (
            "{window: daily, limit_usd: '0.001', enforcement: hard_limit}",
            "use 900 unpriced",
            [1, 1, 0, 0, 0, 0],
        ),
    ]);
}

#[test]
fn what_is_not_known_of_tasks_is_no_false_positive_and_marks_say_what_they_were() {
    let script = "in A, use 11, use 5, mark runaway, in B, use 11, mark legitimate, in C, open, use 11, close completed, \
                  in D, open, use 11, close cancelled, in E, use 11, mark runaway, adjust -3";
    let found = of_one(script, "{window: per_task, limit_tokens: 10, enforcement: hard_limit}");
    assert_eq!((found.judged, found.blocked), (5, 5));
    let part = |share: &tollgate_replay::what_if::result::ShareView| (share.part, share.of);
    assert_eq!(part(&found.found_runaways), (2, 2));
    assert_eq!(part(&found.false_positives), (2, 2));
    assert_eq!(part(&found.false_positives_of_legitimate), (1, 1));
    assert_eq!(part(&found.wrong_blocks), (2, 4));
    // A 16, D 11, and E 11 less what was corrected.
    assert_eq!((found.saved.tokens, found.saved_of_runaways.tokens), (16 + 11 + 8, 16 + 8));
    assert_eq!((found.interrupted.tasks, found.interrupted.tokens), (2, 22));
}

#[test]
fn nothing_is_a_percentage_of_a_limit_of_zero() {
    let found = of_one("in A, use 11", "{window: daily, limit_tokens: 0, enforcement: hard_limit}");
    let [point] = &found.blocks[..] else { panic!("A is stopped: {:?}", found.blocks) };
    let json = serde_json::to_value(point).unwrap();
    assert_eq!((point.tasks, json.get("median_percent"), json.get("most_percent")), (1, None, None));
}

#[test]
fn sets_of_policies_that_cannot_be_told_apart_are_refused() {
    let (runtime, configs): (_, [Candidate; 1]) = (runtime(), [candidate("c", "rollout: enforce")]);
    let history = story("use 1").history(&runtime);
    let other = TenantId::new("other").unwrap();
    let of_other = read_policies("q.yaml", &format!("policies: {{p: {TIGHT}}}"), &other).unwrap();
    for (given, said) in [
        (vec![policies("p.yaml", TIGHT), policies("p.yaml", LOOSE)], "policies `p.yaml` are named twice"),
        (
            vec![policies("p.yaml", TIGHT), of_other],
            "`p.yaml` are of the tenant `default` and `q.yaml` of `other`",
        ),
    ] {
        let mut question = about(&configs);
        question.policies = &given;
        let error = replay(&runtime, &history, &question).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A hard limit over a month is kept, whatever happened: what was used, less what stopped tasks used afterwards,
    /// is within it. A looser limit stops no more.
    #[test]
    fn what_is_let_through_is_within_a_hard_limit(seed in 0_u64..1000, limit in 1_u64..400_000) {
        let policy = |limit: u64| format!("{{window: monthly, limit_tokens: {limit}, enforcement: hard_limit}}");
        let (money, used) = through(
            &generated(seed, 25),
            &[policies("tight", &policy(limit)), policies("none", &policy(10_000_000_000))],
        );
        let [tight, none] = &money.candidates[..] else { panic!("two candidates") };
        prop_assert!(used.tokens - tight.after_block.tokens <= i64::try_from(limit).unwrap());
        prop_assert_eq!((none.blocked, none.after_block.tokens), (0, 0));
        let asked = &tight.requests;
        prop_assert_eq!(asked.judged, asked.allowed + asked.warned + asked.refused);
        prop_assert_eq!(asked.judged + asked.stopped, none.requests.judged);
        prop_assert_eq!(tight.judged, tight.within + tight.warned + tight.blocked);
        prop_assert_eq!(tight.after_block.tokens, tight.saved.tokens + tight.interrupted.tokens);
    }
}
