//! A decision that is being made: its reasons so far.

use super::{GateDecided, Reason, ReasonCode, Verdict};

/// A decision that is being made.
pub(super) struct Deciding {
    pub(super) made: GateDecided,
    /// Whether its reasons have sentences.
    pub(super) says: bool,
}

impl Deciding {
    /// Adds a reason.
    pub(super) fn add(&mut self, code: ReasonCode, verdict: Verdict, message: impl FnOnce() -> String) {
        let message = if self.says { message() } else { String::new() };
        self.made.reasons.push(Reason { code, verdict, message });
    }
}
