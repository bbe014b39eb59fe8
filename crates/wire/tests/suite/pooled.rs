//! Pools of unused budget: samples for golden vectors, and arbitrary decisions.

use proptest::prelude::*;
use proptest::sample::select;
use tollgate_domain::event::{Event, EventBody, PoolDrawn, PoolGiven};
use tollgate_domain::tier::Importance;
use tollgate_domain::zone::Span;

use crate::samples::own_event;
use crate::strategies::{text, time};

/// The vectors.
pub(crate) fn events() -> Vec<(&'static str, Event)> {
    let event = |body: EventBody| own_event("_budget", body);
    vec![("pool_given", event(given().into())), ("pool_drawn", event(drawn().into()))]
}

fn at(text: &str) -> tollgate_domain::time::Timestamp {
    text.parse().expect("a time")
}

fn week() -> Span {
    Span { from: at("2026-11-16T00:00:00Z"), to: at("2026-11-23T00:00:00Z") }
}

fn given() -> PoolGiven {
    PoolGiven {
        task: "T-101".to_owned(),
        unused: 8_001,
        tokens: 4_000,
        drawn: 2_500,
        returned: 700,
        window: week(),
        closed_at: at("2026-11-20T09:00:00Z"),
        decided_at: at("2026-11-20T09:00:01Z"),
    }
}

fn drawn() -> PoolDrawn {
    PoolDrawn {
        task: "T-104".to_owned(),
        importance: Importance::High,
        tokens: 14_040,
        drawn: 28_080,
        in_pool: 50_052,
        to_leave: 5_006,
        window: week(),
        decided_at: at("2026-11-20T10:00:00Z"),
    }
}

/// A decision about a pool.
pub(crate) fn pooled() -> impl Strategy<Value = EventBody> {
    let tokens = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (text(), select(Importance::ALL.to_vec()), tokens, (time(), time(), time()), any::<bool>()).prop_map(
        |(task, importance, (a, b, c, d), (from, to, decided_at), is_given)| {
            let (window, importance) = (Span { from, to }, importance);
            let (unused, tokens, drawn, returned) = (a, b, c, d);
            if is_given {
                let closed_at = from;
                PoolGiven { task, unused, tokens, drawn, returned, window, closed_at, decided_at }.into()
            } else {
                let (in_pool, to_leave) = (a, d);
                PoolDrawn { task, importance, tokens, drawn, in_pool, to_leave, window, decided_at }.into()
            }
        },
    )
}
