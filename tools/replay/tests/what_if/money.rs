//! given | then: what usage would have made of policies.

use tollgate_domain::ids::TenantId;
use tollgate_replay::what_if::read_policies;
use tollgate_replay::what_if::result::PolicyResult;

use crate::story::{about, candidate, replay, runtime, story};

fn results(script: &str, policies: &str) -> Vec<PolicyResult> {
    let runtime = runtime();
    let history = story(script).history(&runtime);
    let candidates = [candidate("c", "rollout: enforce")];
    let policies = read_policies("p.yaml", policies, &TenantId::default_tenant()).unwrap();
    let mut question = about(&candidates);
    question.policies = std::slice::from_ref(&policies);
    let alone = replay(&runtime, &history, &question).unwrap();
    question.threads = 16;
    assert_eq!(replay(&runtime, &history, &question).unwrap(), alone, "on any number of threads");
    alone.result.money.unwrap().candidates.remove(0).policies
}

#[test]
fn windows_that_usage_exceeded_are_named_with_when_and_by_how_much() {
    // From 08:00: A uses 600 in the first quarter, B 600 in the second, C 5 in the fourth, D in the next hour.
    let script = "in A, use 600, +900, in B, use 600, +1800, in C, use 5, +3600, in D, use 700";
    let found =
        results(script, "policies: {hour: {window: hourly, limit_tokens: 1000, enforcement: hard_limit}}");
    let [hour] = &found[..] else { panic!("one policy") };
    assert_eq!((hour.windows, hour.warned_windows, hour.affected_tasks), (2, 0, 2), "B and C came too late");
    let [window] = &hour.exceeded[..] else { panic!("one window: {hour:?}") };
    assert_eq!(window.from.as_deref(), Some("2026-11-21T08:00:00Z"));
    assert_eq!((window.exceeded_at.as_str(), window.ruling), ("2026-11-21T08:15:00Z", "refused"));
    assert_eq!((window.used.tokens, window.over_tokens, window.limit_tokens), (1205, Some(205), Some(1000)));
    assert_eq!(window.tasks, ["B", "C"]);
    // The hour from 09:00 left 300 of its 1000, and is the only one within its limit.
    let left = hour.headroom.tokens.as_ref().unwrap();
    assert_eq!((hour.headroom.windows, left.limit, left.unused, left.least), (1, 1000, 300, 300));
    assert_eq!((left.unused_percent.as_deref(), &hour.headroom.usd), (Some("30"), &None));
}

#[test]
fn a_limit_is_exceeded_when_it_was_crossed_and_not_by_whom_was_done_before() {
    // All within a quarter of an hour; A is done before B crosses the limit at 08:05:10, C comes after that.
    let script = "in A, use 600, +310, in B, use 500, +60, in C, use 5, in B, use 1, adjust -1";
    let found =
        results(script, "policies: {hour: {window: hourly, limit_tokens: 1000, enforcement: hard_limit}}");
    let [window] = &found[0].exceeded[..] else { panic!("one window: {found:?}") };
    assert_eq!(window.exceeded_at, "2026-11-21T08:05:10Z");
    assert_eq!((&window.tasks[..], found[0].affected_tasks), (&["B".to_owned(), "C".to_owned()][..], 2));
}

#[test]
fn policies_count_what_is_in_their_scope_and_window() {
    for (policy, script, windows, warned, exceeded) in [
        ("{window: daily, limit_usd: '0.001'}", "use 900, use 101", 1, 0, 1),
        ("{window: daily, limit_usd: '0.001'}", "use 900", 1, 1, 0),
        ("{window: daily, limit_usd: '0.001'}", "use 700", 1, 0, 0),
        ("{window: daily, limit_usd: '0.001'}", "use 9000 unpriced", 1, 0, 0),
        ("{window: daily, limit_tokens: 10, scope: {team: search}}", "use 20 team=other", 0, 0, 0),
        ("{window: daily, limit_tokens: 10, scope: {team: search}}", "use 20 team=search, use 1", 1, 0, 1),
        ("{window: daily, limit_tokens: 10}", "of other, use 20", 0, 0, 0),
        ("{window: daily, limit_tokens: 10, from: '2026-11-22T00:00:00Z'}", "use 20", 1, 0, 0),
        ("{window: per_task, limit_tokens: 10}", "in A, use 20, in B, use 9, in C, use 30", 3, 1, 2),
        ("{window: per_session, limit_tokens: 10}", "in A, use 6 session=s, in B, use 6 session=s", 1, 0, 1),
        // What the first day left rolls over to the second.
        ("{window: daily, limit_tokens: 100, rollover: all}", "use 40, +86400, use 150", 2, 1, 0),
        ("{window: daily, limit_tokens: 100}", "use 40, +86400, use 150", 2, 0, 1),
        ("{window: daily, limit_tokens: 100, enforcement: ignore}", "use 101", 1, 0, 1),
    ] {
        let found = results(script, &format!("policies: {{p: {policy}}}"));
        let found = (found[0].windows, found[0].warned_windows, found[0].exceeded.len());
        assert_eq!(found, (windows, warned, exceeded), "{policy}: {script}");
    }
}

#[test]
fn a_file_of_policies_that_is_wrong_is_refused_with_all_that_is_wrong() {
    let text = "policies:\n  a: {window: yearly, limit_tokens: 1}\n  b: {window: daily}\n  c: {window: daily, limit_token: 1}\n  d: 7\n";
    let error = read_policies("p.yaml", text, &TenantId::default_tenant()).unwrap_err();
    let expected = [
        "policy `a`: window: `yearly`: must be one of",
        "policy `b`: ",
        "policy `c`: `limit_token` is not a field of a policy; did you mean `limit_tokens`?",
        "policy `d`: must be a map",
    ];
    assert_eq!(error.problems.len(), expected.len(), "{error}");
    for (problem, expected) in error.problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert!(
        read_policies("p.yaml", "- 1", &TenantId::default_tenant())
            .unwrap_err()
            .to_string()
            .contains("`policies:`")
    );
}
