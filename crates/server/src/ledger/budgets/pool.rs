//! Pools of unused budget: what closed tasks give, and what tasks draw that the gate would block. Decided in the one
//! order of the tenant, as money is.

use std::time::Duration;

use tollgate_domain::event::BudgetEvent;
use tollgate_domain::hex::hex_of_sha256;
use tollgate_domain::ids::{EventId, MAX_ID_BYTES, TaskId, TenantId};
use tollgate_domain::pool::{Demand, PoolRules, Refused, Settling};
use tollgate_domain::position::PartitionId;
use tollgate_domain::time::Timestamp;
use tollgate_projection::status::settling;
use tollgate_projector::Wait;
use tollgate_projector::queries::ClosedTasks;
use tollgate_wire::api::{PoolDrawer, PoolMoved, PoolView};

use super::BudgetDecisions;
use super::allocations::of_another_kind;
use super::command::{Command, Done, What};
use crate::ledger::ask::{Read, VIEW_WAIT};
use crate::problem::{Answer, INTERNAL, of_query};

/// What the id of a draw begins with; the task and what it has to have drawn follow.
const DRAW: &str = "draw";

/// What the id of a gift begins with; the task follows.
const GIVE: &str = "give";

/// What became of a draw.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) enum Drawing {
    /// The task has drawn so many tokens by now.
    Has(u64),
    /// Nothing was drawn.
    Refused(Refused),
}

impl BudgetDecisions {
    /// Draws for a task all that it needs, or nothing. A task that asks again for the same has it already, so what was
    /// lost between this and the gate's answer is found again.
    ///
    /// # Errors
    ///
    /// The problem with the view or the log. It may have been drawn all the same.
    pub(in crate::ledger) async fn draw(
        &self,
        tenant: &TenantId,
        demand: Demand,
        rules: &PoolRules,
        up_to: Duration,
    ) -> Answer<Drawing> {
        let id = id_of(DRAW, &format!("{}/{}", demand.task, demand.needed))?;
        let what = What::Draw { demand, rules: Box::new(rules.clone()) };
        let mut command = Command::new(id, what);
        command.wait = up_to;
        match self.decided(tenant, command).await? {
            Done::Recorded(recorded) => match recorded.event {
                BudgetEvent::PoolDrawn(drawn) => Ok(Drawing::Has(drawn.drawn)),
                _ => Err(of_another_kind()),
            },
            Done::Drawn(tokens) => Ok(Drawing::Has(tokens)),
            Done::NotDrawn(refused) => Ok(Drawing::Refused(refused)),
            Done::Unchanged
            | Done::DoesNotFit { .. }
            | Done::Judged(_)
            | Done::Routed { .. }
            | Done::Exhausted(_) => Err(of_another_kind()),
        }
    }

    /// Records what a task that closed gives, once; returns whether it gave, or gave back, something now. Nothing
    /// without a pool.
    ///
    /// # Errors
    ///
    /// The problem with a view or the log.
    pub async fn give(&self, tenant: &TenantId, task: &TaskId) -> Answer<bool> {
        let Some(rules) = self.ask.settings().config.pool.clone() else { return Ok(false) };
        let partition = PartitionId::of(tenant.as_str(), task.as_str());
        let end = self.ask.end().await?.only(partition);
        let wait = Wait { at_least: Some(&end), up_to: VIEW_WAIT };
        let row = self.ask.task_row(tenant, task, partition, wait).await;
        let (found, _) = row.map_err(|error| of_query(&error))?;
        match found.row.as_ref().and_then(|row| settling(task.as_str(), row)) {
            Some(closed) => self.settle(tenant, closed, &rules).await,
            None => Ok(false),
        }
    }

    /// Records what all tasks give that closed since then, by the ledger's clock, and did not yet; returns how many.
    ///
    /// # Errors
    ///
    /// The problem with a view or the log. What was recorded until then is.
    pub async fn give_all(&self, since: Timestamp) -> Answer<usize> {
        let Some(rules) = self.ask.settings().config.pool.clone() else { return Ok(0) };
        let (mut after, mut given) = (None, 0);
        loop {
            let page = self.ask.closed(&ClosedTasks { since, after }).await?;
            for (tenant, closed) in page.tasks {
                let Ok(tenant) = TenantId::new(tenant) else { continue };
                given += usize::from(self.settle(&tenant, closed, &rules).await?);
            }
            after = page.through;
            if after.is_none() {
                return Ok(given);
            }
        }
    }

    async fn settle(&self, tenant: &TenantId, closed: Settling, rules: &PoolRules) -> Answer<bool> {
        let id = id_of(GIVE, &closed.task)?;
        let command = Command::new(id, What::Give { closed, rules: Box::new(rules.clone()) });
        match self.decided(tenant, command).await? {
            Done::Recorded(recorded) => Ok(!recorded.repeated),
            Done::Unchanged => Ok(false),
            Done::Drawn(_)
            | Done::NotDrawn(_)
            | Done::DoesNotFit { .. }
            | Done::Judged(_)
            | Done::Routed { .. }
            | Done::Exhausted(_) => Err(of_another_kind()),
        }
    }

    /// What is in the pool of a tenant, and what was moved.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn pool(&self, tenant: &str, read: &Read) -> Answer<PoolView> {
        let tenant = super::request::tenant(Some(&tenant.to_owned()))?;
        let (found, as_of) = self.ask.tenant_state(&tenant, read).await?;
        let rules = self.ask.settings().config.pool.clone();
        let live = found.state.pool();
        let pool = rules.as_ref().map_or_else(|| live.pool().clone(), |rules| live.at(rules, self.ask.now()));
        let (sums, window) = (pool.sums(), pool.window());
        let drawers = live.drawn().iter();
        Ok(PoolView {
            tenant: tenant.as_str().to_owned(),
            configured: rules.is_some(),
            in_pool: sums.left,
            window: window.map(|(span, moved)| PoolMoved {
                from: Some(span.from.to_string()),
                to: Some(span.to.to_string()),
                given: moved.given,
                drawn: moved.drawn,
                returned: moved.returned,
                expired: 0,
            }),
            total: PoolMoved {
                from: None,
                to: None,
                given: sums.given,
                drawn: sums.drawn,
                returned: sums.returned,
                expired: sums.expired,
            },
            drawers: drawers
                .map(|(task, tokens)| PoolDrawer { task: task.clone(), tokens: *tokens })
                .collect(),
            as_of,
        })
    }
}

/// An id that follows from what it is about, and fits.
fn id_of(what: &str, name: &str) -> Answer<EventId> {
    let plain = format!("pool-{what}/{name}");
    let id =
        if plain.len() > MAX_ID_BYTES { format!("pool-{what}/{}", hex_of_sha256(name, 32)) } else { plain };
    EventId::new(id).map_err(|error| INTERNAL.with(error.to_string()))
}
