//! What is charged for as FOCUS names it, and other units than tokens as it writes them.

use tollgate_domain::price::PricedKind;
use tollgate_domain::units::{Unit, UnitKind};

use super::kinds::Priced;

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

/// What was measured, in words.
pub(super) const fn meter_words(kind: PricedKind) -> &'static str {
    match kind {
        PricedKind::Input => "input tokens",
        PricedKind::CachedInput => "cached input tokens",
        PricedKind::CacheWrite => "cache write tokens",
        PricedKind::CacheWrite1h => "cache write tokens, one hour",
        PricedKind::Output => "output tokens",
        PricedKind::Reasoning => "reasoning tokens",
    }
}

/// The name of what was measured: `Input Tokens`, `Output Images`, `Input Audio Seconds`.
pub(super) fn meter(priced: Option<Priced>) -> String {
    let tokens = match priced {
        None => "Tokens",
        Some(Priced::Unit(unit)) => return unit_meter(unit),
        Some(Priced::Kind(PricedKind::Input)) => "Input Tokens",
        Some(Priced::Kind(PricedKind::CachedInput)) => "Cached Input Tokens",
        Some(Priced::Kind(PricedKind::CacheWrite)) => "Cache Write Tokens",
        Some(Priced::Kind(PricedKind::CacheWrite1h)) => "Cache Write Tokens (1 hour)",
        Some(Priced::Kind(PricedKind::Output)) => "Output Tokens",
        Some(Priced::Kind(PricedKind::Reasoning)) => "Reasoning Tokens",
    };
    tokens.to_owned()
}

fn unit_meter(unit: Unit) -> String {
    let word = unit.as_str();
    let word = word.strip_suffix("_ms").map_or_else(|| word.to_owned(), |of| format!("{of}_seconds"));
    let capital = |part: &str| {
        let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        format!("{}{rest}", first.to_ascii_uppercase())
    };
    word.split('_').map(capital).collect::<Vec<_>>().join(" ")
}
