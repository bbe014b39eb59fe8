//! Sentences about a task: what was breached and why, what is odd, what to do, what its readers should know.

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::gate::{Verdict, grouped};
use tollgate_domain::metadata::Enforcement;
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;

use super::task_status::Named;
use crate::status::{Execution, Figures, Latency, TaskRow};

/// Files read in one execution from which on research is the likely cause of a breach.
const MANY_FILES: i128 = 20;

/// Model calls in one execution from which on iteration is the likely cause of a breach.
const MANY_CALLS: i128 = 20;

/// Executions and totals above their limits.
pub(super) fn breaches(row: &TaskRow, figures: &Figures, now: Option<Timestamp>) -> Vec<String> {
    let mut found = Vec::new();
    for (what, utilization, unit) in [("tokens", figures.tokens, ""), ("latency", figures.latency, " ms")] {
        if let Some(utilization) =
            utilization.filter(|utilization| utilization.breach() != BreachStatus::Within)
        {
            found.push(format!("task {what}: {}", numbers(&utilization, unit)));
        }
    }
    for (execution, tokens, latency) in utilizations(row, now) {
        let parts = [("tokens", Some(tokens), ""), ("latency", latency, " ms")];
        for (what, utilization, unit) in parts {
            if let Some(utilization) =
                utilization.filter(|utilization| utilization.breach() != BreachStatus::Within)
            {
                let cause = likely_cause(execution).map(|cause| format!(" ({cause})")).unwrap_or_default();
                found.push(format!("{} {what}: {}{cause}", execution.id, numbers(&utilization, unit)));
            }
        }
    }
    found
}

/// Executions far above or below their limits, and times that cannot be right. The largest comes first.
pub(super) fn anomalies(row: &TaskRow, now: Option<Timestamp>) -> Vec<String> {
    let mut found: Vec<(u128, String)> = Vec::new();
    for (execution, tokens, _) in utilizations(row, now) {
        let percent = tokens.percent().unwrap_or_default();
        if tokens.above(Decimal::new(15, 1)) {
            found.push((percent, format!("{} used {percent}% of its tokens", execution.id)));
        } else if tokens.below(Decimal::new(5, 1)) && execution.ended_at.is_some() {
            let distance = 100_u128.saturating_sub(percent);
            found.push((distance, format!("{} used only {percent}% of its tokens", execution.id)));
        }
    }
    found.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let mut sentences: Vec<String> = found.into_iter().map(|(_, sentence)| sentence).collect();
    for execution in &row.executions {
        if let Latency::Anomalous(measured) = execution.latency(row.budgeted(), now) {
            let id = &execution.id;
            let sentence =
                format!("{id} took {measured} ms by its times: counted as 0, no latency limit is enforced");
            sentences.push(sentence);
        }
    }
    sentences
}

/// What a person can do, most useful first; never empty.
pub(super) fn recommendations(row: &TaskRow, figures: &Figures, now: Option<Timestamp>) -> Vec<String> {
    let mut found = Vec::new();
    let blocked = row.decisions.last().filter(|decision| decision.verdict == Verdict::Block);
    let over = figures.tokens.is_some_and(|tokens| tokens.above(Decimal::ONE));
    if let Some(decision) = blocked {
        let advance = &decision.advance;
        let unfinished = matches!(row.state.stage, TaskStage::Open);
        if unfinished && !row.state.passes.contains(advance) {
            found.push(format!(
                "find out why it was blocked before {advance}; if the spend was legitimate, set the block aside with an \
                 approver and a reason"
            ));
        }
    }
    let worst = utilizations(row, now)
        .filter(|(_, tokens, _)| tokens.above(Decimal::ONE))
        .max_by_key(|(_, tokens, _)| tokens.percent());
    if let Some((execution, tokens, _)) = worst {
        let percent = tokens.percent().unwrap_or_default();
        found.push(format!("look at {} first: it used {percent}% of its tokens", execution.id));
    }
    if over && row.state.enforcement == Enforcement::Off {
        found.push(
            "the task is only tracked; open such tasks with enforcement on to stop runaways".to_owned(),
        );
    }
    if figures.total.unpriced_tokens != 0 {
        found.push("give the unpriced models a price, so that the cost is complete".to_owned());
    }
    if row.state.limits.is_none() {
        found.push("open the task before its first usage, so that it has limits".to_owned());
    }
    if found.is_empty() {
        found.push("nothing to do".to_owned());
    }
    found
}

/// The verdict with utilization, the largest anomaly, one recommendation.
pub(super) fn executive_summary(
    row: &TaskRow,
    figures: &Figures,
    anomalies: &[String],
    recommendations: &[String],
) -> Vec<String> {
    let verdict = match (figures.breach, figures.tokens, figures.latency) {
        (Some(breach), Some(tokens), Some(latency)) => format!(
            "Verdict: {}, tokens {}, latency {}",
            match breach {
                BreachStatus::Within => "within limits",
                BreachStatus::Warning => "above its limits",
                BreachStatus::Exceeded => "far above its limits",
            },
            numbers(&tokens, ""),
            numbers(&latency, " ms")
        ),
        _ => format!("Verdict: no limits, {} tokens used", grouped(figures.total.tokens.used())),
    };
    let blocked = row.decisions.iter().any(|decision| decision.verdict == Verdict::Block);
    let anomaly = anomalies.first().map_or("none", String::as_str);
    let recommendation = recommendations.first().map_or("nothing to do", String::as_str);
    vec![
        if blocked { format!("{verdict}; it was blocked by the gate") } else { verdict },
        format!("Largest anomaly: {anomaly}"),
        format!("Recommendation: {recommendation}"),
    ]
}

/// What readers of a task's numbers should know.
pub(super) fn warnings(named: Named<'_>, figures: &Figures) -> Vec<String> {
    let row = named.row;
    let mut found = Vec::new();
    if named.degraded {
        found.push(
            "Data unavailable: some events could not be read, the numbers lack them and all later ones"
                .to_owned(),
        );
    }
    if let Some(limits) = row.state.limits.as_deref() {
        found.extend(limits.warnings.iter().cloned());
        let justified = row.opened.as_ref().is_some_and(|opened| opened.justification.is_some());
        if limits.importance == Importance::Critical && !justified {
            found.push("importance is critical without a justification: flagged for review".to_owned());
        }
    }
    for execution in row.executions.iter().filter(|execution| execution.activity.estimated_tokens != 0) {
        let tokens = grouped(execution.activity.estimated_tokens.unsigned_abs());
        found.push(format!("{}: {tokens} tokens are estimated from text lengths", execution.id));
    }
    if row.unphased.estimated_tokens != 0 {
        let tokens = grouped(row.unphased.estimated_tokens.unsigned_abs());
        found.push(format!("unphased: {tokens} tokens are estimated from text lengths"));
    }
    for (named, activity) in &row.unmatched {
        let attempt = named.attempt.map(|attempt| format!(" attempt {attempt}")).unwrap_or_default();
        let tokens = grouped(activity.tokens.used());
        found.push(format!("{tokens} tokens name {}{attempt}, which has not started", named.phase));
    }
    if figures.total.unpriced_tokens != 0 {
        let tokens = grouped(figures.total.unpriced_tokens.unsigned_abs());
        found.push(format!("{tokens} tokens are unpriced: the cost lacks them"));
    }
    found
}

/// `15,234 / 12,000 (127%)`.
fn numbers(utilization: &Utilization, unit: &str) -> String {
    let percent = utilization.percent().map(|percent| format!(" ({percent}%)")).unwrap_or_default();
    format!("{} / {}{unit}{percent}", grouped(utilization.used), grouped(utilization.limit))
}

/// Every execution of a phase with a limit: tokens, and latency where its limit is enforced.
fn utilizations(
    row: &TaskRow,
    now: Option<Timestamp>,
) -> impl Iterator<Item = (&Execution, Utilization, Option<Utilization>)> {
    row.executions.iter().filter_map(move |execution| {
        let limit = row.state.limits.as_deref()?.phase(&execution.id.phase)?;
        let tokens = Utilization::new(execution.activity.tokens.used(), limit.tokens);
        let latency = match execution.latency(row.budgeted(), now) {
            Latency::Known(ms) => Some(Utilization::new(ms, limit.latency_ms)),
            Latency::Anomalous(_) => None,
        };
        Some((execution, tokens, latency))
    })
}

/// Why an execution probably went above its limit, from what was recorded of it.
fn likely_cause(execution: &Execution) -> Option<String> {
    let activity = &execution.activity;
    let signal = |names: [&str; 2]| names.iter().find_map(|name| activity.signals.get(*name)).copied();
    if let Some(files) = signal(["files_read", "file_reads"])
        && files >= MANY_FILES
    {
        return Some(format!("likely cause: extensive research, {files} files read"));
    }
    let calls = signal(["model_calls", "llm_calls"]).unwrap_or_else(|| activity.usage_events.into());
    if calls >= MANY_CALLS {
        return Some(format!("likely cause: iteration, {calls} model calls"));
    }
    let output =
        Utilization::new(u128::try_from(activity.tokens.output).unwrap_or_default(), activity.tokens.used());
    let little = activity.tokens.used() > 0 && output.below(Decimal::new(5, 2));
    little.then(|| "likely cause: inefficient, many tokens for little output; look at the prompts".to_owned())
}
