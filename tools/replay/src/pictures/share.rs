//! Numbers of results as values to draw and as text for tables.

use tollgate_charts::{At, DataTable, Mark, Stroke, Tone};
use tollgate_domain::gate::grouped;

use crate::what_if::result::ShareView;

/// A count with its thousands apart.
pub(super) fn counted(count: u64) -> String {
    grouped(count.into())
}

/// The same of one that may be below zero.
pub(super) fn signed(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(count.unsigned_abs().into()))
}

/// A decimal as a value to draw; what is none is not drawn.
pub(super) fn value(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// A whole number as a value to draw.
#[expect(clippy::cast_precision_loss, reason = "a picture shows fewer digits than a float has")]
pub(super) const fn of(count: u64) -> f64 {
    count as f64
}

/// The same of one that may be below zero.
#[expect(clippy::cast_precision_loss, reason = "a picture shows fewer digits than a float has")]
pub(super) const fn of_signed(count: i64) -> f64 {
    count as f64
}

/// A share as it stands in a table: `2 of 7: 28.57 % (8.22 to 64.11)`.
pub(super) fn in_words(share: &ShareView) -> String {
    match (&share.percent, &share.interval) {
        (Some(percent), Some([low, high])) => {
            format!("{} of {}: {percent} % ({low} to {high})", counted(share.part), counted(share.of))
        }
        (_, _) => "none is known".to_owned(),
    }
}

/// A table of text and numbers.
pub(super) fn table(text_columns: usize, head: &[&str], rows: Vec<Vec<String>>) -> DataTable {
    DataTable { head: head.iter().map(|name| (*name).to_owned()).collect(), text_columns, rows }
}

/// A line across a panel.
pub(super) fn rule(at: At, stroke: Stroke, label: String) -> Mark {
    Mark::Rule { at, stroke, label }
}

/// Colours that tell lines of one picture apart, with gaps from the seventh line on.
pub(super) fn line(nth: usize) -> Stroke {
    const TONES: [Tone; 6] = [Tone::Blue, Tone::Amber, Tone::Teal, Tone::Violet, Tone::Red, Tone::Rose];
    let tone = TONES.get(nth % TONES.len()).copied().unwrap_or(Tone::Blue);
    if nth < TONES.len() { Stroke::solid(tone, 2.0) } else { Stroke::dashed(tone, 2.0) }
}
