//! What a pool of unused budget would have changed, on screen: beside the same limits without it.

use std::fmt::Write;

use tollgate_replay::what_if::WhatIf;
use tollgate_replay::what_if::pool::PoolResult;

use super::replay_figures::{amounts, share};
use super::{counted, grouped_u64, table};

/// Drawers that are shown of a candidate; all of them are in the result.
const SHOWN_TASKS: usize = 20;

/// A section for each candidate, if a pool was asked about.
pub(super) fn pool(result: &WhatIf) -> String {
    let mut text = String::new();
    for candidate in &result.candidates {
        let Some(pool) = &candidate.pool else { continue };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "\n{}: beside the same limits without the pool", candidate.name);
        for (what, figures) in sums(pool) {
            let _ = writeln!(text, "  {what:<22} {figures}");
        }
        text += &tiers(pool);
        text += &drawers(pool);
    }
    text
}

fn sums(pool: &PoolResult) -> [(&'static str, String); 9] {
    let tokens = |tokens: u64| counted(tokens, "token");
    [
        ("given", format!("{} by {}", tokens(pool.given_tokens), counted(pool.givers, "task"))),
        ("drawn", format!("{}, {} came back", tokens(pool.drawn_tokens), grouped_u64(pool.returned_tokens))),
        ("expired", format!("{}, {} are left", tokens(pool.expired_tokens), grouped_u64(pool.left_tokens))),
        ("blocked", format!("{}, not {}", counted(pool.blocked, "task"), grouped_u64(pool.blocked_without))),
        (
            "spared",
            format!(
                "{} ({} good, {} runaway)",
                counted(pool.spared, "task"),
                grouped_u64(pool.good_spared),
                grouped_u64(pool.runaways_spared)
            ),
        ),
        ("saved at most", amounts(&pool.saved)),
        ("interrupted", amounts(&pool.interrupted)),
        ("runaways found", share(&pool.found_runaways)),
        ("good tasks blocked", share(&pool.false_positives)),
    ]
}

fn tiers(pool: &PoolResult) -> String {
    let rows = pool.tiers.iter().filter(|tier| tier.tasks > 0).map(|tier| {
        let numbers = [
            tier.tasks,
            tier.drew,
            tier.drawn_tokens,
            tier.spared,
            tier.empty,
            tier.reserved,
            tier.beyond_ceiling,
            tier.other_rule,
        ];
        std::iter::once(tier.importance.to_owned()).chain(numbers.map(grouped_u64)).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = [
        "blocked without it",
        "tasks",
        "drew",
        "tokens",
        "spared",
        "empty",
        "reserved",
        "beyond ceiling",
        "other rule",
    ];
    table(&header, &[1, 2, 3, 4, 5, 6, 7, 8], rows)
}

fn drawers(pool: &PoolResult) -> String {
    if pool.drawers.is_empty() {
        return String::new();
    }
    let rows = pool.drawers.iter().take(SHOWN_TASKS).map(|task| {
        let blocked = task.blocked.map_or_else(|| "no".to_owned(), |why| format!("later: {why}"));
        vec![task.task.clone(), task.importance.to_owned(), grouped_u64(task.drawn_tokens), blocked]
    });
    let mut text = table(&["drew from the pool", "importance", "tokens", "blocked"], &[2], rows.collect());
    if pool.drawers.len() > SHOWN_TASKS {
        let more = (pool.drawers.len() - SHOWN_TASKS) as u64;
        let _ = writeln!(text, "… and {} more: with --format json", grouped_u64(more));
    }
    text
}
