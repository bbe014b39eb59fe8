//! Reports on screen.

use std::fmt::Write;

use tollgate_wire::api::{AccessList, AccessView, Group, LedgerReport, Totals};

use super::{counted, grouped, grouped_u64, table};

/// Rows of a group that are shown where nobody says; the JSON has all.
const SHOWN: usize = 12;

/// Totals of the ledger.
pub(crate) fn ledger_report(report: &LedgerReport, top: Option<usize>) -> String {
    let most = top.unwrap_or(SHOWN);
    let mut text = format!(
        "{}, {}\n\n",
        counted(report.tasks, "task"),
        counted(report.totals.usage_events, "usage event")
    );
    let tokens = &report.totals.tokens;
    for (name, count) in [
        ("tokens", tokens.total),
        ("  input, uncached", tokens.input_uncached),
        ("  input, cached", tokens.cached_input),
        ("  cache write", tokens.cache_write),
        ("  output", tokens.output),
        ("    of it reasoning", tokens.reasoning),
    ] {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "{name:<20}{:>16}", grouped(count));
    }
    let _ = writeln!(text, "{:<20}{:>16}", "cost, USD", report.totals.cost_usd);
    if report.totals.unpriced_tokens != 0 {
        let _ = writeln!(
            text,
            "{:<20}{:>16}  (no price known, not zero)",
            "unpriced tokens",
            grouped(report.totals.unpriced_tokens)
        );
    }
    if report.totals.estimated_tokens != 0 {
        let _ = writeln!(
            text,
            "{:<20}{:>16}  (from text lengths)",
            "estimated tokens",
            grouped(report.totals.estimated_tokens)
        );
    }
    if report.degraded_tasks > 0 {
        let _ = writeln!(
            text,
            "! of {} tasks some events could not be read: the numbers lack them",
            report.degraded_tasks
        );
    }
    for (name, groups) in [
        ("day", &report.by_day),
        ("model", &report.by_model),
        ("producer", &report.by_producer),
        ("phase", &report.by_phase),
        ("complexity", &report.by_complexity),
        ("importance", &report.by_importance),
    ] {
        if !groups.is_empty() {
            let _ = write!(text, "\n{}", by(name, groups, most));
        }
    }
    text
}

fn by(name: &str, groups: &[Group], most: usize) -> String {
    let listed: Vec<&Group> = groups.iter().filter(|group| group.rest_of.is_none()).collect();
    let rest: u64 = groups.iter().filter_map(|group| group.rest_of).sum();
    // Of days the latest are shown, of the others the largest.
    let skipped = listed.len().saturating_sub(most);
    let shown = if name == "day" { &listed[skipped..] } else { &listed[..listed.len() - skipped] };
    let header = [name, "tokens", "uncached", "cached", "output", "USD", "unpriced"];
    let rows = shown.iter().map(|group| {
        let Totals { tokens, cost_usd, unpriced_tokens, .. } = &group.totals;
        vec![
            group.key.clone(),
            grouped(tokens.total),
            grouped(tokens.input_uncached),
            grouped(tokens.cached_input),
            grouped(tokens.output),
            cost_usd.clone(),
            if *unpriced_tokens == 0 { String::new() } else { grouped(*unpriced_tokens) },
        ]
    });
    let mut text = table(&header, &[1, 2, 3, 4, 5, 6], rows.collect());
    let unseen = rest + skipped as u64;
    if unseen > 0 {
        let which = if name == "day" { "earlier" } else { "smaller" };
        let how = if name == "day" { "--format json" } else { "--top 1000, or --format json" };
        let _ = writeln!(text, "({} {which} ones: {how})", grouped_u64(unseen));
    }
    text
}

/// Who read which report when.
pub(crate) fn accesses(list: &AccessList) -> String {
    let rows = list.accesses.iter().map(|access| {
        let AccessView { at, reader, address, report, task, format, redacted, .. } = access;
        let what = if report == "story" { format!("story of {task}") } else { format!("report of {task}") };
        let form = if *redacted { format!("{format}, redacted") } else { format.clone() };
        vec![at.clone(), reader.clone(), address.clone(), what, form]
    });
    let mut text = table(&["at", "reader", "from", "what", "form"], &[], rows.collect());
    if list.more {
        text.push_str("(there are earlier ones: --limit)\n");
    }
    text
}
