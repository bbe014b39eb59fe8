//! Session files of coding agents as a history.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::ids::TenantId;
use tollgate_domain::price::PriceBook;
use tollgate_import::reader::Format;
use tollgate_replay::source::sessions::{Completion, format_of, read};
use tollgate_replay::what_if::Unopened;
use tollgate_test_process::temporary;

use tollgate_test_process::real_sessions;

use crate::story::{about, candidate, replay, runtime};

fn completion() -> Completion {
    let config = BudgetConfig::built_in();
    Completion { tenant: TenantId::default_tenant(), prices: PriceBook::shipped(), config }
}

/// A session with these totals of input and output after each call.
fn session(id: &str, calls: &[[u64; 2]]) -> String {
    let at = r#""timestamp":"2025-10-10T01:00:00Z""#;
    let mut text = format!("{{{at},\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\"}}}}\n");
    text += &format!("{{{at},\"type\":\"turn_context\",\"payload\":{{\"model\":\"gpt-5\"}}}}\n");
    let mut sums = [0, 0];
    for call in calls {
        sums = [sums[0] + call[0], sums[1] + call[1]];
        text += &format!(
            "{{{at},\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{{\"input_tokens\":{},\"cached_input_tokens\":0,\"output_tokens\":{},\"reasoning_output_tokens\":0}}}}}}}}\n",
            sums[0], sums[1]
        );
    }
    text
}

#[test]
fn each_call_counts_once_and_is_priced() {
    let (runtime, dir) = (runtime(), temporary());
    let ids = ["0199cbc9-c52b-7310-a697-9a5dc7d2a91d", "0199cbd8-a344-7381-921d-ae9d919138fc"];
    for (nth, (id, calls)) in ids.iter().zip([&[[1000, 10], [30_000, 100]][..], &[[5, 5]]]).enumerate() {
        std::fs::write(dir.path().join(format!("rollout-{nth}-{id}.jsonl")), session(id, calls)).unwrap();
    }
    // The same session twice counts once.
    std::fs::write(
        dir.path().join(format!("rollout-9-{}.jsonl", ids[0])),
        session(ids[0], &[[1000, 10], [30_000, 100]]),
    )
    .unwrap();
    assert_eq!(format_of(dir.path()), Some(Format::Codex));
    let read = runtime.block_on(read(dir.path(), Format::Codex, &completion(), None)).unwrap();
    assert_eq!((read.files, read.calls), (3, 3));
    let candidates = [candidate("c", "rollout: enforce")];
    let mut question = about(&candidates);
    question.unopened = Unopened::Judge;
    let result = replay(&runtime, &read.history, &question).unwrap().result;
    assert_eq!((result.history.tasks, result.history.used.tokens), (2, 1010 + 30_100 + 10));
    // 31,005 tokens of input at 1.25 and 115 of output at 10 US dollars a million.
    assert_eq!(
        (result.history.used.cost_usd.as_str(), result.history.used.unpriced_tokens),
        ("0.03990625", 0)
    );
    let found = &result.candidates[0];
    assert_eq!((found.within, found.over.tasks), (1, 1), "its second call took the first one over the limit");
    assert_eq!((found.over.tokens, found.over_tokens), (31_110, 7_710));
}

#[test]
fn nothing_to_read_is_said() {
    let (runtime, dir) = (runtime(), temporary());
    let error =
        runtime.block_on(read(dir.path(), Format::Codex, &completion(), None)).err().unwrap().to_string();
    assert!(error.contains("reading sessions of") && error.contains("no *.jsonl"), "{error}");
}

#[test]
fn real_sessions_give_a_reasoned_result() {
    let Some(folder) = real_sessions() else { return };
    let runtime = runtime();
    let format = format_of(&folder).unwrap();
    let read = runtime.block_on(read(&folder, format, &completion(), None)).unwrap();
    let candidates =
        [candidate("strict", "rollout: enforce"), candidate("loose", "stop_loss:\n  profile: loose\n")];
    let mut question = about(&candidates);
    question.unopened = Unopened::Judge;
    let result = replay(&runtime, &read.history, &question).unwrap().result;
    assert_eq!(result.inputs.events, read.calls);
    let [strict, loose] = &result.candidates[..] else { panic!("two candidates") };
    assert!(strict.judged > 0 && strict.saved.tokens >= loose.saved.tokens);
    assert!(strict.findings.iter().any(|finding| finding.contains("no task is known to be good")));
}
