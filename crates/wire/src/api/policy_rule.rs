//! From a policy as people write it to the policy that rules.

use std::fmt::Display;
use std::str::FromStr;

use tollgate_domain::budget::{
    AmountLimit, BudgetEnforcement, Measure, OnStale, Policy, Rollover, Scope, Threshold, Window,
};
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::{Span, Zone};

use super::PolicyRule;
use crate::error::FieldError;

impl PolicyRule {
    /// The fields, as they are called in JSON.
    pub const KEYS: &[&'static str] = &[
        "budget",
        "scope",
        "window",
        "window_from",
        "window_to",
        "zone",
        "limit_tokens",
        "limit_usd",
        "enforcement",
        "warn_at",
        "act_at",
        "measure",
        "rollover",
        "rollover_cap_tokens",
        "rollover_cap_usd",
        "passes_from",
        "degrade_to",
        "throttle_per_minute",
        "on_stale",
        "from",
        "to",
        "enabled",
    ];

    /// The policy that it says, with what is absent at its default. `from`: since when it rules if it does not say.
    ///
    /// # Errors
    ///
    /// The first field that cannot be read. What it says together is checked by [`Policy::check`].
    pub fn policy(&self, name: &str, from: Timestamp) -> Result<Policy, FieldError> {
        let scope = Scope::new(self.scope.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .map_err(|error| FieldError::new("scope", &self.scope_in_words(), error.to_string()))?;
        let zone = self.zone.as_ref().map_or(Ok(Zone::utc()), |zone| read("zone", zone))?;
        let begins = self.from.as_ref().map_or(Ok(from), |from| time("from", from, &zone))?;
        let to = self.to.as_ref().map(|to| time("to", to, &zone)).transpose()?;
        let window = self.window(&zone)?;
        let enforcement = self.enforcement.unwrap_or(BudgetEnforcement::Warn);
        let (warn_at, act_at) = self.thresholds()?;
        let on_stale = if enforcement.can_refuse() { OnStale::Refuse } else { OnStale::Allow };
        Ok(Policy {
            id: name.to_owned(),
            budget: self.budget.clone(),
            scope,
            window,
            zone,
            limit: AmountLimit {
                tokens: self.limit_tokens,
                usd: money("limit_usd", self.limit_usd.as_ref())?,
            },
            enforcement,
            warn_at,
            act_at,
            measure: self.measure.unwrap_or(Measure::Reserved),
            rollover: self.rollover()?,
            passes_from: self.passes_from,
            degrade_to: self.degrade_to.clone(),
            throttle_per_minute: self.throttle_per_minute,
            on_stale: self.on_stale.unwrap_or(on_stale),
            from: begins,
            to,
            enabled: self.enabled.unwrap_or(true),
        })
    }

    /// Both thresholds. One that does not go with the default of the other is what was wrong.
    fn thresholds(&self) -> Result<(Threshold, Threshold), FieldError> {
        let warn_at = threshold("warn_at", self.warn_at.as_ref(), Threshold::WARN)?;
        let act_at = threshold("act_at", self.act_at.as_ref(), Threshold::ACT)?;
        match (&self.warn_at, &self.act_at) {
            (Some(text), None) if act_at < warn_at => {
                let rule = format!(
                    "must not be above act_at, which is {act_at} if it is not given: give act_at, too"
                );
                Err(FieldError::new("warn_at", text, rule))
            }
            (None, Some(text)) if act_at < warn_at => {
                let rule = format!(
                    "must not be below warn_at, which is {warn_at} if it is not given: give warn_at, too"
                );
                Err(FieldError::new("act_at", text, rule))
            }
            (_, _) => Ok((warn_at, act_at)),
        }
    }

    fn scope_in_words(&self) -> String {
        let values: Vec<String> = self.scope.iter().map(|(name, value)| format!("{name}={value}")).collect();
        values.join(", ")
    }

    fn window(&self, zone: &Zone) -> Result<Window, FieldError> {
        let fixed = match (&self.window_from, &self.window_to) {
            (Some(from), Some(to)) => {
                Some(Span { from: time("window_from", from, zone)?, to: time("window_to", to, zone)? })
            }
            (None, None) => None,
            (Some(_), None) => return Err(FieldError::new("window_to", "", "is missing beside window_from")),
            (None, Some(_)) => return Err(FieldError::new("window_from", "", "is missing beside window_to")),
        };
        if fixed.is_some() && self.window != "fixed" {
            let rule = "only a window `fixed` has window_from and window_to";
            return Err(FieldError::new("window", &self.window, rule));
        }
        Window::from_word(&self.window, fixed).ok_or_else(|| {
            let rule = if self.window == "fixed" {
                "needs window_from and window_to".to_owned()
            } else {
                format!("must be one of {}", Window::NAMES.join(", "))
            };
            FieldError::new("window", &self.window, rule)
        })
    }

    fn rollover(&self) -> Result<Rollover, FieldError> {
        let usd = money("rollover_cap_usd", self.rollover_cap_usd.as_ref())?;
        let cap = AmountLimit { tokens: self.rollover_cap_tokens, usd };
        let has_cap = cap != AmountLimit::default();
        let word = self.rollover.as_deref().unwrap_or(if has_cap { "up_to" } else { "nothing" });
        let wrong = |rule| Err(FieldError::new("rollover", word, rule));
        match (word, has_cap) {
            ("nothing", false) => Ok(Rollover::Nothing),
            ("all", false) => Ok(Rollover::All),
            ("up_to", true) => Ok(Rollover::UpTo(cap)),
            ("up_to", false) => wrong("needs rollover_cap_tokens or rollover_cap_usd"),
            ("nothing" | "all", true) => wrong("has no cap: leave it out, or say `up_to`"),
            (_, _) => wrong("must be one of nothing, all, up_to"),
        }
    }
}

fn read<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, FieldError> {
    text.parse().map_err(|error: T::Err| FieldError::new(field, text, error.to_string()))
}

fn time(field: &str, text: &str, zone: &Zone) -> Result<Timestamp, FieldError> {
    let rule =
        "must be a time such as 2026-11-21T08:30:00Z, or a day such as 2026-11-21: its beginning in the zone";
    zone.moment(text).ok_or_else(|| FieldError::new(field, text, rule))
}

fn money(field: &str, text: Option<&String>) -> Result<Option<Usd>, FieldError> {
    text.map(|text| read(field, text)).transpose()
}

fn threshold(field: &str, text: Option<&String>, otherwise: Threshold) -> Result<Threshold, FieldError> {
    text.map_or(Ok(otherwise), |text| read(field, text))
}
