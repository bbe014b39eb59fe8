//! Totals of the ledger as CSV (RFC 4180), one group per row.

use tollgate_domain::units::in_pairs;
use tollgate_wire::api::{Group, LedgerReport, Totals};

use super::csv::text;

/// The columns, in order.
pub const LEDGER_COLUMNS: [&str; 21] = [
    "list",
    "key",
    "rest_of",
    "usage_events",
    "tokens",
    "input_uncached",
    "cached_input",
    "cache_write",
    "output",
    "reasoning",
    "estimated_tokens",
    "cost_usd",
    "unpriced_tokens",
    "units",
    "unpriced_units",
    "ahead_tokens",
    "time_zone",
    "since",
    "until",
    "known_on",
    "as_of",
];

/// The whole in one row of the list `total`, then the groups of each list; the rows of a list add up to the
/// whole. Text is written as in the CSV of a task.
#[must_use]
pub fn ledger_csv(report: &LedgerReport) -> String {
    let mut out = LEDGER_COLUMNS.join(",");
    out.push_str("\r\n");
    let mut line = |fields: [String; 21]| {
        out.push_str(&fields.join(","));
        out.push_str("\r\n");
    };
    let ahead = |group: &Group| group.ahead.as_ref().map(|ahead| ahead.tokens);
    line(row(report, "total", "", None, &report.totals, None));
    for (list, groups) in [
        ("hour", &report.by_hour),
        ("day", &report.by_day),
        ("week", &report.by_week),
        ("month", &report.by_month),
        ("model", &report.by_model),
        ("provider", &report.by_provider),
        ("producer", &report.by_producer),
        ("phase", &report.by_phase),
        ("complexity", &report.by_complexity),
        ("importance", &report.by_importance),
    ] {
        for group in groups {
            line(row(report, list, &group.key, group.rest_of, &group.totals, ahead(group)));
        }
    }
    if let Some(chosen) = &report.chosen {
        for group in &chosen.groups {
            line(row(report, &text(&chosen.dimension), &group.key, group.rest_of, &group.totals, None));
        }
    }
    out
}

fn row(
    report: &LedgerReport,
    list: &str,
    key: &str,
    rest_of: Option<u64>,
    totals: &Totals,
    ahead: Option<i64>,
) -> [String; 21] {
    let tokens = &totals.tokens;
    let maybe = |value: &Option<String>| text(value.as_deref().unwrap_or_default());
    [
        list.to_owned(),
        text(key),
        rest_of.map(|groups| groups.to_string()).unwrap_or_default(),
        // Numbers we produced ourselves, which may be negative.
        totals.usage_events.to_string(),
        tokens.total.to_string(),
        tokens.input_uncached.to_string(),
        tokens.cached_input.to_string(),
        tokens.cache_write.to_string(),
        tokens.output.to_string(),
        tokens.reasoning.to_string(),
        totals.estimated_tokens.to_string(),
        totals.cost_usd.clone(),
        totals.unpriced_tokens.to_string(),
        in_pairs(&totals.units),
        in_pairs(&totals.unpriced_units),
        ahead.map(|tokens| tokens.to_string()).unwrap_or_default(),
        text(&report.period.time_zone),
        maybe(&report.period.since),
        maybe(&report.period.until),
        maybe(&report.period.known_on),
        text(&report.as_of),
    ]
}
