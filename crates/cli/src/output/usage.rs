//! Usage as tables.

use std::fmt::Write;

use tollgate_domain::units::in_words;
use tollgate_wire::api::{UsageList, UsageRecord, UsageSummary, UsageTotals};

use super::{counted, grouped, grouped_u64, quoted, table, time};

/// Records, one a line.
pub(crate) fn usage_list(list: &UsageList) -> String {
    let mut text = if list.records.is_empty() {
        "no usage matches\n".to_owned()
    } else {
        let header = ["occurred", "task", "phase", "model", "allocation", "tokens", "USD", "labels", "id"];
        table(&header, &[5, 6], list.records.iter().map(row).collect())
    };
    if list.unreadable > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "! {} could not be read", counted(list.unreadable, "event"));
    }
    if let Some(next) = &list.next {
        let _ = writeln!(text, "more before {next}: use --before {next}");
    }
    text
}

fn row(record: &UsageRecord) -> Vec<String> {
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let labels: Vec<String> = record.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let id = match &record.adjusts {
        Some(adjusts) => format!("{} corrects {adjusts}", record.id),
        None => record.id.clone(),
    };
    vec![
        time(&record.occurred_at),
        record.task.clone(),
        given(&record.phase),
        given(&record.model),
        given(&record.allocation),
        used(record),
        record.cost_usd.clone().unwrap_or_else(|| "unpriced".to_owned()),
        labels.join(" "),
        id,
    ]
}

/// Tokens, and what else was used.
fn used(record: &UsageRecord) -> String {
    match (record.tokens.total, record.units.is_empty()) {
        (tokens, true) => grouped(tokens),
        (0, false) => in_words(&record.units),
        (tokens, false) => format!("{}, {}", grouped(tokens), in_words(&record.units)),
    }
}

/// Groups, one a line, and the sum of all.
pub(crate) fn usage_summary(summary: &UsageSummary) -> String {
    let periods = !summary.period.by.is_empty();
    let mut header: Vec<&str> = Vec::new();
    if periods {
        header.push(&summary.period.by);
    }
    header.extend(summary.group_by.iter().map(String::as_str));
    let named = header.len();
    header.extend(["events", "input", "cached", "cache write", "output", "tokens", "USD", "unpriced"]);
    let mut rows: Vec<Vec<String>> = Vec::new();
    if named > 0 {
        for group in &summary.groups {
            let mut row = Vec::new();
            if periods {
                row.push(group.period.clone().unwrap_or_default());
            }
            let value = |by: &String| group.values.get(by).cloned().unwrap_or_else(|| "–".to_owned());
            row.extend(summary.group_by.iter().map(value));
            row.extend(sums(&group.totals));
            rows.push(row);
        }
    }
    let mut all = vec![String::new(); named];
    if let Some(first) = all.first_mut() {
        "all".clone_into(first);
    }
    all.extend(sums(&summary.totals));
    rows.push(all);
    let numbers: Vec<usize> = (named..header.len()).collect();
    let mut text = table(&header, &numbers, rows);
    for (units, what) in [
        (&summary.totals.units, ""),
        (&summary.totals.unpriced_units, " without a known price, which is not zero"),
    ] {
        if !units.is_empty() {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "{}{what}", in_words(units));
        }
    }
    if summary.totals.priced_later_tokens > 0 {
        let _ = writeln!(
            text,
            "! {} tokens got their price later: that money counts in the period in which it was recorded",
            grouped(summary.totals.priced_later_tokens)
        );
    }
    if summary.degraded_tasks > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "! {} with events that could not be read",
            counted(summary.degraded_tasks, "task")
        );
    }
    if let Some(next) = &summary.next {
        let _ = writeln!(text, "more groups: use --after {}", quoted(next));
    }
    text
}

fn sums(totals: &UsageTotals) -> [String; 8] {
    let tokens = &totals.tokens;
    [
        grouped_u64(totals.usage_events),
        grouped(tokens.input_uncached),
        grouped(tokens.cached_input),
        grouped(tokens.cache_write),
        grouped(tokens.output),
        grouped(tokens.total),
        if totals.priced_later_tokens == 0 {
            totals.cost_usd.clone()
        } else {
            format!("{} !", totals.cost_usd)
        },
        match super::unpriced(totals.unpriced_tokens, &totals.unpriced_units) {
            none if none.is_empty() => "0".to_owned(),
            some => some,
        },
    ]
}
