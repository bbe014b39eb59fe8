//! Quarters of an hour: of which the hours and days of every zone consist.

use crate::time::Timestamp;

/// Seconds of a quarter of an hour: since 2023, clocks of all zones are set by whole ones.
pub(super) const QUARTER_S: i64 = 900;

/// 2023-01-01 in seconds since 1970. From then on, hours and days begin at quarters of an hour in every zone.
const QUARTERS_SINCE_S: i64 = 1_672_531_200;

/// The beginning of the quarter of an hour that a moment belongs to, in seconds since 1970. Before 2023 each
/// second stands alone: some clocks were set at odd minutes then. So every hour and day of every zone
/// consists of whole quarters.
#[must_use]
pub fn quarter(at: Timestamp) -> i64 {
    let second = at.micros().div_euclid(1_000_000);
    if second < QUARTERS_SINCE_S { second } else { second.saturating_sub(second.rem_euclid(QUARTER_S)) }
}

/// Whether a moment is a boundary between two quarters of an hour.
#[must_use]
pub fn is_between_quarters(at: Timestamp) -> bool {
    quarter(at).checked_mul(1_000_000) == Some(at.micros())
}
