//! The budget report as Markdown: `budget_report.md`.

use std::fmt::Write;

use tollgate_domain::gate::grouped;
use tollgate_wire::api::{Calculation, DecisionView, ExecutionReport, TaskReport, UtilizationView};

/// The report as Markdown.
#[must_use]
pub fn markdown(report: &TaskReport) -> String {
    let mut out = String::new();
    write_report(report, &mut out).expect("writing to a String cannot fail");
    out
}

fn write_report(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    for line in &report.summary {
        writeln!(out, "> {}  ", text(line))?;
    }
    writeln!(out, "\n# Budget Report: {}\n", text(&report.task_id))?;
    if let Some(title) = &report.title {
        writeln!(out, "{}\n", text(title))?;
    }
    if let Some(phase) = &report.current_phase {
        writeln!(out, "**Task in progress**: the current phase is {phase}; numbers are those so far.\n")?;
    }
    write_summary(report, out)?;
    writeln!(out, "## Per-Phase Breakdown\n")?;
    writeln!(out, "| Phase | Tokens | Limit | Latency (s) | Limit (s) | Status |")?;
    writeln!(out, "|---|---:|---:|---:|---:|---|")?;
    for execution in &report.executions {
        write_execution(execution, out)?;
    }
    if report.executions.is_empty() {
        writeln!(out, "| Data unavailable | | | | | |")?;
    }
    write_list("Breaches", &report.breaches, out)?;
    write_list("Anomalies", &report.anomalies, out)?;
    write_decisions(report, out)?;
    writeln!(out, "\n## Budget Calculation Details\n")?;
    match &report.calculation {
        Some(calculation) => write_calculation(calculation, report, out)?,
        None => writeln!(out, "The task has no limits: it was not opened before it was used.")?,
    }
    writeln!(out, "\n## Warnings\n")?;
    for warning in &report.warnings {
        writeln!(out, "- {}", text(warning))?;
    }
    if report.warnings.is_empty() {
        writeln!(out, "None.")?;
    }
    write_list("Recommendations", &report.recommendations, out)?;
    writeln!(out, "\nTrue as of position `{}`.", report.as_of)
}

fn write_summary(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let totals = &report.totals;
    writeln!(out, "## Summary\n")?;
    match &totals.tokens_limit {
        Some(tokens) => {
            writeln!(out, "**Total Tokens**: {}  ", of_limit(tokens, |number| grouped(number.into())))?
        }
        None => writeln!(out, "**Total Tokens**: {}  ", signed(totals.tokens.total))?,
    }
    match &totals.latency_limit {
        Some(latency) => {
            writeln!(out, "**Total Latency**: {}  ", of_limit(latency, |ms| format!("{}s", seconds(ms))))?
        }
        None => writeln!(out, "**Total Latency**: {}s  ", seconds(totals.latency_ms))?,
    }
    let status = match totals.breach_status.as_str() {
        "within" => "✅ WITHIN LIMITS",
        "warning" => "⚠️ WARNING",
        "exceeded" => "❌ EXCEEDED",
        _ => "no limits",
    };
    writeln!(out, "**Budget Status**: {status}  ")?;
    let unpriced = match totals.unpriced_tokens {
        0 => String::new(),
        tokens => format!(", and {} unpriced tokens", signed(tokens)),
    };
    writeln!(out, "**Cost**: {} USD{unpriced}  ", totals.cost_usd)?;
    writeln!(out, "**Task**: {}\n", report.stage)
}

fn write_execution(execution: &ExecutionReport, out: &mut String) -> std::fmt::Result {
    let attempt =
        if execution.attempt > 1 { format!(" (attempt {})", execution.attempt) } else { String::new() };
    let phase = format!("{}{attempt}", execution.phase);
    let limit = execution.tokens_limit.map_or_else(|| "–".to_owned(), |limit| grouped(limit.into()));
    let latency_limit = execution.latency_limit_ms.map_or_else(|| "–".to_owned(), seconds);
    if execution.state == "not_started" {
        return writeln!(out, "| {phase} | – | {limit} | – | {latency_limit} | Not Started |");
    }
    let estimated = if execution.tokens_estimated { " (est)" } else { "" };
    let status = match execution.breach_status.as_str() {
        "within" => "✅ within",
        "warning" => "⚠️ warning",
        "exceeded" => "❌ exceeded",
        other => other,
    };
    let running = if execution.state == "running" { ", running" } else { "" };
    let (tokens, latency) = (signed(execution.tokens_used), seconds(execution.latency_ms));
    writeln!(
        out,
        "| {phase} | {tokens}{estimated} | {limit} | {latency} | {latency_limit} | {status}{running} |"
    )
}

fn write_decisions(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    if report.decisions.is_empty() && report.overrides.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Gate Decisions\n")?;
    if report.earlier_decisions > 0 {
        writeln!(out, "{} earlier decisions are in the log.\n", report.earlier_decisions)?;
    }
    for decision in &report.decisions {
        let DecisionView { at, advance_to, verdict, sequence, .. } = decision;
        writeln!(out, "- {at} → {advance_to}: **{verdict}** (record {sequence})")?;
        for reason in &decision.reasons {
            writeln!(out, "  - {}", text(&reason.message))?;
        }
    }
    for granted in &report.overrides {
        let (at, what, sequence) = (&granted.at, text(&granted.what), granted.sequence);
        let (approver, reason) = (text(&granted.approver), text(&granted.reason));
        writeln!(out, "- {at}: {what} by {approver}: {reason} (record {sequence})")?;
    }
    Ok(())
}

fn write_calculation(calculation: &Calculation, report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let source = match calculation.importance_source.as_str() {
        "stated" => String::new(),
        "default" => ", not stated".to_owned(),
        tag => format!(", from {}", text(tag)),
    };
    let (complexity, importance) = (&calculation.complexity, &calculation.importance);
    writeln!(out, "**Complexity**: {complexity} ({}×)  ", calculation.complexity_multiplier)?;
    writeln!(out, "**Importance**: {importance} ({}×{source})  ", calculation.importance_multiplier)?;
    if let Some(factor) = &calculation.budget_multiplier {
        writeln!(out, "**Task Multiplier**: {factor}×  ")?;
    }
    let weights: Vec<String> =
        calculation.phases.iter().map(|limit| format!("{} {}×", limit.phase, limit.weight)).collect();
    writeln!(out, "**Phase Weights**: {}  ", weights.join(", "))?;
    let set: Vec<String> = calculation
        .phases
        .iter()
        .filter(|limit| !limit.overridden.is_empty())
        .map(|limit| format!("{} ({})", limit.phase, limit.overridden.join(", ")))
        .collect();
    if !set.is_empty() {
        writeln!(out, "**Overrides**: {}  ", set.join("; "))?;
    }
    writeln!(out, "**Budgeted Latency**: {}  ", calculation.budgeted_latency)?;
    writeln!(out, "**Config**: `{}`\n", report.config_hash.as_deref().unwrap_or("unknown"))?;
    writeln!(
        out,
        "limit = ceil(base × complexity × importance × phase weight{})",
        if calculation.budget_multiplier.is_some() { " × task multiplier" } else { "" }
    )
}

fn write_list(heading: &str, sentences: &[String], out: &mut String) -> std::fmt::Result {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {heading}\n")?;
    sentences.iter().try_for_each(|sentence| writeln!(out, "- {}", text(sentence)))
}

/// `used / limit (percent%)`.
fn of_limit(utilization: &UtilizationView, show: impl Fn(u64) -> String) -> String {
    let percent = utilization.percent.map(|percent| format!(" ({percent}%)")).unwrap_or_default();
    format!("{} / {}{percent}", show(utilization.used), show(utilization.limit))
}

/// Milliseconds as seconds with one decimal, rounded half up.
fn seconds(ms: u64) -> String {
    let tenths = ms.saturating_add(50).div_euclid(100);
    format!("{}.{}", grouped(tenths.div_euclid(10).into()), tenths.rem_euclid(10))
}

fn signed(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(number.unsigned_abs().into()))
}

/// Text that people wrote, in one line and without marks that Markdown or HTML would act on.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '`' | '_' | '[' | ']' | '#' | '\\' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\r' | '\t' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}
