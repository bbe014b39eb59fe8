//! Alerts of allocations: more was used than was allocated, whether the allocation is open or was closed long ago.
//!
//! The view lists what was decided or used by the record in which it was, so a look is at what happened since the one
//! before. The first look of a server is at everything, so that nothing is lost that another one did not get to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::budget::Amount;
use tollgate_domain::event::ConditionObserved;
use tollgate_domain::gate::grouped;
use tollgate_domain::ids::TenantId;
use tollgate_domain::money::Usd;
use tollgate_domain::position::Position;
use tollgate_projection::budgets::{AllocationRow, AllocationState};
use tollgate_projector::queries::SpentOf;

use super::BudgetDecisions;
use crate::ledger::ask::{Read, VIEW_WAIT};
use crate::problem::Answer;

/// How many allocations are looked at together. Their rows have the figures of policies: this many fit a message.
const TOGETHER: usize = 100;

/// Up to where the allocations of each tenant were looked at.
#[derive(Clone, Default)]
pub(super) struct Looked(Arc<Mutex<HashMap<TenantId, Position>>>);

impl Looked {
    /// Up to where; `None`: there was no look at this log yet.
    fn at(&self, tenant: &TenantId, end: &Position) -> Option<Position> {
        let looked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looked.get(tenant).filter(|position| position.epoch() == end.epoch()).cloned()
    }

    fn note(&self, tenant: &TenantId, position: Position) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), position);
    }
}

impl BudgetDecisions {
    /// Records each allocation of a tenant of which more was used than was allocated, once; returns how many.
    pub(super) async fn observe_overruns(&self, tenant: &TenantId, end: &Position) -> Answer<usize> {
        let mut recorded = 0;
        loop {
            let since = self.looked.at(tenant, end);
            if since.as_ref().is_some_and(|since| since.covers(end)) {
                return Ok(recorded);
            }
            let moved = self.ask.allocations_moved(tenant, since.as_ref(), TOGETHER, end).await?;
            let names: Vec<String> = moved.names.into_iter().collect();
            for names in names.chunks(TOGETHER) {
                recorded += self.observe_overruns_of(tenant, names, end).await?;
            }
            let mut through = since.unwrap_or_else(|| Position::start(end.epoch()));
            moved.through.into_iter().for_each(|(partition, sequence)| through.advance(partition, sequence));
            self.looked.note(tenant, through);
            if !moved.more {
                return Ok(recorded);
            }
        }
    }

    async fn observe_overruns_of(
        &self,
        tenant: &TenantId,
        names: &[String],
        end: &Position,
    ) -> Answer<usize> {
        let query =
            SpentOf { tenant: tenant.as_str().to_owned(), asks: Vec::new(), allocations: names.to_vec() };
        let (used, _) = self.ask.spent(query, Some(end), VIEW_WAIT).await?;
        let read = Read { at_least: Some(end.to_string()), wait: VIEW_WAIT };
        let (rows, _) = self.ask.allocations_named(tenant, names.to_vec(), &read).await?;
        let used = names.iter().zip(&used.used);
        let over: Vec<ConditionObserved> =
            used.filter_map(|(name, used)| overrun(rows.get(name)?, Amount::from(used))).collect();
        self.observe_once(tenant, over, end).await
    }
}

/// What is observed of an allocation if more was used of it than was allocated. Tokens or money that nobody asked for
/// are not exceeded.
fn overrun(row: &AllocationRow, used: Amount) -> Option<ConditionObserved> {
    let AllocationRow { request, amount, .. } = row;
    let is_over = (amount.tokens > 0 && used.tokens > amount.tokens)
        || (amount.usd > Usd::ZERO && used.usd > amount.usd);
    let is_made = match row.state {
        AllocationState::Refused => false,
        AllocationState::Open | AllocationState::Released { .. } | AllocationState::Expired => true,
    };
    if !is_made || !is_over {
        return None;
    }
    let component = request.component.as_ref().map(|component| format!("component `{component}`"));
    let task = request.task.as_ref().map(|task| format!("task {task}"));
    let by: Vec<String> = component.into_iter().chain(task).collect();
    let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(" for ")) };
    let name = &request.allocation;
    Some(ConditionObserved {
        condition: Condition {
            rule: AlertRule::AllocationOverrun,
            scope: AlertScope::Allocation(name.clone()),
            level: 0,
        },
        active: true,
        since: row.decided_at,
        threshold_ms: 0,
        detail: format!(
            "allocation `{name}`, asked for{by}: {} used, {} allocated",
            in_words(used, *amount),
            in_words(*amount, *amount)
        ),
    })
}

/// What was asked for of tokens and money: `1,200 tokens and 0.5 USD`.
fn in_words(of: Amount, asked: Amount) -> String {
    let tokens = format!("{} tokens", grouped(of.tokens.max(0).unsigned_abs()));
    let usd = format!("{} USD", of.usd);
    match (asked.tokens > 0, asked.usd > Usd::ZERO) {
        (true, true) => format!("{tokens} and {usd}"),
        (true, false) => tokens,
        (false, true) | (false, false) => usd,
    }
}
