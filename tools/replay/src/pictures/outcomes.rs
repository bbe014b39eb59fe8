//! What became of the judged tasks under each candidate: within, warned, over their limit without a decision, blocked,
//! never asked.

use tollgate_charts::{Axis, Figure, Key, Mark, Panel, Sign, Tone, Unit};

use super::MOST_ROWS;
use super::share::{counted, of, table};
use crate::what_if::result::{CandidateResult, WhatIf};

/// How a part of the tasks is shown.
struct Part {
    name: &'static str,
    tone: Tone,
    of: fn(&CandidateResult) -> u64,
}

const PARTS: [Part; 5] = [
    Part { name: "within", tone: Tone::Blue, of: |it| it.within },
    Part { name: "warned", tone: Tone::Amber, of: |it| it.warned },
    Part { name: "over, never asked after", tone: Tone::Violet, of: |it| it.over.tasks },
    Part { name: "blocked", tone: Tone::Red, of: |it| it.blocked },
    Part { name: "never at a gate", tone: Tone::Grey, of: |it| it.unasked },
];

/// A stacked bar for each candidate.
pub(super) fn outcomes(result: &WhatIf) -> Figure {
    let shown = || result.candidates.iter().take(MOST_ROWS);
    let mut marks = Vec::new();
    for (row, candidate) in shown().enumerate() {
        let middle = of(row as u64);
        let mut from = 0_u64;
        for part in PARTS {
            let tasks = (part.of)(candidate);
            let to = from.saturating_add(tasks);
            marks.push(Mark::Bar {
                x: (of(from), of(to)),
                y: (middle - 0.36, middle + 0.36),
                tone: part.tone,
                label: if tasks > 0 { counted(tasks) } else { String::new() },
                alone: false,
            });
            from = to;
        }
    }
    let described = shown().map(|it| {
        let parts = PARTS.map(|part| format!("{} {}", counted((part.of)(it)), part.name));
        format!("{}: {} of {} tasks", it.name, parts.join(", "), counted(it.judged))
    });
    let names: Vec<String> = shown().map(|it| it.name.clone()).collect();
    let rows = result.candidates.iter().map(|it| {
        let mut row = vec![it.name.clone(), counted(it.judged)];
        row.extend(PARTS.map(|part| counted((part.of)(it))));
        row.push(counted(it.blocked_by_own_rollout));
        row
    });
    let head = [
        "candidate",
        "judged",
        "within",
        "warned",
        "over, never asked after",
        "blocked",
        "never at a gate",
        "blocked by its own rollout",
    ];
    Figure {
        name: "outcomes".to_owned(),
        title: "Outcomes of tasks under each candidate".to_owned(),
        desc: described.collect::<Vec<_>>().join("; "),
        panels: vec![Panel {
            heading: String::new(),
            x: Axis::linear("tasks", Unit::Count).spanning([0.0]),
            height: 34.0 * of(names.len().max(1) as u64),
            y: Axis::names(names),
            marks,
            keys: PARTS.map(|part| Key { sign: Sign::Fill(part.tone), label: part.name.to_owned() }).to_vec(),
        }],
        table: table(1, &head, rows.collect()),
    }
}
