//! Random events, for properties of folds.

use proptest::prelude::*;

use super::{Stored, story};

/// The decisions in a task's life. Facts are inserted anywhere between them.
const LIFE: &str = "open, +1s, start PLAN, +9s, end PLAN, start THINK, +8s, end THINK, +1s, start PLAN, +3s, end PLAN, \
                    raise THINK 7000, pass VERIFY, start MONITOR, +2s, end MONITOR";

/// A fact in words that names its execution in full, if any.
fn fact() -> impl Strategy<Value = String> {
    let place = || prop::sample::select(vec!["-", "PLAN/1", "PLAN/2", "THINK/1", "THINK/7", "PR/1"]);
    let cost = || prop::sample::select(vec!["", " usd=0.000000075", " usd=1.25", " usd=0"]);
    prop_oneof![
        4 => (place(), 0..5000_u32, 0..50_u32, 0..900_u32, any::<bool>(), cost()).prop_map(
            |(place, input, cached, output, estimated, cost)| {
                let units = if output % 7 == 0 { " output_images=2" } else { "" };
                let estimated = if estimated { " est" } else { "" };
                format!("use {place} in={input} cached={cached} out={output}{estimated}{cost}{units} model=m{}", input % 3)
            }
        ),
        2 => (place(), -900..900_i32, cost()).prop_map(|(place, n, cost)| format!("adjust {place} out={n}{cost}")),
        1 => (-900..900_i32).prop_map(|n| format!("adjust ? in={n}")),
        1 => (place(), 0..9000_u32).prop_map(|(place, ms)| format!("wait {place} {ms}")),
        1 => (place(), -5..9_i32).prop_map(|(place, n)| format!("signal {place} files_read {n}")),
    ]
}

/// Events of two tasks: the decisions of each, and facts of both.
pub(crate) fn events() -> impl Strategy<Value = Vec<Stored>> {
    let facts = || prop::collection::vec((fact(), 0..100_u32), 0..25);
    (facts(), facts()).prop_map(|(one, two)| {
        let words = |facts: Vec<(String, u32)>| {
            facts
                .into_iter()
                .map(|(fact, at)| format!("+{at}s, {fact}, -{at}s"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        story(&format!("{LIFE}, {}, in T-2, {LIFE}, {}", words(one), words(two))).events
    })
}
