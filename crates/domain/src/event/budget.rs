//! Decisions about money: budgets, policies and allocations. Written by the ledger when someone asks it to.

use crate::units::UnitSums;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::budget::{AlsoNamed, Amount, AmountLimit, Dimensions, Policy};
use crate::phase::Phase;
use crate::price::ModelName;
use crate::tier::Importance;
use crate::time::Timestamp;
use crate::zone::Span;

/// A budget was made or changed: a name for policies that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetSet {
    /// Its name, unique in its tenant.
    pub budget: String,
    /// What people call it.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Whether its policies rule.
    pub active: bool,
    /// Who set it.
    pub author: Option<String>,
    /// Free pairs.
    pub labels: BTreeMap<String, String>,
    /// When it was made; `None`: it was made before that was noted.
    pub made_at: Option<Timestamp>,
    /// When this was decided; `None`: it was decided before that was noted.
    pub decided_at: Option<Timestamp>,
}

/// A policy was made, or another version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySet {
    /// The version, from 1.
    pub version: u32,
    /// What it says.
    pub policy: Policy,
    /// Who set it.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A policy's limit was raised for a time, or a raise was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRaised {
    /// The name of the raise, unique in its policy; empty: it is its number among the policy's raises.
    pub raise: String,
    /// The raise that ends at [`Self::from`]; then this one is by nothing. `None`: this is a raise.
    pub withdraws: Option<String>,
    /// Whose limit.
    pub policy: String,
    /// By how much, per window.
    pub by: Amount,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who allowed it.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// What someone asks to reserve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationRequest {
    /// Its name: the idempotency key of the request, unique in its tenant for ever.
    pub allocation: String,
    /// What it is for, as the caller calls it: usage may name the context instead of the allocation.
    pub context: Option<String>,
    /// The task that will use it.
    pub task: Option<String>,
    /// The phase of the task that will use it.
    pub phase: Option<Phase>,
    /// The part of the producer that will use it.
    pub component: Option<String>,
    /// Who serves the model.
    pub provider: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// Free pairs, as usage has them: `team`, `user`, `task_type`, `session` are dimensions of their own.
    pub labels: BTreeMap<String, String>,
    /// From 1 (low) through 5 (normal) and 8 (high) to 10 (critical).
    pub priority: u8,
    /// How much: tokens, and what they are expected to cost.
    pub amount: Amount,
    /// Whether it says only how much money: then it uses tokens, too, but nobody knows how many.
    pub tokens_unsaid: bool,
    /// Whether the cost is known: given by the caller, or from a price.
    pub is_priced: bool,
    /// Until when it is reserved.
    pub expires_at: Timestamp,
    /// Who serves the model, as the price book knows it, if that is another name.
    pub priced_provider: Option<String>,
    /// Which model, as the price book knows it, if that is another name.
    pub priced_model: Option<String>,
    /// The provider's tier that will serve it; `None`: the standard one.
    pub service_tier: Option<String>,
    /// What else it will be billed for; its money is for this, too.
    pub units: UnitSums,
}

/// An allocation was made: it is reserved until it is used, released or expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocated {
    /// What was asked for.
    pub request: AllocationRequest,
    /// The model that was asked for, if another one was given because that one did not fit.
    pub instead_of: Option<String>,
    /// The policies that it falls under, with the figures that it was decided with.
    pub policies: Vec<PolicyFigures>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Up to which position usage was known.
    pub as_of: String,
}

/// An allocation was refused, and nothing is reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationRefused {
    /// What was asked for.
    pub request: AllocationRequest,
    /// The policies that it falls under, with the figures that it was decided with.
    pub policies: Vec<PolicyFigures>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Up to which position usage was known.
    pub as_of: String,
}

/// An allocation was made larger, or lasts longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationExtended {
    /// Which.
    pub allocation: String,
    /// By how much.
    pub by: Amount,
    /// Until when it is reserved now.
    pub expires_at: Timestamp,
    /// The policies that it falls under, with the figures that it was decided with.
    pub policies: Vec<PolicyFigures>,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// What an allocation has left is free again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationReleased {
    /// Which.
    pub allocation: String,
    /// Who released it.
    pub author: Option<String>,
    /// When.
    pub decided_at: Timestamp,
}

/// An allocation's time is over. It was free from then on; this says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationExpired {
    /// Which.
    pub allocation: String,
    /// When its time was over.
    pub expired_at: Timestamp,
}

/// How a policy stood when something was decided, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFigures {
    /// Which policy.
    pub policy: String,
    /// Which version of it ruled.
    pub version: u32,
    /// The window; `None`: all time.
    pub window: Option<Span>,
    /// The task or session that it looked at, if it looks at them one by one.
    pub of: Option<String>,
    /// Its limit, with what rolled over and what was added for a time.
    pub limit: AmountLimit,
    /// What was spent; this and the next three are nothing where [`Ruling::has_figures`] says that they are not known.
    pub booked: Amount,
    /// What others have reserved and not used.
    pub reserved: Amount,
    /// What was spent without a price: tokens, and at most how much money.
    pub unpriced: Amount,
    /// What else was spent without a price. The money above covers it where the price book has a price for such a unit.
    pub unpriced_units: UnitSums,
    /// What it said.
    pub ruling: Ruling,
    /// From when on its rate lets one more pass beyond the limit, if that is what refused it.
    pub retry_at: Option<Timestamp>,
}

/// A task closed: what it left of its limit went into its owner's pool, and what it had drawn and not used came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolGiven {
    /// Which task.
    pub task: String,
    /// What it left of its own limit.
    pub unused: u64,
    /// The share of that which the pool took.
    pub tokens: u64,
    /// What it had drawn.
    pub drawn: u64,
    /// What came back of that.
    pub returned: u64,
    /// The pool's window.
    pub window: Span,
    /// When the task closed.
    pub closed_at: Timestamp,
    /// When this was decided.
    pub decided_at: Timestamp,
}

/// A task drew from its owner's pool: its limit is so much higher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolDrawn {
    /// Which task.
    pub task: String,
    /// Its importance.
    pub importance: Importance,
    /// How much it drew.
    pub tokens: u64,
    /// What it has drawn with that.
    pub drawn: u64,
    /// What was in the pool before.
    pub in_pool: u64,
    /// What it had to leave there to tasks of higher importance.
    pub to_leave: u64,
    /// The pool's window.
    pub window: Span,
    /// When it was decided.
    pub decided_at: Timestamp,
}

crate::words::words! {
    /// What a policy said to a request.
    Ruling {
        /// It fits.
        Fits = "fits",
        /// It fits, and the warning threshold is reached.
        Warns = "warns",
        /// It exceeds the limit, which only counts.
        Ignored = "ignored",
        /// It exceeds a limit that warns.
        Over = "over",
        /// It exceeds a soft limit.
        OverSoft = "over_soft",
        /// It exceeds a hard limit, which its priority passes.
        Passed = "passed",
        /// It exceeds a limit, and is within the rate that is allowed beyond it.
        Throttled = "throttled",
        /// It exceeds the limit, and nothing lets it pass.
        Refused = "refused",
        /// What it will cost is not known, and the policy limits money.
        Unpriced = "unpriced",
        /// The policy looks at tasks or sessions one by one, and the request names none.
        Unnamed = "unnamed",
        /// The figures are behind, and the policy says to wait.
        Stale = "stale",
        /// The figures are behind, and the policy says to go on.
        StaleAllowed = "stale_allowed",
    }
}

impl Ruling {
    /// Whether the request may not go on.
    #[must_use]
    pub const fn refuses(self) -> bool {
        match self {
            Self::Refused | Self::Unpriced | Self::Unnamed | Self::Stale => true,
            Self::Fits
            | Self::Warns
            | Self::Ignored
            | Self::Over
            | Self::OverSoft
            | Self::Passed
            | Self::Throttled
            | Self::StaleAllowed => false,
        }
    }

    /// Whether what was spent and reserved was known when it was said. If not, these figures say nothing: not 0.
    #[must_use]
    pub const fn has_figures(self) -> bool {
        match self {
            Self::Stale | Self::StaleAllowed | Self::Unnamed => false,
            Self::Fits
            | Self::Warns
            | Self::Ignored
            | Self::Over
            | Self::OverSoft
            | Self::Passed
            | Self::Throttled
            | Self::Refused
            | Self::Unpriced => true,
        }
    }
}

impl AllocationRequest {
    /// With the names by which it is priced, where they are not its own: it counts under both.
    #[must_use]
    pub fn priced_as(mut self, priced: &ModelName) -> Self {
        let other = |own: Option<&String>, priced: &String| {
            Some(priced.clone()).filter(|name| !name.is_empty() && own != Some(name))
        };
        self.priced_provider = other(self.provider.as_ref(), &priced.provider);
        self.priced_model = other(self.model.as_ref(), &priced.model);
        self
    }

    /// The values that usage of it would have.
    #[must_use]
    pub fn dimensions(&self) -> Dimensions<'_> {
        Dimensions {
            task: self.task.as_deref().unwrap_or_default(),
            phase: self.phase.as_ref().map(Phase::as_str),
            component: self.component.as_deref(),
            provider: self.provider.as_deref(),
            model: self.model.as_deref(),
            labels: &self.labels,
            also: AlsoNamed {
                provider: self.priced_provider.as_deref(),
                model: self.priced_model.as_deref(),
            },
        }
    }
}
