//! The executions of a task as CSV (RFC 4180), one per row.

use tollgate_domain::units::in_pairs;
use tollgate_wire::api::{ExecutionReport, ExecutionState, TaskReport, TaskSummary, UsageOutside};

use super::words::outside;

/// The columns, in order.
pub const COLUMNS: [&str; 25] = [
    "tenant",
    "task_id",
    "phase",
    "attempt",
    "state",
    "tokens_used",
    "tokens_limit",
    "input_uncached",
    "cached_input",
    "cache_write",
    "output",
    "reasoning",
    "tokens_estimated",
    "latency_ms",
    "latency_limit_ms",
    "wait_ms",
    "breach_status",
    "cost_usd",
    "unpriced_tokens",
    "units",
    "unpriced_units",
    "started_at",
    "ended_at",
    "config_hash",
    "as_of",
];

/// The executions that began, one per row below the column names, followed by what belongs to none of them.
/// Unknown values are empty. A text that a spreadsheet would take for a formula begins with an apostrophe.
#[must_use]
pub fn csv(report: &TaskReport) -> String {
    let mut out = COLUMNS.join(",");
    out.push_str("\r\n");
    for execution in
        report.executions.iter().filter(|execution| execution.state != ExecutionState::NotStarted)
    {
        out.push_str(&row(report, execution).join(","));
        out.push_str("\r\n");
    }
    // What belongs to no execution, so that the rows add up to the task's total.
    for (name, used, _) in outside(&report.totals) {
        out.push_str(&row_outside(report, name, used).join(","));
        out.push_str("\r\n");
    }
    out
}

/// Usage that named no phase, or one that has not started: a row with only what was used.
fn row_outside(report: &TaskReport, name: &str, used: &UsageOutside) -> [String; 25] {
    let mut row: [String; 25] = Default::default();
    let tokens = &used.tokens;
    for (column, value) in [
        ("tenant", text(&report.tenant)),
        ("task_id", text(&report.task_id)),
        ("state", name.to_owned()),
        ("tokens_used", tokens.total.to_string()),
        ("input_uncached", tokens.input_uncached.to_string()),
        ("cached_input", tokens.cached_input.to_string()),
        ("cache_write", tokens.cache_write.to_string()),
        ("output", tokens.output.to_string()),
        ("reasoning", tokens.reasoning.to_string()),
        // A number we produced ourselves, which may be negative.
        ("cost_usd", used.cost_usd.clone()),
        ("unpriced_tokens", used.unpriced_tokens.to_string()),
        ("units", in_pairs(&used.units)),
        ("unpriced_units", in_pairs(&used.unpriced_units)),
        ("config_hash", text(report.config_hash.as_deref().unwrap_or_default())),
        ("as_of", text(&report.as_of)),
    ] {
        if let Some(place) = COLUMNS.iter().position(|known| *known == column) {
            row[place] = value;
        }
    }
    row
}

fn row(report: &TaskReport, execution: &ExecutionReport) -> [String; 25] {
    let unknown = execution.state == ExecutionState::Ended && execution.usage_events == 0;
    let tokens = &execution.tokens;
    let count = |count: i64| if unknown { String::new() } else { count.to_string() };
    let optional = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let maybe = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
    [
        text(&report.tenant),
        text(&report.task_id),
        text(&execution.phase),
        execution.attempt.to_string(),
        execution.state.to_string(),
        count(execution.tokens_used),
        optional(execution.tokens_limit),
        count(tokens.input_uncached),
        count(tokens.cached_input),
        count(tokens.cache_write),
        count(tokens.output),
        count(tokens.reasoning),
        execution.tokens_estimated.to_string(),
        execution.latency_ms.to_string(),
        optional(execution.latency_limit_ms),
        execution.wait_ms.to_string(),
        execution.breach_status.to_string(),
        // A number we produced ourselves, which may be negative.
        execution.cost_usd.clone(),
        count(execution.unpriced_tokens),
        in_pairs(&execution.units),
        in_pairs(&execution.unpriced_units),
        maybe(&execution.started_at),
        maybe(&execution.ended_at),
        maybe(&report.config_hash),
        text(&report.as_of),
    ]
}

/// The columns of tasks, in order.
pub const TASK_COLUMNS: [&str; 21] = [
    "tenant",
    "task_id",
    "title",
    "stage",
    "budget_status",
    "complexity",
    "importance",
    "phase",
    "tokens_used",
    "tokens_limit",
    "tokens_percent",
    "latency_ms",
    "latency_limit_ms",
    "cost_usd",
    "unpriced_tokens",
    "units",
    "unpriced_units",
    "verdict",
    "first_at",
    "last_at",
    "clock_skew_ms",
];

/// Tasks, one per row below the column names, in the format that [`csv`] uses for executions.
#[must_use]
pub fn tasks_csv(tasks: &[TaskSummary]) -> String {
    let optional = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let maybe = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
    let mut out = TASK_COLUMNS.join(",");
    out.push_str("\r\n");
    for task in tasks {
        let row: [String; 21] = [
            text(&task.tenant),
            text(&task.task),
            maybe(&task.title),
            task.stage.to_string(),
            task.budget_status.to_string(),
            task.complexity.map(|tier| tier.to_string()).unwrap_or_default(),
            task.importance.map(|tier| tier.to_string()).unwrap_or_default(),
            text(task.active.as_ref().map_or("", |active| active.phase.as_str())),
            task.tokens_used.to_string(),
            optional(task.tokens_budget.map(|it| it.limit)),
            optional(task.tokens_budget.and_then(|it| it.percent)),
            task.latency_ms.to_string(),
            optional(task.latency_budget.map(|it| it.limit)),
            // A number we produced ourselves, which may be negative.
            task.cost_usd.clone(),
            task.unpriced_tokens.to_string(),
            in_pairs(&task.units),
            in_pairs(&task.unpriced_units),
            task.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
            text(&task.first_at),
            text(&task.last_at),
            // A number we produced ourselves, which may be negative.
            task.clock_skew_ms.map(|ms| ms.to_string()).unwrap_or_default(),
        ];
        out.push_str(&row.join(","));
        out.push_str("\r\n");
    }
    out
}

/// A text as a field: harmless in a spreadsheet, quoted if necessary.
#[must_use]
pub fn text(text: &str) -> String {
    let formula = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let safe = if text.starts_with(formula) { format!("'{text}") } else { text.to_owned() };
    if safe.contains(['"', ',', '\r', '\n', ';', '\t']) {
        return format!("\"{}\"", safe.replace('"', "\"\""));
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_no_formula_is_left() {
        for (given, expected) in [
            ("T-1", "T-1"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t=1\""),
            ("＝1", "'＝1"),
            ("", ""),
        ] {
            assert_eq!(text(given), expected, "{given:?}");
        }
    }
}
