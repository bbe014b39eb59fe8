//! The executions of a task, as in API answers.

use std::collections::BTreeMap;

use tollgate_domain::breach::BreachStatus;
use tollgate_domain::limits::PhaseLimit;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{BudgetStatus, ExecutionReport, ExecutionState, TokenTotals};

use super::budget_status::budget_status;
use super::{limit_view, narrow, task_totals, task_units, unit_totals};
use crate::status::{Execution, Latency, TaskRow};

/// Every execution in phase order, and every phase not yet started.
pub(super) fn execution_reports(row: &TaskRow, now: Option<Timestamp>) -> Vec<ExecutionReport> {
    let Some(limits) = row.state.limits.as_deref() else {
        return row.executions.iter().map(|execution| execution_report(row, execution, None, now)).collect();
    };
    let mut reports = Vec::new();
    for limit in &limits.phases {
        let of_phase = row.executions.iter().filter(|execution| execution.id.phase == limit.phase);
        let before = reports.len();
        reports.extend(of_phase.map(|execution| execution_report(row, execution, Some(limit), now)));
        if reports.len() == before {
            reports.push(not_started(limit, row.tokens_limit(limit)));
        }
    }
    reports
}

fn execution_report(
    row: &TaskRow,
    execution: &Execution,
    limit: Option<&PhaseLimit>,
    now: Option<Timestamp>,
) -> ExecutionReport {
    let activity = &execution.activity;
    let latency = execution.latency(row.budgeted(), now);
    let enforced = matches!(latency, Latency::Known(_));
    ExecutionReport {
        phase: execution.id.phase.as_str().to_owned(),
        attempt: execution.id.attempt,
        state: if execution.ended_at.is_some() { ExecutionState::Ended } else { ExecutionState::Running },
        tokens_used: narrow(activity.tokens.total().max(0)),
        tokens_limit: limit.map(|limit| row.tokens_limit(limit)),
        tokens: task_totals(&activity.tokens),
        latency_ms: latency.counted(),
        latency_limit_ms: limit.filter(|_| enforced).map(|limit| limit.latency_ms),
        wait_ms: activity.wait_ms,
        usage_events: activity.usage_events,
        breach_status: if is_unknown(execution)
            && limit.is_some_and(|limit| row.breach(execution, limit, latency) == BreachStatus::Within)
        {
            BudgetStatus::Unknown
        } else {
            budget_status(limit.map(|limit| row.breach(execution, limit, latency)))
        },
        tokens_estimated: activity.estimated_tokens != 0,
        cost_usd: activity.cost.to_string(),
        unpriced_tokens: narrow(activity.unpriced_tokens),
        units: task_units(&activity.units.used),
        unpriced_units: unit_totals(&activity.units.unpriced),
        started_at: Some(execution.started_at.to_string()),
        ended_at: execution.ended_at.map(|end| end.to_string()),
        factors: limit.map(limit_view),
    }
}

/// Whether an execution ended without any reported usage.
fn is_unknown(execution: &Execution) -> bool {
    execution.ended_at.is_some() && execution.activity.usage_events == 0
}

fn not_started(limit: &PhaseLimit, tokens: u64) -> ExecutionReport {
    ExecutionReport {
        phase: limit.phase.as_str().to_owned(),
        attempt: 0,
        state: ExecutionState::NotStarted,
        tokens_used: 0,
        tokens_limit: Some(tokens),
        tokens: TokenTotals::default(),
        latency_ms: 0,
        latency_limit_ms: Some(limit.latency_ms),
        wait_ms: 0,
        usage_events: 0,
        breach_status: BudgetStatus::Within,
        tokens_estimated: false,
        cost_usd: "0".to_owned(),
        unpriced_tokens: 0,
        units: BTreeMap::new(),
        unpriced_units: BTreeMap::new(),
        started_at: None,
        ended_at: None,
        factors: Some(limit_view(limit)),
    }
}
