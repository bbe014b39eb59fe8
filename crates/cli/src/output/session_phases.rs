//! What phases of sessions came from, on screen and in Markdown.

use std::fmt::Write as _;

use tollgate_domain::session_phases::Basis;
use tollgate_replay::session_phases::{CoveredCalls, PhaseCoverage};

use super::{counted, grouped_u64, table};

/// A table of what there is: its columns, those of numbers, and its rows.
struct Part {
    columns: Vec<&'static str>,
    numbers: Vec<usize>,
    rows: Vec<Vec<String>>,
}

/// For the screen.
pub(crate) fn session_phases(coverage: &PhaseCoverage) -> String {
    let mut text = format!("\nphases    {}\n", origin(coverage));
    for part in parts(coverage) {
        text += &table(&part.columns, &part.numbers, part.rows);
    }
    for sentence in coverage.sentences().iter().skip(1) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "! {sentence}");
    }
    text + "\n"
}

/// For a document, below a heading of its own. Its sentences are among the document's notes.
pub(crate) fn session_phases_md(coverage: &PhaseCoverage) -> String {
    let mut text = format!("\n## Phases of sessions\n\n{}.\n", origin(coverage));
    for part in parts(coverage) {
        let line = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
        text += "\n";
        text += &line(&part.columns);
        let dashes: Vec<&str> = (0..part.columns.len())
            .map(|at| if part.numbers.contains(&at) { "--:" } else { "---" })
            .collect();
        text += &line(&dashes);
        for row in &part.rows {
            text += &line(&row.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    text
}

fn origin(coverage: &PhaseCoverage) -> String {
    let PhaseCoverage { rules, all, .. } = coverage;
    format!(
        "from the rules {} ({}), for {} with {} tokens in {}",
        rules.name,
        rules.hash,
        counted(all.calls, "call"),
        grouped_u64(all.tokens),
        counted(coverage.sessions, "session")
    )
}

fn parts(coverage: &PhaseCoverage) -> [Part; 3] {
    let all = coverage.all;
    let row = |names: &[&str], of: CoveredCalls| {
        let mut row: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        row.extend([grouped_u64(of.calls), grouped_u64(of.tokens), share(of.tokens, all.tokens)]);
        row
    };
    let mut by_rule: Vec<Vec<String>> = coverage
        .by_rule
        .iter()
        .filter(|it| it.matched.calls > 0)
        .map(|it| row(&[&it.rule, it.phase.as_deref().unwrap_or("as before"), basis(it.basis)], it.matched))
        .collect();
    by_rule.push(row(&["no rule", "–", "–"], coverage.no_rule));
    let mut by_phase: Vec<Vec<String>> = coverage
        .by_phase
        .iter()
        .filter(|it| it.executions > 0)
        .map(|it| row(&[&it.phase, &grouped_u64(it.sessions), &grouped_u64(it.executions)], it.used))
        .collect();
    by_phase.push(row(&["no phase", "–", "–"], coverage.no_phase));
    let by_agent = coverage.by_agent.iter().map(|it| {
        vec![
            it.agent.clone(),
            grouped_u64(it.sessions),
            grouped_u64(it.sessions_with_tools),
            grouped_u64(it.all.calls),
            grouped_u64(it.with_tools.calls),
            grouped_u64(it.with_phase.calls),
            share(it.with_phase.tokens, it.all.tokens),
        ]
    });
    [
        Part {
            columns: vec!["rule", "phase", "concluded from", "calls", "tokens", "of all"],
            numbers: vec![3, 4, 5],
            rows: by_rule,
        },
        Part {
            columns: vec!["phase", "sessions", "executions", "calls", "tokens", "of all"],
            numbers: vec![1, 2, 3, 4, 5],
            rows: by_phase,
        },
        Part {
            columns: vec![
                "agent",
                "sessions",
                "naming tools",
                "calls",
                "naming tools",
                "with a phase",
                "of tokens",
            ],
            numbers: vec![1, 2, 3, 4, 5, 6],
            rows: by_agent.collect(),
        },
    ]
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Activity => "what it did",
        Basis::Continued => "the call before",
        Basis::Position => "its place",
    }
}

/// A share in percent with one decimal, rounded down.
fn share(part: u64, whole: u64) -> String {
    let permille = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{} %", permille / 10, permille % 10)
}
