//! Usage and money on screen.

use std::fmt::Write;

use tollgate_domain::units::in_words;
use tollgate_wire::api::{MoneyExport, MoneyLineView};

use super::{grouped, table};

/// Lines of usage and money, with their sum.
pub(crate) fn money_export(export: &MoneyExport) -> String {
    let has_periods = export.period.by != "none";
    let title = format!("{}, {}", export.period.by, export.period.time_zone);
    let mut header: Vec<&str> = if has_periods { vec![&title] } else { Vec::new() };
    header.extend(export.dimensions.iter().map(String::as_str));
    let first_number = header.len();
    header.extend(["tokens", "USD", "unpriced"]);
    let numbers: Vec<usize> = (first_number..header.len()).collect();
    let row = |line: &MoneyLineView| {
        let mut row: Vec<String> = line.period.iter().cloned().collect();
        let value = |name: &String| line.dimensions.get(name).filter(|value| !value.is_empty());
        let or_dash = |name| value(name).cloned().unwrap_or_else(|| "-".to_owned());
        row.extend(export.dimensions.iter().map(or_dash));
        row.push(grouped(line.totals.tokens.total));
        row.push(line.totals.cost_usd.clone());
        row.push(super::unpriced(line.totals.unpriced_tokens, &line.totals.unpriced_units));
        row
    };
    let mut text = table(&header, &numbers, export.lines.iter().map(row).collect());
    let totals = &export.totals;
    // Writing to a String cannot fail, here and below.
    let known = export.period.known_on.as_ref().map(|day| format!(", as known on {day}")).unwrap_or_default();
    let _ = writeln!(text, "\n{} tokens, {} USD{known}", grouped(totals.tokens.total), totals.cost_usd);
    if !totals.units.is_empty() {
        let _ = writeln!(text, "{}", in_words(&totals.units));
    }
    if !totals.unpriced_units.is_empty() {
        let units = in_words(&totals.unpriced_units);
        let _ = writeln!(text, "{units} have no known price, which is not zero");
    }
    if totals.unpriced_tokens != 0 {
        let _ = writeln!(
            text,
            "{} tokens have no known price, which is not zero",
            grouped(totals.unpriced_tokens)
        );
    }
    if export.degraded_tasks > 0 {
        let _ = writeln!(
            text,
            "! some events of {} tasks could not be read: the numbers do not include them",
            export.degraded_tasks
        );
    }
    text
}
