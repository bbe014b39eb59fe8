//! Alerts of policies that look at tasks or sessions one by one: each task or session that reached a threshold, once.
//!
//! The view knows which tasks and sessions used something lately, so a look is at those that did since the one before.
//! The first look of a server, and the first under a policy, is at all of them; so is one after more of them used
//! something than the view remembers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_domain::budget::{BudgetState, Dimension, Figures, Policy, Spent, SpentIn, needed_by, standing};
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::Position;
use tollgate_domain::time::Timestamp;
use tollgate_projector::Wait;
use tollgate_projector::queries::{SpentOf, Touch};

use super::BudgetDecisions;
use super::alerts::levels;
use super::figures::{asks, with_exposure};
use crate::ledger::ask::VIEW_WAIT;
use crate::problem::Answer;

/// How many tasks or sessions are looked at together.
const TOGETHER: usize = 500;

/// All of them are looked at again only so much later, in milliseconds: with very many of them that takes long.
const ALL_EVERY_MS: i64 = 60_000;

/// Up to where the tasks and sessions of each tenant were looked at.
#[derive(Clone, Default)]
pub(super) struct Each(Arc<Mutex<HashMap<TenantId, Look>>>);

/// A look at them.
#[derive(Clone)]
struct Look {
    /// What was spent up to here was seen.
    through: Position,
    /// Under these versions of policies.
    rules: Vec<(String, u32)>,
    /// When all of them were looked at.
    all_at: Timestamp,
}

impl Each {
    fn of(&self, tenant: &TenantId, rules: &[(String, u32)]) -> Option<Look> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(tenant).filter(|look| look.rules == rules).cloned()
    }

    fn note(&self, tenant: &TenantId, look: Option<Look>) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match look {
            Some(look) => looks.insert(tenant.clone(), look),
            None => looks.remove(tenant),
        };
    }
}

impl BudgetDecisions {
    /// Records each threshold that a task or session of a tenant reached, once; returns how many.
    pub(super) async fn observe_one_by_one(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        end: &Position,
    ) -> Answer<usize> {
        let now = self.ask.now();
        let ruling = ruling(state, now);
        let rules: Vec<(String, u32)> =
            ruling.iter().map(|(name, version, ..)| ((*name).to_owned(), *version)).collect();
        if rules.is_empty() {
            self.each.note(tenant, None);
            return Ok(0);
        }
        let before = self.each.of(tenant, &rules);
        let since = before.as_ref().map_or(end, |look| &look.through).clone();
        let (touched, through) = self.ask.touched_since(tenant, since, end).await?;
        let mut recorded = 0;
        let all_at = match (&before, touched) {
            (Some(look), Some(touched)) => {
                for (name, _, policy, each) in &ruling {
                    let of = values(&touched.by, each);
                    recorded += self.observe_some(tenant, state, (name, policy), &of, end).await?;
                }
                look.all_at
            }
            (Some(look), None) if now < look.all_at.plus_millis(ALL_EVERY_MS) => return Ok(0),
            (Some(_) | None, _) => {
                for (name, _, policy, each) in &ruling {
                    recorded += self.observe_all(tenant, state, (name, policy, each), end).await?;
                }
                now
            }
        };
        self.each.note(tenant, Some(Look { through, rules, all_at }));
        Ok(recorded)
    }

    /// Looks at some tasks or sessions.
    async fn observe_some(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        (name, policy): (&str, &Policy),
        of: &BTreeSet<String>,
        end: &Position,
    ) -> Answer<usize> {
        let mut recorded = 0;
        let all: Vec<&String> = of.iter().collect();
        for of in all.chunks(TOGETHER) {
            let figures = self.figures_of_each(tenant, state, name, of.iter().copied(), end).await?;
            recorded += self.observe_these(tenant, state, (name, policy), of, &figures, end).await?;
        }
        Ok(recorded)
    }

    /// Looks at all tasks or sessions.
    async fn observe_all(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        (name, policy, each): (&str, &Policy, &Dimension),
        end: &Position,
    ) -> Answer<usize> {
        let (now, mut recorded, mut after) = (self.ask.now(), 0, None);
        let Figures { used, .. } =
            self.figures_once(tenant, BTreeSet::new(), open_under(state, name), end).await?;
        loop {
            let asked = (&policy.scope, each);
            let (found, next) = self.ask.spent_by(tenant, asked, after, TOGETHER, end).await?;
            let sum = |of: &str| needed_by(state, name, Some(of), now).into_iter().next();
            let of: Vec<String> = found.iter().map(|(of, _)| of.clone()).collect();
            let of: Vec<&String> = of.iter().collect();
            let by_sum: BTreeMap<SpentIn, Spent> =
                found.into_iter().filter_map(|(of, spent)| Some((sum(&of)?, spent))).collect();
            let (sums, spent) = by_sum.into_iter().unzip();
            let spent = with_exposure(&self.ask, sums, spent);
            let figures = Figures { spent, used: used.clone(), as_of: end.to_string() };
            recorded += self.observe_these(tenant, state, (name, policy), &of, &figures, end).await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(recorded),
            }
        }
    }

    /// What is spent by each of these tasks or sessions, and used of what is open under the policy.
    pub(super) async fn figures_of_each(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        name: &str,
        of: impl Iterator<Item = &String>,
        end: &Position,
    ) -> Answer<Figures> {
        let now = self.ask.now();
        let sums = of.flat_map(|of| needed_by(state, name, Some(of), now)).collect();
        self.figures_once(tenant, sums, open_under(state, name), end).await
    }

    pub(super) async fn figures_once(
        &self,
        tenant: &TenantId,
        sums: BTreeSet<SpentIn>,
        open: Vec<String>,
        end: &Position,
    ) -> Answer<Figures> {
        let query =
            SpentOf { tenant: tenant.as_str().to_owned(), asks: asks(&sums), allocations: open.clone() };
        let wait = Wait { at_least: Some(end), up_to: VIEW_WAIT };
        let answer = self.ask.spent_once(query, wait).await?;
        let used = open.into_iter().zip(answer.used.iter().map(Into::into)).collect();
        Ok(Figures { spent: with_exposure(&self.ask, sums, answer.spent), used, as_of: end.to_string() })
    }

    async fn observe_these(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        (name, policy): (&str, &Policy),
        of: &[&String],
        figures: &Figures,
        end: &Position,
    ) -> Answer<usize> {
        let now = self.ask.now();
        let found = of.iter().filter_map(|of| standing(state, name, Some(of.as_str()), figures, now));
        self.observe_once(tenant, found.flat_map(|found| levels(policy, &found)).collect(), end).await
    }
}

/// The policies that look at tasks or sessions one by one, with the version that rules.
fn ruling(state: &BudgetState, now: Timestamp) -> Vec<(&str, u32, &Policy, Dimension)> {
    let found = state.policies().iter().filter_map(|(name, history)| {
        let (version, policy) = history.ruling_at(now)?;
        let each = policy.window.dimension().filter(|_| state.is_active(policy))?;
        Some((name.as_str(), version, policy, each))
    });
    found.collect()
}

/// The tasks, or the sessions: usage that names none belongs to that of its task's name.
fn values(touched: &BTreeSet<Touch>, each: &Dimension) -> BTreeSet<String> {
    let of = |touch: &Touch| match &touch.session {
        Some(session) if *each == Dimension::Session => session.clone(),
        Some(_) | None => touch.task.clone(),
    };
    touched.iter().map(of).collect()
}

fn open_under(state: &BudgetState, name: &str) -> Vec<String> {
    state.open_under(name).map(|(open, _)| open.to_owned()).collect()
}
