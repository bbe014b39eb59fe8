//! Alerts of policies: a threshold or the limit was reached in a window, or is no longer, or the window is over.
//! Those of allocations are in `overruns.rs`, those of single tasks and sessions in `one_by_one.rs`, those of windows
//! that are over in `late.rs`.
//!
//! Id and content of an observation follow from the version of the policy, its window and the level, so that any number
//! of servers that look write the same event, and it is in the log once.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition};
use tollgate_domain::budget::{
    Amount, AmountLimit, BudgetEnforcement, BudgetState, Measure, Policy, SpentIn, Threshold, needed_by,
    standing,
};
use tollgate_domain::event::{AlertEvent, ConditionObserved, EventBody, PolicyFigures};
use tollgate_domain::ids::{TaskId, TenantId};
use tollgate_domain::position::Position;
use tollgate_domain::printable::grouped;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::AppendOutcome;
use tollgate_projector::queries::Raised;
use tollgate_wire::api::Problem;

use super::BudgetDecisions;
use super::figures::sums;
use crate::ledger::ask::VIEW_WAIT;
use crate::ledger::own::{append_one, of_append_one, own};
use crate::problem::{Answer, INTERNAL};

impl BudgetDecisions {
    /// Looks at the policies and allocations of every tenant, and records which levels were reached or left, and of
    /// which allocation more was used than was allocated; returns how many were recorded.
    ///
    /// # Errors
    ///
    /// The problem with a view or the log. What was not recorded is the next time.
    pub async fn observe_levels(&self) -> Answer<usize> {
        let end = self.ask.end().await?;
        let (mut recorded, mut failed) = (0, None);
        for tenant in self.ask.tenants_with_budgets(&end).await? {
            let Ok(tenant) = TenantId::new(tenant) else { continue };
            let observed =
                [self.observe_tenant(&tenant, &end).await, self.observe_overruns(&tenant, &end).await];
            for observed in observed {
                match observed {
                    Ok(more) => recorded += more,
                    // The others are looked at all the same.
                    Err(problem) => {
                        let detail = format!("tenant `{tenant}`: {}", problem.detail);
                        failed.get_or_insert(Box::new(Problem { detail, ..*problem }));
                    }
                }
            }
        }
        failed.map_or(Ok(recorded), Err)
    }

    async fn observe_tenant(&self, tenant: &TenantId, end: &Position) -> Answer<usize> {
        let state = self.ask.tenant_budgets(tenant, end, VIEW_WAIT).await?.state;
        let others = self.observe_one_by_one(tenant, &state, end).await?;
        let others = others + self.observe_late(tenant, &state, end).await?;
        let now = self.ask.now();
        // In this order: what is reached is seen later than what was observed, and contains all that led to it. Else
        // another server's observation would look like one that no longer holds.
        let known = self.ask.observed_of_budgets(tenant, end).await?;
        let reached = self.reached(tenant, &state, now).await?;
        let mut recorded = others;
        for seen in reached.iter().filter(|seen| !known.contains(&seen.condition)) {
            recorded += self.observe(tenant, seen.clone()).await?;
        }
        for condition in known {
            if reached.iter().any(|seen| seen.condition == condition) {
                continue;
            }
            let (detail, since) = (gone(&state, &condition, now), begin(&condition));
            let over = ConditionObserved { condition, active: false, since, threshold_ms: 0, detail };
            recorded += self.observe(tenant, over).await?;
        }
        Ok(recorded)
    }

    /// The levels that are reached now.
    async fn reached(
        &self,
        tenant: &TenantId,
        state: &BudgetState,
        now: Timestamp,
    ) -> Answer<Vec<ConditionObserved>> {
        let names: Vec<&str> = state.policies().keys().map(String::as_str).collect();
        let needed: Vec<SpentIn> = names.iter().flat_map(|name| needed_by(state, name, None, now)).collect();
        if needed.is_empty() {
            return Ok(Vec::new());
        }
        let open = names.iter().flat_map(|name| state.open_under(name).map(|(open, _)| open)).collect();
        let figures = sums(&self.ask, tenant, needed, open, VIEW_WAIT).await?;
        let found = names.iter().filter_map(|name| {
            let (_, policy) = state.policy(name)?.ruling_at(now)?;
            Some(levels(policy, &standing(state, name, None, &figures, now)?))
        });
        Ok(found.flatten().collect())
    }

    /// Records those conditions that have raised no alert before; returns how many.
    pub(super) async fn observe_once(
        &self,
        tenant: &TenantId,
        reached: Vec<ConditionObserved>,
        end: &Position,
    ) -> Answer<usize> {
        if reached.is_empty() {
            return Ok(0);
        }
        let conditions = reached.iter().map(|seen| seen.condition.clone()).collect();
        let raised = self.ask.raised_before(tenant, conditions, end).await?;
        let mut recorded = 0;
        for (seen, _) in reached.into_iter().zip(raised).filter(|(_, raised)| *raised == Raised::Never) {
            recorded += self.observe(tenant, seen).await?;
        }
        Ok(recorded)
    }

    pub(super) async fn observe(&self, tenant: &TenantId, seen: ConditionObserved) -> Answer<usize> {
        let (id, active, detail) = (seen.event_id(), seen.active, seen.detail.clone());
        let body = EventBody::Alert(AlertEvent::ConditionObserved(Box::new(seen)));
        let submitted =
            own(tenant, &TaskId::budget(), id.as_str(), None, body).map_err(|error| INTERNAL.with(error))?;
        let receipt = append_one(&*self.log, &submitted).await.map_err(|error| of_append_one(&error))?;
        let is_new = matches!(receipt.outcomes[..], [AppendOutcome::Appended(_)]);
        if is_new {
            tracing::info!(%tenant, active, "observed: {detail}");
        }
        Ok(usize::from(is_new))
    }
}

/// Every level of a policy that is reached: in its window, or by the task or session that it was looked at for.
pub(super) fn levels(policy: &Policy, found: &PolicyFigures) -> Vec<ConditionObserved> {
    if policy.enforcement == BudgetEnforcement::Ignore {
        return Vec::new();
    }
    let counted = found.booked.plus(found.reserved);
    let measured = match policy.measure {
        Measure::Booked => found.booked,
        Measure::Reserved => counted,
        Measure::Worst => counted.plus(Amount { tokens: 0, usd: found.unpriced.usd }),
    };
    let reached = levels_of(policy).into_iter().filter(|level| level.is_reached(measured, found.limit));
    let observed = reached.map(|level| {
        let from = found.window.map(|span| span.from);
        let percent = percent(level);
        let rule = if found.of.is_some() { AlertRule::TaskBudget } else { AlertRule::Budget };
        let scope = AlertScope::Policy { name: policy.id.clone(), from, of: found.of.clone() };
        let until = found.window.map(|span| format!(" until {}", span.to)).unwrap_or_default();
        let allows = format!("{} {}, {}", policy.window, policy.scope, in_words(policy.limit));
        let detail = match &found.of {
            None => {
                format!("policy `{}` ({allows}) has reached {percent}% of what it allows{until}", policy.id)
            }
            Some(of) => {
                let each = policy.window.dimension().map(|each| each.to_string()).unwrap_or_default();
                format!(
                    "{each} `{of}` has reached {percent}% of what policy `{}` ({allows}) allows it",
                    policy.id
                )
            }
        };
        ConditionObserved {
            condition: Condition { rule, scope, level: percent },
            active: true,
            since: from.unwrap_or_default(),
            threshold_ms: 0,
            detail,
        }
    });
    observed.collect()
}

/// The thresholds of a policy, each once.
pub(super) fn levels_of(policy: &Policy) -> Vec<Threshold> {
    let mut levels = vec![policy.warn_at, policy.act_at, Threshold::LIMIT];
    levels.dedup();
    levels
}

pub(super) fn percent(level: Threshold) -> u32 {
    level.ten_thousandths().div_euclid(100)
}

fn in_words(limit: AmountLimit) -> String {
    match (limit.usd, limit.tokens) {
        (Some(usd), Some(tokens)) => format!("{usd} USD and {} tokens", grouped(tokens.into())),
        (Some(usd), None) => format!("{usd} USD"),
        (None, Some(tokens)) => format!("{} tokens", grouped(tokens.into())),
        (None, None) => "nothing".to_owned(),
    }
}

/// What an observation about a condition follows from: the begin of its window.
fn begin(condition: &Condition) -> Timestamp {
    if let AlertScope::Policy { from: Some(from), .. } = condition.scope {
        from
    } else {
        Timestamp::default()
    }
}

/// Why a level is no longer reached.
fn gone(state: &BudgetState, condition: &Condition, now: Timestamp) -> String {
    let AlertScope::Policy { name, from, .. } = &condition.scope else { return String::new() };
    let ruling = state.policy(name).and_then(|history| history.ruling_at(now));
    let Some((_, policy)) = ruling.filter(|(_, policy)| state.is_active(policy)) else {
        return format!("policy `{name}` no longer rules");
    };
    if policy.window.span_at(&policy.zone, now).map(|span| span.from) != *from {
        return format!("the window of policy `{name}` is over");
    }
    if !levels_of(policy).into_iter().any(|level| percent(level) == condition.level) {
        return format!("policy `{name}` has no level at {}% any more", condition.level);
    }
    format!("policy `{name}` is below {}% of what it allows again", condition.level)
}
