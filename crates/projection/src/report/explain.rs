//! The story of a task in sentences: what happened when, which rule, which numbers, who set it aside.

use std::fmt::Write;

use tollgate_domain::gate::{Verdict, grouped};
use tollgate_domain::metadata::LimitOverride;
use tollgate_domain::task::TaskStage;
use tollgate_domain::time::Timestamp;

use super::task_status::Named;
use super::words::{beside_cost, counted, with_thousands};
use crate::status::{Decision, TaskRow, figures};

/// Why a task stands where it stands, for somebody who knows neither the config nor the log.
#[must_use]
pub fn explain(named: Named<'_>, now: Option<Timestamp>) -> String {
    let mut out = String::new();
    write_story(named, now, &mut out).expect("writing to a String cannot fail");
    out
}

fn write_story(named: Named<'_>, now: Option<Timestamp>, out: &mut String) -> std::fmt::Result {
    let row = named.row;
    let figures = figures(row, now);
    write_headline(named, out)?;
    write_limits(row, out)?;
    writeln!(out, "\nWhat happened:")?;
    let mut story = milestones(row);
    story.sort();
    if story.is_empty() {
        // A task that was never opened: an import, or an orchestrator that only reports.
        let (calls, first, last) = (figures.total.usage_events, row.first_at, row.last_at);
        let were = if calls == 1 { "was" } else { "were" };
        writeln!(out, "  {first} to {last}: {} {were} recorded", counted(calls.into(), "model call"))?;
    }
    for (at, _, what) in story {
        writeln!(out, "  {at}  {what}")?;
    }
    if row.earlier_decisions > 0 {
        let earlier = counted(row.earlier_decisions.into(), "earlier decision");
        writeln!(out, "  (the log has {earlier} of the gate)")?;
    }
    writeln!(out, "\nWhere it stands:")?;
    match (figures.tokens, figures.latency) {
        (Some(tokens), Some(latency)) => {
            let percent =
                |percent: Option<u128>| percent.map(|percent| format!(" ({percent}%)")).unwrap_or_default();
            let (used, limit) = (grouped(tokens.used), grouped(tokens.limit));
            writeln!(out, "  tokens   {used} of {limit}{}", percent(tokens.percent()))?;
            let (used, limit) = (grouped(latency.used), grouped(latency.limit));
            writeln!(out, "  latency  {used} ms of {limit} ms{}", percent(latency.percent()))?;
        }
        _ => writeln!(out, "  tokens   {} (no limits)", grouped(figures.total.tokens.used()))?,
    }
    let unpriced = beside_cost(figures.total.unpriced_tokens);
    writeln!(out, "  cost     {} USD{unpriced}", figures.total.cost)?;
    if named.degraded {
        writeln!(out, "  degraded: some of its events could not be read")?;
    }
    Ok(())
}

/// The answer first.
fn write_headline(named: Named<'_>, out: &mut String) -> std::fmt::Result {
    let (task, row) = (named.task, named.row);
    let title = row.opened.as_ref().and_then(|opened| opened.title.as_deref());
    let title = title.map(|title| format!(" ({title})")).unwrap_or_default();
    let last = row.decisions.last();
    match last.filter(|decision| decision.verdict == Verdict::Block) {
        Some(decision) => {
            writeln!(out, "Task {task}{title} was blocked before {} at {}.", decision.advance, decision.at)?;
            for (_, verdict, message) in &decision.reasons {
                if *verdict == Verdict::Block {
                    writeln!(out, "Because: {message}.")?;
                }
            }
            if row.state.passes.contains(&decision.advance) {
                writeln!(out, "A person has set this block aside since; ask the gate again.")?;
            }
            Ok(())
        }
        None => {
            let stage = match row.state.stage {
                TaskStage::Implicit => "was never opened, so it has no limits and is never blocked",
                TaskStage::Open => "is open and not blocked",
                TaskStage::Closed(outcome) => {
                    return writeln!(out, "Task {task}{title} is {}.", outcome.as_str());
                }
            };
            writeln!(out, "Task {task}{title} {stage}.")
        }
    }
}

fn write_limits(row: &TaskRow, out: &mut String) -> std::fmt::Result {
    let Some(limits) = row.state.limits.as_deref() else { return Ok(()) };
    writeln!(out)?;
    let mut factors = vec![
        format!("{} complexity (×{})", limits.complexity, limits.complexity_multiplier),
        format!("{} importance (×{})", limits.importance, limits.importance_multiplier),
    ];
    factors.extend(limits.budget_multiplier.map(|factor| format!("a task multiplier (×{factor})")));
    let set = limits.phases.iter().filter(|limit| limit.overridden != LimitOverride::default());
    let set: Vec<&str> = set.map(|limit| limit.phase.as_str()).collect();
    if !set.is_empty() {
        factors.push(format!("overrides of {}", set.join(", ")));
    }
    let last = factors.pop().unwrap_or_default();
    writeln!(
        out,
        "Its limits: {} and {last} give {} tokens and {} ms over {}.",
        factors.join(", "),
        grouped(limits.total_tokens().into()),
        grouped(limits.total_latency_ms().into()),
        counted(limits.phases.len() as u128, "phase")
    )?;
    let later = if row.overrides.is_empty() { "" } else { "; the overrides below came later" };
    writeln!(out, "They were fixed when it was opened, under config {}{later}.", short(&limits.config_hash))
}

/// Time, place within it, sentence. At one instant a phase ends, then the gate is asked, then the next one starts.
fn milestones(row: &TaskRow) -> Vec<(Timestamp, (u8, u64), String)> {
    let mut story = Vec::new();
    if let Some(opened) = &row.opened {
        let author = opened.author.as_deref().unwrap_or(&opened.producer);
        story.push((opened.at, (0, 0), format!("opened by {author} (record {})", opened.sequence)));
    }
    for execution in &row.executions {
        story.push((execution.started_at, (3, 0), format!("{} started", execution.id)));
        if let Some(end) = execution.ended_at {
            let limit = row.state.limits.as_deref().and_then(|limits| limits.phase(&execution.id.phase));
            let used = grouped(execution.activity.tokens.used());
            let of = limit.map(|limit| format!(" of {}", grouped(limit.tokens.into()))).unwrap_or_default();
            let by_override = limit.is_some_and(|limit| limit.overridden.tokens.is_some());
            let by_override = if by_override { " (a limit set by an override)" } else { "" };
            let place = if end == execution.started_at { 4 } else { 1 };
            story.push((end, (place, 0), format!("{} ended: {used}{of} tokens{by_override}", execution.id)));
        }
    }
    for decision in &row.decisions {
        story.push((decision.at, (2, decision.sequence.0), decision_sentence(decision)));
    }
    for granted in &row.overrides {
        let (what, approver, reason) = (with_thousands(&granted.what), &granted.approver, &granted.reason);
        let sentence = format!("{what} by {approver}: {reason} (record {})", granted.sequence);
        story.push((granted.at, (2, granted.sequence.0), sentence));
    }
    if let Some(closed) = &row.closed {
        let by = closed.author.as_ref().map(|author| format!(" by {author}")).unwrap_or_default();
        let why = closed.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        story.push((closed.at, (5, 0), format!("closed as {}{by}{why}", closed.outcome.as_str())));
    }
    story
}

fn decision_sentence(decision: &Decision) -> String {
    let softened = if decision.ruled > decision.verdict {
        format!(" (the rules say {})", decision.ruled.as_str())
    } else {
        String::new()
    };
    let reasons: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
    let reasons =
        if reasons.is_empty() { "nothing speaks against it".to_owned() } else { reasons.join("; ") };
    let stale = if decision.stale { ", from a view that was behind" } else { "" };
    let asked: Vec<&str> = decision.requirements.iter().map(|asked| asked.in_words()).collect();
    let asked = if asked.is_empty() { String::new() } else { format!("; asked for: {}", asked.join(", ")) };
    format!(
        "gate: {} to advance to {}{softened}{stale}: {reasons}{asked} (record {}, config {})",
        decision.verdict.as_str(),
        decision.advance,
        decision.sequence,
        short(&decision.config_hash)
    )
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
