//! The lists as they are published, where `TOLLGATE_TEST_PRICE_LISTS` names a directory that has them: whole, and
//! with faults. `tollgate-prices lists` writes them into one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use tollgate_domain::price::{
    PriceBook, PriceHistory, SourceHistory, Unverified, UpdatePlan, UpdateRules, plan,
};
use tollgate_price_sources::{Gather, Gathered};

use super::served::{Answer, serve};
use super::{at, config, gather, source, told};

/// The directory of the lists.
const LISTS: &str = "TOLLGATE_TEST_PRICE_LISTS";

struct Lists {
    litellm: String,
    genai: String,
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn lists() -> Option<Lists> {
    let Some(dir) = std::env::var_os(LISTS).map(PathBuf::from) else {
        eprintln!("SKIPPED: {LISTS} does not name a directory with litellm.json and genai-prices.json");
        return None;
    };
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    Some(Lists { litellm: read("litellm.json"), genai: read("genai-prices.json") })
}

/// Both lists from local servers.
async fn gathered(litellm: &str, genai: &str) -> Gathered {
    let dir = tempfile::tempdir().unwrap();
    let map = serve(vec![Answer::text(litellm)]).await;
    let list = serve(vec![Answer::text(genai)]).await;
    let config = config(&[source("litellm", "litellm", map), source("genai", "genai_prices", list)]);
    gather(&config, dir.path(), 0).await
}

/// What an update would change of the prices of a book.
fn planned(book: &str, gathered: &Gathered) -> UpdatePlan {
    let (book, _) = PriceBook::from_litellm(book, "test").unwrap();
    let rules = UpdateRules { unverified: Unverified::Apply, new_models: true };
    plan(&book, &PriceHistory::default(), &gathered.lists, rules, at(0))
}

#[tokio::test]
async fn both_lists_are_read_and_change_nothing_of_a_book_that_has_the_same_prices() {
    let Some(Lists { litellm, genai }) = lists() else { return };
    let gathered = gathered(&litellm, &genai).await;
    for checked in &gathered.checked {
        assert!(checked.problem.is_none() && checked.models > 1000, "{checked:?}");
    }
    let plan = planned(&litellm, &gathered);
    // But for a few entries of the map that are hard to believe: what is said about their models otherwise waits.
    let changed: Vec<_> = plan.updates.iter().filter(|update| update.old_version.is_some()).collect();
    assert!(changed.len() < 10 && changed.iter().all(|update| !update.waits.is_empty()), "{changed:?}");
    assert!(plan.unchanged > 1000 && !plan.disputes.is_empty(), "{}", plan.unchanged);
}

#[tokio::test]
async fn half_of_a_list_and_a_list_of_another_kind_are_refused() {
    let Some(Lists { litellm, genai }) = lists() else { return };
    let half = |text: &str| text.chars().take(text.len() / 2).collect::<String>();
    for (map, list) in [(half(&litellm), half(&genai)), (genai.clone(), litellm.clone())] {
        let gathered = gathered(&map, &list).await;
        let told = told(&gathered);
        assert!(gathered.lists.is_empty(), "{told:?}");
        assert!(told[0].contains("the text is not a price map of LiteLLM"), "{told:?}");
        assert!(told[1].contains("the text is not a list of genai-prices"), "{told:?}");
    }
}

#[tokio::test]
async fn a_list_that_lost_a_fifth_is_not_used_until_a_person_says_so() {
    let Some(Lists { litellm, .. }) = lists() else { return };
    let mut map: serde_json::Map<String, Value> = serde_json::from_str(&litellm).unwrap();
    let whole = gathered(&litellm, "[]").await.checked[0].models;
    let gone: Vec<String> = map.keys().step_by(5).cloned().collect();
    map.retain(|name, _| !gone.contains(name));
    let port = serve(vec![Answer::Text(Value::Object(map).to_string())]).await;
    let config = config(&[source("litellm", "litellm", port)]);
    let dir = tempfile::tempdir().unwrap();
    let mut history = PriceHistory::default();
    history.sources.insert("litellm".to_owned(), SourceHistory { models: whole, ..SourceHistory::default() });
    let refused = Gather::new(dir.path(), &history, at(0)).run(&config).await;
    assert!(refused.lists.is_empty() && told(&refused)[0].contains("more than a tenth is gone"));
    let accept_shrunk = BTreeSet::from(["litellm".to_owned()]);
    let used = Gather { accept_shrunk, ..Gather::new(dir.path(), &history, at(1)) }.run(&config).await;
    assert_eq!(used.lists.len(), 1, "{:?}", told(&used));
}

#[tokio::test]
async fn a_poisoned_price_of_a_real_map_never_comes_into_force_by_itself() {
    let Some(Lists { litellm, genai }) = lists() else { return };
    let mut map: Value = serde_json::from_str(&litellm).unwrap();
    let poisoned = [
        ("gpt-4o", "input_cost_per_token", 1000.0),
        ("gpt-4o-mini", "output_cost_per_token", 1000.0),
        ("gpt-4.1", "cache_read_input_token_cost", 1000.0),
        ("claude-opus-4-5", "input_cost_per_token", 0.0),
        ("claude-haiku-4-5", "output_cost_per_token", 0.0),
        ("gpt-4.1-mini", "cache_read_input_token_cost", 0.0),
        ("gemini/gemini-2.5-pro", "input_cost_per_token_above_200k_tokens", 1000.0),
        ("gemini-2.5-pro", "output_cost_per_token_above_200k_tokens", 0.0),
    ];
    for (entry, field, factor) in poisoned {
        map[entry][field] = json!(map[entry][field].as_f64().unwrap() * factor);
    }
    let plan = planned(&litellm, &gathered(&map.to_string(), &genai).await);
    let mut seen = 0;
    for (entry, field, factor) in poisoned {
        let update = plan.updates.iter().find(|update| update.entry == entry);
        assert!(
            update.is_none_or(|update| !update.waits.is_empty()),
            "{entry} {field} × {factor}: {update:?}"
        );
        seen += usize::from(update.is_some());
    }
    // The others are not believed: their prices stay as they are.
    assert!(seen >= 4, "{seen} wait");
}
