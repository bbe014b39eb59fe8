//! Shares, compared exactly.

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// The part …
    pub part: u64,
    /// … of this many.
    pub of: u64,
}

impl Share {
    /// Whether it is above this percentage, exactly.
    #[must_use]
    pub fn above(self, percent: u64) -> bool {
        u128::from(self.part).saturating_mul(100) > u128::from(self.of).saturating_mul(percent.into())
    }

    /// Percent, truncated to two decimals; `None` if the whole is zero.
    #[must_use]
    pub fn percent(self) -> Option<String> {
        let points = u128::from(self.part).saturating_mul(10_000).checked_div(self.of.into())?;
        Some(decimals(points))
    }

    /// Percent, rounded to two decimals, half up; `None` if the whole is zero.
    #[must_use]
    pub fn rounded(self) -> Option<String> {
        let twice = u128::from(self.part).saturating_mul(20_000).saturating_add(self.of.into());
        Some(decimals(twice.checked_div(u128::from(self.of).saturating_mul(2))?))
    }
}

/// Hundredths as a decimal without trailing zeros.
pub(crate) fn decimals(hundredths: u128) -> String {
    let text = format!("{}.{:02}", hundredths.div_euclid(100), hundredths.rem_euclid(100));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Whether it is at least this percentage, exactly.
pub(super) fn at_least(share: Share, percent: u64) -> bool {
    u128::from(share.part).saturating_mul(100) >= u128::from(share.of).saturating_mul(percent.into())
}
