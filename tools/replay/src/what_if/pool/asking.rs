//! What one task gives a pool and would draw from it, in the order of its events.

use serde::{Deserialize, Serialize};
use tollgate_domain::gate::GateDecided;
use tollgate_domain::pool::PoolRules;
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;

use super::super::crossing::Crossing;

/// What a task asks of a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct Asking {
    pub(super) importance: Importance,
    /// Each decision at which it needs more than before. After one that no pool helps with there is none.
    pub(super) demands: Vec<Demand>,
    pub(super) closing: Option<Closing>,
}

/// A decision at which the task would be blocked without a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Demand {
    /// When: never before what the task did before.
    pub(super) at: Timestamp,
    pub(super) needed: Needed,
    pub(super) crossing: Crossing,
}

/// What lets a task go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Needed {
    /// That it has drawn so many tokens.
    Tokens(u64),
    /// Nothing: it is beyond the ceiling.
    BeyondCeiling,
    /// Nothing: another rule blocks it, too.
    OtherRule,
}

/// The task as it closed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Closing {
    pub(super) at: Timestamp,
    /// What it left of its limit, if that is for others.
    pub(super) unused: u64,
    /// What it used beyond its limit.
    pub(super) beyond: u64,
}

impl Asking {
    pub(in super::super) fn of(importance: Importance) -> Self {
        Self { importance, demands: Vec::new(), closing: None }
    }

    /// The task would be blocked.
    pub(in super::super) fn ask(
        &mut self,
        rules: &PoolRules,
        decided: &GateDecided,
        at: Timestamp,
        crossing: impl FnOnce() -> Option<Crossing>,
    ) {
        let most = match self.demands.last().map(|demand| demand.needed) {
            None => None,
            Some(Needed::Tokens(most)) => Some(most),
            Some(Needed::BeyondCeiling | Needed::OtherRule) => return,
        };
        let needed = needed(rules, decided);
        if matches!((needed, most), (Needed::Tokens(needed), Some(most)) if needed <= most) {
            return;
        }
        let at = self.demands.last().map_or(at, |before| before.at.max(at));
        self.demands.extend(crossing().map(|crossing| Demand { at, needed, crossing }));
    }

    /// The task closes, having used so much of its limit.
    pub(in super::super) fn close(&mut self, at: Timestamp, gives: bool, used: i128, limit: u64) {
        let used = used.max(0).unsigned_abs();
        let small = |tokens: u128| u64::try_from(tokens).unwrap_or(u64::MAX);
        self.closing = Some(Closing {
            at: self.demands.last().map_or(at, |before| before.at.max(at)),
            unused: if gives { small(u128::from(limit).saturating_sub(used)) } else { 0 },
            beyond: small(used.saturating_sub(limit.into())),
        });
    }

    /// The decisions, for what is used after them.
    pub(in super::super) fn crossings_mut(&mut self) -> impl Iterator<Item = &mut Crossing> {
        self.demands.iter_mut().map(|demand| &mut demand.crossing)
    }
}

fn needed(rules: &PoolRules, decided: &GateDecided) -> Needed {
    match decided.needed_from(rules) {
        None => Needed::OtherRule,
        Some(None) => Needed::BeyondCeiling,
        Some(Some(tokens)) => Needed::Tokens(tokens),
    }
}
