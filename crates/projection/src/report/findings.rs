//! Sentences about a task: what was breached and why, what is unusual, what to do, what its readers should know.

use tollgate_domain::breach::{BreachStatus, Utilization};
use tollgate_domain::decimal::Decimal;
use tollgate_domain::gate::{ReasonCode, Requirement, Verdict};
use tollgate_domain::metadata::Enforcement;
use tollgate_domain::phase::{ExecutionId, Phase};
use tollgate_domain::task::TaskStage;
use tollgate_domain::tier::Importance;
use tollgate_domain::time::Timestamp;
use tollgate_domain::usage::NamedExecution;
use tollgate_wire::api::BudgetStatus;

use super::budget_status::task_budget_status;
use super::named::Named;
use super::phase_use::{FAR_ABOVE, FAR_BELOW, phases, utilizations};
use super::progress;
use super::similar::{self, Similar};
use super::words::{
    counted, counted_signed, latency_of_limit, seconds, tokens_are, tokens_of_limit, with_thousands,
};
use crate::duration::duration;
use crate::status::{Decision, Execution, Figures, TaskRow};

/// Files read in one execution from which research is the likely cause of a breach.
const MANY_FILES: i128 = 20;

/// Model calls in one execution from which iteration is the likely cause of a breach.
const MANY_CALLS: i128 = 20;

/// Executions and totals above their limits.
pub(super) fn breaches(row: &TaskRow, figures: &Figures, now: Option<Timestamp>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(tokens) = figures.tokens.filter(is_breach) {
        found.push(format!("task tokens: {}", tokens_of_limit(&tokens)));
    }
    if let Some(latency) = figures.latency.filter(is_breach) {
        found.push(format!("task latency: {}", latency_of_limit(&latency)));
    }
    for (execution, tokens, latency) in utilizations(row, now) {
        let id = &execution.id;
        let tokens = is_breach(&tokens).then(|| format!("{id} tokens: {}", tokens_of_limit(&tokens)));
        let latency =
            latency.filter(is_breach).map(|latency| format!("{id} latency: {}", latency_of_limit(&latency)));
        // The cause belongs to the execution: it is shown once.
        let mut cause = likely_cause(execution).map(|cause| format!(" ({cause})"));
        found.extend(
            [tokens, latency]
                .into_iter()
                .flatten()
                .map(|sentence| format!("{sentence}{}", cause.take().unwrap_or_default())),
        );
    }
    found
}

fn is_breach(utilization: &Utilization) -> bool {
    utilization.breach() != BreachStatus::Within
}

/// Phases far above or below their limits or what similar tasks used, over all their attempts, and impossible
/// times. The largest comes first.
pub(super) fn anomalies(row: &TaskRow, similar: &Similar, now: Option<Timestamp>) -> Vec<String> {
    let mut found: Vec<(u128, String)> = Vec::new();
    for used in phases(row, now) {
        let percent = used.tokens.percent().unwrap_or_default();
        if used.tokens.above(FAR_ABOVE) {
            found.push((percent, format!("{} used {}", used.phase, used.tokens())));
        } else if !used.runs && used.usage_events == 0 {
            found.push((100, format!("{} ended and no usage was reported of it", used.phase)));
        } else if !used.runs && used.tokens.below(FAR_BELOW) {
            let distance = 100_u128.saturating_sub(percent);
            found.push((distance, format!("{} used only {}", used.phase, used.tokens())));
        }
        found.extend(similar::anomalies(&used, similar));
        if used.latency.above(FAR_ABOVE) {
            let percent = used.latency.percent().unwrap_or_default();
            let latency = latency_of_limit(&used.latency);
            found.push((percent, format!("{} took {latency}{}", used.phase, used.attempts())));
        }
    }
    found.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let mut sentences: Vec<String> = found.into_iter().map(|(_, sentence)| sentence).collect();
    sentences.extend(progress::anomalies(row));
    sentences.extend(impossible_times(row));
    sentences
}

/// The executions with impossible times.
pub(super) fn impossible_times(row: &TaskRow) -> impl Iterator<Item = String> {
    row.executions.iter().filter_map(|execution| {
        let what = impossible_time(execution)?;
        Some(format!("{} {what}: its latency counts as 0, no latency limit is enforced", execution.id))
    })
}

/// What is wrong with the times of an execution that has ended (EC8), as a predicate: `took 90,000.0 s, more
/// than a day`.
pub(super) fn impossible_time(execution: &Execution) -> Option<String> {
    let measured = execution.ended_at?.latency_since(execution.started_at).err()?;
    let seconds = seconds(measured.unsigned_abs().into());
    Some(if measured < 0 {
        format!("ended {seconds} s before it started")
    } else {
        format!("took {seconds} s, more than a day")
    })
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
    found.extend(row.decisions.last().into_iter().flat_map(asked_of_people));
    let worst = phases(row, now)
        .filter(|used| used.tokens.above(Decimal::ONE))
        .max_by_key(|used| used.tokens.percent());
    match worst {
        Some(used) => found.push(format!("look at {} first: it used {}", used.phase, used.tokens())),
        None if over => {
            let what = uncounted(row).unwrap_or_else(|| "usage should name its phase".to_owned());
            found.push(format!("{what}: no phase is above its limit, the task as a whole is"));
        }
        None => found.extend(uncounted(row).filter(|_| row.state.limits.is_some()).map(|what| {
            format!("{what}: what is recorded without a started phase counts against no phase's limit")
        })),
    }
    if let Some(phase) = unexplained(row, now).first() {
        found.push(format!(
            "ask who worked on {phase} why it went so far above its limit, and record the answer"
        ));
    }
    let slow = figures.latency.is_some_and(|latency| latency.above(Decimal::ONE));
    if slow && let Some(used) = phases(row, now).max_by_key(|used| used.latency.percent()) {
        let latency = latency_of_limit(&used.latency);
        found.push(format!("find out what {} waited for: it took {latency}{}", used.phase, used.attempts()));
    }
    if over && row.state.enforcement == Enforcement::Off {
        found.push(
            "the task is only tracked; open such tasks with enforcement on to stop runaways".to_owned(),
        );
    }
    if row.state.limits.is_none() {
        found.push("open such tasks before their first usage, so that they have limits".to_owned());
    }
    if figures.total.unpriced_tokens > 0 || !figures.total.units.unpriced.is_empty() {
        found.push("give the unpriced models a price, so that the cost is complete".to_owned());
    }
    let unreported = phases(row, now).find(|used| !used.runs && used.usage_events == 0);
    if let Some(used) = unreported {
        found.push(format!("find out why no usage was reported for {}", used.phase));
    }
    if found.is_empty() {
        found.push("nothing to do".to_owned());
    }
    found
}

/// What the latest decision requires of people, in addition to what the report asks for by itself: the steps
/// of the graduated profile.
fn asked_of_people(decision: &Decision) -> impl Iterator<Item = String> {
    let advance = decision.advance.clone();
    let is_spinning = decision.reasons.iter().any(|(code, ..)| *code == ReasonCode::Spinning);
    decision.requirements.iter().filter_map(move |asked| match asked {
        Requirement::Review if is_spinning => {
            Some("look at what it does again and again: it spends and makes no progress".to_owned())
        }
        Requirement::Review => Some(format!("review it: the gate let it go to {advance} above its budget")),
        Requirement::PostMortem => {
            Some(format!("write a post-mortem: the gate let it go to {advance} far above its budget"))
        }
        Requirement::Investigation => Some(format!(
            "investigate how it came to more than twice its budget, before it goes on to {advance}"
        )),
        Requirement::Explanation | Requirement::Remediation => None,
    })
}

/// Phases so far above their limits that the gate requires an explanation, but without one.
pub(super) fn unexplained(row: &TaskRow, now: Option<Timestamp>) -> Vec<String> {
    let Some(limits) = row.state.limits.as_deref() else { return Vec::new() };
    let per_phase = limits.thresholds.per_phase;
    let due = phases(row, now).filter(|used| used.tokens.above(per_phase) || used.latency.above(per_phase));
    let explained = |phase: &Phase| row.explanations.iter().any(|given| given.execution.phase == *phase);
    due.filter(|used| !explained(used.phase)).map(|used| used.phase.as_str().to_owned()).collect()
}

/// The verdict with utilization, the largest anomaly, one recommendation.
pub(super) fn executive_summary(
    row: &TaskRow,
    figures: &Figures,
    anomalies: &[String],
    recommendations: &[String],
) -> Vec<String> {
    let unknown = task_budget_status(row, figures) == BudgetStatus::Unknown;
    let verdict = match (figures.breach, figures.tokens, figures.latency) {
        (Some(breach), Some(tokens), Some(latency)) => format!(
            "Verdict: {}, tokens {}, latency {}",
            match breach {
                BreachStatus::Within if unknown => "unknown, no usage was reported",
                BreachStatus::Within => "within limits",
                BreachStatus::Warning => "above its limits",
                BreachStatus::Exceeded => "far above its limits",
            },
            tokens_of_limit(&tokens),
            latency_of_limit(&latency)
        ),
        _ => format!("Verdict: no limits, {} used", counted(figures.total.tokens.used(), "token")),
    };
    let anomaly = anomalies.first().map_or("none", String::as_str);
    let recommendation = recommendations.first().map_or("nothing to do", String::as_str);
    vec![
        format!("{verdict}{}", block(row)),
        format!("Largest anomaly: {anomaly}"),
        format!("Recommendation: {recommendation}"),
    ]
}

/// Whether the gate blocks the task, or did, as text following the verdict.
fn block(row: &TaskRow) -> String {
    let blocks = |decision: &&Decision| decision.verdict == Verdict::Block;
    let Some(block) = row.decisions.iter().rev().find(blocks) else { return String::new() };
    let advance = &block.advance;
    let asked_again = |later: &Decision| later.sequence > block.sequence && later.advance == *advance;
    if row.decisions.iter().any(asked_again) {
        format!("; the gate blocked it before {advance} and let it pass later")
    } else if row.state.passes.contains(advance) {
        format!("; the gate blocked it before {advance}, a person has set that aside")
    } else {
        format!("; the gate blocked it before {advance}")
    }
}

/// What readers of a task's numbers should know.
pub(super) fn warnings(named: Named<'_>, figures: &Figures) -> Vec<String> {
    let row = named.row;
    let mut found = Vec::new();
    if named.degraded {
        found.push(
            "Data unavailable: some events could not be read, the numbers do not include them or any later ones"
                .to_owned(),
        );
    }
    if let Some(decision) = row.blocked().filter(|_| row.state.stage == TaskStage::Open) {
        found.push(format!("the gate blocks it before {}", decision.advance));
    }
    for (what, utilization) in [("token", figures.tokens), ("latency", figures.latency)] {
        if utilization.is_some_and(|utilization| is_breach(&utilization)) {
            found.push(format!("it is above its {what} budget"));
        }
    }
    found.extend(skew(row));
    if let Some(rules) = &row.concluded_by {
        found.push(format!(
            "phases were not reported: the rules {rules} concluded them from what its calls did"
        ));
    }
    if let Some(limits) = row.state.limits.as_deref() {
        found.extend(limits.warnings.iter().map(|warning| with_thousands(warning)));
        let justified = row.opened.as_ref().is_some_and(|opened| opened.justification.is_some());
        if limits.importance == Importance::Critical && !justified {
            found.push("importance is critical without a justification: flagged for review".to_owned());
        }
    }
    let executions = row.executions.iter().map(|execution| (execution.id.to_string(), &execution.activity));
    let unmatched = row.unmatched.iter().map(|(named, activity)| (name(named), activity));
    for (name, activity) in executions.chain(unmatched).chain([("unphased".to_owned(), &row.unphased)]) {
        if activity.estimated_tokens != 0 {
            let tokens = tokens_are(activity.estimated_tokens.unsigned_abs());
            found.push(format!("{name}: {tokens} estimated from text lengths"));
        }
    }
    for (named, activity) in &row.unmatched {
        let tokens = activity.tokens.total();
        found.push(match activity.usage_events {
            0 if tokens == 0 => format!("waits or signals name {}, which has not started", name(named)),
            // Corrections subtracted all of it again.
            _ if tokens == 0 => continue,
            _ => format!(
                "usage of {} names {}, which has not started",
                counted_signed(tokens, "token"),
                name(named)
            ),
        });
    }
    if !figures.total.units.unpriced.is_empty() {
        let units = &figures.total.units.unpriced;
        found.push(format!("{units} without a price: the cost does not include them"));
    }
    match figures.total.unpriced_tokens {
        0 => {}
        tokens @ 1.. => {
            found.push(format!(
                "{} unpriced: the cost does not include them",
                tokens_are(tokens.unsigned_abs())
            ));
        }
        tokens => found.push(format!(
            "corrections took away {} at no known price: the cost still includes them",
            counted(tokens.unsigned_abs(), "token")
        )),
    }
    found
}

/// Whose clock is wrong, if any is.
fn skew(row: &TaskRow) -> Option<String> {
    let ms = row.skew_ms()?;
    let far = duration(ms.unsigned_abs().div_euclid(60_000).saturating_mul(60_000));
    Some(if ms > 0 {
        format!("a producer's clock is {far} ahead of the ledger's: its timestamps are not trusted")
    } else {
        format!(
            "its events arrive {far} after they happened by their producer's clock: it is behind, or the producer reports late"
        )
    })
}

/// Why the limits of phases cannot be compared with the usage of a task; `None`: they can.
fn uncounted(row: &TaskRow) -> Option<String> {
    let unphased = row.unphased.tokens.total();
    match row.unmatched.iter().max_by_key(|(_, activity)| activity.tokens.total()) {
        Some((named, activity)) if activity.tokens.total() > unphased => {
            Some(format!("start {} before its usage is recorded", name(named)))
        }
        _ => (unphased > 0).then(|| "usage should name its phase".to_owned()),
    }
}

/// What usage named: the phase, and the attempt if it gave one other than the first.
fn name(named: &NamedExecution) -> String {
    let attempt = named.attempt.unwrap_or(1);
    ExecutionId { phase: named.phase.clone(), attempt }.to_string()
}

/// Why an execution probably exceeded its limit, from what was recorded about it.
pub(super) fn likely_cause(execution: &Execution) -> Option<String> {
    let activity = &execution.activity;
    let signal = |names: [&str; 2]| names.iter().find_map(|name| activity.signals.get(*name)).copied();
    if let Some(files) = signal(["files_read", "file_reads"])
        && files >= MANY_FILES
    {
        return Some(format!(
            "likely cause: extensive research, {} read",
            counted(files.unsigned_abs(), "file")
        ));
    }
    let calls = signal(["model_calls", "llm_calls"]).unwrap_or_else(|| activity.usage_events.into());
    if calls >= MANY_CALLS {
        return Some(format!("likely cause: iteration, {}", counted(calls.unsigned_abs(), "model call")));
    }
    let output =
        Utilization::new(u128::try_from(activity.tokens.output).unwrap_or_default(), activity.tokens.used());
    let little = activity.tokens.used() > 0 && output.below(Decimal::new(5, 2));
    little.then(|| "likely cause: inefficient, many tokens for little output; look at the prompts".to_owned())
}
