//! Units other than tokens as FOCUS writes them.

use tollgate_domain::units::{Unit, UnitKind};

/// What a unit is counted in.
pub(super) const fn consumed_unit(unit: Unit) -> &'static str {
    match unit.kind() {
        UnitKind::Token => "Tokens",
        UnitKind::Character => "Characters",
        UnitKind::Image if matches!(unit, Unit::InputPixels | Unit::OutputPixels) => "Pixels",
        UnitKind::Image => "Images",
        UnitKind::Time => "Seconds",
        UnitKind::Fixed if matches!(unit, Unit::Queries) => "Queries",
        UnitKind::Fixed if matches!(unit, Unit::Requests) => "Requests",
        UnitKind::Fixed => "Pages",
    }
}

/// A count in [`consumed_unit`]s, with at least one decimal place: what guesses the types of columns takes it for a
/// decimal.
pub(super) fn quantity(unit: Unit, count: i128) -> String {
    let sign = if count < 0 { "-" } else { "" };
    let size = count.unsigned_abs();
    if unit.kind() == UnitKind::Time {
        format!("{sign}{}.{:03}", size / 1000, size % 1000)
    } else {
        format!("{sign}{size}.0")
    }
}

/// The name of what was measured: `Output Images`, `Input Audio Seconds`.
pub(super) fn meter(unit: Unit) -> String {
    let word = unit.as_str();
    let word = word.strip_suffix("_ms").map_or_else(|| word.to_owned(), |of| format!("{of}_seconds"));
    let capital = |part: &str| {
        let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    word.split('_').map(capital).collect::<Vec<_>>().join(" ")
}
