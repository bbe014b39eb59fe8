//! Decisions about money: samples for golden vectors, and arbitrary ones.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::budget::{
    Amount, AmountLimit, BudgetEnforcement, Measure, OnStale, Policy, Rollover, Scope, Threshold, Window,
};
use tollgate_domain::event::{
    Allocated, AllocationExpired, AllocationExtended, AllocationRefused, AllocationReleased,
    AllocationRequest, BudgetSet, Event, EventBody, LimitRaised, PolicyFigures, PolicySet, Ruling,
};
use tollgate_domain::money::Usd;
use tollgate_domain::units::{Unit, UnitSums};
use tollgate_domain::zone::{Span, Zone};

use crate::pooled::pooled;
use crate::samples::own_event;
use crate::strategies::{any_text, optional, text, time};

/// The vectors.
pub(crate) fn events() -> Vec<(&'static str, Event)> {
    let event = |body: EventBody| own_event("_budget", body);
    vec![
        ("budget_set", event(budget().into())),
        ("policy_set", event(policy_set().into())),
        ("policy_set_fixed", event(policy_set_fixed().into())),
        ("limit_raised", event(raised().into())),
        ("allocated", event(allocated().into())),
        ("allocated_instead", event(allocated_instead().into())),
        ("allocated_in_phase", event(allocated_in_phase().into())),
        ("allocation_refused", event(refused().into())),
        ("allocation_refused_rate", event(refused_by_rate().into())),
        ("allocation_refused_units", event(refused_beside_images().into())),
        ("allocation_extended", event(extended().into())),
        ("allocation_released", event(released().into())),
        ("allocation_expired", event(expired().into())),
    ]
}

fn at(text: &str) -> tollgate_domain::time::Timestamp {
    text.parse().expect("a time")
}

fn usd(text: &str) -> Usd {
    text.parse().expect("an amount")
}

pub(crate) fn budget() -> BudgetSet {
    BudgetSet {
        budget: "search".to_owned(),
        title: Some("Search team".to_owned()),
        description: Some("all agents of the team".to_owned()),
        owner: Some("grace".to_owned()),
        active: true,
        author: Some("ada".to_owned()),
        labels: BTreeMap::new(),
        made_at: None,
        decided_at: None,
    }
}

fn policy_set() -> PolicySet {
    let policy = Policy {
        id: "search-monthly".to_owned(),
        budget: Some("search".to_owned()),
        scope: Scope::new([("team", "search"), ("label.cell", "eu")]).expect("a scope"),
        window: Window::Monthly,
        zone: "Europe/Berlin".parse().expect("a zone"),
        limit: AmountLimit { tokens: None, usd: Some(usd("250.5")) },
        enforcement: BudgetEnforcement::Degrade,
        warn_at: Threshold::WARN,
        act_at: Threshold::ACT,
        measure: Measure::Worst,
        rollover: Rollover::UpTo(AmountLimit { tokens: None, usd: Some(usd("50")) }),
        passes_from: Some(9),
        degrade_to: vec!["gpt-5-mini".to_owned()],
        throttle_per_minute: Some(6),
        on_stale: OnStale::Allow,
        from: at("2026-11-01T00:00:00Z"),
        to: Some(at("2027-11-01T00:00:00Z")),
        enabled: true,
    };
    PolicySet { version: 3, policy, author: Some("ada".to_owned()), reason: Some("new quarter".to_owned()) }
}

fn policy_set_fixed() -> PolicySet {
    let span = Span { from: at("2026-12-01T00:00:00Z"), to: at("2026-12-24T00:00:00Z") };
    let PolicySet { policy, .. } = policy_set();
    let policy = Policy {
        budget: None,
        scope: Scope::default(),
        window: Window::Fixed(span),
        zone: Zone::utc(),
        limit: AmountLimit { tokens: Some(1_000_000), usd: None },
        enforcement: BudgetEnforcement::HardLimit,
        measure: Measure::Reserved,
        rollover: Rollover::Nothing,
        passes_from: None,
        degrade_to: Vec::new(),
        throttle_per_minute: None,
        on_stale: OnStale::Refuse,
        to: None,
        enabled: false,
        ..policy
    };
    PolicySet { version: 1, policy, author: None, reason: None }
}

pub(crate) fn raised() -> LimitRaised {
    LimitRaised {
        raise: String::new(),
        withdraws: None,
        policy: "search-monthly".to_owned(),
        by: Amount { tokens: 0, usd: usd("25") },
        from: at("2026-11-21T08:00:00Z"),
        until: at("2026-11-22T08:00:00Z"),
        author: "grace".to_owned(),
        reason: "release".to_owned(),
    }
}

pub(crate) fn request() -> AllocationRequest {
    AllocationRequest {
        allocation: "run-7/plan".to_owned(),
        context: Some("run-7".to_owned()),
        task: Some("T-2".to_owned()),
        phase: None,
        component: Some("planner".to_owned()),
        provider: Some("openai".to_owned()),
        model: Some("gpt-5".to_owned()),
        labels: BTreeMap::from([("team".to_owned(), "search".to_owned())]),
        priority: 8,
        amount: Amount { tokens: 40_000, usd: usd("0.35") },
        tokens_unsaid: false,
        is_priced: true,
        expires_at: at("2026-11-22T08:30:00Z"),
        priced_provider: None,
        priced_model: None,
        service_tier: None,
        units: UnitSums::default(),
    }
}

fn figures(ruling: Ruling) -> PolicyFigures {
    PolicyFigures {
        policy: "search-monthly".to_owned(),
        version: 3,
        window: Some(Span { from: at("2026-10-31T23:00:00Z"), to: at("2026-11-30T23:00:00Z") }),
        of: None,
        limit: AmountLimit { tokens: None, usd: Some(usd("275.5")) },
        booked: Amount { tokens: 12_345_678, usd: usd("249.000000075") },
        reserved: Amount { tokens: 80_000, usd: usd("0.7") },
        unpriced: Amount { tokens: 1200, usd: usd("0.018") },
        unpriced_units: UnitSums::default(),
        ruling,
        retry_at: None,
    }
}

pub(crate) fn allocated() -> Allocated {
    let per_task = PolicyFigures {
        policy: "per-task".to_owned(),
        window: None,
        of: Some("T-2".to_owned()),
        ..figures(Ruling::Fits)
    };
    Allocated {
        request: request(),
        instead_of: None,
        policies: vec![per_task, figures(Ruling::Warns)],
        decided_at: at("2026-11-21T08:30:00.000001Z"),
        as_of: "0193c1f7a6b27c3e8d4f5a6b7c8d9e0f:3.17".to_owned(),
    }
}

fn allocated_instead() -> Allocated {
    let request = AllocationRequest { model: Some("gpt-5-mini".to_owned()), ..request() };
    Allocated { request, instead_of: Some("gpt-5".to_owned()), ..allocated() }
}

fn allocated_in_phase() -> Allocated {
    let request = AllocationRequest { phase: Some("PLAN".parse().expect("a phase")), ..request() };
    Allocated { request, ..allocated() }
}

fn refused_beside_images() -> AllocationRefused {
    let images = UnitSums::from_pairs([(Unit::OutputImages, 3)]);
    let mut refused = refused();
    refused.policies.iter_mut().for_each(|figures| figures.unpriced_units = images.clone());
    refused
}

fn refused_by_rate() -> AllocationRefused {
    let mut refused = refused();
    let next = at("2026-11-21T08:30:42.5Z");
    refused.policies.iter_mut().for_each(|figures| figures.retry_at = Some(next));
    refused
}

pub(crate) fn refused() -> AllocationRefused {
    AllocationRefused {
        request: AllocationRequest { is_priced: false, context: None, ..request() },
        policies: vec![figures(Ruling::Refused)],
        decided_at: at("2026-11-21T08:30:00Z"),
        as_of: "0193c1f7a6b27c3e8d4f5a6b7c8d9e0f:3.17".to_owned(),
    }
}

fn extended() -> AllocationExtended {
    AllocationExtended {
        allocation: "run-7/plan".to_owned(),
        by: Amount { tokens: 1000, usd: Usd::ZERO },
        expires_at: at("2026-11-23T08:30:00Z"),
        policies: vec![figures(Ruling::Throttled)],
        decided_at: at("2026-11-21T09:00:00Z"),
    }
}

fn released() -> AllocationReleased {
    AllocationReleased {
        allocation: "run-7/plan".to_owned(),
        author: Some("orchestrator".to_owned()),
        decided_at: at("2026-11-21T09:00:00Z"),
    }
}

fn expired() -> AllocationExpired {
    AllocationExpired { allocation: "run-8/plan".to_owned(), expired_at: at("2026-11-21T09:00:00Z") }
}

/// A decision about money.
pub(crate) fn body() -> BoxedStrategy<EventBody> {
    let budget = crate::later::budget_set();
    let policy =
        (1..100_u32, policy(), optional(), optional()).prop_map(|(version, policy, author, reason)| {
            EventBody::from(PolicySet { version, policy, author, reason })
        });
    let names = (optional(), optional());
    let raised = (text(), amount(), time(), time(), text(), text(), names).prop_map(
        |(policy, by, from, until, author, reason, (raise, withdraws))| {
            let raise = raise.unwrap_or_default();
            EventBody::from(LimitRaised { raise, withdraws, policy, by, from, until, author, reason })
        },
    );
    let decided = (any_request(), vec(any_figures(), 0..4), time(), any_text(), optional(), any::<bool>())
        .prop_map(|(request, policies, decided_at, as_of, instead_of, is_made)| {
            if is_made {
                EventBody::from(Allocated { request, instead_of, policies, decided_at, as_of })
            } else {
                EventBody::from(AllocationRefused { request, policies, decided_at, as_of })
            }
        });
    let extended = (text(), amount(), time(), vec(any_figures(), 0..4), time()).prop_map(
        |(allocation, by, expires_at, policies, decided_at)| {
            EventBody::from(AllocationExtended { allocation, by, expires_at, policies, decided_at })
        },
    );
    let closed =
        (text(), optional(), time(), any::<bool>()).prop_map(|(allocation, author, at, is_released)| {
            if is_released {
                EventBody::from(AllocationReleased { allocation, author, decided_at: at })
            } else {
                EventBody::from(AllocationExpired { allocation, expired_at: at })
            }
        });
    prop_oneof![budget, policy, raised, decided, extended, closed, pooled()].boxed()
}

fn amount() -> impl Strategy<Value = Amount> {
    (any::<i64>(), any::<i64>())
        .prop_map(|(tokens, usd)| Amount { tokens: tokens.into(), usd: Usd::from_units(usd.into()) })
}

fn limit() -> impl Strategy<Value = AmountLimit> {
    (option::of(any::<u64>()), option::of(any::<u64>()))
        .prop_map(|(tokens, usd)| AmountLimit { tokens, usd: usd.map(|usd| Usd::from_units(usd.into())) })
}

fn span() -> impl Strategy<Value = Span> {
    (time(), time()).prop_map(|(from, to)| Span { from, to })
}

fn policy() -> impl Strategy<Value = Policy> {
    let names = select(vec!["team", "model", "component", "task", "label.cell"]);
    let scope = btree_map(names, "[a-zé]{1,12}", 0..4).prop_map(|values| {
        let values = values.iter().map(|(name, value)| (*name, value.as_str()));
        Scope::new(values).expect("a scope")
    });
    let window = (select(Window::NAMES.to_vec()), span())
        .prop_map(|(word, span)| Window::from_word(word, Some(span)).expect("a window"));
    let threshold =
        || (1..100_001_u32).prop_map(|parts| Threshold::from_ten_thousandths(parts).expect("a part"));
    let words = (
        select(BudgetEnforcement::NAMES),
        select(Measure::NAMES),
        select(OnStale::NAMES),
        select(vec!["UTC", "Europe/Berlin", "Asia/Kolkata"]),
    );
    let rollover =
        prop_oneof![Just(Rollover::Nothing), Just(Rollover::All), limit().prop_map(Rollover::UpTo)];
    let rates = (option::of(1..11_u8), vec(any_text().prop_filter("a model", |text| !text.is_empty()), 0..3));
    (
        (text(), optional(), scope, window, limit()),
        (threshold(), threshold(), words, rollover, rates),
        (option::of(1..u32::MAX), time(), option::of(time()), any::<bool>()),
    )
        .prop_map(|(what, how, when)| {
            let (id, budget, scope, window, limit) = what;
            let (warn_at, act_at, (enforcement, measure, on_stale, zone), rollover, rates) = how;
            let ((passes_from, degrade_to), (throttle_per_minute, from, to, enabled)) = (rates, when);
            Policy {
                id,
                budget,
                scope,
                window,
                zone: zone.parse().expect("a zone"),
                limit,
                enforcement: BudgetEnforcement::from_word(enforcement).expect("a word"),
                warn_at,
                act_at,
                measure: Measure::from_word(measure).expect("a word"),
                rollover,
                passes_from,
                degrade_to,
                throttle_per_minute,
                on_stale: OnStale::from_word(on_stale).expect("a word"),
                from,
                to,
                enabled,
            }
        })
}

fn any_request() -> impl Strategy<Value = AllocationRequest> {
    let labels = btree_map("[a-z]{1,10}", "[a-zé]{1,12}", 0..4);
    let phases = option::of(select(vec!["PLAN", "VERIFY"]));
    let priced = (optional(), optional(), optional(), crate::strategies::unit_sums());
    let names = (text(), optional(), optional(), phases, optional(), optional(), optional(), priced);
    (names, labels, 1..11_u8, amount(), any::<(bool, bool)>(), time()).prop_map(
        |(names, labels, priority, amount, (is_priced, tokens_unsaid), expires_at)| {
            let (allocation, context, task, phase, component, provider, model, priced) = names;
            AllocationRequest {
                allocation,
                context,
                task,
                phase: phase.map(|name| name.parse().expect("a phase")),
                component,
                provider,
                model,
                labels,
                priority,
                amount,
                tokens_unsaid,
                is_priced,
                expires_at,
                priced_provider: priced.0,
                priced_model: priced.1,
                service_tier: priced.2,
                units: priced.3,
            }
        },
    )
}

fn any_figures() -> impl Strategy<Value = PolicyFigures> {
    let amounts = (limit(), amount(), amount(), amount());
    let amounts = (amounts, crate::strategies::unit_sums(), option::of(time()));
    (text(), any::<u32>(), option::of(span()), optional(), amounts, select(Ruling::NAMES)).prop_map(
        |(
            policy,
            version,
            window,
            of,
            ((limit, booked, reserved, unpriced), unpriced_units, retry_at),
            ruling,
        )| {
            let ruling = Ruling::from_word(ruling).expect("a ruling");
            let known = |amount| if ruling.has_figures() { amount } else { Amount::NOTHING };
            PolicyFigures {
                policy,
                version,
                window,
                of,
                limit,
                booked: known(booked),
                reserved: known(reserved),
                unpriced: known(unpriced),
                unpriced_units,
                ruling,
                retry_at,
            }
        },
    )
}
