//! Decisions about money while nothing says what was spent.

use serde_json::{Value, json};
use tollgate_tests::nats::Cluster;

/// 5: with the projector gone, each policy does what it says of figures that are behind; nothing is taken for 0.
#[test]
fn failure_05_without_a_projector_policies_do_what_they_say_of_figures_that_are_behind() {
    let Some(mut cluster) = Cluster::start() else { return };
    let server = cluster.serve();
    let says = |line: &str| {
        let said = cluster.place.run_line(&format!("--server {} --format json {line}", server.url));
        let answer: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{line}: {said:?}"));
        (said.code, answer)
    };
    for (team, on_stale) in [("a", "allow"), ("b", "refuse")] {
        let (code, set) = says(&format!(
            "policy set of-{team} --scope team={team} --window monthly --limit-usd 5 --enforcement hard_limit --on-stale {on_stale} \
             --author ann --reason test"
        ));
        assert_eq!(code, 0, "{set}");
        let (_, answer) = says(&format!("check --usd 1 --label team={team}"));
        assert_eq!(answer["allowed"], true, "{answer}");
    }
    // The projector of `spending` is the last one.
    drop(cluster.projectors.pop());
    for (team, allowed, ruling) in [("a", true, "stale_allowed"), ("b", false, "stale")] {
        // One waits as long as askers do by themselves.
        let wait = if allowed { "" } else { "--no-wait " };
        let (_, answer) = says(&format!("{wait}check --usd 1 --label team={team}"));
        let found = (&answer["allowed"], &answer["policies"][0]["ruling"], &answer["as_of"]);
        assert_eq!(found, (&json!(allowed), &json!(ruling), &json!("")), "{answer}");
        unknown(&answer);
    }
    let (code, made) = says("--no-wait allocate create job-a --usd 1 --label team=a");
    assert_eq!((code, &made["state"]), (0, &json!("open")), "{made}");
    assert_eq!(made["policies"][0]["ruling"], "stale_allowed", "{made}");
    unknown(&made);
    let (code, refused) = says("--no-wait allocate create job-b --usd 1 --label team=b");
    assert!(code != 0 && refused.to_string().contains("stale"), "{refused}");
}

/// A server that has never decided for the tenant reads out of the log what the policies are, and what others decided
/// while the view is away.
#[test]
fn a_server_that_does_not_know_the_policies_reads_them_out_of_the_log() {
    let Some(mut cluster) = Cluster::start() else { return };
    let one = cluster.serve();
    let says = |url: &str, line: &str| {
        let said = cluster.place.run_line(&format!("--server {url} --format json {line}"));
        let answer: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{line}: {said:?}"));
        (said.code, answer)
    };
    for (team, on_stale) in [("a", "allow"), ("b", "refuse")] {
        let (code, set) = says(
            &one.url,
            &format!(
                "policy set of-{team} --scope team={team} --window monthly --limit-usd 5 --enforcement hard_limit --on-stale {on_stale}"
            ),
        );
        assert_eq!(code, 0, "{set}");
    }
    drop(cluster.projectors.pop());
    let other = cluster.serve();
    for (team, allowed, ruling) in [("a", true, "stale_allowed"), ("b", false, "stale")] {
        let (_, answer) = says(&other.url, &format!("--no-wait check --usd 1 --label team={team}"));
        let found = (&answer["allowed"], &answer["policies"][0]["ruling"], &answer["as_of"]);
        assert_eq!(found, (&json!(allowed), &json!(ruling), &json!("")), "{answer}");
        unknown(&answer);
    }
    let (code, made) = says(&other.url, "--no-wait allocate create job-a --usd 1 --label team=a");
    assert_eq!((code, &made["state"]), (0, &json!("open")), "{made}");
    unknown(&made);
    // Each decision follows all before it, whichever server took them.
    for (url, name) in [(&one.url, "job-c"), (&other.url, "job-d"), (&one.url, "job-e")] {
        let (code, made) = says(url, &format!("--no-wait allocate create {name} --usd 1 --label team=a"));
        assert_eq!((code, &made["state"]), (0, &json!("open")), "{made}");
    }
    let (code, refused) = says(&other.url, "--no-wait allocate create job-b --usd 1 --label team=b");
    assert!(code != 0 && refused.to_string().contains("and policy `of-b` says to wait"), "{refused}");
    // A tenant without a policy is allowed what it asks for.
    let (_, answer) = says(&other.url, "--no-wait --tenant none check --usd 1");
    assert_eq!((&answer["allowed"], &answer["policies"]), (&json!(true), &json!([])), "{answer}");
}

/// What was spent is told nowhere: no figure, and no 0 in words either.
fn unknown(answer: &Value) {
    for policy in answer["policies"].as_array().unwrap() {
        for figure in ["booked", "reserved", "unpriced", "remaining"] {
            assert_eq!(policy.get(figure), None, "{figure}: {answer}");
        }
        let sentence = policy["sentence"].as_str().unwrap();
        assert!(sentence.contains("an unknown part of 5 USD spent"), "{sentence}");
    }
}
