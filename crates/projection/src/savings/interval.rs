//! Intervals of shares, in integers, so that they are the same on every machine.

use crate::overview::Share;

/// 1.96², the square of the normal quantile for 95 %, in ten-thousandths.
const Z_SQUARED: u128 = 38_416;

/// Ten-thousandths.
const SCALE: u128 = 10_000;

/// The 95 % interval of a share by Wilson's score, in hundredths of a percent, rounded outwards; `None`: there is
/// nothing to share. Source: E. B. Wilson, JASA 22 (1927) 209–212.
///
/// `(k + z²/2 ± √(z²·k(n−k)/n + z⁴/4)) / (n + z²)`
#[must_use]
pub fn interval(share: Share) -> Option<(u64, u64)> {
    let (part, of) = (u128::from(share.part.min(share.of)), u128::from(share.of));
    let spread = part.saturating_mul(of.saturating_sub(part));
    // Both under the root, times ten-thousandths squared.
    let varies = Z_SQUARED.saturating_mul(SCALE).saturating_mul(spread).checked_div(of)?;
    let fixed = Z_SQUARED.saturating_mul(Z_SQUARED).div_euclid(4);
    let under = varies.saturating_add(fixed);
    let root = under.isqrt().saturating_add(u128::from(under.isqrt().saturating_pow(2) < under));
    let middle = part.saturating_mul(SCALE).saturating_add(Z_SQUARED.div_euclid(2));
    let whole = of.saturating_mul(SCALE).saturating_add(Z_SQUARED);
    let low = middle.saturating_sub(root).saturating_mul(SCALE).div_euclid(whole);
    let high = middle.saturating_add(root).saturating_mul(SCALE).div_ceil(whole).min(SCALE);
    Some((u64::try_from(low).ok()?, u64::try_from(high).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_shares_are_those_of_wilson() {
        // From the formula, with 64-bit floats.
        for (part, of, expected) in [
            (0, 10, Some((0, 2776))),
            (1, 10, Some((178, 4042))),
            (5, 10, Some((2365, 7635))),
            (10, 10, Some((7224, 10_000))),
            (30, 100, Some((2189, 3959))),
            (2, 1000, Some((5, 73))),
            (0, 0, None),
        ] {
            let found = interval(Share { part, of });
            assert_eq!(found, expected, "{part} of {of}");
        }
    }

    #[test]
    fn an_interval_holds_its_share_and_narrows() {
        let mut widest = 10_000;
        for of in [10_u64, 100, 1_000, 100_000, 1_000_000_000] {
            let (low, high) = interval(Share { part: of / 5, of }).unwrap();
            assert!(low <= 2_000 && 2_000 <= high && high - low < widest, "{of}: {low} to {high}");
            widest = high - low;
        }
    }
}
