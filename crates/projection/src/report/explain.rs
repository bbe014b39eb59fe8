//! The story of a task in sentences: what happened when, which rule, which numbers, who overrode it.

use std::fmt::Write;

use tollgate_domain::breach::Utilization;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::gate::{ReasonCode, Verdict, grouped};
use tollgate_domain::limits::TaskLimits;
use tollgate_domain::metadata::LimitOverride;
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::printable::printable;
use tollgate_domain::task::TaskStage;
use tollgate_domain::time::Timestamp;

use super::findings::{impossible_time, likely_cause, recommendations, unexplained};
use super::named::Named;
use super::progress::progress_lines;
use super::unit_totals;
use super::words::{beside_cost, counted, seconds, with_thousands};
use crate::status::{Decision, Execution, Latency, TaskRow, figures};

/// Why a task is in its current state, for a reader who knows neither the config nor the log.
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
    write_rule(row, out)?;
    write_limits(row, out)?;
    writeln!(out, "\nWhat happened:")?;
    let mut story = milestones(row, now);
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
    writeln!(out, "\nCurrent state:")?;
    match (figures.tokens, figures.latency) {
        (Some(tokens), Some(latency)) => {
            let percent =
                |percent: Option<String>| percent.map(|percent| format!(" ({percent}%)")).unwrap_or_default();
            let (used, limit) = (grouped(tokens.used), grouped(tokens.limit));
            writeln!(out, "  tokens   {used} of {limit}{}", percent(tokens.shown_percent()))?;
            let (used, limit) = (grouped(latency.used), grouped(latency.limit));
            writeln!(out, "  latency  {used} ms of {limit} ms{}", percent(latency.shown_percent()))?;
        }
        _ => writeln!(out, "  tokens   {} (no limits)", grouped(figures.total.tokens.used()))?,
    }
    let unpriced = beside_cost(figures.total.unpriced_tokens, &unit_totals(&figures.total.units.unpriced));
    writeln!(out, "  cost     {} USD{unpriced}", figures.total.cost)?;
    if named.degraded {
        writeln!(out, "  degraded: some of its events could not be read")?;
    }
    let progress = progress_lines(row);
    if !progress.is_empty() {
        writeln!(out, "\nProgress:")?;
    }
    for line in progress {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "\nWhat to do next:")?;
    for (nth, step) in recommendations(row, &figures, now).into_iter().enumerate() {
        writeln!(out, "  {}. {step}", nth.saturating_add(1))?;
    }
    write_commands(named, now, out)
}

/// The rule behind a block in force, with the threshold that applies to the task, and the config that was in force.
fn write_rule(row: &TaskRow, out: &mut String) -> std::fmt::Result {
    let Some(decision) = row.decisions.last().filter(|decision| decision.verdict == Verdict::Block) else {
        return Ok(());
    };
    let blocking = decision.reasons.iter().filter(|(_, verdict, _)| *verdict == Verdict::Block);
    let limits = row.state.limits.as_deref();
    for (code, _, _) in blocking {
        if let Some(rule) = limits.and_then(|limits| rule(*code, limits, &decision.advance)) {
            writeln!(out, "The rule: {rule} ({}).", code.as_str())?;
        }
    }
    let config = short(&decision.config_hash);
    writeln!(
        out,
        "It was decided under config {config}; the decision is record {} of the log.",
        decision.sequence
    )
}

/// What a rule says, with the task's numbers.
fn rule(code: ReasonCode, limits: &TaskLimits, advance: &Advance) -> Option<String> {
    let thresholds = &limits.thresholds;
    let percent = |threshold: Decimal| format!("{}%", threshold.times_rounded_up(100));
    Some(match code {
        ReasonCode::TokenBudgetExceeded | ReasonCode::TokenBudgetWarning => {
            let (early, late) = (percent(thresholds.early_block), percent(thresholds.cumulative_token));
            match &thresholds.checkpoint_phase {
                Some(phase) if is_early(limits, phase, advance) => {
                    format!(
                        "up to the start of {phase} a task may use {early} of its tokens, after it {late}"
                    )
                }
                _ => format!("a task may use {late} of its tokens from here on"),
            }
        }
        ReasonCode::LatencyBudgetExceeded => {
            format!("a task may take {} of its time", percent(thresholds.cumulative_latency))
        }
        ReasonCode::PhaseBudgetExceeded => {
            format!("a phase may use {} of its own limit", percent(thresholds.per_phase))
        }
        ReasonCode::Spinning => {
            let rules = limits.progress.as_deref()?;
            let spend = format!("{} of its limit", percent(rules.spinning_share));
            let repeats = format!("the same {} times in a row", rules.spinning_repeats);
            let which: Vec<String> =
                [(spend, rules.spinning_share.is_zero()), (repeats, rules.spinning_repeats == 0)]
                    .into_iter()
                    .filter_map(|(rule, is_off)| (!is_off).then_some(rule))
                    .collect();
            format!("without progress a phase may not use more than {}", which.join(", nor do "))
        }
        ReasonCode::Extended
        | ReasonCode::CarriedForward
        | ReasonCode::ForecastExceeded
        | ReasonCode::NearlyDone
        | ReasonCode::NoLimits
        | ReasonCode::TrackingOnly
        | ReasonCode::StopLossDisabled
        | ReasonCode::TrackingOff
        | ReasonCode::BreakerOpen
        | ReasonCode::ObserveOnly
        | ReasonCode::RolloutExempt
        | ReasonCode::OverrideGranted
        | ReasonCode::Stale
        | ReasonCode::Degraded
        | ReasonCode::PolicyExhausted
        | ReasonCode::PoolDrawn
        | ReasonCode::PoolRefused => return None,
    })
}

/// Whether an advance is at or before the checkpoint.
fn is_early(limits: &TaskLimits, checkpoint: &Phase, advance: &Advance) -> bool {
    let place = |phase: &Phase| limits.phases.iter().position(|limit| limit.phase == *phase);
    match advance {
        Advance::Phase(phase) => place(phase) <= place(checkpoint),
        Advance::Completion => false,
    }
}

/// The commands with which a person does it, if there are any.
fn write_commands(named: Named<'_>, now: Option<Timestamp>, out: &mut String) -> std::fmt::Result {
    let row = named.row;
    let task = if is_plain(named.task) { named.task } else { "TASK" };
    let mut commands = Vec::new();
    for phase in unexplained(row, now) {
        commands.push(format!("tollgate phase explain {task} {phase} --author NAME --text TEXT"));
    }
    if let Some(decision) = row.decisions.last().filter(|decision| decision.verdict == Verdict::Block)
        && row.state.stage == TaskStage::Open
    {
        let advance = &decision.advance;
        if !row.state.passes.contains(advance) {
            commands.push(format!(
                "tollgate task override {task} --advance {advance} --approver NAME --reason TEXT"
            ));
        }
        commands.push(format!("tollgate gate {task} {advance}"));
    }
    if commands.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nBy these commands:")?;
    commands.iter().try_for_each(|command| writeln!(out, "  {command}"))
}

/// Whether a shell accepts a name unquoted.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    !name.starts_with('-') && name.chars().all(plain)
}

/// The answer first.
fn write_headline(named: Named<'_>, out: &mut String) -> std::fmt::Result {
    let (task, row) = (named.task, named.row);
    let title = row.opened.as_ref().and_then(|opened| opened.title.as_deref());
    let title = title.map(|title| format!(" ({})", one_line(title))).unwrap_or_default();
    let last = row.decisions.last();
    match last.filter(|decision| decision.verdict == Verdict::Block) {
        Some(decision) => {
            writeln!(out, "Task {task}{title} was blocked before {} at {}.", decision.advance, decision.at)?;
            for (code, verdict, message) in &decision.reasons {
                if *verdict == Verdict::Block {
                    writeln!(out, "Because: {message}.")?;
                } else if *code == ReasonCode::PoolRefused {
                    writeln!(out, "{message}.")?;
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
        grouped(limits.total_tokens().saturating_sub(limits.drawn_tokens).into()),
        grouped(limits.total_latency_ms().into()),
        counted(limits.phases.len() as u128, "phase")
    )?;
    if limits.drawn_tokens > 0 {
        let drawn = grouped(limits.drawn_tokens.into());
        writeln!(out, "Beside these it has drawn {drawn} tokens from the pool of its owner.")?;
    }
    let later = if row.overrides.is_empty() { "" } else { "; the overrides below came later" };
    writeln!(out, "They were fixed when it was opened, under config {}{later}.", short(&limits.config_hash))
}

/// Time, order within it, sentence. At the same instant a phase ends, then the gate is asked, then the next
/// one starts.
fn milestones(row: &TaskRow, now: Option<Timestamp>) -> Vec<(Timestamp, (u8, u64), String)> {
    let mut story = Vec::new();
    if let Some(opened) = &row.opened {
        let author = opened.author.as_deref().unwrap_or(&opened.producer);
        story.push((opened.at, (0, 0), format!("opened by {author} (record {})", opened.sequence)));
    }
    for execution in &row.executions {
        story.push((execution.started_at, (3, 0), format!("{} started", execution.id)));
        if let Some(end) = execution.ended_at {
            let place = if end == execution.started_at { 4 } else { 1 };
            story.push((end, (place, 0), ended(row, execution, now)));
        }
    }
    for decision in &row.decisions {
        story.push((decision.at, (2, decision.sequence.0), decision_sentence(decision)));
    }
    for bypass in &row.bypasses {
        let sentence = format!("BYPASS: {} (record {})", bypass.sentence(), bypass.sequence);
        story.push((bypass.at, (4, bypass.sequence.0), sentence));
    }
    for granted in &row.overrides {
        let (what, approver, reason) = (with_thousands(&granted.what), &granted.approver, &granted.reason);
        let sentence = format!("{what} by {approver}: {reason} (record {})", granted.sequence);
        story.push((granted.at, (2, granted.sequence.0), sentence));
    }
    for given in &row.explanations {
        let (phase, author, text) = (&given.execution.phase, &given.author, &given.text);
        let sentence = format!("{phase} explained by {author}: {text} (record {})", given.sequence);
        story.push((given.at, (2, given.sequence.0), sentence));
    }
    for changed in &row.importance_changes {
        let from = changed.from.map(|from| format!(" from {from}")).unwrap_or_default();
        let (to, author, reason) = (changed.to, &changed.author, &changed.reason);
        let sentence = format!(
            "importance changed{from} to {to} by {author}: {reason}; the limits stay (record {})",
            changed.sequence
        );
        story.push((changed.at, (2, changed.sequence.0), sentence));
    }
    if let Some(marked) = &row.mark {
        let (what, author, reason) = (marked.mark.as_str(), &marked.author, &marked.reason);
        let sentence = format!("judged {what} by {author}: {reason} (record {})", marked.sequence);
        story.push((marked.at, (2, marked.sequence.0), sentence));
    }
    if let Some(closed) = &row.closed {
        let by = closed.author.as_ref().map(|author| format!(" by {author}")).unwrap_or_default();
        let why = closed.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        story.push((closed.at, (5, 0), format!("closed as {}{by}{why}", closed.outcome.as_str())));
    }
    // Text that people wrote never begins a line of its own.
    story.into_iter().map(|(at, place, sentence)| (at, place, one_line(&sentence))).collect()
}

/// How an execution ended: its numbers against its limits, and why it probably exceeded them.
fn ended(row: &TaskRow, execution: &Execution, now: Option<Timestamp>) -> String {
    let mut sentence = ended_with(row, execution, now);
    if let Some(what) = impossible_time(execution) {
        sentence.push_str(&format!("; it {what}: its latency counts as 0"));
    }
    sentence
}

fn ended_with(row: &TaskRow, execution: &Execution, now: Option<Timestamp>) -> String {
    let used = grouped(execution.activity.tokens.used());
    let Some((limit, of_tokens)) = row.limit_of(&execution.id.phase) else {
        return format!("{} ended: {used} tokens", execution.id);
    };
    if execution.activity.usage_events == 0 {
        return format!("{} ended: no usage was reported", execution.id);
    }
    let tokens = Utilization::new(execution.activity.tokens.used(), of_tokens);
    let by_override = if limit.overridden.tokens.is_some() { " (a limit set by an override)" } else { "" };
    let mut sentence = format!("{} ended: {used} of {} tokens", execution.id, grouped(of_tokens.into()));
    if let Some(percent) = tokens.shown_percent().filter(|_| tokens.above(Decimal::ONE)) {
        sentence.push_str(&format!(" ({percent}%)"));
    }
    sentence.push_str(by_override);
    if let Latency::Known(ms) = execution.latency(row.budgeted(), now)
        && ms > limit.latency_ms
    {
        sentence.push_str(&format!(", {} s of {} s", seconds(ms.into()), seconds(limit.latency_ms.into())));
    }
    if let Some(cause) = likely_cause(execution).filter(|_| tokens.above(Decimal::ONE)) {
        sentence.push_str(&format!("; {cause}"));
    }
    sentence
}

/// Text that people wrote, as part of a line: nothing in it moves a terminal's cursor or hides.
fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

fn decision_sentence(decision: &Decision) -> String {
    let softened = if decision.ruled > decision.verdict {
        format!(" (the rules say {})", decision.ruled.as_str())
    } else {
        String::new()
    };
    let reasons: Vec<&str> = decision.reasons.iter().map(|(_, _, message)| message.as_str()).collect();
    let reasons = if reasons.is_empty() { "no objections".to_owned() } else { reasons.join("; ") };
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
