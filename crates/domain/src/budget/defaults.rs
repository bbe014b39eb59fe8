//! What ships: how much is allocated if nobody says, and policies to begin with. Figures of Tekton's budget
//! service, so that who comes from there finds what they had.

use super::policy::Rollover;
use super::{AmountLimit, BudgetEnforcement, Measure, ModelTier, OnStale, Policy, Scope, Threshold, Window};
use crate::money::Usd;
use crate::time::Timestamp;
use crate::zone::Zone;

/// The name of the budget that ships.
pub const BUDGET: &str = "default";

/// Tokens per hour, day, week, month and session, by tier.
const TOKENS: [(ModelTier, [u64; 5]); 3] = [
    (ModelTier::LocalLightweight, [1_000_000, 10_000_000, 50_000_000, 200_000_000, 8_000]),
    (ModelTier::LocalMidweight, [500_000, 5_000_000, 25_000_000, 100_000_000, 16_000]),
    (ModelTier::RemoteHeavyweight, [100_000, 1_000_000, 5_000_000, 20_000_000, 32_000]),
];

/// The windows of them.
const WINDOWS: [Window; 5] =
    [Window::Hourly, Window::Daily, Window::Weekly, Window::Monthly, Window::PerSession];

/// US cents per hour, day, week and month.
const CENTS: [(Window, i128); 4] =
    [(Window::Hourly, 50), (Window::Daily, 500), (Window::Weekly, 2500), (Window::Monthly, 10_000)];

/// A cent in units of 10⁻¹⁸ USD.
const CENT: i128 = 10_000_000_000_000_000;

/// Thousands of tokens by task type, for low, normal, high and critical priority.
const ALLOCATIONS: [(&str, [u64; 4]); 5] = [
    ("default", [1, 2, 4, 8]),
    ("chat", [2, 4, 8, 16]),
    ("coding", [4, 8, 16, 32]),
    ("analysis", [4, 8, 16, 32]),
    ("embedding", [10, 25, 50, 100]),
];

/// How many tokens are allocated if nobody says, by the type of the task and the priority.
#[must_use]
pub fn allocation(task_type: Option<&str>, priority: u8) -> u64 {
    let named = task_type.and_then(|name| ALLOCATIONS.iter().find(|(each, _)| *each == name));
    let [low, normal, high, critical] = named.map_or([1, 2, 4, 8], |(_, by_priority)| *by_priority);
    let thousands = match priority {
        0..=4 => low,
        5..=7 => normal,
        8..=9 => high,
        _ => critical,
    };
    thousands.saturating_mul(1000)
}

/// The policies that ship: 15 limits of tokens by tier and 4 of money, all of which only warn.
#[must_use]
pub fn policies(from: Timestamp) -> Vec<Policy> {
    let tokens = TOKENS.iter().flat_map(|(tier, limits)| {
        WINDOWS.into_iter().zip(*limits).map(move |(window, tokens)| {
            let limit = AmountLimit { tokens: Some(tokens), usd: None };
            let scope = Scope::default().with(super::Dimension::Tier, tier.as_str());
            policy(format!("default-{tier}-{window}"), scope, window, limit, from)
        })
    });
    let money = CENTS.into_iter().map(|(window, cents)| {
        let limit = AmountLimit { tokens: None, usd: Some(Usd::from_units(cents.saturating_mul(CENT))) };
        policy(format!("default-cost-{window}"), Scope::default(), window, limit, from)
    });
    tokens.chain(money).collect()
}

fn policy(id: String, scope: Scope, window: Window, limit: AmountLimit, from: Timestamp) -> Policy {
    Policy {
        id,
        budget: Some(BUDGET.to_owned()),
        scope,
        window,
        zone: Zone::utc(),
        limit,
        enforcement: BudgetEnforcement::Warn,
        warn_at: Threshold::WARN,
        act_at: Threshold::ACT,
        measure: Measure::Reserved,
        rollover: Rollover::Nothing,
        passes_from: None,
        degrade_to: Vec::new(),
        throttle_per_minute: None,
        on_stale: OnStale::Allow,
        from,
        to: None,
        enabled: true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nineteen_policies_ship_and_each_makes_sense() {
        let policies = policies("2026-11-02T00:00:00Z".parse().unwrap());
        assert_eq!(policies.len(), 19);
        assert_eq!(policies.iter().map(|policy| &policy.id).collect::<BTreeSet<_>>().len(), 19);
        for policy in &policies {
            assert_eq!(policy.check(), Ok(()), "{}", policy.id);
        }
        let monthly = policies.iter().find(|policy| policy.id == "default-cost-monthly").unwrap();
        assert_eq!(monthly.limit.usd.unwrap().to_string(), "100");
        let session =
            policies.iter().find(|policy| policy.id == "default-local_midweight-per_session").unwrap();
        assert_eq!(session.limit.tokens, Some(16_000));
    }

    #[test]
    fn allocations_follow_type_and_priority() {
        for (task_type, priority, tokens) in [
            (None, 5, 2000),
            (Some("unknown"), 1, 1000),
            (Some("chat"), 8, 8000),
            (Some("coding"), 10, 32_000),
            (Some("analysis"), 5, 8000),
            (Some("embedding"), 5, 25_000),
            (Some("embedding"), 9, 50_000),
        ] {
            assert_eq!(allocation(task_type, priority), tokens, "{task_type:?} {priority}");
        }
    }
}
