//! What a policy may say: everything in it has an effect.

use super::amount::{MOST_LIMIT_TOKENS, MOST_USD};
use super::policy::{BudgetEnforcement, Policy, Rollover};
use super::throttle::MOST_A_MINUTE;
use super::{AmountLimit, Dimension, ModelTier, Threshold, Window};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::zone::{Zone, is_between_quarters};

/// The most models that a policy may degrade to.
const MAX_MODELS: usize = 32;

/// Why a policy was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPolicy {
    /// It limits nothing.
    #[error("must limit tokens, money or both: give `limit_tokens` or `limit_usd`")]
    NoLimit,
    /// A limit of money below zero.
    #[error("limit_usd `{0}`: must not be negative")]
    NegativeLimit(Usd),
    /// More tokens than sums of them are exact for.
    #[error("{field} `{value}`: must be at most 10^18 tokens; what has no limit needs none")]
    TooManyTokens {
        /// Which field.
        field: &'static str,
        /// What it was to be.
        value: u64,
    },
    /// More money than sums of it are exact for.
    #[error("{field} `{value}`: must be at most 10^15 USD; what has no limit needs none")]
    TooMuchMoney {
        /// Which field.
        field: &'static str,
        /// What it was to be.
        value: Usd,
    },
    /// What rolls over is capped below zero.
    #[error("rollover_cap_usd `{0}`: must not be negative")]
    NegativeCap(Usd),
    /// What rolls over is capped in something that the policy does not limit.
    #[error("{field}: caps what a policy without {limit} never has left; leave it out, or set {limit}")]
    CapOfNoLimit {
        /// The cap.
        field: &'static str,
        /// The limit that would have it.
        limit: &'static str,
    },
    /// Something that only another enforcement has.
    #[error(
        "{field} `{value}`: only enforcement `{of}` has it, and this one is `{enforcement}`; leave it out, or set `{of}`"
    )]
    OfAnotherEnforcement {
        /// Which field.
        field: &'static str,
        /// What it was to be.
        value: String,
        /// The enforcement that has it.
        of: BudgetEnforcement,
        /// The enforcement of the policy.
        enforcement: BudgetEnforcement,
    },
    /// A zone where no day matters.
    #[error("zone `{zone}`: a window `{window}` has no days that begin anywhere; leave it out")]
    Zone {
        /// The zone.
        zone: String,
        /// The window.
        window: Window,
    },
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
    /// A further version that begins before it is set.
    #[error(
        "from `{from}`: a further version must not begin in the past, and it is {now} now: decisions, and the figures of windows \
         that are over, stay as they were under the versions before; leave `from` out to have it rule from now on"
    )]
    BeginsInThePast {
        /// Its beginning.
        from: Timestamp,
        /// When it is set.
        now: Timestamp,
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
    /// A tier that no model has.
    #[error("scope: tier `{0}`: must be one of {names}", names = ModelTier::NAMES.join(", "))]
    Tier(String),
    /// A scope that the window sets itself.
    #[error("scope: `{dimension}` is what window `{window}` looks at one by one; leave it out")]
    ScopeOfWindow {
        /// What the window counts by.
        dimension: Dimension,
        /// The window.
        window: Window,
    },
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
        self.check_sizes()?;
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
        self.is_for_this_enforcement()?;
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
        self.rolls_over_what_it_limits()?;
        if self.window.grain().is_none()
            && !matches!(self.window, Window::Fixed(_))
            && self.zone != Zone::utc()
        {
            return Err(InvalidPolicy::Zone { zone: self.zone.name().to_owned(), window: self.window });
        }
        if let Some(dimension) = self.window.dimension().filter(|each| self.scope.get(each).is_some()) {
            return Err(InvalidPolicy::ScopeOfWindow { dimension, window: self.window });
        }
        match self.scope.get(&Dimension::Tier).filter(|tier| ModelTier::from_word(tier).is_none()) {
            Some(tier) => Err(InvalidPolicy::Tier(tier.to_owned())),
            None => Ok(()),
        }
    }

    /// Refuses what is so large that sums of it would not be exact.
    fn check_sizes(&self) -> Result<(), InvalidPolicy> {
        let cap = if let Rollover::UpTo(cap) = self.rollover { cap } else { AmountLimit::default() };
        for (field, tokens) in [("limit_tokens", self.limit.tokens), ("rollover_cap_tokens", cap.tokens)] {
            if let Some(value) = tokens.filter(|tokens| *tokens > MOST_LIMIT_TOKENS) {
                return Err(InvalidPolicy::TooManyTokens { field, value });
            }
        }
        for (field, usd) in [("limit_usd", self.limit.usd), ("rollover_cap_usd", cap.usd)] {
            if let Some(value) = usd.filter(|usd| *usd > MOST_USD) {
                return Err(InvalidPolicy::TooMuchMoney { field, value });
            }
        }
        Ok(())
    }

    /// Refuses what would have no effect.
    fn is_for_this_enforcement(&self) -> Result<(), InvalidPolicy> {
        let named = [
            ("passes_from", self.passes_from.map(|from| from.to_string()), BudgetEnforcement::HardLimit),
            (
                "degrade_to",
                Some(self.degrade_to.join(", ")).filter(|to| !to.is_empty()),
                BudgetEnforcement::Degrade,
            ),
            (
                "throttle_per_minute",
                self.throttle_per_minute.map(|rate| rate.to_string()),
                BudgetEnforcement::Throttle,
            ),
        ];
        let enforcement = self.enforcement;
        let others = named.into_iter().filter(|(_, _, of)| *of != enforcement);
        match others.into_iter().find_map(|(field, value, of)| Some((field, value?, of))) {
            None => Ok(()),
            Some((field, value, of)) => {
                Err(InvalidPolicy::OfAnotherEnforcement { field, value, of, enforcement })
            }
        }
    }

    fn rolls_over_what_it_limits(&self) -> Result<(), InvalidPolicy> {
        if self.rollover != Rollover::Nothing && self.window.grain().is_none() {
            return Err(InvalidPolicy::Rollover(self.window));
        }
        let Rollover::UpTo(cap) = self.rollover else { return Ok(()) };
        if let Some(usd) = cap.usd.filter(|usd| *usd < Usd::ZERO) {
            return Err(InvalidPolicy::NegativeCap(usd));
        }
        let without = |field, limit| Err(InvalidPolicy::CapOfNoLimit { field, limit });
        if cap.tokens.is_some() && self.limit.tokens.is_none() {
            return without("rollover_cap_tokens", "limit_tokens");
        }
        if cap.usd.is_some() && self.limit.usd.is_none() {
            return without("rollover_cap_usd", "limit_usd");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::super::testing::policy;
    use super::*;

    #[test]
    fn a_policy_that_makes_no_sense_is_refused_with_its_reason() {
        let span =
            |from: &str, to: &str| crate::zone::Span { from: from.parse().unwrap(), to: to.parse().unwrap() };
        let good = policy("p");
        assert_eq!(good.check(), Ok(()));
        let task = Scope::new([("task", "T-1")]).unwrap();
        let tier = Scope::new([("tier", "heavy")]).unwrap();
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
            (
                Policy { limit: limit(Some(1_000_000_000_000_000_001), None), ..good.clone() },
                "limit_tokens `1000000000000000001`: must be at most 10^18 tokens",
            ),
            (
                Policy { limit: limit(None, Some("1000000000000000.01")), ..good.clone() },
                "limit_usd `1000000000000000.01`: must be at most 10^15 USD",
            ),
            (
                Policy {
                    rollover: Rollover::UpTo(limit(None, Some("169999999999999999999"))),
                    ..good.clone()
                },
                "rollover_cap_usd `169999999999999999999`: must be at most 10^15 USD",
            ),
            (Policy { scope: tier, ..good.clone() }, "scope: tier `heavy`: must be one of local_lightweight"),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(because), "{error}");
        }
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        let good = policy("p");
        let limit =
            |tokens, usd: Option<&str>| AmountLimit { tokens, usd: usd.map(|usd| usd.parse().unwrap()) };
        for (bad, because) in [
            (
                Policy { passes_from: Some(8), enforcement: BudgetEnforcement::Warn, ..good.clone() },
                "passes_from `8`: only enforcement `hard_limit` has it, and this one is `warn`",
            ),
            (
                Policy { degrade_to: vec!["a".to_owned(), "b".to_owned()], ..good.clone() },
                "degrade_to `a, b`: only enforcement `degrade` has it, and this one is `hard_limit`",
            ),
            (
                Policy { throttle_per_minute: Some(3), ..good.clone() },
                "throttle_per_minute `3`: only enforcement `throttle` has it",
            ),
            (
                Policy { rollover: Rollover::UpTo(limit(None, Some("-3"))), ..good.clone() },
                "rollover_cap_usd `-3`: must",
            ),
            (
                Policy { rollover: Rollover::UpTo(limit(None, Some("3"))), ..good.clone() },
                "rollover_cap_usd: caps what a policy without limit_usd never has left",
            ),
            (
                Policy {
                    rollover: Rollover::UpTo(limit(Some(3), None)),
                    limit: limit(None, Some("3")),
                    ..good.clone()
                },
                "rollover_cap_tokens: caps what a policy without limit_tokens never has left",
            ),
            (
                Policy { window: Window::PerTask, zone: "Europe/Berlin".parse().unwrap(), ..good.clone() },
                "zone `Europe/Berlin`: a window `per_task` has no days",
            ),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(because), "{error}");
        }
    }
}
