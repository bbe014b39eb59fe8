//! What a socket may be told of.

use crate::json::{Json, object};
use tollgate_domain::time::Timestamp;

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// How the budget stands.
    Budget,
    /// Alerts.
    Alerts,
    /// Allocations.
    Allocations,
    /// Prices.
    Prices,
}

impl Topic {
    /// The topic that a path begins with.
    pub(super) fn of_path(last: &str) -> Option<Self> {
        match last {
            "updates" => Some(Self::Budget),
            "alerts" => Some(Self::Alerts),
            "allocations" => Some(Self::Allocations),
            "prices" => Some(Self::Prices),
            _ => None,
        }
    }

    /// The topic of a subscription.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            "budget_events" => Some(Self::Budget),
            "budget_alerts" | "alerts" => Some(Self::Alerts),
            "allocation_updates" => Some(Self::Allocations),
            "price_updates" => Some(Self::Prices),
            _ => None,
        }
    }

    /// Its name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget_events",
            Self::Alerts => "budget_alerts",
            Self::Allocations => "allocation_updates",
            Self::Prices => "price_updates",
        }
    }
}

/// A message.
pub(super) fn frame(kind: &str, topic: &str, payload: Json, at: Timestamp) -> String {
    object! { "type" => kind, "topic" => topic, "payload" => payload, "timestamp" => at }.to_string()
}
