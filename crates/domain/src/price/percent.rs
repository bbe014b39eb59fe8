//! How much an amount changed.

use crate::money::Usd;

/// A change, in percent of what it was, rounded up; the largest number from nothing to something.
pub type Percent = u32;

/// How much an amount changed.
pub(super) fn percent_of(old: Usd, new: Usd) -> Percent {
    let (before, apart) = (old.units().unsigned_abs(), old.units().abs_diff(new.units()));
    if apart == 0 {
        return 0;
    }
    let percent = apart.checked_mul(100).filter(|_| before > 0).map(|apart| apart.div_ceil(before));
    percent.and_then(|percent| Percent::try_from(percent).ok()).unwrap_or(Percent::MAX)
}
