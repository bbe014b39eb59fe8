//! The budget report as Markdown: `budget_report.md`.

use std::fmt::Write;

use tollgate_domain::breach::Utilization;
use tollgate_domain::gate::grouped;
use tollgate_domain::position::in_words;
use tollgate_domain::printable::printable;
use tollgate_domain::task::TaskStage;
use tollgate_wire::api::{
    BudgetStatus, Calculation, ClassComparison, DecisionView, ExecutionReport, ExecutionState,
    ExplanationView, OverrideView, PhaseComparison, PhaseLimitView, TaskReport, UtilizationView,
};

use super::similar::spreads;
use super::words::{
    beside_cost, cost_of, cost_outside, counted, outside, seconds, seconds_of_limit, signed, tokens_of_limit,
};

/// Shown if there is no number.
const NONE: &str = "–";

/// Shown if there should be a number.
const UNAVAILABLE: &str = "Data unavailable";

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
    } else if report.stage == TaskStage::Open {
        writeln!(out, "**Task in progress**: no phase is active; numbers are those so far.\n")?;
    }
    write_summary(report, out)?;
    writeln!(out, "## Per-Phase Breakdown\n")?;
    write_table(report, out)?;
    write_list("Progress", &report.progress, out)?;
    write_list("Breaches", &report.breaches, out)?;
    write_list("Anomalies", &report.anomalies, out)?;
    write_explanations(report, out)?;
    write_decisions(report, out)?;
    if let Some(class) = &report.class {
        write_class(class, out)?;
    }
    writeln!(out, "\n## Budget Calculation Details\n")?;
    match &report.calculation {
        Some(calculation) => write_calculation(calculation, report, out)?,
        None => writeln!(out, "The task has no limits: it was never opened.")?,
    }
    writeln!(out, "\n## Warnings\n")?;
    for warning in &report.warnings {
        writeln!(out, "- {}", text(warning))?;
    }
    if report.warnings.is_empty() {
        writeln!(out, "None.")?;
    }
    write_list("Recommendations", &report.recommendations, out)?;
    let at = text(&in_words(&report.as_of));
    writeln!(out, "\nClassification: {}. True as of {at}.", report.classification)
}

fn write_summary(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let totals = &report.totals;
    writeln!(out, "## Summary\n")?;
    match &totals.tokens_budget {
        Some(tokens) => writeln!(out, "**Total Tokens**: {}  ", tokens_of_limit(&utilization(tokens)))?,
        None => writeln!(out, "**Total Tokens**: {} (no limit)  ", signed(totals.tokens.total.into()))?,
    }
    match &totals.latency_budget {
        Some(latency) => writeln!(out, "**Total Latency**: {}  ", seconds_of_limit(&utilization(latency)))?,
        None if report.executions.is_empty() => {
            writeln!(out, "**Total Latency**: not known, no phase was started  ")?;
        }
        None => writeln!(out, "**Total Latency**: {}s (no limit)  ", seconds(totals.latency_ms.into()))?,
    }
    let status = match totals.breach_status {
        BudgetStatus::Within => "✅ WITHIN LIMITS",
        BudgetStatus::Warning => "⚠️ WARNING",
        BudgetStatus::Exceeded => "❌ EXCEEDED",
        BudgetStatus::Unknown => "UNKNOWN, no usage was reported",
        BudgetStatus::NoLimits => "NO LIMITS",
    };
    writeln!(out, "**Budget Status**: {status}  ")?;
    let unpriced = beside_cost(totals.unpriced_tokens.into(), &totals.unpriced_units);
    writeln!(out, "**Cost**: {} USD{unpriced}  ", totals.cost_usd)?;
    writeln!(out, "**Task**: {}\n", report.stage)
}

/// One row per execution, padded so that it is also readable as plain text; except for the status, whose
/// marks have no fixed width.
fn write_table(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let mut rows = vec![
        ["Phase", "Tokens", "Limit", "Latency (s)", "Limit (s)", "Status", "Cost (USD)"].map(str::to_owned),
    ];
    rows.extend(report.executions.iter().map(execution_row));
    for (name, used, status) in outside(&report.totals) {
        let (tokens, cost) = (signed(used.tokens.total.into()), text(&cost_outside(used)));
        rows.push([name, &tokens, NONE, NONE, NONE, status, &cost].map(str::to_owned));
    }
    if rows.len() == 1 {
        rows.push([UNAVAILABLE, NONE, NONE, NONE, NONE, NONE, NONE].map(str::to_owned));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let [phase, tokens, limit, latency, latency_limit] = widths;
    for (nth, [a, b, c, d, e, status, cost]) in rows.iter().enumerate() {
        writeln!(
            out,
            "| {a:<phase$} | {b:>tokens$} | {c:>limit$} | {d:>latency$} | {e:>latency_limit$} | {status} | {cost} |"
        )?;
        if nth == 0 {
            let rule = |width: usize| "-".repeat(width);
            let numbers = [tokens, limit, latency, latency_limit].map(|width| format!("-{}:|", rule(width)));
            writeln!(out, "|-{}-|{}--------|----------:|", rule(phase), numbers.concat())?;
        }
    }
    Ok(())
}

fn execution_row(execution: &ExecutionReport) -> [String; 7] {
    let attempt =
        if execution.attempt > 1 { format!(" (attempt {})", execution.attempt) } else { String::new() };
    let phase = format!("{}{attempt}", execution.phase);
    let none = || NONE.to_owned();
    let limit = execution.tokens_limit.map_or_else(none, |limit| grouped(limit.into()));
    let latency_limit = execution.latency_limit_ms.map_or_else(none, |ms| seconds(ms.into()));
    if execution.state == ExecutionState::NotStarted {
        return [phase, none(), limit, none(), latency_limit, "Not Started".to_owned(), none()];
    }
    let estimated = if execution.tokens_estimated { " (est)" } else { "" };
    let status = match execution.breach_status {
        BudgetStatus::Within => "✅ within",
        BudgetStatus::Warning => "⚠️ warning",
        BudgetStatus::Exceeded => "❌ exceeded",
        other @ (BudgetStatus::Unknown | BudgetStatus::NoLimits) => other.as_str(),
    };
    let running = if execution.state == ExecutionState::Running { ", running" } else { "" };
    let unknown = execution.state == ExecutionState::Ended && execution.usage_events == 0;
    let used = signed(execution.tokens_used.into());
    let tokens = if unknown { UNAVAILABLE.to_owned() } else { format!("{used}{estimated}") };
    let latency = seconds(execution.latency_ms.into());
    let cost = if unknown { none() } else { text(&cost_of(execution)) };
    [phase, tokens, limit, latency, latency_limit, format!("{status}{running}"), cost]
}

/// Explanations of phases far above their limits, and which of these still lack one.
fn write_explanations(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    if report.explanations.is_empty() && report.unexplained.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Explanations\n")?;
    for given in &report.explanations {
        let ExplanationView { sequence, at, phase, author, explanation, .. } = given;
        let attempt = given.attempt.map(|attempt| format!(" (attempt {attempt})")).unwrap_or_default();
        let (author, explanation) = (text(author), text(explanation));
        writeln!(out, "- **{phase}**{attempt}: {explanation} ({author}, {at}, record {sequence})")?;
    }
    for phase in &report.unexplained {
        writeln!(
            out,
            "- **{phase}**: none given yet; give one with `tollgate phase explain TASK {phase} --author NAME --text TEXT`"
        )?;
    }
    Ok(())
}

fn write_class(class: &ClassComparison, out: &mut String) -> std::fmt::Result {
    let ClassComparison { complexity, importance, whole, .. } = class;
    writeln!(out, "\n## Similar Tasks\n")?;
    let (Some(average), Some(percent)) = (whole.average_tokens, whole.percent) else {
        return writeln!(out, "No other task of the class {complexity} × {importance} is completed yet.");
    };
    let (used, average) = (grouped(whole.tokens_used.into()), grouped(average.into()));
    let tasks = counted(whole.tasks.into(), "other completed task");
    writeln!(
        out,
        "{used} tokens are {percent}% of the average of {tasks} of the class {complexity} × {importance}: {average}.\n"
    )?;
    writeln!(out, "| Phase | Tokens | Average of others | Others | % |")?;
    writeln!(out, "|-------|-------:|------------------:|-------:|--:|")?;
    for PhaseComparison { phase, comparison, .. } in &class.phases {
        let number = |number: Option<u64>| number.map_or_else(|| NONE.to_owned(), |it| grouped(it.into()));
        let (used, tasks) = (grouped(comparison.tokens_used.into()), grouped(comparison.tasks.into()));
        let (average, percent) = (number(comparison.average_tokens), number(comparison.percent));
        writeln!(out, "| {phase} | {used} | {average} | {tasks} | {percent} |")?;
    }
    for line in spreads(class) {
        writeln!(out, "\n{line}")?;
    }
    Ok(())
}

/// Decisions and overrides in log order.
fn write_decisions(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    if report.decisions.is_empty() && report.overrides.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Gate Decisions\n")?;
    if report.earlier_decisions > 0 {
        let earlier = counted(report.earlier_decisions.into(), "earlier decision");
        writeln!(out, "The log has {earlier}.\n")?;
    }
    let decisions = report.decisions.iter().map(|decision| (decision.sequence, decision_lines(decision)));
    let overrides = report.overrides.iter().map(|granted| (granted.sequence, override_line(granted)));
    let mut lines: Vec<(u64, String)> = decisions.chain(overrides).collect();
    lines.sort_by_key(|(sequence, _)| *sequence);
    lines.iter().try_for_each(|(_, lines)| writeln!(out, "{lines}"))
}

fn decision_lines(decision: &DecisionView) -> String {
    let DecisionView { at, advance_to, verdict, ruled, sequence, .. } = decision;
    let softened = if ruled == verdict { String::new() } else { format!(" (the rules say {ruled})") };
    let stale = if decision.stale { ", from a view that was behind" } else { "" };
    let mut lines = format!("- {at} → {advance_to}: **{verdict}**{softened}{stale} (record {sequence})");
    for reason in &decision.reasons {
        lines.push_str("\n  - ");
        lines.push_str(&text(&reason.message));
    }
    if !decision.requirements.is_empty() {
        lines.push_str("\n  - asked for: ");
        lines.push_str(&decision.requirements.join(", ").replace('_', "-"));
    }
    lines
}

fn override_line(granted: &OverrideView) -> String {
    let OverrideView { sequence, at, what, approver, reason } = granted;
    format!("- {at}: {} by {}: {} (record {sequence})", text(what), text(approver), text(reason))
}

fn write_calculation(calculation: &Calculation, report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let source = match calculation.importance_source.as_str() {
        "stated" => String::new(),
        "default" => ", not stated".to_owned(),
        tag => format!(", from tag {}", text(tag.trim_start_matches("tag:"))),
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
    let set: Vec<String> =
        calculation.phases.iter().filter(|limit| !limit.overridden.is_empty()).map(overridden).collect();
    if !set.is_empty() {
        writeln!(out, "**Overrides**: {}  ", set.join("; "))?;
    }
    let budgeted = match calculation.budgeted_latency.as_str() {
        "active" => "active time, without reported waits",
        _ => "full phase duration",
    };
    writeln!(out, "**Budgeted Latency**: {budgeted}  ")?;
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

/// A phase and the parts of its limit that an override set.
fn overridden(limit: &PhaseLimitView) -> String {
    let set = |what: &str| limit.overridden.iter().any(|name| name == what);
    let tokens = set("tokens").then(|| counted(limit.tokens.into(), "token"));
    let latency = set("latency_ms").then(|| format!("{} s", seconds(limit.latency_ms.into())));
    let parts: Vec<String> = [tokens, latency].into_iter().flatten().collect();
    format!("{} {}", limit.phase, parts.join(" and "))
}

fn utilization(view: &UtilizationView) -> Utilization {
    Utilization::new(view.used, view.limit)
}

/// Text that people wrote, on one line and without markup that Markdown or HTML would act on.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(&text.replace(['\n', '\r', '\t'], " ")).chars() {
        match c {
            '|' | '*' | '`' | '_' | '[' | ']' | '#' | '\\' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
    out
}
