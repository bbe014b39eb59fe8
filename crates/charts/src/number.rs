//! Numbers as they stand at ticks and in pictures: few characters, no false digits.

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things: `1.2k`.
    Count,
    /// Hundredths: `40 %`.
    Percent,
    /// Multiples: `1.5 ×`.
    Times,
    /// Milliseconds: `850 ms`, `12 s`.
    Millis,
    /// US dollars: `0.25 USD`.
    Usd,
}

/// A number in few characters, with its unit: `1.25k`, `40 %`, `1.5 ×`, `12 s`, `0.25 USD`. At most three decimals.
#[must_use]
pub fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => compact(value),
        Unit::Percent => format!("{} %", plain(value)),
        Unit::Times => format!("{} ×", plain(value)),
        Unit::Millis if value.abs() < 1_000.0 => format!("{} ms", plain(value)),
        Unit::Millis if value.abs() < 1e8 => format!("{} s", plain(value / 1_000.0)),
        Unit::Millis => format!("{} s", compact(value / 1_000.0)),
        Unit::Usd => format!("{} USD", if value.abs() < 1_000.0 { plain(value) } else { compact(value) }),
    }
}

/// The number at a tick. Steps are round, so that nothing is lost.
pub(crate) fn tick(value: f64, step: f64, unit: Unit) -> String {
    // What is left of a difference that should be nothing.
    let value = if value.abs() < step.abs() / 1_000.0 { 0.0 } else { value };
    shown(value, unit)
}

fn compact(value: f64) -> String {
    let units = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // What rounds up to a thousand is one of the next unit.
    let unit = units.into_iter().find(|(unit, _)| value.abs() >= unit * 0.9995 && value.abs() >= 1_000.0);
    match unit {
        Some((unit, name)) if value.abs() < 1e21 => format!("{}{name}", trimmed(value / unit, 2)),
        Some(_) => format!("{value:.0e}"),
        None => plain(value),
    }
}

/// At least two digits that count, below a thousandth too.
fn plain(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.abs() >= 1e15 {
        return format!("{value:.0e}");
    }
    let decimals = match value.abs() {
        size if size >= 100.0 => 1,
        size if size >= 0.01 => 3,
        size if size >= 1e-6 => 8,
        _ => return format!("{value:.1e}"),
    };
    trimmed(value, decimals)
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        let table = [
            (0.0, Unit::Count, "0"),
            (950.0, Unit::Count, "950"),
            (1_000.0, Unit::Count, "1k"),
            (999_999.0, Unit::Count, "1M"),
            (-1_250.0, Unit::Count, "-1.25k"),
            (18_446_744_073_709_551_615.0, Unit::Count, "18.45E"),
            (1e30, Unit::Count, "1e30"),
            (28.57, Unit::Percent, "28.57 %"),
            (1.5, Unit::Times, "1.5 ×"),
            (850.0, Unit::Millis, "850 ms"),
            (12_000.0, Unit::Millis, "12 s"),
            (5_000_000.0, Unit::Millis, "5000 s"),
            (0.000_012, Unit::Usd, "0.000012 USD"),
            (0.25, Unit::Usd, "0.25 USD"),
            (1e-9, Unit::Usd, "1.0e-9 USD"),
        ];
        for (value, unit, expected) in table {
            assert_eq!(shown(value, unit), expected);
        }
        assert_eq!(tick(1e-17, 0.1, Unit::Count), "0");
    }
}
