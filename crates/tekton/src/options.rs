//! How this port behaves, as whoever starts it says.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use tollgate_domain::budget::BudgetEnforcement;
use tollgate_domain::zone::Zone;

use crate::fault::{Fault, Handled};
use crate::registry::address::Registry;

/// Part of what Tekton's component does, which can be switched off here while the old one still does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// Budgets and their policies.
    Budgets,
    /// Allocations.
    Allocations,
    /// Usage: recorded, listed, summed up.
    Usage,
    /// Prices and recommendations.
    Prices,
    /// Alerts.
    Alerts,
    /// The assistant and the slash commands.
    Assistant,
    /// Component messages.
    Messages,
    /// Tools of the Model Context Protocol.
    Tools,
    /// WebSockets.
    Live,
}

/// A word that is no capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCapability(pub String);

impl fmt::Display for UnknownCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Capability::ALL.map(Capability::as_str).join(", ");
        write!(f, "`{}`: must be one of {words}", self.0)
    }
}

impl std::error::Error for UnknownCapability {}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Budgets,
        Self::Allocations,
        Self::Usage,
        Self::Prices,
        Self::Alerts,
        Self::Assistant,
        Self::Messages,
        Self::Tools,
        Self::Live,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Budgets => "budgets",
            Self::Allocations => "allocations",
            Self::Usage => "usage",
            Self::Prices => "prices",
            Self::Alerts => "alerts",
            Self::Assistant => "assistant",
            Self::Messages => "messages",
            Self::Tools => "tools",
            Self::Live => "live",
        }
    }

    /// The capability that a path belongs to; `None`: it is always there.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/api/v1/").or_else(|| path.strip_prefix("/api/"));
        let Some(rest) = rest else { return path.starts_with("/ws/").then_some(Self::Live) };
        let (first, further) = rest.split_once('/').unwrap_or((rest, ""));
        match first {
            "budgets" if further.ends_with("/allocations") => Some(Self::Allocations),
            "budgets" | "policies" => Some(Self::Budgets),
            "allocations" => Some(Self::Allocations),
            "usage" => Some(Self::Usage),
            "prices" => Some(Self::Prices),
            "alerts" => Some(Self::Alerts),
            "assistant" | "command" => Some(Self::Assistant),
            "mcp" if further == "message" => Some(Self::Messages),
            "mcp" | "tools" => Some(Self::Tools),
            _ => None,
        }
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(word: &str) -> Result<Self, UnknownCapability> {
        let found = Self::ALL.into_iter().find(|capability| capability.as_str() == word.trim());
        found.ok_or_else(|| UnknownCapability(word.to_owned()))
    }
}

/// How this port behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port that clients are told.
    pub port: u16,
    /// The zone of times without one, and of the windows of policies that are made here.
    pub zone: Zone,
    /// What new budgets do at their daily, weekly and monthly limit of money.
    pub cost_limits: BudgetEnforcement,
    /// What is switched off.
    pub off: BTreeSet<Capability>,
    /// The registry to register with, if any.
    pub registry: Option<Registry>,
}

impl Options {
    /// Everything on, days of UTC, new budgets warn, no registry.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self {
            port,
            zone: Zone::utc(),
            cost_limits: BudgetEnforcement::Warn,
            off: BTreeSet::new(),
            registry: None,
        }
    }

    /// Whether something is answered here.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        !self.off.contains(&capability)
    }

    /// Refuses what is switched off.
    pub(crate) fn check(&self, capability: Capability) -> Handled<()> {
        if self.has(capability) {
            return Ok(());
        }
        Err(Fault::missing(format!("{} is switched off on this port", capability.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_belongs_to_what_it_does() {
        for (path, word) in [
            ("/api/budgets", "budgets"),
            ("/api/v1/budgets/b/allocations", "allocations"),
            ("/api/policies/p", "budgets"),
            ("/api/allocations/context/c", "allocations"),
            ("/api/v1/usage/records", "usage"),
            ("/api/prices", "prices"),
            ("/api/alerts/check", "alerts"),
            ("/api/v1/assistant", "assistant"),
            ("/api/command/help", "assistant"),
            ("/api/mcp/message", "messages"),
            ("/api/mcp/tools", "tools"),
            ("/api/tools/budget_CheckBudget/execute", "tools"),
            ("/ws/budget/updates", "live"),
            ("/health", "-"),
            ("/api/v1/discovery", "-"),
            ("/", "-"),
        ] {
            assert_eq!(Capability::of_path(path).map_or("-", Capability::as_str), word, "{path}");
        }
        assert!("nothing".parse::<Capability>().is_err());
    }
}
