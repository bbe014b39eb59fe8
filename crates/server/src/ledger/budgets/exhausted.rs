//! The policies by which a task may spend nothing more.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_domain::budget::Amount;
use tollgate_domain::event::{AllocationRequest, PolicyFigures, Ruling};
use tollgate_domain::ids::{BUDGET_TASK, TaskId, TenantId};
use tollgate_domain::money::Usd;
use tollgate_domain::phase::Phase;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_projection::spending::UsageKind;

use super::BudgetDecisions;
use super::allocations::of_another_kind;
use super::answer;
use super::command::{Command, Done, What};
use super::request::{NORMAL, fresh, id};
use crate::problem::{Answer, of_read};

/// The most kinds of usage of a task that are looked at: the latest.
const KINDS: usize = 32;

/// The least that can be spent of both.
const LEAST: Amount = Amount { tokens: 1, usd: Usd::from_units(1) };

impl BudgetDecisions {
    /// The policies that refuse a task the least more, in this phase, of the kinds of usage that it had so far, with
    /// what each says. A policy that would give another model instead is none of them.
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
        let end = self.end_of(PartitionId::of(tenant.as_str(), BUDGET_TASK)).await?;
        if !self.ask.has_policies(tenant, &end, up_to).await? {
            return Ok(BTreeMap::new());
        }
        let end = self.end_of(PartitionId::of(tenant.as_str(), task.as_str())).await?;
        let mut kinds = self.ask.usage_kinds(tenant, task, KINDS, &end, up_to).await?;
        if kinds.is_empty() {
            kinds.push(UsageKind::default());
        }
        let now = self.ask.now();
        let requests: Vec<AllocationRequest> = kinds
            .into_iter()
            .map(|kind| AllocationRequest {
                task: Some(task.as_str().to_owned()),
                phase: Some(phase.clone()),
                component: kind.component,
                provider: kind.provider,
                model: kind.model,
                labels: kind.labels,
                priority: NORMAL,
                amount: LEAST,
                is_priced: true,
                expires_at: now,
                ..AllocationRequest::default()
            })
            .collect();
        let mut command = Command::new(id("gate", "id", &fresh())?, What::Route(requests));
        command.wait = up_to;
        let Done::Routed { judgements, .. } = self.decided(tenant, command).await? else {
            return Err(of_another_kind());
        };
        let judged = judgements.iter().filter(|judgement| judgement.degrade_to.is_empty());
        let policies = judged.flat_map(|judgement| &judgement.policies);
        let refusing = policies.filter(|found| found.ruling == Ruling::Refused);
        Ok(refusing.map(|found| (found.policy.clone(), says(found))).collect())
    }

    async fn end_of(&self, partition: PartitionId) -> Answer<Position> {
        let end = self.log.tail_of(partition).await.map_err(|error| of_read(&error))?;
        let mut position = Position::start(self.log.epoch().id);
        position.advance(partition, end);
        Ok(position)
    }
}

/// What an exhausted policy says, as a sentence of its own.
fn says(found: &PolicyFigures) -> String {
    let text = answer::sentence(found, None);
    format!("{}{}", text.get(..1).unwrap_or_default().to_uppercase(), text.get(1..).unwrap_or_default())
}
