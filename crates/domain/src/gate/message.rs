//! Sentences with all the details: the task, the numbers, the percentage.

use crate::breach::Utilization;
use crate::printable::grouped;

/// `15,234 / 12,000 (127%)`, or with a unit `15,234 / 12,000 ms (127%)`.
pub(super) fn numbers(utilization: &Utilization, unit: &str) -> String {
    let percent =
        utilization.shown_percent().map_or_else(|| "no limit".to_owned(), |percent| format!("{percent}%"));
    format!("{} / {}{unit} ({percent})", grouped(utilization.used), grouped(utilization.limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (15_234, "15,234"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
        let utilization = Utilization::new(15_234_u64, 12_000_u64);
        assert_eq!(numbers(&utilization, ""), "15,234 / 12,000 (127%)");
        assert_eq!(numbers(&utilization, " ms"), "15,234 / 12,000 ms (127%)");
    }
}
