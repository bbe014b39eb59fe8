//! The budget report of a task.

use tollgate_domain::limits::TaskLimits;
use tollgate_domain::money::Usd;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::ImportanceSource;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenSums;
use tollgate_wire::api::{Calculation, ReportTotals, TaskReport, UsageOutside};

use super::budget_status::task_budget_status;
use super::executions::execution_reports;
use super::findings::{anomalies, breaches, executive_summary, recommendations, unexplained, warnings};
use super::judgements::{decision_view, explanation_view, override_view};
use super::named::Named;
use super::phase_use::phases;
use super::progress::progress_lines;
use super::similar::{Similar, comparison};
use super::{limit_view, narrow, task_totals, task_units, token_totals, unit_totals, utilization_view};
use crate::status::{Activity, Bypass, Figures, TaskRow, figures};

/// The budget report of a task, compared with those of its class; `now` is the time up to which running
/// executions count.
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
        stage: row.state.stage,
        blocked_before: row
            .blocked()
            .filter(|_| row.state.stage == TaskStage::Open)
            .map(|block| block.advance.to_string()),
        current_phase: row.state.active.as_ref().map(ToString::to_string),
        summary: executive_summary(row, &figures, &anomalies, &recommendations),
        executions: execution_reports(row, now),
        totals: totals(row, &figures),
        progress: progress_lines(row),
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
        unphased: outside(std::iter::once(&row.unphased)),
        unmatched: outside(row.unmatched.values()),
        cost_usd: figures.total.cost.to_string(),
        unpriced_tokens: narrow(figures.total.unpriced_tokens),
        units: task_units(&figures.total.units.used),
        unpriced_units: unit_totals(&figures.total.units.unpriced),
    }
}

/// What was used outside of executions; `None`: nothing.
fn outside<'a>(parts: impl Iterator<Item = &'a Activity>) -> Option<UsageOutside> {
    let mut all = Activity::default();
    parts.for_each(|part| all.add(part));
    let Activity { tokens, cost, unpriced_tokens, units, .. } = &all;
    let nothing = *tokens == TokenSums::default() && *cost == Usd::ZERO && *unpriced_tokens == 0;
    if nothing && units.used.is_empty() && units.unpriced.is_empty() {
        return None;
    }
    Some(UsageOutside {
        tokens: token_totals(tokens),
        cost_usd: cost.to_string(),
        unpriced_tokens: narrow(*unpriced_tokens),
        units: unit_totals(&units.used),
        unpriced_units: unit_totals(&units.unpriced),
    })
}

fn calculation(limits: &TaskLimits) -> Calculation {
    Calculation {
        complexity: limits.complexity,
        complexity_multiplier: limits.complexity_multiplier.to_string(),
        importance: limits.importance,
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
