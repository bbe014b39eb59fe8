//! Durations in words.

/// Milliseconds in readable form, in at most two units: `10 min`, `22 min 30 s`, `4 h`, `1,500 ms`.
pub(crate) fn duration(ms: u64) -> String {
    let units = [(3_600_000, "h"), (60_000, "min"), (1000, "s")];
    for (nth, (unit, name)) in units.into_iter().enumerate() {
        let (whole, rest) = (ms.div_euclid(unit), ms.rem_euclid(unit));
        let smaller = units.get(nth.saturating_add(1)).map_or((1, "ms"), |smaller| *smaller);
        if whole > 0 && (nth == 0 || whole < 60) && rest.is_multiple_of(smaller.0) {
            return match rest.div_euclid(smaller.0) {
                0 => format!("{whole} {name}"),
                part => format!("{whole} {name} {part} {}", smaller.1),
            };
        }
    }
    format!("{} ms", tollgate_domain::gate::grouped(ms.into()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_as_people_say_them() {
        for (ms, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_500, "1 s 500 ms"),
            (90_000, "1 min 30 s"),
            (600_000, "10 min"),
            (1_350_000, "22 min 30 s"),
            (14_400_000, "4 h"),
            (5_400_000, "1 h 30 min"),
            (3_600_001, "3,600,001 ms"),
        ] {
            assert_eq!(super::duration(ms), expected);
        }
    }
}
