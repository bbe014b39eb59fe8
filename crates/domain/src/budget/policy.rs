//! Policies: how much of what may be spent, and what happens at the limit.

use serde::{Deserialize, Serialize};

use super::{AmountLimit, Scope, Threshold, Window};
use crate::event::MAX_EVENT_BYTES;
use crate::time::Timestamp;
use crate::words::words;
use crate::zone::Zone;

/// Longest name of a budget, a policy, an allocation or a context, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 128;

/// Room in an event for everything of a policy but its scope.
const _: () = assert!(super::scope::MAX_SCOPE_DIMENSIONS * 2 * 256 < MAX_EVENT_BYTES);

words! {
    /// What happens to what would exceed a policy's limit.
    BudgetEnforcement {
        /// Nothing: the figures are kept.
        Ignore = "ignore",
        /// It is allowed, and said.
        Warn = "warn",
        /// It is allowed, said, and raises an alert.
        SoftLimit = "soft_limit",
        /// It is refused.
        HardLimit = "hard_limit",
        /// It is allowed with another model that still fits, else refused.
        Degrade = "degrade",
        /// It is allowed at a stated rate, else refused.
        Throttle = "throttle",
    }
}

words! {
    /// What a policy says while the figures are not known up to the log's end.
    OnStale {
        /// Go on.
        Allow = "allow",
        /// Wait, and ask again.
        Refuse = "refuse",
    }
}

words! {
    /// What the thresholds of a policy are compared with.
    Measure {
        /// What was spent.
        Booked = "booked",
        /// What was spent and what is reserved.
        Reserved = "reserved",
        /// That, with everything unpriced at the highest price of its family.
        Worst = "worst",
    }
}

/// What of one window's limit was not used and adds to the next window's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rollover {
    /// Nothing.
    #[default]
    Nothing,
    /// All of it.
    All,
    /// At most this.
    UpTo(AmountLimit),
}

/// How much of what may be spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name, unique in its tenant.
    pub id: String,
    /// The budget that it belongs to.
    pub budget: Option<String>,
    /// Which usage counts.
    pub scope: Scope,
    /// Over which time.
    pub window: Window,
    /// Where days begin.
    pub zone: Zone,
    /// How much, per window.
    pub limit: AmountLimit,
    /// What happens to what would exceed that.
    pub enforcement: BudgetEnforcement,
    /// From which part of the limit on a warning is raised.
    pub warn_at: Threshold,
    /// From which part of the limit on someone should act.
    pub act_at: Threshold,
    /// What both are compared with.
    pub measure: Measure,
    /// What was not used of the window before.
    pub rollover: Rollover,
    /// From which priority on an allocation passes an exhausted hard limit; `None`: none does.
    pub passes_from: Option<u8>,
    /// The models that may take over, in order of preference.
    pub degrade_to: Vec<String>,
    /// How many allocations a minute are allowed beyond the limit.
    pub throttle_per_minute: Option<u32>,
    /// What holds while the figures are behind.
    pub on_stale: OnStale,
    /// When this version begins to rule.
    pub from: Timestamp,
    /// When it ends; `None`: not.
    pub to: Option<Timestamp>,
    /// Whether it rules at all.
    pub enabled: bool,
}

impl BudgetEnforcement {
    /// Whether it may refuse a request.
    #[must_use]
    pub const fn can_refuse(self) -> bool {
        match self {
            Self::HardLimit | Self::Degrade | Self::Throttle => true,
            Self::Ignore | Self::Warn | Self::SoftLimit => false,
        }
    }
}

impl Policy {
    /// Whether this version rules at a moment.
    #[must_use]
    pub fn rules_at(&self, at: Timestamp) -> bool {
        self.enabled && self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::policy;
    use super::*;

    #[test]
    fn a_version_rules_from_its_beginning_until_before_its_end() {
        let from: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let to = "2026-12-01T00:00:00Z".parse().unwrap();
        let version = Policy { from, to: Some(to), ..policy("p") };
        for (at, rules) in
            [(from.plus_millis(-1), false), (from, true), (to.plus_millis(-1), true), (to, false)]
        {
            assert_eq!(version.rules_at(at), rules, "{at}");
        }
        assert!(!Policy { enabled: false, ..version }.rules_at(from));
    }
}
