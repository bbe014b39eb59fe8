//! Candidates side by side: what they save and interrupt, whom they stop wrongly, what they leave unused.

use tollgate_charts::{Axis, Dot, Figure, Mark, Panel, Tone, Unit, shown};

use super::MOST_ROWS;
use super::share::{in_words, of, of_signed, signed, table, value};
use crate::what_if::result::{CandidateResult, ShareView, WhatIf};

/// A panel with a bar for each candidate, and a panel with an interval for each.
pub(super) fn side_by_side(result: &WhatIf) -> Figure {
    let rows: Vec<&CandidateResult> = result.candidates.iter().take(MOST_ROWS).collect();
    let bars =
        |heading: &str, (axis, unit): (Axis, Unit), tone: Tone, amount: &dyn Fn(&CandidateResult) -> f64| {
            let mark = |(row, it): (usize, &&CandidateResult)| {
                let middle = of(row as u64);
                let amount = amount(it);
                let label = if amount.is_finite() { shown(amount, unit) } else { String::new() };
                Mark::Bar { x: (0.0, amount), y: (middle - 0.36, middle + 0.36), tone, label, alone: true }
            };
            panel(heading, axis, &rows, rows.iter().enumerate().map(mark).collect())
        };
    let tokens = || (Axis::linear("tokens", Unit::Count).spanning([0.0]), Unit::Count);
    let percent = |title: &str| Axis::linear(title, Unit::Percent).spanning([0.0, 100.0]);
    let saved = |it: &CandidateResult| of_signed(it.saved.tokens);
    let interrupted = |it: &CandidateResult| of_signed(it.interrupted.tokens);
    let unused = |it: &CandidateResult| it.headroom.unused_percent.as_deref().map_or(f64::NAN, value);
    let intervals = rows.iter().enumerate().flat_map(|(row, it)| interval(row, &it.false_positives));
    let good = panel(
        "Good tasks that would have been blocked, with the 95 % interval",
        percent("of the tasks known to be good"),
        &rows,
        intervals.collect(),
    );
    let described = rows.iter().map(|it| {
        format!(
            "{}: saved {} tokens, interrupted {} tokens, good tasks blocked {}",
            it.name,
            signed(it.saved.tokens),
            signed(it.interrupted.tokens),
            in_words(&it.false_positives)
        )
    });
    Figure {
        name: "candidates".to_owned(),
        title: "Candidates side by side".to_owned(),
        desc: described.collect::<Vec<_>>().join("; "),
        panels: vec![
            bars(
                "Saved at most: work after blocks in tasks that did not end well",
                tokens(),
                Tone::Teal,
                &saved,
            ),
            bars(
                "Interrupted: work after blocks in tasks that ended well",
                tokens(),
                Tone::Red,
                &interrupted,
            ),
            good,
            bars(
                "Limit left unused by completed tasks",
                (percent("of the limits of completed tasks that were not blocked"), Unit::Percent),
                Tone::Blue,
                &unused,
            ),
        ],
        table: table(1, &HEAD, result.candidates.iter().map(row).collect()),
    }
}

const HEAD: [&str; 7] = [
    "candidate",
    "saved tokens",
    "saved USD",
    "interrupted tokens",
    "interrupted USD",
    "good tasks blocked",
    "limit left unused",
];

fn panel(heading: &str, x: Axis, shown: &[&CandidateResult], marks: Vec<Mark>) -> Panel {
    let names: Vec<String> = shown.iter().map(|it| it.name.clone()).collect();
    let height = 24.0 * of(names.len().max(1) as u64);
    Panel { heading: heading.to_owned(), x, y: Axis::names(names), height, marks, keys: Vec::new() }
}

fn interval(row: usize, share: &ShareView) -> Vec<Mark> {
    let middle = of(row as u64);
    let (Some(percent), Some([low, high])) = (&share.percent, &share.interval) else { return Vec::new() };
    let tone = Tone::Red;
    vec![
        Mark::ErrorBar { from: (value(low), middle), to: (value(high), middle), tone },
        Mark::Point { at: (value(percent), middle), tone, dot: Dot::Disc },
    ]
}

fn row(it: &CandidateResult) -> Vec<String> {
    let percent = |percent: &String| format!("{percent} %");
    vec![
        it.name.clone(),
        signed(it.saved.tokens),
        it.saved.cost_usd.clone(),
        signed(it.interrupted.tokens),
        it.interrupted.cost_usd.clone(),
        in_words(&it.false_positives),
        it.headroom.unused_percent.as_ref().map_or_else(|| "–".to_owned(), percent),
    ]
}
