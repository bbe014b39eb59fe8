//! As what usage counts that uses an allocation.

use std::collections::BTreeMap;

use super::*;
use crate::tokens::TokenCounts;
use crate::units::UnitCounts;
use crate::usage::Cost;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Usage that names its phase, component, provider and model, each empty where it does not.
fn usage([phase, component, provider, model]: [&str; 4], pairs: &[(&str, &str)]) -> UsageRecorded {
    UsageRecorded {
        execution: text(phase)
            .map(|phase| NamedExecution { phase: phase.parse().expect("a phase"), attempt: Some(2) }),
        provider: text(provider),
        model: text(model),
        component: text(component),
        request_id: None,
        service_tier: None,
        allocation: text("a-1"),
        context: None,
        labels: labels(pairs),
        tokens: TokenCounts::default(),
        units: UnitCounts::default(),
        estimated: false,
        cost: Cost::Unpriced,
        counts_as: None,
    }
}

fn made() -> AllocationRequest {
    AllocationRequest {
        allocation: "a-1".to_owned(),
        task: text("T-9"),
        phase: "PLAN".parse().ok(),
        component: text("planner"),
        provider: text("openai"),
        model: text("gpt-5"),
        labels: labels(&[("team", "search"), ("user", "ada")]),
        ..AllocationRequest::default()
    }
}

fn shown(usage: &Dimensions<'_>) -> String {
    let of = |name: &str| usage.get(&name.parse().expect("a dimension")).unwrap_or("-");
    ["task", "phase", "component", "provider", "model", "team", "user"].map(of).join(" ")
}

#[test]
fn what_usage_does_not_say_its_allocation_says() {
    for (usage, counts) in [
        // Nothing said but the task, which is always its own.
        (usage(["", "", "", ""], &[]), "T-1 PLAN planner openai gpt-5 search ada"),
        // What it says stays.
        (
            usage(["CODE", "coder", "azure", "gpt-4"], &[("team", "ads")]),
            "T-1 CODE coder azure gpt-4 ads ada",
        ),
        // Who serves the allocation's model says nothing about another one.
        (usage(["", "", "", "gpt-4"], &[]), "T-1 PLAN planner - gpt-4 search ada"),
        (usage(["", "", "", "gpt-5"], &[]), "T-1 PLAN planner openai gpt-5 search ada"),
    ] {
        let counts_as = CountsAs::of(&usage, &made());
        let usage = UsageRecorded { counts_as, ..usage };
        assert_eq!(shown(&usage.dimensions("T-1")), counts);
        assert_eq!(usage.used_allocation(), Some("a-1"));
    }
}

#[test]
fn nothing_is_added_to_usage_that_says_all_of_it() {
    let all = [("team", "ads"), ("user", "bob"), ("x", "y")];
    let full = usage(["CODE", "coder", "azure", "gpt-4"], &all);
    assert_eq!(CountsAs::of(&full, &made()), None);
    assert_eq!(shown(&full.dimensions("T-1")), "T-1 CODE coder azure gpt-4 ads bob");
    // One that it names by its context is added.
    let by_context = UsageRecorded { allocation: None, context: text("job"), ..full };
    let found = CountsAs::of(&by_context, &made());
    assert_eq!(found.as_deref().map(|found| found.allocation.as_str()), Some("a-1"));
}

#[test]
fn labels_that_no_scope_can_name_are_not_copied() {
    let long = "x".repeat(crate::budget::MAX_VALUE_BYTES + 1);
    let found = CountsAs::of(
        &usage(["", "", "", ""], &[("cwd", &long), ("team", "ads"), ("_operation", "op-1")]),
        &made(),
    );
    let found = found.expect("the allocation says more");
    assert_eq!(found.labels, labels(&[("team", "ads"), ("user", "ada")]));
}

#[test]
fn usage_before_its_allocation_uses_none_also_once_it_is_made() {
    let priced = ModelName { provider: "openai".to_owned(), model: "gpt-5".to_owned() };
    let early = usage(["", "", "", ""], &[("team", "ads")]);
    let own = early.dimensions("T-1");
    for counts_as in [
        Some(CountsAs::of_unmade()),
        // The names by which it is priced change nothing of that.
        CountsAs::named(Some(CountsAs::of_unmade()), &own, &priced),
    ] {
        let early = UsageRecorded { counts_as, ..early.clone() };
        assert_eq!((early.used_allocation(), shown(&early.dimensions("T-1"))), (None, shown(&own)));
    }
}
