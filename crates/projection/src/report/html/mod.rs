//! The budget report as one HTML page: nothing is loaded from elsewhere, no scripts run, charts are drawn
//! inline, and each is accompanied by a table with the same data.

mod chart;
mod escape;
mod parts;

use std::fmt::Write;

use tollgate_domain::breach::Utilization;
use tollgate_domain::gate::grouped;
use tollgate_domain::position::in_words;
use tollgate_domain::task::TaskStage;
use tollgate_wire::api::{BudgetStatus, ExecutionReport, ExecutionState, TaskReport, UtilizationView};

use self::chart::{PhaseBar, WIDTHS, percent, phase_bars, timeline};
use self::escape::escaped;
use super::words::{
    beside_cost, cost_of, cost_outside, outside, seconds, seconds_of_limit, signed, tokens_of_limit,
};

/// The page's entire styling.
const STYLE: &str = include_str!("style.css");

/// What a page may do: show itself, in this style. The hash is that of the style; a test keeps the two in sync.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'sha256-PWdhta1XDMxk7nMkeBmtx+9mpi0BBkCRbeogsTQb8ks='; base-uri 'none'; form-action 'none'";

/// Shown if there is no number.
const NONE: &str = "–";

/// The report as a page.
#[must_use]
pub fn html(report: &TaskReport) -> String {
    let mut out = String::with_capacity(32 * 1024);
    write_page(report, &mut out).expect("writing to a String cannot fail");
    out
}

fn write_page(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let task = escaped(&report.task_id);
    out.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    writeln!(out, r#"<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">"#)?;
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str(
        "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"robots\" content=\"noindex\">\n",
    );
    writeln!(out, "<title>Budget Report: {task}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>")?;
    writeln!(out, "<h1>Budget Report: {task}</h1>")?;
    if let Some(title) = &report.title {
        writeln!(out, "<p class=\"soft\">{}</p>", escaped(title))?;
    }
    if let Some(advance) = &report.blocked_before {
        let icon = icon("exceeded");
        let advance = escaped(advance);
        writeln!(
            out,
            "<p class=\"banner blocked\">{icon}<strong>Blocked</strong>: the gate does not let this task go on to {advance}.</p>"
        )?;
    }
    match &report.current_phase {
        Some(phase) => writeln!(
            out,
            "<p class=\"banner\"><strong>Task in progress</strong>: the current phase is {}; numbers are those so far.</p>",
            escaped(phase)
        )?,
        None if report.stage == TaskStage::Open => out.push_str(
            "<p class=\"banner\"><strong>Task in progress</strong>: no phase is active; numbers are those so far.</p>\n",
        ),
        None => {}
    }
    out.push_str("<section class=\"answer\" aria-label=\"In three lines\">\n");
    for line in &report.summary {
        writeln!(out, "<p>{}</p>", escaped(line))?;
    }
    out.push_str("</section>\n");
    write_figures(report, out)?;
    out.push_str("<h2>Per-Phase Breakdown</h2>\n");
    write_bars(report, out)?;
    write_table(report, out)?;
    out.push_str("<h2>Tokens over Time</h2>\n");
    write_timeline(report, out)?;
    parts::write(report, out)?;
    writeln!(
        out,
        "<footer>Classification: {}. True as of {}.</footer>",
        escaped(&report.classification),
        escaped(&in_words(&report.as_of))
    )?;
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(())
}

fn write_figures(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let totals = &report.totals;
    let tokens = match &totals.tokens_budget {
        Some(tokens) => tokens_of_limit(&utilization(tokens)),
        None => format!("{} (no limit)", signed(totals.tokens.total.into())),
    };
    let latency = match &totals.latency_budget {
        Some(latency) => seconds_of_limit(&utilization(latency)),
        None if report.executions.is_empty() => "not known, no phase was started".to_owned(),
        None => format!("{}s (no limit)", seconds(totals.latency_ms.into())),
    };
    let cost = format!(
        "{} USD{}",
        totals.cost_usd,
        beside_cost(totals.unpriced_tokens.into(), &totals.unpriced_units)
    );
    let words = match totals.breach_status {
        BudgetStatus::Within => "WITHIN LIMITS",
        BudgetStatus::Warning => "WARNING",
        BudgetStatus::Exceeded => "EXCEEDED",
        BudgetStatus::Unknown => "UNKNOWN, no usage was reported",
        BudgetStatus::NoLimits => "NO LIMITS",
    };
    let status = pill(totals.breach_status.as_str(), words);
    out.push_str("<h2>Summary</h2>\n<dl class=\"figures\">\n");
    for (name, figure) in [
        ("Budget Status", status),
        ("Total Tokens", escaped(&tokens)),
        ("Total Latency", escaped(&latency)),
        ("Cost", escaped(&cost)),
        ("Task", report.stage.to_string()),
    ] {
        writeln!(out, "<div><dt>{name}</dt><dd>{figure}</dd></div>")?;
    }
    out.push_str("</dl>\n");
    if totals.estimated_tokens != 0 {
        let tokens = signed(totals.estimated_tokens.into());
        writeln!(
            out,
            "<p class=\"soft\">(est): {tokens} of these tokens are estimated from text lengths.</p>"
        )?;
    }
    Ok(())
}

fn write_bars(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let bars: Vec<PhaseBar> = phase_bars(report);
    if bars.is_empty() {
        out.push_str("<p>Data unavailable: no phase was started.</p>\n");
        return Ok(());
    }
    out.push_str("<figure>\n<figcaption>Tokens that each phase used over all its attempts, compared with its limit</figcaption>\n");
    for width in WIDTHS {
        chart::bars(&bars, "bars", width, out)?;
    }
    out.push_str("\n</figure>\n");
    let cut: Vec<String> = bars.iter().filter_map(PhaseBar::cut).collect();
    if !cut.is_empty() {
        let cut = escaped(&cut.join(", "));
        writeln!(out, "<p class=\"soft\">Cut off at {}% of the limit: {cut}.</p>", chart::MOST_PERCENT)?;
    }
    Ok(())
}

fn write_table(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    parts::table_head(
        "Each execution of a phase",
        // The status column is where a phone shows it without scrolling.
        &["Phase", "Status", "Tokens", "Limit", "%", "Latency (s)", "Limit (s)", "Cost (USD)"],
        2..8,
        out,
    )?;
    for execution in &report.executions {
        write_execution(execution, out)?;
    }
    for (name, used, status) in outside(&report.totals) {
        let (tokens, cost) = (signed(used.tokens.total.into()), cost_outside(used));
        parts::table_row(&[name, status, &tokens, NONE, NONE, NONE, NONE, &cost], 2..8, out)?;
    }
    if report.executions.is_empty() {
        parts::table_row(&["Data unavailable", NONE, NONE, NONE, NONE, NONE, NONE, NONE], 2..8, out)?;
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

fn write_execution(execution: &ExecutionReport, out: &mut String) -> std::fmt::Result {
    let none = || NONE.to_owned();
    let started = execution.state != ExecutionState::NotStarted;
    let attempt =
        if execution.attempt > 1 { format!(" (attempt {})", execution.attempt) } else { String::new() };
    let unknown = execution.state == ExecutionState::Ended && execution.usage_events == 0;
    let estimated = if execution.tokens_estimated { " (est)" } else { "" };
    let used = u128::try_from(execution.tokens_used).unwrap_or_default();
    let (tokens, share) = match execution.tokens_limit {
        _ if !started => (none(), none()),
        _ if unknown => ("Data unavailable".to_owned(), none()),
        Some(limit) if limit > 0 => (
            format!("{}{estimated}", signed(execution.tokens_used.into())),
            grouped(percent(used, limit.into())),
        ),
        _ => (format!("{}{estimated}", signed(execution.tokens_used.into())), none()),
    };
    let status = execution.breach_status.as_str();
    let (class, words) = match execution.breach_status {
        _ if !started => ("not_started", "not started"),
        BudgetStatus::NoLimits => (status, "no limits"),
        BudgetStatus::Within | BudgetStatus::Warning | BudgetStatus::Exceeded | BudgetStatus::Unknown => {
            (status, status)
        }
    };
    let running = if execution.state == ExecutionState::Running { ", running" } else { "" };
    let (phase, status) = (escaped(&execution.phase), pill(class, words));
    write!(out, r#"<tr><th scope="row">{phase}{attempt}</th><td>{status}{running}</td>"#)?;
    let latency = if started { seconds(execution.latency_ms.into()) } else { none() };
    for figure in [
        tokens,
        execution.tokens_limit.map_or_else(none, |limit| grouped(limit.into())),
        share,
        latency,
        execution.latency_limit_ms.map_or_else(none, |ms| seconds(ms.into())),
        if started && !unknown { escaped(&cost_of(execution)) } else { none() },
    ] {
        write!(out, r#"<td class="n">{figure}</td>"#)?;
    }
    out.push_str("</tr>\n");
    Ok(())
}

/// A status in words, with its color and shape.
fn pill(class: &str, words: &str) -> String {
    format!(r#"<span class="pill {}">{}{}</span>"#, escaped(class), icon(class), escaped(words))
}

/// The shape of a status, drawn inline: it needs no font, and does not rely on color.
fn icon(class: &str) -> String {
    let path = match class {
        "within" => "M2 6.5l3 3 5-6.5",
        "warning" => "M6 1.5L11 10.5H1zM6 4.5v3M6 8.9v.2",
        "exceeded" => "M2.5 2.5l7 7M9.5 2.5l-7 7",
        _ => return String::new(),
    };
    format!(r#"<svg class="icon" viewBox="0 0 12 12" aria-hidden="true"><path d="{path}"/></svg>"#)
}

fn write_timeline(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let Some(timeline) = timeline(report) else {
        out.push_str("<p>Data unavailable: no phase was started.</p>\n");
        return Ok(());
    };
    out.push_str("<figure>\n<figcaption>All tokens up to each moment, as if they grew evenly within an execution</figcaption>\n");
    for width in WIDTHS {
        timeline.draw("time", width, out)?;
    }
    out.push_str("\n</figure>\n");
    parts::table_head("The same as numbers", &["Time", "What", "Tokens so far", "% of limit"], 2..4, out)?;
    for (at, tokens, what) in &timeline.points {
        let share = match timeline.limit {
            Some(limit) if limit > 0 => grouped(percent(*tokens, limit)),
            _ => NONE.to_owned(),
        };
        parts::table_row(&[&at.to_string(), what, &grouped(*tokens), &share], 2..4, out)?;
    }
    out.push_str("</tbody></table></div>\n");
    Ok(())
}

fn utilization(view: &UtilizationView) -> Utilization {
    Utilization::new(view.used, view.limit)
}

#[cfg(test)]
mod tests;
