//! The policies by which a task may spend nothing more.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tollgate_clock::Stopwatch;
use tollgate_domain::budget::{Amount, BudgetEnforcement, BudgetState, Figures, OpenAllocation, decide};
use tollgate_domain::event::{AllocationRequest, BudgetEvent, PolicyFigures, Ruling};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::Phase;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_domain::time::Timestamp;
use tollgate_projection::spending::UsageKind;

use super::BudgetDecisions;
use super::allocations::of_another_kind;
use super::answer;
use super::command::{Command, Done, What};
use super::request::{NORMAL, fresh, id, named};
use crate::problem::{Answer, of_read};

/// The most kinds of usage of a task that are looked at: the latest.
const KINDS: usize = 8;

/// The least that can be spent of both.
const LEAST: Amount = Amount { tokens: 1, usd: Usd::from_units(1) };

/// How long it is believed that a tenant has no policies, or still has some.
const NONE_FOR: Duration = Duration::from_secs(5);
const SOME_FOR: Duration = Duration::from_secs(60);

/// How long the view is waited for that says whether a tenant has policies.
const LOOK_WITHIN: Duration = Duration::from_millis(250);

/// The most tenants that are remembered.
const REMEMBERED: usize = 10_000;

/// Which tenants have policies, as far as that was looked at lately.
#[derive(Default)]
pub(super) struct HavePolicies(Mutex<BTreeMap<TenantId, (bool, Stopwatch)>>);

impl HavePolicies {
    /// Remembers it.
    pub(super) fn note(&self, tenant: &TenantId, has_some: bool) {
        // Every change under the lock is complete in itself.
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= REMEMBERED {
            tenants.clear();
        }
        tenants.insert(tenant.clone(), (has_some, Stopwatch::start()));
    }

    fn lately(&self, tenant: &TenantId) -> Option<bool> {
        let tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (has_some, since) = tenants.get(tenant)?;
        let holds_for = if *has_some { SOME_FOR } else { NONE_FOR };
        (since.elapsed() < holds_for).then_some(*has_some)
    }
}

impl BudgetDecisions {
    /// The policies that refuse a task the least more, in this phase, of the kinds of usage that it had lately, with
    /// what each says.
    ///
    /// # Errors
    ///
    /// The problem with the view or the log.
    pub(in crate::ledger) async fn exhausted(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        phase: &Phase,
        up_to: Duration,
    ) -> Answer<BTreeMap<String, String>> {
        let has_policies = match self.have_policies.lately(tenant) {
            Some(has_some) => has_some,
            None => {
                let has_some = self.ask.has_policies(tenant, up_to.min(LOOK_WITHIN)).await?;
                self.have_policies.note(tenant, has_some);
                has_some
            }
        };
        if !has_policies {
            return Ok(BTreeMap::new());
        }
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let end = self.log.tail_of(partition).await.map_err(|error| of_read(&error))?;
        let mut position = Position::start(self.log.epoch().id);
        position.advance(partition, end);
        let mut kinds = self.ask.usage_kinds(tenant, task, KINDS, &position, up_to).await?;
        if kinds.is_empty() {
            kinds.push(UsageKind::default());
        }
        let now = self.ask.now();
        let settings = self.ask.settings();
        let least = |kind| named(&settings, least(task, phase, kind, now), now);
        let requests = kinds.into_iter().map(least).collect();
        let what = What::Exhausted { task: task.as_str().to_owned(), requests };
        let mut command = Command::new(id("gate", "id", &fresh())?, what);
        command.wait = up_to;
        match self.decided(tenant, command).await? {
            Done::Exhausted(policies) => Ok(policies),
            Done::Unchanged
            | Done::Drawn(_)
            | Done::NotDrawn(_)
            | Done::Recorded(_)
            | Done::DoesNotFit { .. }
            | Done::Judged(_)
            | Done::Routed { .. } => Err(of_another_kind()),
        }
    }
}

/// The least more of a kind of usage.
fn least(task: &TaskId, phase: &Phase, kind: UsageKind, now: Timestamp) -> AllocationRequest {
    AllocationRequest {
        allocation: "gate".to_owned(),
        task: Some(task.as_str().to_owned()),
        phase: Some(phase.clone()),
        component: kind.component,
        provider: kind.provider,
        model: kind.model,
        labels: kind.labels,
        priority: NORMAL,
        amount: LEAST,
        is_priced: true,
        // Nothing is reserved: any time to come will do.
        expires_at: now.plus_millis(60 * 60 * 1000),
        ..AllocationRequest::default()
    }
}

/// The policies that refuse one of these requests of a task, unless another model is given instead, the task has
/// something left of what it reserved under them, or they allow more in a moment.
pub(super) fn exhausted(
    state: &BudgetState,
    task: &str,
    requests: &[AllocationRequest],
    others: impl Fn(&AllocationRequest) -> Vec<AllocationRequest>,
    figures: &Figures,
    at: Timestamp,
) -> BTreeMap<String, String> {
    let mut policies = BTreeMap::new();
    for request in requests {
        let decided = decide::allocate(state, request.clone(), &others(request), figures, at);
        let Ok(BudgetEvent::AllocationRefused(refused)) = decided else { continue };
        for found in refused.policies.iter().filter(|found| found.ruling == Ruling::Refused) {
            let ruling = state.policy(&found.policy).and_then(|history| history.ruling_at(at));
            let throttles =
                ruling.is_some_and(|(_, policy)| policy.enforcement == BudgetEnforcement::Throttle);
            if !throttles && !holds(state, &found.policy, task, at) {
                policies.insert(found.policy.clone(), says(found));
            }
        }
    }
    policies
}

/// Whether a task has something left of what it reserved under a policy.
fn holds(state: &BudgetState, policy: &str, task: &str, at: Timestamp) -> bool {
    let left = |(name, open): (&str, &OpenAllocation)| {
        open.request.task.as_deref() == Some(task)
            && open.expires_at > at
            && open.amount.beyond(state.used(name)) != Amount::NOTHING
    };
    state.open_under(policy).any(left)
}

/// What an exhausted policy says, as a sentence of its own.
fn says(found: &PolicyFigures) -> String {
    let text = answer::sentence(found, None);
    format!("{}{}", text.get(..1).unwrap_or_default().to_uppercase(), text.get(1..).unwrap_or_default())
}
