//! The view `alerts`: which conditions became true, when, and whether they still are.
//!
//! What only passing time shows (a phase that runs too long, silence) is no part of it: the fold reads no clock.

mod fold;
mod row;

pub use row::{Alert, AlertChange, AlertsRow, CHANGES, Resolved, Watch, alert_key, change_after};

/// The fold of the view `alerts`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alerts;

#[cfg(test)]
mod tests;
