//! Where ticks are: at round numbers, few, and such that the first and the last enclose all values.

/// Narrower spans, in parts of the values themselves, cannot be told apart.
const NARROWEST: f64 = 1e-9;

/// Ticks and the ends of their axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ticks {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) at: Vec<f64>,
    /// Between two of them; of a logarithmic axis the lowest.
    pub(crate) step: f64,
}

/// Ticks in equal differences of 1, 2 or 5 times a power of ten: at most `most` and two; at whole numbers only, if they
/// are to be `whole`.
pub(crate) fn linear(low: f64, high: f64, most: usize, whole: bool) -> Ticks {
    let largest = low.abs().max(high.abs());
    let (low, high) = if high - low > largest * NARROWEST {
        (low, high)
    } else if largest > 0.0 {
        // One value only: zero is what it is compared with.
        (low.min(0.0), high.max(0.0))
    } else {
        (0.0, 1.0)
    };
    let rough = (high - low) / most.max(1) as f64;
    let (digit, power) = nice(if whole { rough.max(1.0) } else { rough });
    let value = |nth: f64| if power < 0 { nth * digit / ten(-power) } else { nth * digit * ten(power) };
    let step = value(1.0);
    let (first, last) = ((low / step).floor(), (high / step).ceil().max((low / step).floor() + 1.0));
    let count = (last - first) as usize;
    let at: Vec<f64> = (0..=count).map(|nth| value(first + nth as f64)).collect();
    Ticks { low: value(first).min(low), high: value(last).max(high), at, step }
}

/// Ticks at powers of ten, or at 1, 2 and 5 times them where there is room.
pub(crate) fn log(low: f64, high: f64, most: usize) -> Ticks {
    let mut from = libm::log10(low).floor() as i32;
    let mut to = libm::log10(high).ceil() as i32;
    // Rounding may have put an end on the wrong side.
    while power(from) > low {
        from -= 1;
    }
    while power(to) < high || to <= from {
        to += 1;
    }
    let decades = (to - from) as usize;
    let at: Vec<f64> = if decades * 3 < most.max(4) {
        let all = (from..=to).flat_map(|exponent| [1.0, 2.0, 5.0].map(|digit| digit * power(exponent)));
        let all: Vec<f64> = all.filter(|value| *value <= power(to)).collect();
        let first = all.iter().rposition(|value| *value <= low).unwrap_or_default();
        let last = all.iter().position(|value| *value >= high).unwrap_or(all.len() - 1);
        all[first..=last.max(first + 1)].to_vec()
    } else {
        let stride = decades.div_ceil(most.max(1));
        let strides = decades.div_ceil(stride);
        (0..=strides).map(|nth| power(from + (nth * stride) as i32)).collect()
    };
    let (first, last) = (at.first().copied().unwrap_or(low), at.last().copied().unwrap_or(high));
    Ticks { low: first, high: last, at, step: first }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `rough`, as digit and power.
fn nice(rough: f64) -> (f64, i32) {
    let mut exponent = libm::log10(rough).floor() as i32;
    while power(exponent) > rough {
        exponent -= 1;
    }
    let digit = [1.0, 2.0, 5.0].into_iter().find(|digit| digit * power(exponent) >= rough);
    digit.map_or((1.0, exponent + 1), |digit| (digit, exponent))
}

/// Ten to the power of `exponent`, by multiplication: the same on every machine.
fn power(exponent: i32) -> f64 {
    if exponent < 0 { 1.0 / ten(-exponent) } else { ten(exponent) }
}

fn ten(exponent: i32) -> f64 {
    (0..exponent).fold(1.0, |power, _| power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_at_round_numbers() {
        assert_eq!(linear(0.0, 97.0, 5, false).at, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(linear(-3.0, 4.0, 4, true).at, [-4.0, -2.0, 0.0, 2.0, 4.0]);
        assert_eq!(linear(0.0, 0.3, 4, false).at, [0.0, 0.1, 0.2, 0.3]);
        assert_eq!(linear(7.0, 7.0, 4, false).at, [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert_eq!(linear(0.0, 0.0, 4, false).at, [0.0, 0.5, 1.0]);
        assert_eq!(linear(0.0, 2.0, 8, true).at, [0.0, 1.0, 2.0]);
        assert_eq!(linear(0.0, 0.0, 4, true).at, [0.0, 1.0]);
        assert_eq!(log(3.0, 4_000.0, 6).at, [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!(log(3.0, 30.0, 8).at, [2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(log(10.0, 10.0, 6).at, [10.0, 20.0]);
        assert_eq!(log(1.0, 1e19, 5).at, [1.0, 1e4, 1e8, 1e12, 1e16, 1e20]);
    }

    proptest::proptest! {
        #[test]
        fn ticks_enclose_all_values_and_are_few(
            one in -1e36_f64..1e36,
            other in -1e36_f64..1e36,
            small in 1e-12_f64..1e36,
            quotient in 1.0_f64..1e12,
            most in 2_usize..12,
            whole in proptest::prelude::any::<bool>(),
        ) {
            let (low, high) = (one.min(other), one.max(other));
            let of_logs = log(small, (small * quotient).min(1e36), most);
            for (ticks, low, high) in
                [(linear(low, high, most, whole), low, high), (of_logs, small, (small * quotient).min(1e36))]
            {
                proptest::prop_assert!((2..=most + 3).contains(&ticks.at.len()), "{ticks:?}");
                proptest::prop_assert!(ticks.at.is_sorted());
                proptest::prop_assert!(ticks.at[0] <= low && ticks.at[ticks.at.len() - 1] >= high, "{ticks:?}");
                proptest::prop_assert!(ticks.low < ticks.high);
            }
        }
    }
}
