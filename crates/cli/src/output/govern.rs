//! How well the budgets fit, on screen.

use std::fmt::Write;

use tollgate_domain::printable::printable;
use tollgate_wire::api::{BreakerState, BudgetHealth, ReviewList};

use super::{counted, grouped_u64, table};

/// How many weeks are shown; the JSON has all.
const SHOWN_WEEKS: usize = 8;

/// Each figure with its verdict, then what to do.
pub(crate) fn budget_health(health: &BudgetHealth) -> String {
    let mut text = match (health.weeks.first(), health.weeks.last()) {
        (Some(first), Some(last)) => {
            format!("{} opened in the weeks of {first} to {last}\n\n", counted(health.tasks, "task"))
        }
        _ => "No task was opened yet\n\n".to_owned(),
    };
    let rows = health.figures.iter().map(|row| {
        let value = row.value.clone().unwrap_or_else(|| "–".to_owned());
        vec![row.verdict.to_string(), row.figure.clone(), value, row.target.clone(), row.counted.clone()]
    });
    text += &table(&["verdict", "figure", "value", "target", "from"], &[], rows.collect());
    for proposal in &health.proposals {
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, "\nproposal  {}\n", proposal.text);
    }
    for (name, list) in [
        ("blocked", &health.blocked),
        ("stuck", &health.stuck),
        ("critical, needs review", &health.unjustified),
        ("importance changed", &health.importance_changed),
    ] {
        text += &review(name, list);
    }
    text += &phases(health);
    text += &weeks(health);
    if health.degraded_tasks > 0 {
        let _ = writeln!(
            text,
            "! some events of {} could not be read: the figures do not include them",
            counted(health.degraded_tasks, "task")
        );
    }
    text
}

fn review(name: &str, list: &ReviewList) -> String {
    if list.count == 0 {
        return String::new();
    }
    let mut text = format!("\n{name}: {}\n", counted(list.count, "task"));
    for task in &list.tasks {
        let tenant = if task.tenant == "default" { String::new() } else { format!("{}/", task.tenant) };
        let _ = writeln!(text, "  {tenant}{}: {}", printable(&task.task), printable(&task.why));
    }
    text
}

fn phases(health: &BudgetHealth) -> String {
    let Some(first) = health.by_phase.first() else { return String::new() };
    let bounds = first.classes.iter().map(|class| match class.up_to_percent {
        Some(bound) => format!("≤{bound}%"),
        None => "above".to_owned(),
    });
    let header: Vec<String> =
        ["phase", "executions", "used"].into_iter().map(str::to_owned).chain(bounds).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = health.by_phase.iter().map(|row| {
        let used = row.percent.as_ref().map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"));
        let mut cells = vec![row.phase.clone(), grouped_u64(row.executions), used];
        cells.extend(row.classes.iter().map(|class| grouped_u64(class.executions)));
        cells
    });
    let numbers: Vec<usize> = (1..header.len()).collect();
    format!("\n{}", table(&header, &numbers, rows.collect()))
}

fn weeks(health: &BudgetHealth) -> String {
    if health.by_week.is_empty() {
        return String::new();
    }
    let header = ["week", "opened", "low", "medium", "high", "critical", "closed", "completed", "tokens p50"];
    let skipped = health.by_week.len().saturating_sub(SHOWN_WEEKS);
    let rows = health.by_week.iter().skip(skipped).map(|row| {
        let mut cells = vec![row.week.clone(), grouped_u64(row.opened)];
        cells.extend(row.by_importance.map(grouped_u64));
        cells.extend([grouped_u64(row.closed), grouped_u64(row.completed)]);
        cells.push(row.tokens_p50.map_or_else(|| "–".to_owned(), grouped_u64));
        cells
    });
    format!("\n{}", table(&header, &[1, 2, 3, 4, 5, 6, 7, 8], rows.collect()))
}

/// The circuit breaker in one line.
pub(crate) fn breaker(state: &BreakerState) -> String {
    let is = if state.open { "open: nothing is blocked until `tollgate breaker reset`" } else { "closed" };
    let us = |value: Option<u64>| {
        value.map_or_else(|| "unknown".to_owned(), |us| format!("{} µs", grouped_u64(us)))
    };
    format!(
        "{is}\np95 of phase transitions {}, baseline {} ({} under `rollout: observe`)",
        us(state.recent_p95_us),
        us(state.baseline_p95_us),
        counted(state.baseline_transitions, "transition")
    )
}
