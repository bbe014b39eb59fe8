//! Policies and requests for tests.

use super::{
    Amount, AmountLimit, BudgetEnforcement, Measure, OnStale, Policy, Rollover, Scope, Threshold, Window,
};
use crate::event::AllocationRequest;
use crate::time::Timestamp;
use crate::tokens::TokenCounts;
use crate::units::UnitCounts;
use crate::usage::{Cost, UsageRecorded};
use crate::zone::Zone;

/// When tests begin.
pub(crate) fn begin() -> Timestamp {
    "2026-11-02T00:00:00Z".parse().unwrap()
}

/// A hard limit of 1000 tokens a day on everything.
pub(crate) fn policy(id: &str) -> Policy {
    Policy {
        id: id.to_owned(),
        budget: None,
        scope: Scope::default(),
        window: Window::Daily,
        zone: Zone::utc(),
        limit: AmountLimit { tokens: Some(1000), usd: None },
        enforcement: BudgetEnforcement::HardLimit,
        warn_at: Threshold::WARN,
        act_at: Threshold::ACT,
        measure: Measure::Reserved,
        rollover: Rollover::Nothing,
        passes_from: None,
        degrade_to: Vec::new(),
        throttle_per_minute: None,
        on_stale: OnStale::Refuse,
        from: begin(),
        to: None,
        enabled: true,
    }
}

/// A request for tokens, reserved for a day.
pub(crate) fn request(allocation: &str, tokens: i128) -> AllocationRequest {
    AllocationRequest {
        allocation: allocation.to_owned(),
        priority: 5,
        amount: Amount { tokens, ..Amount::NOTHING },
        is_priced: true,
        expires_at: begin().plus_millis(24 * 60 * 60 * 1000),
        ..AllocationRequest::default()
    }
}

/// Usage that names an allocation and nothing else.
pub(crate) fn usage_of(allocation: &str) -> UsageRecorded {
    UsageRecorded {
        execution: None,
        provider: None,
        model: None,
        component: None,
        request_id: None,
        service_tier: None,
        allocation: Some(allocation.to_owned()),
        context: None,
        labels: std::collections::BTreeMap::new(),
        tokens: TokenCounts::default(),
        units: UnitCounts::default(),
        estimated: false,
        cost: Cost::Unpriced,
        counts_as: None,
    }
}
