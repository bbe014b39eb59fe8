//! Reports on screen.

use std::fmt::Write;

use tollgate_domain::units::in_words;
use tollgate_wire::api::{AccessList, AccessView, Group, LedgerReport, Totals};

use super::{counted, grouped, grouped_u64, table};

/// How many rows of a group are shown by default; the JSON has all.
const SHOWN: usize = 12;

/// Totals of the ledger.
pub(crate) fn ledger_report(report: &LedgerReport, top: Option<usize>) -> String {
    let most = top.unwrap_or(SHOWN);
    let period = &report.period;
    let events = counted(report.totals.usage_events, "usage event");
    let known = period.known_on.as_ref().map(|day| format!(", as known on {day}")).unwrap_or_default();
    let mut text = match (&period.since, &period.until) {
        (None, None) => format!("{}, {events}{known}\n\n", counted(report.tasks, "task")),
        (since, until) => {
            let end = |word: &str, end: &Option<String>| end.as_ref().map(|end| format!(" {word} {end}"));
            let [since, until] = [end("since", since), end("until", until)].map(Option::unwrap_or_default);
            format!("{events}{since}{until}{known}\n\n")
        }
    };
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
    text.push_str(&other_units(&report.totals));
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
            "! some events of {} tasks could not be read: the numbers do not include them",
            report.degraded_tasks
        );
    }
    for warning in &report.price_warnings {
        let _ = writeln!(text, "! {warning}");
    }
    if let Some(chosen) = &report.chosen {
        let _ = write!(text, "\n{}", by(&chosen.dimension, &period.time_zone, &chosen.groups, most));
    }
    for (name, groups) in [
        ("hour", &report.by_hour),
        ("day", &report.by_day),
        ("week", &report.by_week),
        ("month", &report.by_month),
        ("model", &report.by_model),
        ("producer", &report.by_producer),
        ("phase", &report.by_phase),
        ("complexity", &report.by_complexity),
        ("importance", &report.by_importance),
    ] {
        if !groups.is_empty() {
            let _ = write!(text, "\n{}", by(name, &period.time_zone, groups, most));
        }
    }
    text
}

/// What was used besides tokens, and the part of it without a price.
fn other_units(totals: &Totals) -> String {
    let mut text = String::new();
    for (name, units) in [("other units", &totals.units), ("unpriced units", &totals.unpriced_units)] {
        if !units.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<20}{:>16}", in_words(units));
        }
    }
    text
}

fn by(name: &str, zone: &str, groups: &[Group], most: usize) -> String {
    let is_time = ["hour", "day", "week", "month"].contains(&name);
    let ahead =
        |group: &&&Group| group.ahead.as_ref().is_some_and(|it| it.usage_events == group.totals.usage_events);
    let listed: Vec<&Group> = groups.iter().filter(|group| group.rest_of.is_none()).collect();
    let rest: u64 = groups.iter().filter_map(|group| group.rest_of).sum();
    // Of periods the latest are shown, in addition to those that only wrong clocks know; of other groups the
    // largest.
    let dated = if is_time { listed.iter().rev().take_while(ahead).count() } else { 0 };
    let (right, wrong) = listed.split_at(listed.len() - dated);
    let skipped = right.len().saturating_sub(most);
    let right = if is_time { &right[skipped..] } else { &right[..right.len() - skipped] };
    let wrong = &wrong[..wrong.len().min(most)];
    let shown = right.iter().chain(wrong);
    let title = if is_time { format!("{name}, {zone}") } else { name.to_owned() };
    let header = [title.as_str(), "tokens", "uncached", "cached", "output", "USD", "unpriced"];
    let rows = shown.clone().map(|group| {
        let Totals { tokens, cost_usd, unpriced_tokens, unpriced_units, .. } = &group.totals;
        let mark = if group.ahead.is_some() { " !" } else { "" };
        vec![
            format!("{}{mark}", group.key),
            grouped(tokens.total),
            grouped(tokens.input_uncached),
            grouped(tokens.cached_input),
            grouped(tokens.output),
            cost_usd.clone(),
            super::unpriced(*unpriced_tokens, unpriced_units),
        ]
    });
    let mut text = table(&header, &[1, 2, 3, 4, 5, 6], rows.collect());
    for group in shown {
        if let Some(ahead) = &group.ahead {
            let _ = writeln!(text, "! {}: {}", group.key, ahead.note);
        }
    }
    let unseen = rest + (skipped + dated - wrong.len()) as u64;
    if unseen > 0 {
        let which = if is_time { "other" } else { "smaller" };
        let how = if is_time { "--format json" } else { "--top 1000, or --format json" };
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
