//! The budget report of a task.

use tollgate_domain::breach::BreachStatus;
use tollgate_domain::gate::{ReasonCode, Verdict};
use tollgate_domain::limits::{PhaseLimit, TaskLimits};
use tollgate_domain::tier::ImportanceSource;
use tollgate_domain::time::Timestamp;
use tollgate_wire::api::{
    Calculation, DecisionView, ExecutionReport, ExplanationView, OverrideView, ReasonView, ReportTotals,
    TaskReport, TokenTotals,
};

use super::findings::{anomalies, breaches, executive_summary, recommendations, unexplained, warnings};
use super::phase_use::phases;
use super::similar::{Similar, comparison};
use super::task_status::{Named, UNKNOWN, budget_status, task_budget_status};
use super::words::with_thousands;
use super::{limit_view, narrow, task_totals, utilization_view};
use crate::status::{Bypass, Decision, Execution, Explanation, Figures, Latency, Override, TaskRow, figures};

/// The budget report of a task, beside those of its class; `now` is what a running execution counts up to.
#[must_use]
pub fn task_report(named: Named<'_>, similar: &Similar, now: Option<Timestamp>, as_of: String) -> TaskReport {
    let row = named.row;
    let figures = figures(row, now);
    let limits = row.state.limits.as_deref();
    let anomalies = anomalies(row, similar, now);
    let recommendations = recommendations(row, &figures, now);
    let mut warnings = warnings(named, &figures);
    if let Similar::Unavailable(reason) = similar {
        warnings.push(format!("Data unavailable: what similar tasks used ({reason})"));
    }
    let bypassed = |bypass: &Bypass| format!("Bypass: {} (record {})", bypass.sentence(), bypass.sequence);
    warnings.extend(row.bypasses.iter().map(bypassed));
    TaskReport {
        tenant: named.tenant.to_owned(),
        task_id: named.task.to_owned(),
        title: row.opened.as_ref().and_then(|opened| opened.title.clone()),
        stage: row.state.stage.as_str().to_owned(),
        blocked_before: row
            .blocked()
            .filter(|_| row.state.stage.as_str() == "open")
            .map(|block| block.advance.to_string()),
        current_phase: row.state.active.as_ref().map(ToString::to_string),
        summary: executive_summary(row, &figures, &anomalies, &recommendations),
        executions: execution_reports(row, now),
        totals: totals(row, &figures),
        breaches: breaches(row, &figures, now),
        anomalies,
        recommendations,
        decisions: row.decisions.iter().map(decision_view).collect(),
        earlier_decisions: row.earlier_decisions,
        overrides: row.overrides.iter().map(override_view).collect(),
        explanations: row.explanations.iter().map(explanation_view).collect(),
        unexplained: unexplained(row, now),
        class: comparison(row, &figures, phases(row, now), similar),
        warnings,
        calculation: limits.map(calculation),
        config_hash: limits.map(|limits| limits.config_hash.clone()),
        classification: "internal".to_owned(),
        as_of,
    }
}

/// Every execution in the order of the phases, and every phase not begun.
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
            reports.push(not_started(limit));
        }
    }
    reports
}

pub(super) fn decision_view(decision: &Decision) -> DecisionView {
    let reason = |(code, verdict, message): &(ReasonCode, Verdict, String)| ReasonView {
        code: code.as_str().to_owned(),
        verdict: verdict.as_str().to_owned(),
        message: message.clone(),
    };
    DecisionView {
        sequence: decision.sequence.0,
        at: decision.at.to_string(),
        advance_to: decision.advance.to_string(),
        verdict: decision.verdict.as_str().to_owned(),
        ruled: decision.ruled.as_str().to_owned(),
        reasons: decision.reasons.iter().map(reason).collect(),
        requirements: decision
            .requirements
            .iter()
            .map(|requirement| requirement.as_str().to_owned())
            .collect(),
        tokens: decision.tokens.as_ref().map(utilization_view),
        latency_ms: decision.latency.as_ref().map(utilization_view),
        config_hash: decision.config_hash.clone(),
        as_of: decision.as_of.clone(),
        stale: decision.stale,
    }
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
        state: if execution.ended_at.is_some() { "ended" } else { "running" }.to_owned(),
        tokens_used: narrow(activity.tokens.total().max(0)),
        tokens_limit: limit.map(|limit| limit.tokens),
        tokens: task_totals(&activity.tokens),
        latency_ms: latency.counted(),
        latency_limit_ms: limit.filter(|_| enforced).map(|limit| limit.latency_ms),
        wait_ms: activity.wait_ms,
        usage_events: activity.usage_events,
        breach_status: if is_unknown(execution)
            && limit.is_some_and(|limit| is_within(execution, limit, latency))
        {
            UNKNOWN.to_owned()
        } else {
            budget_status(limit.map(|limit| execution.breach(limit, latency)))
        },
        tokens_estimated: activity.estimated_tokens != 0,
        cost_usd: activity.cost.to_string(),
        unpriced_tokens: narrow(activity.unpriced_tokens),
        started_at: Some(execution.started_at.to_string()),
        ended_at: execution.ended_at.map(|end| end.to_string()),
        factors: limit.map(limit_view),
    }
}

/// Whether an execution ended and nobody said what it used.
fn is_unknown(execution: &Execution) -> bool {
    execution.ended_at.is_some() && execution.activity.usage_events == 0
}

fn is_within(execution: &Execution, limit: &PhaseLimit, latency: Latency) -> bool {
    execution.breach(limit, latency) == BreachStatus::Within
}

fn not_started(limit: &PhaseLimit) -> ExecutionReport {
    ExecutionReport {
        phase: limit.phase.as_str().to_owned(),
        attempt: 0,
        state: "not_started".to_owned(),
        tokens_used: 0,
        tokens_limit: Some(limit.tokens),
        tokens: TokenTotals::default(),
        latency_ms: 0,
        latency_limit_ms: Some(limit.latency_ms),
        wait_ms: 0,
        usage_events: 0,
        breach_status: "within".to_owned(),
        tokens_estimated: false,
        cost_usd: "0".to_owned(),
        unpriced_tokens: 0,
        started_at: None,
        ended_at: None,
        factors: Some(limit_view(limit)),
    }
}

fn totals(row: &TaskRow, figures: &Figures) -> ReportTotals {
    ReportTotals {
        tokens: task_totals(&figures.total.tokens),
        tokens_budget: figures.tokens.as_ref().map(utilization_view),
        latency_ms: figures.latency_ms,
        latency_budget: figures.latency.as_ref().map(utilization_view),
        breach_status: task_budget_status(row, figures),
        estimated_tokens: narrow(figures.total.estimated_tokens),
        unphased_tokens: narrow(row.unphased.tokens.total()),
        unmatched_tokens: narrow(figures.unmatched_tokens),
        cost_usd: figures.total.cost.to_string(),
        unpriced_tokens: narrow(figures.total.unpriced_tokens),
    }
}

fn override_view(granted: &Override) -> OverrideView {
    OverrideView {
        sequence: granted.sequence.0,
        at: granted.at.to_string(),
        what: with_thousands(&granted.what),
        approver: granted.approver.clone(),
        reason: granted.reason.clone(),
    }
}

fn explanation_view(given: &Explanation) -> ExplanationView {
    ExplanationView {
        sequence: given.sequence.0,
        at: given.at.to_string(),
        phase: given.execution.phase.as_str().to_owned(),
        attempt: given.execution.attempt,
        author: given.author.clone(),
        explanation: given.text.clone(),
    }
}

fn calculation(limits: &TaskLimits) -> Calculation {
    Calculation {
        complexity: limits.complexity.to_string(),
        complexity_multiplier: limits.complexity_multiplier.to_string(),
        importance: limits.importance.to_string(),
        importance_multiplier: limits.importance_multiplier.to_string(),
        importance_source: match &limits.importance_source {
            ImportanceSource::Stated => "stated".to_owned(),
            ImportanceSource::Tag(tag) => format!("tag:{tag}"),
            ImportanceSource::Default => "default".to_owned(),
        },
        budget_multiplier: limits.budget_multiplier.map(|factor| factor.to_string()),
        phases: limits.phases.iter().map(limit_view).collect(),
        budgeted_latency: limits.budgeted_latency.to_string(),
    }
}
