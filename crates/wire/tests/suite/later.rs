//! Samples of fields that their kinds got later than their first vectors.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::budget::Amount;
use tollgate_domain::event::{
    Allocated, AllocationRefused, AllocationRequest, BudgetSet, ConditionObserved, Event, EventBody,
    GateDecided, GateEvent, LimitRaised, PriceBookLoaded, PriceProposed, UsageRepriced,
};
use tollgate_domain::tokens::TokenCounts;
use tollgate_domain::units::{Unit, UnitSums};
use tollgate_domain::usage::CountsAs;

use crate::money::{allocated, budget, raised, refused, request};
use crate::priced::{proposed, repriced};
use crate::samples::{no_limits, own_event};
use crate::strategies::{optional, text, time};

/// The vectors.
pub(crate) fn events() -> Vec<(&'static str, Event)> {
    let counted_as = UsageRepriced { counts_as: counts_as("priced_as"), ..repriced() };
    let verified = PriceProposed { verified: true, ..proposed() };
    let unknown = GateDecided { policies_unknown: true, ..no_limits() };
    let drew = GateDecided { drawn_tokens: 14_040, ..no_limits() };
    vec![
        ("budget_set_labels", own_event("_budget", with_labels().into())),
        ("limit_raised_named", own_event("_budget", named().into())),
        ("limit_raised_withdrawn", own_event("_budget", withdrawn().into())),
        ("allocated_priced_as", own_event("_budget", priced_as().into())),
        ("allocation_refused_unsaid", own_event("_budget", unsaid().into())),
        ("gate_decided_policies_unknown", own_event("T-2", GateEvent::GateDecided(Box::new(unknown)).into())),
        ("gate_decided_drawn", own_event("T-2", GateEvent::GateDecided(Box::new(drew)).into())),
        ("condition_observed_level", own_event("_ledger", half_of_a_limit().into())),
        ("condition_observed_access", own_event("_ledger", read_too_much().into())),
        ("price_book_loaded_models", own_event("_ledger", book().into())),
        ("price_proposed_verified", own_event("_ledger", verified.into())),
        ("usage_repriced_priced_as", own_event("T-2", counted_as.into())),
    ]
}

/// A budget that says when it was made, and has labels.
fn with_labels() -> BudgetSet {
    let at = "2026-11-21T08:30:00Z".parse().ok();
    let labels = BTreeMap::from([("cell".to_owned(), "eu".to_owned())]);
    BudgetSet { labels, made_at: at, decided_at: at, ..budget() }
}

/// Any budget.
pub(crate) fn budget_set() -> impl Strategy<Value = EventBody> {
    let made = proptest::option::of(time());
    (text(), optional(), any::<bool>(), made).prop_map(|(name, title, active, made_at)| {
        let labels = title.iter().map(|text| ("cell".to_owned(), text.clone())).collect();
        let (owner, decided_at) = (title.clone(), made_at);
        BudgetSet { budget: name, title, owner, active, labels, made_at, decided_at, ..budget() }.into()
    })
}

fn named() -> LimitRaised {
    LimitRaised { raise: "hotfix".to_owned(), ..raised() }
}

fn withdrawn() -> LimitRaised {
    LimitRaised { withdraws: Some("hotfix".to_owned()), by: Amount::NOTHING, ..raised() }
}

/// What was asked for is billed otherwise, too, and its names are others in the price book.
fn priced_as() -> Allocated {
    let request = AllocationRequest {
        priced_provider: Some("openai".to_owned()),
        priced_model: Some("gpt-5".to_owned()),
        provider: Some("OpenAI".to_owned()),
        model: Some("gpt-5-2025-08-07".to_owned()),
        service_tier: Some("priority".to_owned()),
        units: UnitSums::from_pairs([(Unit::OutputImages, 4)]),
        ..request()
    };
    Allocated { request, ..allocated() }
}

/// Who says only what it costs.
fn unsaid() -> AllocationRefused {
    let request = AllocationRequest { tokens_unsaid: true, ..request() };
    AllocationRefused { request, ..refused() }
}

fn half_of_a_limit() -> ConditionObserved {
    let scope = AlertScope::Policy { name: "search-monthly".to_owned(), from: None, of: None };
    ConditionObserved {
        condition: Condition { rule: AlertRule::Budget, scope, level: 80 },
        active: true,
        since: "2026-11-21T08:20:00Z".parse().expect("a time"),
        threshold_ms: 0,
        detail: "policy `search-monthly`: 80 % of 5 USD".to_owned(),
    }
}

fn read_too_much() -> ConditionObserved {
    let scope = AlertScope::Reader("reader@example.org".to_owned());
    let condition = Condition { rule: AlertRule::Access, scope, level: 0 };
    ConditionObserved { condition, ..half_of_a_limit() }
}

fn book() -> PriceBookLoaded {
    let source = "config/prices.json".to_owned();
    PriceBookLoaded { price_version: "shipped@0123456789ab".to_owned(), source, models: 1204 }
}

/// How usage counts in budgets, by the name of its vector.
pub(crate) fn counts_as(name: &str) -> Option<Box<CountsAs>> {
    if name.contains("unmade") {
        return Some(CountsAs::of_unmade());
    }
    name.contains("priced_as").then(|| {
        Box::new(CountsAs {
            priced_provider: Some("anthropic".to_owned()),
            priced_model: Some("claude-sonnet-4-5".to_owned()),
            ..CountsAs::default()
        })
    })
}

/// What a correction takes away beyond what there was, by the name of its vector.
pub(crate) fn excess(name: &str) -> TokenCounts {
    let output = if name.contains("excess") { 3 } else { 0 };
    TokenCounts { output, ..TokenCounts::default() }
}
