//! The parts of the page below the charts: what was found, what was decided, how the limits came about.

use std::fmt::Write;
use std::ops::Range;

use tollgate_domain::gate::{Verdict, grouped};
use tollgate_wire::api::{
    Calculation, ClassComparison, Comparison, DecisionView, ExplanationView, OverrideView, PhaseLimitView,
    TaskReport,
};

use super::super::similar::spreads;
use super::super::words::{counted, seconds};
use super::escape::escaped;
use super::{NONE, pill};

pub(super) fn write(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    list("Progress", &report.progress, out)?;
    list("Breaches", &report.breaches, out)?;
    list("Anomalies", &report.anomalies, out)?;
    explanations(report, out)?;
    decisions(report, out)?;
    if let Some(class) = &report.class {
        similar(class, out)?;
    }
    out.push_str("<h2>Budget Calculation Details</h2>\n");
    match &report.calculation {
        Some(calculation) => write_calculation(calculation, report, out)?,
        None => out.push_str("<p>The task has no limits: it was never opened.</p>\n"),
    }
    if report.warnings.is_empty() {
        out.push_str("<h2>Warnings</h2>\n<p>None.</p>\n");
    }
    list("Warnings", &report.warnings, out)?;
    list("Recommendations", &report.recommendations, out)
}

/// Opens a table up to its first row; columns in `numbers` are aligned as such.
pub(super) fn table_head(
    caption: &str,
    columns: &[&str],
    numbers: Range<usize>,
    out: &mut String,
) -> std::fmt::Result {
    // Whatever scrolls is reachable by keyboard.
    writeln!(out, r#"<div class="scroll" role="region" aria-label="{caption}" tabindex="0"><table>"#)?;
    write!(out, "<caption>{caption}</caption><thead><tr>")?;
    for (nth, column) in columns.iter().enumerate() {
        let class = if numbers.contains(&nth) { r#" class="n""# } else { "" };
        write!(out, r#"<th scope="col"{class}>{column}</th>"#)?;
    }
    writeln!(out, "</tr></thead><tbody>")
}

/// A row; the first cell names it.
pub(super) fn table_row(cells: &[&str], numbers: Range<usize>, out: &mut String) -> std::fmt::Result {
    out.push_str("<tr>");
    for (nth, cell) in cells.iter().enumerate() {
        let cell = escaped(cell);
        match nth {
            0 => write!(out, r#"<th scope="row">{cell}</th>"#)?,
            _ if numbers.contains(&nth) => write!(out, r#"<td class="n">{cell}</td>"#)?,
            _ => write!(out, "<td>{cell}</td>")?,
        }
    }
    out.push_str("</tr>\n");
    Ok(())
}

fn list(heading: &str, sentences: &[String], out: &mut String) -> std::fmt::Result {
    if sentences.is_empty() {
        return Ok(());
    }
    writeln!(out, "<h2>{heading}</h2>\n<ul>")?;
    for sentence in sentences {
        writeln!(out, "<li>{}</li>", escaped(sentence))?;
    }
    out.push_str("</ul>\n");
    Ok(())
}

fn explanations(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    if report.explanations.is_empty() && report.unexplained.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Explanations</h2>\n<ul>\n");
    for given in &report.explanations {
        let ExplanationView { sequence, at, phase, attempt, author, explanation } = given;
        let attempt = attempt.map(|attempt| format!(" (attempt {attempt})")).unwrap_or_default();
        let (phase, author, said) = (escaped(phase), escaped(author), escaped(explanation));
        let at = escaped(at);
        writeln!(
            out,
            "<li><strong>{phase}</strong>{attempt}: {said} <span class=\"soft\">({author}, {at}, record {sequence})</span></li>"
        )?;
    }
    for phase in &report.unexplained {
        let phase = escaped(phase);
        writeln!(
            out,
            "<li><strong>{phase}</strong>: none given yet; give one with <code>tollgate phase explain TASK {phase} \
             --author NAME --text TEXT</code></li>"
        )?;
    }
    out.push_str("</ul>\n");
    Ok(())
}

/// Decisions and overrides in log order.
fn decisions(report: &TaskReport, out: &mut String) -> std::fmt::Result {
    if report.decisions.is_empty() && report.overrides.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Gate Decisions</h2>\n");
    if report.earlier_decisions > 0 {
        let earlier = counted(report.earlier_decisions.into(), "earlier decision");
        writeln!(out, "<p class=\"soft\">The log has {earlier}.</p>")?;
    }
    let decisions = report.decisions.iter().map(|decision| (decision.sequence, of_decision(decision)));
    let overrides = report.overrides.iter().map(|granted| (granted.sequence, of_override(granted)));
    let mut items: Vec<(u64, String)> = decisions.chain(overrides).collect();
    items.sort_by_key(|(sequence, _)| *sequence);
    out.push_str("<ul>\n");
    for (_, item) in items {
        writeln!(out, "<li>{item}</li>")?;
    }
    out.push_str("</ul>\n");
    Ok(())
}

fn of_decision(decision: &DecisionView) -> String {
    let DecisionView { at, advance_to, verdict, ruled, sequence, .. } = decision;
    let class = match verdict {
        Verdict::Block => "exceeded",
        Verdict::Warn => "warning",
        Verdict::Allow => "within",
    };
    let softened = if ruled == verdict { String::new() } else { format!(" (the rules say {})", ruled) };
    let stale = if decision.stale { ", from a view that was behind" } else { "" };
    let (at, advance, verdict) = (escaped(at), escaped(advance_to), pill(class, verdict.as_str()));
    let mut item = format!(
        "{at} → {advance}: {verdict}{softened}{stale} <span class=\"soft\">(record {sequence})</span>"
    );
    if decision.reasons.is_empty() && decision.requirements.is_empty() {
        return item;
    }
    item.push_str("<ul>");
    for reason in &decision.reasons {
        item.push_str(&format!("<li>{}</li>", escaped(&reason.message)));
    }
    if !decision.requirements.is_empty() {
        let asked = decision.requirements.join(", ").replace('_', "-");
        item.push_str(&format!("<li>asked for: {}</li>", escaped(&asked)));
    }
    item.push_str("</ul>");
    item
}

fn of_override(granted: &OverrideView) -> String {
    let OverrideView { sequence, at, what, approver, reason } = granted;
    let (at, what) = (escaped(at), escaped(what));
    let (approver, reason) = (escaped(approver), escaped(reason));
    format!("{at}: {what} by {approver}: {reason} <span class=\"soft\">(record {sequence})</span>")
}

fn similar(class: &ClassComparison, out: &mut String) -> std::fmt::Result {
    out.push_str("<h2>Similar Tasks</h2>\n");
    let (complexity, importance) = (class.complexity, class.importance);
    let Comparison { tokens_used, tasks, average_tokens, percent } = &class.whole;
    let (Some(average), Some(percent)) = (average_tokens, percent) else {
        return writeln!(
            out,
            "<p>No other task of the class {complexity} × {importance} is completed yet.</p>"
        );
    };
    let (used, average) = (grouped((*tokens_used).into()), grouped((*average).into()));
    let others = counted((*tasks).into(), "other completed task");
    writeln!(
        out,
        "<p>{used} tokens are {percent}% of the average of {others} of the class {complexity} × {importance}: {average}.</p>"
    )?;
    table_head(
        "Compared with its class",
        &["Phase", "Tokens", "Average of others", "Others", "%"],
        1..5,
        out,
    )?;
    for of in &class.phases {
        let number = |number: Option<u64>| number.map_or_else(|| NONE.to_owned(), |it| grouped(it.into()));
        let Comparison { tokens_used, tasks, average_tokens, percent } = &of.comparison;
        let (used, tasks) = (grouped((*tokens_used).into()), grouped((*tasks).into()));
        let cells = [&*of.phase, &used, &number(*average_tokens), &tasks, &number(*percent)];
        table_row(&cells, 1..5, out)?;
    }
    out.push_str("</tbody></table></div>\n");
    for line in spreads(class) {
        writeln!(out, "<p class=\"soft\">{}</p>", escaped(&line))?;
    }
    Ok(())
}

fn write_calculation(calculation: &Calculation, report: &TaskReport, out: &mut String) -> std::fmt::Result {
    let source = match calculation.importance_source.as_str() {
        "stated" => String::new(),
        "default" => ", not stated".to_owned(),
        tag => format!(", from tag {}", tag.trim_start_matches("tag:")),
    };
    let budgeted = match calculation.budgeted_latency.as_str() {
        "active" => "active time, without reported waits",
        _ => "full phase duration",
    };
    let Calculation { complexity, complexity_multiplier, importance, importance_multiplier, .. } =
        calculation;
    let mut figures = vec![
        ("Complexity", format!("{complexity} ({complexity_multiplier}×)")),
        ("Importance", format!("{importance} ({importance_multiplier}×{source})")),
        ("Budgeted Latency", budgeted.to_owned()),
    ];
    figures
        .extend(calculation.budget_multiplier.iter().map(|factor| ("Task Multiplier", format!("{factor}×"))));
    out.push_str("<dl class=\"figures\">\n");
    for (name, figure) in figures {
        writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", escaped(&figure))?;
    }
    out.push_str("</dl>\n");
    let columns = ["Phase", "Base tokens", "Weight", "Limit", "Base (s)", "Limit (s)", "Set by override"];
    table_head("Phase weights and limits", &columns, 1..6, out)?;
    for limit in &calculation.phases {
        let PhaseLimitView { phase, base_tokens, base_latency_ms, weight, tokens, latency_ms, overridden } =
            limit;
        let set =
            if overridden.is_empty() { NONE.to_owned() } else { overridden.join(", ").replace("_ms", "") };
        let cells = [
            phase.clone(),
            grouped((*base_tokens).into()),
            format!("{weight}×"),
            grouped((*tokens).into()),
            seconds((*base_latency_ms).into()),
            seconds((*latency_ms).into()),
            set,
        ];
        table_row(&cells.each_ref().map(String::as_str), 1..6, out)?;
    }
    out.push_str("</tbody></table></div>\n");
    let factor = if calculation.budget_multiplier.is_some() { " × task multiplier" } else { "" };
    writeln!(
        out,
        "<p class=\"soft\">limit = ceil(base × complexity × importance × phase weight{factor})</p>"
    )?;
    let config = report.config_hash.as_deref().unwrap_or("unknown");
    writeln!(out, "<p class=\"soft\">Config <code>{}</code></p>", escaped(config))
}
