//! Sets of policies side by side: what each saves and interrupts in money, and whom it stops wrongly.

use tollgate_charts::{Axis, Dot, Figure, Mark, Panel, Tone, Unit, shown};

use super::MOST_ROWS;
use super::share::{counted, in_words, of, table, value};
use crate::what_if::result::{MoneyCandidate, WhatIf};

/// A panel with a bar for each set of policies, and one with an interval for each; `None`: there are no policies.
pub(super) fn side_by_side(result: &WhatIf) -> Option<Figure> {
    let all = &result.money.as_ref()?.candidates;
    let rows: Vec<&MoneyCandidate> = all.iter().take(MOST_ROWS).collect();
    let bars = |heading: &str, tone: Tone, amount: &dyn Fn(&MoneyCandidate) -> f64| {
        let mark = |(row, it): (usize, &&MoneyCandidate)| {
            let (middle, amount) = (of(row as u64), amount(it));
            let label = if amount.is_finite() { shown(amount, Unit::Usd) } else { String::new() };
            Mark::Bar { x: (0.0, amount), y: (middle - 0.36, middle + 0.36), tone, label, alone: true }
        };
        let axis = Axis::linear("USD", Unit::Usd).spanning([0.0]);
        panel(heading, axis, &rows, rows.iter().enumerate().map(mark).collect())
    };
    let good = panel(
        "Good tasks that would have been stopped, with the 95 % interval",
        Axis::linear("of the tasks known to be good", Unit::Percent).spanning([0.0, 100.0]),
        &rows,
        rows.iter().enumerate().flat_map(|(row, it)| interval(row, it)).collect(),
    );
    let described = rows.iter().map(|it| {
        format!(
            "{}: saved {} USD, interrupted {} USD, good tasks stopped {}",
            it.name,
            it.saved.cost_usd,
            it.interrupted.cost_usd,
            in_words(&it.false_positives)
        )
    });
    Some(Figure {
        name: "policies".to_owned(),
        title: "Policies side by side".to_owned(),
        desc: described.collect::<Vec<_>>().join("; "),
        panels: vec![
            bars("Saved at most: work after blocks in tasks that did not end well", Tone::Teal, &|it| {
                value(&it.saved.cost_usd)
            }),
            bars("Interrupted: work after blocks in tasks that ended well", Tone::Red, &|it| {
                value(&it.interrupted.cost_usd)
            }),
            good,
        ],
        table: table(1, &HEAD, all.iter().map(row).collect()),
    })
}

const HEAD: [&str; 7] = [
    "policies",
    "requests refused",
    "tasks stopped",
    "saved USD",
    "interrupted USD",
    "good tasks stopped",
    "runaways found",
];

fn panel(heading: &str, x: Axis, shown: &[&MoneyCandidate], marks: Vec<Mark>) -> Panel {
    let names: Vec<String> = shown.iter().map(|it| it.name.clone()).collect();
    let height = 24.0 * of(names.len().max(1) as u64);
    Panel { heading: heading.to_owned(), x, y: Axis::names(names), height, marks, keys: Vec::new() }
}

fn interval(row: usize, it: &MoneyCandidate) -> Vec<Mark> {
    let (middle, share) = (of(row as u64), &it.false_positives);
    let (Some(percent), Some([low, high])) = (&share.percent, &share.interval) else { return Vec::new() };
    let tone = Tone::Red;
    vec![
        Mark::ErrorBar { from: (value(low), middle), to: (value(high), middle), tone },
        Mark::Point { at: (value(percent), middle), tone, dot: Dot::Disc },
    ]
}

fn row(it: &MoneyCandidate) -> Vec<String> {
    let part = |part: u64, of: u64| format!("{} of {}", counted(part), counted(of));
    vec![
        it.name.clone(),
        part(it.requests.refused, it.requests.judged),
        part(it.blocked, it.judged),
        it.saved.cost_usd.clone(),
        it.interrupted.cost_usd.clone(),
        in_words(&it.false_positives),
        in_words(&it.found_runaways),
    ]
}
