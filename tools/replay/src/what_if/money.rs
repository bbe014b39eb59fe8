//! Policies of money and tokens over history: what usage adds up to in each of their windows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tollgate_domain::budget::{BudgetState, Policy, Spent};
use tollgate_domain::event::{BudgetEvent, PolicySet, RecordedEvent};
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::time::Timestamp;
use tollgate_domain::zone::Span;
use tollgate_projection::spending::counted;

/// The policies that history is run through, all of one tenant.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Whose usage they count.
    pub tenant: TenantId,
    /// What they say, each with its name.
    pub policies: Vec<Policy>,
}

/// The policies as one thread uses them.
pub(super) struct PolicyRules<'a> {
    given: Option<&'a Policies>,
}

/// A window of a policy: when it begins, and the task or session that it is about if the policy looks at them one by
/// one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct WindowKey {
    pub(super) policy: usize,
    pub(super) span: Option<Span>,
    pub(super) of: Option<String>,
}

/// What was used in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WindowCells {
    /// By the quarter of an hour, in seconds since 1970.
    pub(super) quarters: BTreeMap<i64, Spent>,
    /// What is counted there, by the quarter, in no order: the moment of a crossing is that of one of them.
    pub(super) uses: BTreeMap<i64, Vec<Use>>,
    /// When each task used something last, by the task's partition and place there.
    pub(super) tasks: BTreeMap<(u8, u32), Timestamp>,
}

/// What one event adds to a window: half a hundred bytes for each call and policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Use {
    pub(super) at: Timestamp,
    pub(super) tokens: i128,
    pub(super) usd: Usd,
}

/// The windows of all policies, as far as one partition used something in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PolicyFold {
    pub(super) windows: BTreeMap<WindowKey, WindowCells>,
}

impl Policies {
    /// The state of a ledger in which these policies were set before anything was spent.
    pub(super) fn state_of(policies: impl IntoIterator<Item = Policy>) -> BudgetState {
        let mut state = BudgetState::default();
        for policy in policies {
            let set = PolicySet { version: 1, policy, author: None, reason: None };
            state.apply(&BudgetEvent::PolicySet(Box::new(set)));
        }
        state
    }

    /// The names that more than one policy has.
    pub(super) fn repeated(&self) -> Option<&str> {
        let mut names = BTreeSet::new();
        self.policies.iter().map(|policy| policy.id.as_str()).find(|name| !names.insert(*name))
    }
}

impl<'a> PolicyRules<'a> {
    pub(super) const fn new(given: Option<&'a Policies>) -> Self {
        Self { given }
    }
}

impl PolicyFold {
    /// Counts what an event adds, in every window that it belongs to. `task`: its place in the partition.
    pub(super) fn take(&mut self, event: &RecordedEvent<'_>, task: u32, rules: &PolicyRules<'_>) {
        let Some(given) = rules.given.filter(|given| given.tenant.as_str() == event.tenant) else { return };
        let Some(usage) = counted(event) else { return };
        for (policy, rule) in given.policies.iter().enumerate() {
            if !rule.scope.contains(&usage.dimensions) || !rule.window.is_open_at(event.occurred_at) {
                continue;
            }
            let of = match rule.window.dimension() {
                Some(dimension) => match usage.dimensions.get(&dimension) {
                    Some(value) => Some(value.to_owned()),
                    None => continue,
                },
                None => None,
            };
            let span = self.span(policy, rule, event.occurred_at);
            let cells = self.windows.entry(WindowKey { policy, span, of }).or_default();
            cells.quarters.entry(usage.quarter).or_default().add(&usage.sums.spent);
            let spent = &usage.sums.spent;
            let counted = Use { at: event.occurred_at, tokens: spent.tokens, usd: spent.usd };
            cells.uses.entry(usage.quarter).or_default().push(counted);
            let last = cells.tasks.entry((event.partition.number(), task)).or_insert(event.occurred_at);
            *last = event.occurred_at.max(*last);
        }
    }

    /// The window's span. Most usage is in the window of the usage before it: that one is looked at first.
    fn span(&self, policy: usize, rule: &Policy, at: Timestamp) -> Option<Span> {
        let begin = |policy| WindowKey { policy, span: None, of: None };
        let mut known = self.windows.range(begin(policy)..begin(policy.saturating_add(1))).rev();
        let latest = known.next().and_then(|(key, _)| key.span).filter(|span| span.contains(at));
        latest.or_else(|| rule.window.span_at(&rule.zone, at))
    }

    /// Adds the windows of another partition.
    pub(super) fn merge(&mut self, other: Self) {
        for (key, theirs) in other.windows {
            let own = self.windows.entry(key).or_default();
            for (quarter, spent) in theirs.quarters {
                own.quarters.entry(quarter).or_default().add(&spent);
            }
            for (quarter, uses) in theirs.uses {
                own.uses.entry(quarter).or_default().extend(uses);
            }
            own.tasks.extend(theirs.tasks);
        }
    }
}
