//! What is reserved under each scope that a policy counts, kept up to date with every decision: a judgement looks it
//! up, however many allocations are open.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Amount, Dimension, Dimensions, MAX_VALUE_BYTES, Policy, Scope};
use crate::time::Timestamp;

/// What is left of open allocations, by scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Reserved {
    by_scope: HashMap<Scope, Open>,
    /// The scopes that policies count, with what they look at one by one.
    counted: HashSet<(Scope, Option<Dimension>)>,
}

/// The open allocations of one scope.
#[derive(Clone, Debug, Default)]
struct Open {
    /// What all of them have left, expired or not; `None`: it was too large to be exact once.
    left: Sum,
    by_expiry: BTreeSet<(Timestamp, String)>,
}

/// An exact sum, from which what was added can be taken away again.
#[derive(Clone, Copy, Debug)]
struct Sum(Option<Amount>);

impl Default for Sum {
    fn default() -> Self {
        Self(Some(Amount::NOTHING))
    }
}

impl Sum {
    fn change(&mut self, add: Amount, take: Amount) {
        self.0 = self.0.and_then(|sum| {
            Some(Amount {
                tokens: sum.tokens.checked_add(add.tokens)?.checked_sub(take.tokens)?,
                usd: sum.usd.checked_add(add.usd)?.checked_sub(take.usd)?,
            })
        });
    }
}

/// The scope in which a policy counts such usage; `None`: it does not, or looks at tasks or sessions one by one and the
/// usage names none.
pub(super) fn counted_in(policy: &Policy, usage: &Dimensions<'_>) -> Option<Scope> {
    if !policy.scope.contains(usage) {
        return None;
    }
    let Some(dimension) = policy.window.dimension() else { return Some(policy.scope.clone()) };
    let value = usage.get(&dimension).filter(|value| value.len() <= MAX_VALUE_BYTES)?;
    Some(policy.scope.with(dimension.clone(), value))
}

impl Reserved {
    /// Notes that a policy counts its scope. Returns whether it is the first: then what is open has to be added.
    pub(super) fn count(&mut self, policy: &Policy) -> bool {
        self.counted.insert((policy.scope.clone(), policy.window.dimension()))
    }

    /// An allocation is open in a scope from now on. Once, however many policies count it.
    pub(super) fn add(&mut self, scope: Scope, name: &str, expires_at: Timestamp, left: Amount) {
        let open = self.by_scope.entry(scope).or_default();
        if open.by_expiry.insert((expires_at, name.to_owned())) {
            open.left.change(left, Amount::NOTHING);
        }
    }

    /// It is no longer.
    pub(super) fn remove(&mut self, scope: &Scope, name: &str, expires_at: Timestamp, left: Amount) {
        let Some(open) = self.by_scope.get_mut(scope) else { return };
        if open.by_expiry.remove(&(expires_at, name.to_owned())) {
            open.left.change(Amount::NOTHING, left);
        }
        if open.by_expiry.is_empty() {
            self.by_scope.remove(scope);
        }
    }

    /// What the allocations of a scope that have not expired have left. `left` says it of one. `None`: it has to be
    /// added up.
    pub(super) fn under(
        &self,
        scope: &Scope,
        at: Timestamp,
        left: impl Fn(&str) -> Amount,
    ) -> Option<Amount> {
        let Some(open) = self.by_scope.get(scope) else { return Some(Amount::NOTHING) };
        let mut sum = open.left;
        // Few: they are closed when their expiry is recorded.
        for (_, name) in open.by_expiry.iter().take_while(|(expires_at, _)| *expires_at <= at) {
            sum.change(Amount::NOTHING, left(name));
        }
        sum.0
    }
}
