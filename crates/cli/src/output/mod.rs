//! What people and programs see. Answers go to stdout, everything else to stderr.

mod alerts;
mod allocations;
mod bill;
mod budgets;
mod calibrate;
mod dropped;
mod govern;
mod hints;
mod keys;
mod lists_csv;
mod live_pool;
mod money;
mod money_csv;
mod price_decisions;
mod price_history;
mod prices;
mod quarantine;
mod replay;
mod replay_anomalies;
mod replay_figures;
mod replay_money;
mod replay_money_csv;
mod replay_pool;
mod replay_progress;
mod report;
mod savings;
mod session_phases;
mod task;
mod usage;

use std::collections::BTreeMap;
use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use tollgate_domain::breach::Utilization;
use tollgate_domain::printable::{is_hidden, printable, printable_lines};
use tollgate_domain::units::in_words;
use tollgate_wire::api::UtilizationView;

pub(crate) use alerts::{alerts, deliveries};
pub(crate) use allocations::{allocation, allocation_list, check, route};
pub(crate) use bill::{bill_comparison, bill_recorded};
pub(crate) use budgets::{budget, budget_list, policy, policy_list};
pub(crate) use calibrate::{calibrated_md, calibrated_summary};
pub(crate) use dropped::dropped;
pub(crate) use govern::{breaker, budget_health};
pub(crate) use hints::{carry, pasteable, quoted};
pub(crate) use keys::{key_list, key_made, key_revoked, key_rotated};
pub(crate) use lists_csv::{alerts_csv, bill_comparison_csv, price_history_csv, prices_csv};
pub(crate) use live_pool::live_pool;
pub(crate) use money::money_export;
pub(crate) use money_csv::{allocations_csv, budgets_csv, policies_csv};
pub(crate) use price_decisions::{price_decision, price_sources, price_update, repriced};
pub(crate) use price_history::price_history;
pub(crate) use prices::{price_list, price_quote};
pub(crate) use quarantine::{quarantine, quarantined};
pub(crate) use replay::{differing_csv, what_if};
pub(crate) use report::{accesses, ledger_report};
pub(crate) use savings::savings;
pub(crate) use task::{gate, limits, task_list, task_status};
pub(crate) use usage::{usage_list, usage_summary};

/// Writes text of several lines to stdout, with any control characters in it escaped: everything that goes to
/// a terminal passes through here or [`note`]. A reader that went away (`| head`) ends the process, as with
/// every filter.
pub(crate) fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(printable_lines(text).as_bytes()).and_then(|()| stdout.flush());
    if written.is_err() {
        std::process::exit(0);
    }
}

/// Likewise, with the flags that commands in it need to reach the same ledger.
pub(crate) fn say(text: &str) {
    out(&pasteable(text));
}

/// Writes a line to stdout.
pub(crate) fn line(text: &str) {
    say(&format!("{text}\n"));
}

/// Writes one JSON value to stdout, indented.
pub(crate) fn json(value: &impl Serialize) {
    // The API's types contain nothing that JSON cannot represent.
    out(&format!("{}\n", shown_json(&serde_json::to_string_pretty(value).unwrap_or_default())));
}

/// Writes one JSON value to stdout, on a single line.
pub(crate) fn json_line(value: &impl Serialize) {
    out(&format!("{}\n", shown_json(&serde_json::to_string(value).unwrap_or_default())));
}

/// JSON in which hidden characters in strings are JSON escapes: the same value.
pub(crate) fn shown_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_hidden(c) || c == '\n' {
            shown.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = std::fmt::Write::write_fmt(&mut shown, format_args!("\\u{unit:04x}"));
        }
    }
    shown
}

/// Writes a line to stderr.
pub(crate) fn note(text: &str) {
    // If stderr is closed, nobody wants to know.
    let _ = writeln!(std::io::stderr().lock(), "{}", printable_lines(&pasteable(text)));
}

/// Writes an error to stderr.
pub(crate) fn error_line(text: &str) {
    note(&if text.starts_with(' ') { text.to_owned() } else { format!("error: {text}") });
}

/// A table; columns named in `numbers` are right-aligned.
pub(crate) fn table(header: &[&str], numbers: &[usize], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    // Line breaks in user-supplied text do not make rows either.
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|cell| printable(&cell).into_owned())));
    for &column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// A number with thousands separators: `1,234,567`.
pub(crate) fn grouped(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", tollgate_domain::gate::grouped(number.unsigned_abs().into()))
}

/// Like [`grouped`].
pub(crate) fn grouped_u64(number: u64) -> String {
    tollgate_domain::gate::grouped(number.into())
}

/// A count with its noun: `1 task`, `1,234 tasks`.
/// What has no price, in a column: tokens, and other units by their names.
pub(crate) fn unpriced(tokens: i64, units: &BTreeMap<String, i64>) -> String {
    let tokens = (tokens != 0).then(|| grouped(tokens));
    let units = (!units.is_empty()).then(|| in_words(units));
    tokens.into_iter().chain(units).collect::<Vec<_>>().join(", ")
}

pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped_u64(number), if number == 1 { "" } else { "s" })
}

/// A percentage, or a dash if there is no limit to compare with.
pub(crate) fn percent(of: Option<&UtilizationView>) -> String {
    let shown = of.and_then(|of| Utilization::new(of.used, of.limit).shown_percent());
    shown.map_or_else(|| "–".to_owned(), |percent| format!("{percent}%"))
}

/// Milliseconds for people: `850 ms`, `12.5 s`, `7 min 5 s`, `2 h 3 min`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// A time without fractional seconds: `2026-11-20 09:30:11Z`.
pub(crate) fn time(text: &str) -> String {
    let (date, rest) = text.split_once('T').unwrap_or((text, ""));
    let clock = rest.split(['.', 'Z', '+']).next().unwrap_or_default();
    if clock.is_empty() { date.to_owned() } else { format!("{date} {clock}Z") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_counts() {
        assert_eq!([0, 1, 1_234].map(|count| counted(count, "task")), ["0 tasks", "1 task", "1,234 tasks"]);
    }

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!([0, -1_234, 1_234_567].map(grouped), ["0", "-1,234", "1,234,567"]);
        let durations = [850, 12_590, 425_000, 7_380_000].map(duration);
        assert_eq!(durations, ["850 ms", "12.5 s", "7 min 5 s", "2 h 3 min"]);
        assert_eq!(time("2026-11-20T09:30:11.123456Z"), "2026-11-20 09:30:11Z");
        let of = UtilizationView { used: 23_408, limit: 23_400, percent: Some(100) };
        assert_eq!((percent(Some(&of)), percent(None)), ("100.03%".to_owned(), "–".to_owned()));
    }

    #[test]
    fn tables_align_numbers_and_end_no_line_in_spaces() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned()], vec!["bcd".to_owned(), "12".to_owned()]];
        assert_eq!(table(&["name", "tokens"], &[1], rows), "name  tokens\na          1\nbcd       12\n");
    }
}
