//! What decisions about a tenant's money depend on: the fold of the decisions themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::reserved::{Reserved, counted_in};
use super::{Amount, Dimensions, Passed, Policy, Scope, ScopeIndex};
use crate::event::{AllocationRequest, BudgetEvent, BudgetSet, LimitRaised, PolicyFigures, Ruling};
use crate::pool::LivePool;
use crate::time::Timestamp;

/// What decisions about a tenant's money depend on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct BudgetState {
    budgets: BTreeMap<String, BudgetSet>,
    policies: BTreeMap<String, PolicyHistory>,
    open: BTreeMap<String, OpenAllocation>,
    pool: LivePool,
    /// Policies by scope: follows from them.
    by_scope: ScopeIndex,
    /// The open allocations under each policy: follows from both.
    under: BTreeMap<String, BTreeSet<String>>,
    /// What was used of open allocations, as far as somebody said so; it is no decision and not stored.
    used: HashMap<String, Amount>,
    /// What they have left, by scope: follows from all of these.
    reserved: Reserved,
}

/// A policy in all its versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyHistory {
    /// The versions, from 1.
    pub versions: Vec<Policy>,
    /// Who set each version, and why.
    pub set_by: Vec<SetBy>,
    /// What was added to its limit for a time. One that was withdrawn ends when that was.
    pub raises: Vec<LimitRaised>,
    /// What withdrew raises.
    pub withdrawals: Vec<LimitRaised>,
    /// What was allowed beyond its limit, at the rate that it allows.
    pub throttled: Passed,
}

/// Who set a version of a policy, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBy {
    /// Who.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// An allocation that was neither released nor recorded as expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAllocation {
    /// What was asked for.
    pub request: AllocationRequest,
    /// How much is allocated now.
    pub amount: Amount,
    /// Until when.
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    budgets: BTreeMap<String, BudgetSet>,
    policies: BTreeMap<String, PolicyHistory>,
    open: BTreeMap<String, OpenAllocation>,
    pool: LivePool,
}

impl PolicyHistory {
    /// The version that rules at a moment, with its number: the latest that has begun and has not ended, unless it is
    /// switched off. So when a version ends, the one before it rules again.
    #[must_use]
    pub fn ruling_at(&self, at: Timestamp) -> Option<(u32, &Policy)> {
        let has_ended = |policy: &Policy| policy.to.is_some_and(|to| to <= at);
        let versions = (1_u32..).zip(&self.versions);
        let (version, policy) =
            versions.filter(|(_, policy)| policy.from <= at && !has_ended(policy)).last()?;
        policy.enabled.then_some((version, policy))
    }

    /// The version that rules at a moment, and those that begin, or rule again, before another one.
    pub(super) fn between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Policy> {
        let begin = self.versions.iter().filter(move |policy| from < policy.from && policy.from < to);
        let ends = self.versions.iter().filter_map(|policy| policy.to);
        let again = ends.filter(move |end| from < *end && *end < to).filter_map(|end| self.ruling_at(end));
        self.ruling_at(from).into_iter().chain(again).map(|(_, policy)| policy).chain(begin)
    }

    /// The highest rate that any of its versions allows beyond the limit, in requests a minute.
    fn highest_rate(&self) -> u32 {
        self.versions.iter().filter_map(|policy| policy.throttle_per_minute).max().unwrap_or_default()
    }

    /// A raise by its name.
    #[must_use]
    pub fn raise(&self, name: &str) -> Option<&LimitRaised> {
        self.raises.iter().find(|raise| raise.raise == name)
    }

    /// What withdrew a raise.
    #[must_use]
    pub fn withdrawal_of(&self, raise: &str) -> Option<&LimitRaised> {
        self.withdrawals.iter().find(|withdrawal| withdrawal.withdraws.as_deref() == Some(raise))
    }

    fn raised(&mut self, raised: &LimitRaised) {
        let Some(withdrawn) = &raised.withdraws else {
            let mut raise = raised.clone();
            if raise.raise.is_empty() {
                raise.raise = self.raises.len().saturating_add(1).to_string();
            }
            self.raises.push(raise);
            return;
        };
        for raise in self.raises.iter_mut().filter(|raise| raise.raise == *withdrawn) {
            raise.until = raise.until.min(raised.from.max(raise.from));
        }
        self.withdrawals.push(raised.clone());
    }

    /// What was added to the limit at a moment.
    #[must_use]
    pub fn raised_at(&self, at: Timestamp) -> Amount {
        let raises = self.raises.iter().filter(|raise| raise.from <= at && at < raise.until);
        raises.fold(Amount::NOTHING, |sum, raise| sum.plus(raise.by))
    }
}

impl BudgetState {
    /// A budget.
    #[must_use]
    pub fn budget(&self, name: &str) -> Option<&BudgetSet> {
        self.budgets.get(name)
    }

    /// All budgets, by name.
    #[must_use]
    pub const fn budgets(&self) -> &BTreeMap<String, BudgetSet> {
        &self.budgets
    }

    /// A policy in all its versions.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&PolicyHistory> {
        self.policies.get(name)
    }

    /// All policies, by name.
    #[must_use]
    pub const fn policies(&self) -> &BTreeMap<String, PolicyHistory> {
        &self.policies
    }

    /// An allocation that is open.
    #[must_use]
    pub fn open(&self, name: &str) -> Option<&OpenAllocation> {
        self.open.get(name)
    }

    /// All open allocations, by name.
    #[must_use]
    pub const fn all_open(&self) -> &BTreeMap<String, OpenAllocation> {
        &self.open
    }

    /// The pool that the tenant's tasks share: empty unless something was given.
    #[must_use]
    pub const fn pool(&self) -> &LivePool {
        &self.pool
    }

    /// The open allocations that a policy counts in some version, by name.
    pub fn open_under(&self, policy: &str) -> impl Iterator<Item = (&str, &OpenAllocation)> {
        let names = self.under.get(policy).into_iter().flatten();
        names.filter_map(|name| Some((name.as_str(), self.open.get(name)?)))
    }

    /// What was used of an open allocation, as far as it was [noted](Self::note_used).
    #[must_use]
    pub fn used(&self, allocation: &str) -> Amount {
        self.used.get(allocation).copied().unwrap_or_default()
    }

    /// Notes what was used of allocations altogether. Those that are not open are left out. All sums that a judgement
    /// sees have to be as of one position, these and [`Figures`](super::Figures).
    pub fn note_used<'a>(&mut self, used: impl IntoIterator<Item = (&'a str, Amount)>) {
        for (name, used) in used {
            if self.used(name) == used || !self.open.contains_key(name) {
                continue;
            }
            self.reopen(name, |state, _| {
                state.used.insert(name.to_owned(), used);
            });
        }
    }

    /// What is reserved in a scope that a policy counts, at a moment. `None`: it has to be added up.
    pub(super) fn reserved(&self, scope: &Scope, at: Timestamp) -> Option<Amount> {
        self.reserved.under(scope, at, |name| self.left(name))
    }

    fn left(&self, name: &str) -> Amount {
        self.open.get(name).map_or(Amount::NOTHING, |open| open.amount.beyond(self.used(name)))
    }

    /// The policies that rule over such usage at a moment, each with its version.
    #[must_use]
    pub fn ruling(&self, usage: &Dimensions<'_>, at: Timestamp) -> Vec<(&str, u32, &Policy)> {
        let found = self.by_scope.matching(usage).into_iter();
        let ruling = found.filter_map(|name| {
            let (version, policy) = self.policies.get(name)?.ruling_at(at)?;
            let counts =
                policy.scope.contains(usage) && self.is_active(policy) && policy.window.is_open_at(at);
            counts.then_some((name, version, policy))
        });
        ruling.collect()
    }

    /// Whether the budget of a policy is active; one without a budget always is.
    #[must_use]
    pub fn is_active(&self, policy: &Policy) -> bool {
        let budget = policy.budget.as_ref().and_then(|name| self.budgets.get(name));
        budget.is_none_or(|budget| budget.active)
    }

    /// Folds one decision into the state. Total: every recorded event is accepted.
    pub fn apply(&mut self, event: &BudgetEvent) {
        match event {
            BudgetEvent::BudgetSet(set) => {
                self.budgets.insert(set.budget.clone(), (**set).clone());
            }
            BudgetEvent::PolicySet(set) => {
                let history = self.policies.entry(set.policy.id.clone()).or_default();
                history.versions.push(set.policy.clone());
                history.set_by.push(SetBy { author: set.author.clone(), reason: set.reason.clone() });
                self.by_scope.insert(&set.policy.scope, &set.policy.id);
                self.count(&set.policy);
            }
            BudgetEvent::LimitRaised(raised) => {
                if let Some(history) = self.policies.get_mut(&raised.policy) {
                    history.raised(raised);
                }
            }
            BudgetEvent::Allocated(made) => {
                self.throttled(&made.policies, made.decided_at);
                let request = made.request.clone();
                let open = OpenAllocation { amount: request.amount, expires_at: request.expires_at, request };
                self.opened(open);
            }
            BudgetEvent::AllocationExtended(extended) => {
                self.throttled(&extended.policies, extended.decided_at);
                self.reopen(&extended.allocation, |_, open| {
                    open.amount = open.amount.plus(extended.by);
                    open.expires_at = extended.expires_at;
                });
            }
            BudgetEvent::AllocationReleased(released) => self.closed(&released.allocation),
            BudgetEvent::AllocationExpired(expired) => self.closed(&expired.allocation),
            BudgetEvent::AllocationRefused(_) => {}
            BudgetEvent::PoolGiven(given) => self.pool.given(given),
            BudgetEvent::PoolDrawn(drawn) => self.pool.drew(drawn),
        }
    }

    /// Notes the policies whose rate this decision used.
    fn throttled(&mut self, policies: &[PolicyFigures], at: Timestamp) {
        for figures in policies.iter().filter(|figures| figures.ruling == Ruling::Throttled) {
            if let Some(history) = self.policies.get_mut(&figures.policy) {
                history.throttled.note(at, history.highest_rate());
            }
        }
    }

    /// Counts what is open under a new version of a policy.
    fn count(&mut self, policy: &Policy) {
        let is_first = self.reserved.count(policy);
        let under = self.under.entry(policy.id.clone()).or_default();
        for (name, open) in &self.open {
            let usage = open.request.dimensions();
            if !policy.scope.contains(&usage) {
                continue;
            }
            under.insert(name.clone());
            if is_first && let Some(scope) = counted_in(policy, &usage) {
                let left = open.amount.beyond(self.used.get(name).copied().unwrap_or_default());
                self.reserved.add(scope, name, open.expires_at, left);
            }
        }
    }

    /// The scopes in which usage counts, in any version of a policy.
    fn scopes(&self, usage: &Dimensions<'_>) -> BTreeSet<Scope> {
        let found = self.by_scope.matching(usage).into_iter().filter_map(|name| self.policies.get(name));
        found.flat_map(|history| &history.versions).filter_map(|policy| counted_in(policy, usage)).collect()
    }

    fn opened(&mut self, open: OpenAllocation) {
        let name = open.request.allocation.clone();
        self.closed(&name);
        let usage = open.request.dimensions();
        for policy in self.by_scope.matching(&usage) {
            self.under.entry(policy.to_owned()).or_default().insert(name.clone());
        }
        for scope in self.scopes(&usage) {
            self.reserved.add(scope, &name, open.expires_at, open.amount);
        }
        self.open.insert(name, open);
    }

    fn closed(&mut self, name: &str) {
        let left = self.left(name);
        let Some(open) = self.open.remove(name) else { return };
        let usage = open.request.dimensions();
        for policy in self.by_scope.matching(&usage) {
            if let Some(under) = self.under.get_mut(policy) {
                under.remove(name);
            }
        }
        for scope in self.scopes(&usage) {
            self.reserved.remove(&scope, name, open.expires_at, left);
        }
        self.used.remove(name);
    }

    /// Changes what an open allocation has left, or until when.
    fn reopen(&mut self, name: &str, change: impl FnOnce(&mut Self, &mut OpenAllocation)) {
        let left = self.left(name);
        let Some(mut open) = self.open.remove(name) else { return };
        let scopes = self.scopes(&open.request.dimensions());
        for scope in &scopes {
            self.reserved.remove(scope, name, open.expires_at, left);
        }
        change(self, &mut open);
        let left = open.amount.beyond(self.used(name));
        for scope in scopes {
            self.reserved.add(scope, name, open.expires_at, left);
        }
        self.open.insert(name.to_owned(), open);
    }
}

impl PartialEq for BudgetState {
    fn eq(&self, other: &Self) -> bool {
        (&self.budgets, &self.policies) == (&other.budgets, &other.policies)
            && (&self.open, &self.pool) == (&other.open, &other.pool)
    }
}

impl Eq for BudgetState {}

impl From<Stored> for BudgetState {
    fn from(stored: Stored) -> Self {
        let Stored { budgets, policies, open, pool } = stored;
        let mut state = Self { budgets, policies, pool, ..Self::default() };
        for (name, history) in &state.policies {
            for version in &history.versions {
                state.by_scope.insert(&version.scope, name);
                let _ = state.reserved.count(version);
            }
        }
        for open in open.into_values() {
            state.opened(open);
        }
        state
    }
}

impl From<BudgetState> for Stored {
    fn from(state: BudgetState) -> Self {
        Self { budgets: state.budgets, policies: state.policies, open: state.open, pool: state.pool }
    }
}
