//! The pool of unused budget that tasks share, on screen.

use std::fmt::Write;

use tollgate_domain::printable::printable;
use tollgate_wire::api::{PoolMoved, PoolView};

use super::{grouped_u64, table};

/// What is in it, what was moved, and who lives on it.
pub(crate) fn live_pool(pool: &PoolView) -> String {
    let tenant = printable(&pool.tenant);
    let mut text = format!("pool of {tenant}  {} tokens", grouped_u64(pool.in_pool));
    if !pool.configured {
        text += "  (the config in force has no section `pool`: nothing is given or drawn)";
    }
    text.push('\n');
    if let Some(PoolMoved { from: Some(from), to: Some(to), .. }) = &pool.window {
        let _ = writeln!(text, "window         {from} to {to}: what is left then expires");
    }
    let row = |what: &str, moved: &PoolMoved| {
        let figures = [moved.given, moved.drawn, moved.returned, moved.expired].map(grouped_u64);
        std::iter::once(what.to_owned()).chain(figures).collect::<Vec<String>>()
    };
    let mut rows: Vec<Vec<String>> = pool.window.iter().map(|moved| row("in this window", moved)).collect();
    rows.push(row("altogether", &pool.total));
    text += &table(&["tokens", "given", "drawn", "came back", "expired"], &[1, 2, 3, 4], rows);
    if !pool.drawers.is_empty() {
        let rows =
            pool.drawers.iter().map(|it| vec![printable(&it.task).to_string(), grouped_u64(it.tokens)]);
        text += &table(&["open task", "has drawn"], &[1], rows.collect());
    }
    text
}
