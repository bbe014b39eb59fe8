//! A task that was completed: how it did, and where its report is.

use tollgate_domain::alert::{AlertRule, AlertScope, Condition, Severity};
use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::event::TaskOutcome;
use tollgate_domain::gate::grouped;
use tollgate_domain::task::TaskStage;

use crate::report::report_path;
use crate::status::{TaskRow, figures};

/// What is reported about a completed task that was opened with limits.
pub(super) fn completion(row: &TaskRow, tenant: &str, task: &str) -> Option<(Condition, Severity, String)> {
    if row.state.stage != TaskStage::Closed(TaskOutcome::Completed) {
        return None;
    }
    let figures = figures(row, None);
    let (tokens, latency) = (figures.tokens?, figures.latency?);
    let verdict = match tokens.breach().max(latency.breach()) {
        BreachStatus::Within => "within its limits",
        BreachStatus::Warning => "above its limits",
        BreachStatus::Exceeded => "far above its limits",
    };
    let condition = Condition { rule: AlertRule::Completed, scope: AlertScope::Task, level: 0 };
    let message = format!(
        "Task {task} is completed, {verdict}: tokens {}, latency {}; its report: {}",
        numbers(&tokens, ""),
        numbers(&latency, " ms"),
        report_path(tenant, task)
    );
    Some((condition, Severity::of_observed(AlertRule::Completed), message))
}

fn numbers(utilization: &Utilization, unit: &str) -> String {
    let percent = utilization.shown_percent().map(|percent| format!(" ({percent}%)")).unwrap_or_default();
    format!("{} / {}{unit}{percent}", grouped(utilization.used), grouped(utilization.limit))
}
