//! Policies: how much of what may be spent, and what happens at the limit.

use serde::{Deserialize, Serialize};

use super::throttle::MOST_A_MINUTE;
use super::{AmountLimit, Dimension, Scope, Threshold, Window};
use crate::event::MAX_EVENT_BYTES;
use crate::money::Usd;
use crate::time::Timestamp;
use crate::words::words;
use crate::zone::{Zone, is_between_quarters};

/// Longest name of a budget, a policy, an allocation or a context, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 128;

/// The most models that a policy may degrade to.
const MAX_MODELS: usize = 32;

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

/// Why a policy was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// It limits nothing.
    #[error("must limit tokens, money or both: give `limit_tokens` or `limit_usd`")]
    NoLimit,
    /// A limit of money below zero.
    #[error("limit_usd `{0}`: must not be negative")]
    NegativeLimit(Usd),
    /// Thresholds in the wrong order.
    #[error("act_at `{act_at}`: must not be below warn_at `{warn_at}`")]
    Thresholds {
        /// The lower one.
        warn_at: Threshold,
        /// The upper one.
        act_at: Threshold,
    },
    /// It ends before it begins.
    #[error("to `{to}`: must be after from `{from}`")]
    EndsBeforeItBegins {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        to: Timestamp,
    },
    /// A fixed window that ends before it begins.
    #[error("the window's end must be after its begin")]
    EmptyWindow,
    /// A priority outside of 1 to 10.
    #[error("passes_from `{0}`: must be a priority from 1 to 10")]
    Priority(u8),
    /// It is to degrade, and says not to what.
    #[error(
        "enforcement `degrade` needs `degrade_to`: the models that may take over, in order of preference"
    )]
    NoModels,
    /// A fixed window whose end is between quarters of an hour. Usage is summed by quarters.
    #[error("window: `{0}` must be on a quarter of an hour, such as 10:00 or 10:15")]
    WindowOffQuarter(Timestamp),
    /// Too many models.
    #[error("degrade_to: must name at most {MAX_MODELS} models")]
    TooManyModels,
    /// It is to throttle, and says not how much.
    #[error(
        "enforcement `throttle` needs `throttle_per_minute`: how many a minute may pass beyond the limit, from 1 to {MOST_A_MINUTE}"
    )]
    NoRate,
    /// More a minute than a policy can allow.
    #[error("throttle_per_minute `{0}`: must be from 1 to {MOST_A_MINUTE}")]
    Rate(u32),
    /// A window that has no predecessor.
    #[error("rollover: a window `{0}` has none before it; use an hourly, daily, weekly or monthly one")]
    Rollover(Window),
    /// A scope that the window sets itself.
    #[error("scope: `{dimension}` is what window `{window}` looks at one by one; leave it out")]
    ScopeOfWindow {
        /// What the window counts by.
        dimension: Dimension,
        /// The window.
        window: Window,
    },
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
    /// Checks what someone set.
    ///
    /// # Errors
    ///
    /// The first [`InvalidPolicy`] that applies.
    pub fn check(&self) -> Result<(), InvalidPolicy> {
        let AmountLimit { tokens, usd } = self.limit;
        if tokens.is_none() && usd.is_none() {
            return Err(InvalidPolicy::NoLimit);
        }
        if let Some(usd) = usd.filter(|usd| *usd < Usd::ZERO) {
            return Err(InvalidPolicy::NegativeLimit(usd));
        }
        if self.act_at < self.warn_at {
            return Err(InvalidPolicy::Thresholds { warn_at: self.warn_at, act_at: self.act_at });
        }
        if let Some(to) = self.to.filter(|to| *to <= self.from) {
            return Err(InvalidPolicy::EndsBeforeItBegins { from: self.from, to });
        }
        if let Window::Fixed(span) = self.window
            && span.to <= span.from
        {
            return Err(InvalidPolicy::EmptyWindow);
        }
        if let Window::Fixed(span) = self.window
            && let Some(at) = [span.from, span.to].into_iter().find(|at| !is_between_quarters(*at))
        {
            return Err(InvalidPolicy::WindowOffQuarter(at));
        }
        if let Some(priority) = self.passes_from.filter(|priority| !(1..=10).contains(priority)) {
            return Err(InvalidPolicy::Priority(priority));
        }
        if let Some(rate) = self.throttle_per_minute.filter(|rate| !(1..=MOST_A_MINUTE).contains(rate)) {
            return Err(InvalidPolicy::Rate(rate));
        }
        match self.enforcement {
            BudgetEnforcement::Degrade if self.degrade_to.is_empty() => return Err(InvalidPolicy::NoModels),
            BudgetEnforcement::Throttle if self.throttle_per_minute.is_none() => {
                return Err(InvalidPolicy::NoRate);
            }
            BudgetEnforcement::Ignore
            | BudgetEnforcement::Warn
            | BudgetEnforcement::SoftLimit
            | BudgetEnforcement::HardLimit
            | BudgetEnforcement::Degrade
            | BudgetEnforcement::Throttle => {}
        }
        if self.degrade_to.len() > MAX_MODELS {
            return Err(InvalidPolicy::TooManyModels);
        }
        if self.rollover != Rollover::Nothing && self.window.grain().is_none() {
            return Err(InvalidPolicy::Rollover(self.window));
        }
        if let Some(dimension) = self.window.dimension().filter(|each| self.scope.get(each).is_some()) {
            return Err(InvalidPolicy::ScopeOfWindow { dimension, window: self.window });
        }
        Ok(())
    }

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
    fn a_policy_that_makes_no_sense_is_refused_with_its_reason() {
        let span =
            |from: &str, to: &str| crate::zone::Span { from: from.parse().unwrap(), to: to.parse().unwrap() };
        let good = policy("p");
        assert_eq!(good.check(), Ok(()));
        let task = Scope::new([("task", "T-1")]).unwrap();
        let limit =
            |tokens, usd: Option<&str>| AmountLimit { tokens, usd: usd.map(|usd| usd.parse().unwrap()) };
        for (bad, because) in [
            (Policy { limit: limit(None, None), ..good.clone() }, "must limit tokens, money or both"),
            (
                Policy { limit: limit(None, Some("-1")), ..good.clone() },
                "limit_usd `-1`: must not be negative",
            ),
            (
                Policy { warn_at: "0.9".parse().unwrap(), act_at: "0.8".parse().unwrap(), ..good.clone() },
                "act_at `0.8`: must not be below warn_at `0.9`",
            ),
            (Policy { to: Some(good.from), ..good.clone() }, "must be after from"),
            (
                Policy {
                    window: Window::Fixed(span("2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z")),
                    ..good.clone()
                },
                "end must be after its begin",
            ),
            (
                Policy {
                    window: Window::Fixed(span("2026-11-01T10:00:00Z", "2026-11-01T11:05:00Z")),
                    ..good.clone()
                },
                "`2026-11-01T11:05:00Z` must be on a quarter of an hour",
            ),
            (Policy { passes_from: Some(11), ..good.clone() }, "passes_from `11`"),
            (Policy { enforcement: BudgetEnforcement::Degrade, ..good.clone() }, "needs `degrade_to`"),
            (
                Policy { enforcement: BudgetEnforcement::Throttle, ..good.clone() },
                "needs `throttle_per_minute`: how many a minute may pass beyond the limit, from 1 to 1000",
            ),
            (
                Policy { throttle_per_minute: Some(0), ..good.clone() },
                "throttle_per_minute `0`: must be from 1",
            ),
            (Policy { throttle_per_minute: Some(1001), ..good.clone() }, "throttle_per_minute `1001`: must"),
            (
                Policy { window: Window::PerTask, rollover: Rollover::All, ..good.clone() },
                "a window `per_task` has none before it",
            ),
            (Policy { window: Window::PerTask, scope: task, ..good.clone() }, "`task` is what window"),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(because), "{error}");
        }
    }

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
