//! given | then: how much of the usage was estimated, and how far estimates were from what was reported later.

use tollgate_replay::EstimateView;

use crate::story::{about, candidate, replay, runtime, story};

fn estimates(script: &str) -> EstimateView {
    let (runtime, candidates) = (runtime(), [candidate("c", "rollout: enforce")]);
    let history = story(script).history(&runtime);
    let mut question = about(&candidates);
    let alone = replay(&runtime, &history, &question).unwrap();
    question.threads = 16;
    assert_eq!(replay(&runtime, &history, &question).unwrap(), alone, "on any number of threads");
    alone.result.history.estimates
}

#[test]
fn the_share_of_estimates_and_their_error_are_those_computed_by_hand() {
    // Of 1,000 tokens 400 were estimated. 100 were 125: off by 20 %. 200 were 100: off by 100 %, in two corrections.
    // 50 were all right, and of 50 nothing is known. What was no estimate is none, whatever was corrected.
    let found = estimates(
        "in A, use 100 estimated, adjust 25, use 200 estimated, adjust -60, adjust -40, in B, use 50 estimated, adjust 0, \
         use 50 estimated, use 600, adjust -300",
    );
    let EstimateView { calls, estimated_calls, tokens, estimated_tokens, corrected_calls, .. } = found;
    assert_eq!((calls, estimated_calls, tokens, estimated_tokens, corrected_calls), (5, 4, 1000, 400, 3));
    let percents = [&found.estimated_percent, &found.error_p50_percent, &found.error_p95_percent];
    assert_eq!(percents.map(|percent| percent.as_deref().unwrap()), ["40", "20", "100"]);
    let said = found.sentence().unwrap();
    assert!(
        said.starts_with(
            "40 % of the tokens were estimated, in 4 of 5 calls; of 3 that were corrected half were off"
        ),
        "{said}"
    );
    assert!(
        said.ends_with("at most 20 % and 95 of 100 by at most 100 %: fewer than 100 say little"),
        "{said}"
    );
}

/// An id is unique for its task and producer only. Of 17 tasks two at least are in the same partition.
#[test]
fn calls_of_two_tasks_may_have_the_same_id() {
    let tasks = (0..17).map(|nth| format!("in T-{nth}, use 100 estimated id=first, adjust 25"));
    let found = estimates(&tasks.collect::<Vec<_>>().join(", "));
    assert_eq!((found.estimated_calls, found.corrected_calls), (17, 17));
    assert_eq!(found.error_p95_percent.as_deref(), Some("20"));
}

#[test]
fn what_is_said_of_estimates_depends_on_how_many_were_corrected() {
    let many = |off: u64| format!("in A, {}", format!("use 100 estimated, adjust -{off}, ").repeat(100));
    for (script, said) in [
        ("use 5, adjust -1".to_owned(), None),
        ("use 5 estimated".to_owned(), Some("none was corrected, so how far they are off is not known")),
        // Nothing was used after all: no share of it can be off.
        ("use 5 estimated, adjust -5".to_owned(), Some("none was corrected")),
        (
            "use 100 estimated, adjust -20".to_owned(),
            Some("in 1 of 1 calls; the one that was corrected was off by 25 %: fewer than 100 say little"),
        ),
        (many(10), Some("95 of 100 by at most 11.2 %: the target is at most 20 % at p95")),
        (many(16), Some("95 of 100 by at most 19.1 %: the target is")),
        (many(17), Some("95 of 100 by at most 20.5 %: above the target of 20 % at p95")),
    ] {
        let found = estimates(&script).sentence();
        match said {
            None => assert_eq!(found, None),
            Some(said) => assert!(found.as_deref().is_some_and(|found| found.contains(said)), "{found:?}"),
        }
    }
}
