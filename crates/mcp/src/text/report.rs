//! Reports as Markdown.

use tollgate_projection::report::markdown;
use tollgate_wire::api::{Group, LedgerReport, TaskReport, Totals, UsageSummary, UsageTotals};

use super::read;

/// The most periods of a report in text: the latest. The structured answer has all.
const PERIODS: usize = 14;

/// The most rows of another list in text.
const ROWS: usize = 10;

/// Of one task.
pub(crate) fn of_task(body: &[u8]) -> serde_json::Result<String> {
    let report: TaskReport = read(body)?;
    Ok(markdown(&report))
}

/// Of the ledger.
pub(crate) fn of_ledger(body: &[u8]) -> serde_json::Result<String> {
    let report: LedgerReport = read(body)?;
    let mut lines = vec!["# Usage report".to_owned(), String::new()];
    let since = report.period.since.as_deref().unwrap_or("the first usage");
    let until = report.period.until.as_deref().unwrap_or("the latest");
    lines.push(format!("From {since} until {until}; periods in {}.", report.period.time_zone));
    lines.push(format!("{} tasks. {}", report.tasks, sentence(&report.totals)));
    let periods = [
        ("hour", &report.by_hour),
        ("day", &report.by_day),
        ("week", &report.by_week),
        ("month", &report.by_month),
    ];
    for (name, groups) in periods.into_iter().filter(|(_, groups)| !groups.is_empty()) {
        let latest = groups.len().saturating_sub(PERIODS);
        table(&mut lines, name, groups.iter().skip(latest));
    }
    for (name, groups) in
        [("model", &report.by_model), ("phase", &report.by_phase), ("producer", &report.by_producer)]
    {
        table(&mut lines, name, groups.iter().take(ROWS));
    }
    if let Some(chosen) = &report.chosen {
        table(&mut lines, &chosen.dimension, chosen.groups.iter().take(ROWS));
    }
    lines.extend(report.price_warnings.iter().map(|warning| format!("\nWarning: {warning}")));
    Ok(lines.join("\n"))
}

fn sentence(totals: &Totals) -> String {
    let unpriced = match totals.unpriced_tokens {
        0 => String::new(),
        tokens => format!("; {tokens} tokens have no known price, which is not zero"),
    };
    format!(
        "{} calls, {} tokens ({} in, {} cached, {} out), {} USD{unpriced}.",
        totals.usage_events,
        totals.tokens.total,
        totals.tokens.input_uncached,
        totals.tokens.cached_input,
        totals.tokens.output,
        totals.cost_usd
    )
}

fn table<'a>(lines: &mut Vec<String>, name: &str, groups: impl Iterator<Item = &'a Group>) {
    lines.push(format!("\n| {name} | calls | tokens | USD | unpriced tokens |\n|---|--:|--:|--:|--:|"));
    for group in groups {
        let of = &group.totals;
        lines.push(format!(
            "| {} | {} | {} | {} | {} |",
            cell(&group.key),
            of.usage_events,
            of.tokens.total,
            of.cost_usd,
            of.unpriced_tokens
        ));
    }
}

/// Of sums of usage.
pub(crate) fn summary(body: &[u8]) -> serde_json::Result<String> {
    let summary: UsageSummary = read(body)?;
    let mut lines = vec![format!("All: {}", sums(&summary.totals))];
    for group in &summary.groups {
        let values = group.values.iter().map(|(name, value)| format!("{name} {value}"));
        let named: Vec<String> = group.period.clone().into_iter().chain(values).collect();
        let named = if named.is_empty() { "not stated".to_owned() } else { named.join(", ") };
        lines.push(format!("- {named}: {}", sums(&group.totals)));
    }
    lines.extend(summary.next.iter().map(|next| format!("There are more: ask with `after` = `{next}`.")));
    Ok(lines.join("\n"))
}

fn sums(totals: &UsageTotals) -> String {
    let unpriced = match totals.unpriced_tokens {
        0 => String::new(),
        tokens => format!(", {tokens} tokens without a known price"),
    };
    format!(
        "{} calls, {} tokens, {} USD{unpriced}",
        totals.usage_events, totals.tokens.total, totals.cost_usd
    )
}

/// What somebody else wrote, as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
