//! Lines for people and their programs: as answers of the API, and as CSV (RFC 4180).

use tollgate_domain::units::in_pairs;
use tollgate_wire::api::{MoneyLineView, Totals};

use super::{LineDimension, MoneyLine};
use crate::report::csv_text;
use crate::reports::totals;

/// The columns after the period and the dimensions, in order.
const SUMS: [&str; 12] = [
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
];

/// A line as the API answers it.
#[must_use]
pub fn export_line(line: &MoneyLine<'_>) -> MoneyLineView {
    MoneyLineView {
        period: line.period.map(|period| period.name.clone()),
        dimensions: line
            .values()
            .map(|(dimension, value)| (dimension.to_string(), value.to_owned()))
            .collect(),
        totals: totals(line.sums),
    }
}

/// Lines as CSV. With the names of the columns before them if `dimensions` are given: the period, those
/// dimensions, and the sums. A text that a spreadsheet would take for a formula begins with an apostrophe.
#[must_use]
pub fn export_csv<'a>(
    lines: impl Iterator<Item = MoneyLine<'a>>,
    dimensions: Option<&[LineDimension]>,
) -> String {
    let mut out = String::new();
    if let Some(dimensions) = dimensions {
        // The key of a label is a text of others.
        let names = dimensions.iter().map(|dimension| csv_text(&dimension.to_string()));
        let sums = SUMS.iter().map(|&name| name.to_owned());
        let names: Vec<String> = std::iter::once("period".to_owned()).chain(names).chain(sums).collect();
        out.push_str(&names.join(","));
        out.push_str("\r\n");
    }
    for line in lines {
        out.push_str(&csv_text(line.period.map_or("", |period| period.name.as_str())));
        for (_, value) in line.values() {
            out.push(',');
            out.push_str(&csv_text(value));
        }
        for number in numbers(&totals(line.sums)) {
            out.push(',');
            out.push_str(&number);
        }
        out.push_str("\r\n");
    }
    out
}

/// The sums, in the order of [`SUMS`]. They may be negative.
fn numbers(totals: &Totals) -> [String; 12] {
    let tokens = &totals.tokens;
    [
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
    ]
}
