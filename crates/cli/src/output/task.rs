//! Tasks, limits and the gate's answers as tables and sentences.

use std::fmt::Write;
use tollgate_domain::printable::printable;
use tollgate_domain::units::in_words;

use tollgate_domain::gate::{Verdict, remediation_of};
use tollgate_domain::ids::TaskId;
use tollgate_wire::api::{
    ExecutionState, GateResponse, LimitsResponse, ProgressRulesView, ProgressView, TaskList, TaskSelection,
    TaskStatus, TaskSummary,
};

use super::{counted, duration, grouped, grouped_u64, percent, table, time};

/// Every limit with what it is derived from.
pub(crate) fn limits(limits: &LimitsResponse) -> String {
    let rows = limits.phases.iter().map(|phase| {
        let overridden = if phase.overridden.is_empty() { "" } else { "override" };
        vec![
            phase.phase.clone(),
            grouped_u64(phase.base_tokens),
            grouped_u64(phase.base_latency_ms),
            phase.weight.clone(),
            grouped_u64(phase.tokens),
            grouped_u64(phase.latency_ms),
            overridden.to_owned(),
        ]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    let [empty, base, more, last] = ["", "", "", ""].map(str::to_owned);
    rows.push(vec![
        "all".to_owned(),
        empty,
        base,
        more,
        grouped_u64(limits.total_tokens),
        grouped_u64(limits.total_latency_ms),
        last,
    ]);
    if (limits.remaining_tokens, limits.remaining_latency_ms)
        != (limits.total_tokens, limits.total_latency_ms)
    {
        let left = [limits.remaining_tokens, limits.remaining_latency_ms].map(grouped_u64);
        let [empty, base, more, last] = ["", "", "", ""].map(str::to_owned);
        let [tokens, latency] = left;
        rows.push(vec!["remaining".to_owned(), empty, base, more, tokens, latency, last]);
    }
    let header = ["phase", "base tokens", "base ms", "weight", "tokens", "ms", ""];
    let progress = limits.progress.as_ref().map(progress_rules).unwrap_or_default();
    format!(
        "{} complexity (×{}), {} importance (×{}); config {} ({:.12})\nlimit = ceil(base × complexity × importance × weight)\n\n{}{progress}",
        limits.complexity,
        limits.complexity_multiplier,
        limits.importance,
        limits.importance_multiplier,
        limits.config_source,
        limits.config_hash,
        table(&header, &[1, 2, 3, 4, 5], rows)
    )
}

/// What a task gets for its progress, and what happens to it without any.
fn progress_rules(rules: &ProgressRulesView) -> String {
    let off = |number: &str| number == "0";
    let total =
        if rules.extension_raises_total { "the task's limit rises, too" } else { "the task's limit stays" };
    let mut text = format!("\nprogress: checked at each {} % of a phase's limit\n", rules.check_percent);
    let mut say = |what: &str, rule: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {what:<16} {rule}");
    };
    let rate = &rules.productive_rate;
    say("productive", format!("from {rate} point{} per 1,000 tokens", if rate == "1" { "" } else { "s" }));
    if !off(&rules.extension) {
        let (share, ceiling) = (&rules.extension, &rules.ceiling);
        say("  gets", format!("{share} × its limit more, up to {ceiling} × its limit; {total}"));
    }
    let repeats =
        (rules.spinning_repeats > 0).then(|| format!("the same {} times in a row", rules.spinning_repeats));
    let share = (!off(&rules.spinning_share))
        .then(|| format!("more than {} × its limit without progress", rules.spinning_share));
    let spinning: Vec<String> = repeats.into_iter().chain(share).collect();
    if !spinning.is_empty() {
        say("spinning", format!("{}: {}", spinning.join(", or "), rules.spinning_action));
    }
    if !off(&rules.carry_forward) {
        let (share, phases) = (&rules.carry_forward, rules.carry_phases.join(" "));
        say("carried forward", format!("{share} × what ended phases left, to {phases}"));
    }
    if !off(&rules.forecast_warn) {
        let after = counted(rules.forecast_min_phases, "ended phase");
        say("forecast", format!("a warning above {} × the task's limit, after {after}", rules.forecast_warn));
    }
    let rows = rules.phases.iter().map(|signals| {
        let points = signals.points.iter().map(|(name, points)| format!("{name} {}", grouped_u64(*points)));
        let expected = signals.expected_points.map(grouped_u64).unwrap_or_default();
        vec![signals.phase.clone(), points.collect::<Vec<_>>().join(", "), expected]
    });
    let table = table(&["phase", "points of a unit", "expected"], &[2], rows.collect());
    format!("{text}{table}")
}

/// One line in a list.
fn row(task: &TaskSummary) -> Vec<String> {
    let active = task.active.as_ref().map(|active| active.phase.clone()).unwrap_or_default();
    let limit = task.tokens_budget.map(|it| grouped_u64(it.limit)).unwrap_or_default();
    let mut status = task.budget_status.to_string();
    if task.degraded {
        status.push_str(", degraded");
    }
    vec![
        task.task.clone(),
        task.stage.to_string(),
        active,
        grouped(task.tokens_used),
        limit,
        percent(task.tokens_budget.as_ref()),
        duration(task.latency_ms),
        task.cost_usd.clone(),
        status,
        task.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
        task.clock_skew_ms.map(clock).unwrap_or_default(),
    ]
}

/// How far a clock is from the ledger's.
fn clock(ms: i64) -> String {
    let far = duration(ms.unsigned_abs());
    if ms > 0 { format!("{far} ahead") } else { format!("{far} behind") }
}

/// Tasks, one per line.
pub(crate) fn task_list(list: &TaskList) -> String {
    if list.tasks.is_empty() {
        return "no tasks\n".to_owned();
    }
    let header =
        ["task", "stage", "phase", "tokens", "limit", "used", "latency", "USD", "budget", "gate", "clock"];
    // The last column is only there if a clock is wrong.
    let columns = if list.tasks.iter().any(|task| task.clock_skew_ms.is_some()) { 11 } else { 10 };
    let rows = list.tasks.iter().map(|task| row(task).into_iter().take(columns).collect());
    let mut text = table(&header[..columns], &[3, 4, 5, 6, 7], rows.collect());
    if let Some(next) = &list.next {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "more tasks after {next}: use a larger --limit, or --after");
    }
    if let Some(selection) = &list.selection {
        let _ = writeln!(text, "\n{}", selection_line(selection));
    }
    text
}

/// A summary of the selected tasks in one line.
fn selection_line(selection: &TaskSelection) -> String {
    let counts = selection.by_status.iter().filter(|(_, tasks)| **tasks > 0);
    let counts: Vec<String> = counts
        .map(|(status, tasks)| format!("{} {}", grouped_u64(*tasks), status.replace('_', " ")))
        .collect();
    let average = match &selection.average_utilization_percent {
        Some(percent) => format!("; on average {percent} % of their token limits used"),
        None => String::new(),
    };
    format!(
        "{}: {}{average}; {} USD",
        counted(selection.tasks, "task"),
        counts.join(", "),
        selection.cost_usd
    )
}

/// The headline of a task.
fn status_line(task: &TaskSummary) -> String {
    let title = task.title.as_ref().map(|title| format!(" ({})", printable(title))).unwrap_or_default();
    let tiers = match (&task.complexity, &task.importance) {
        (Some(complexity), Some(importance)) => format!(", {complexity}, {importance}"),
        _ => String::new(),
    };
    format!("{}{title}: {}{tiers}, {}", task.task, task.stage, task.budget_status)
}

/// The status of one task.
pub(crate) fn task_status(status: &TaskStatus) -> String {
    let summary = &status.summary;
    let mut text = format!("{}\n", status_line(summary));
    let of = |limit: Option<String>, percent: String| match limit {
        Some(limit) => format!(" of {limit} ({percent})"),
        None => " (no limits)".to_owned(),
    };
    let tokens =
        of(summary.tokens_budget.map(|it| grouped_u64(it.limit)), percent(summary.tokens_budget.as_ref()));
    let latency =
        of(summary.latency_budget.map(|it| duration(it.limit)), percent(summary.latency_budget.as_ref()));
    let unpriced = match summary.unpriced_tokens {
        0 => String::new(),
        tokens => format!(", and {} unpriced tokens", grouped(tokens)),
    };
    let units = match summary.unpriced_units.is_empty() {
        true => String::new(),
        false => format!(", and {} without a price", in_words(&summary.unpriced_units)),
    };
    let _ = writeln!(text, "  tokens   {}{tokens}", grouped(summary.tokens_used));
    if !summary.units.is_empty() {
        let _ = writeln!(text, "  beside   {}", in_words(&summary.units));
    }
    let _ = writeln!(text, "  latency  {}{latency}", duration(summary.latency_ms));
    let _ = writeln!(text, "  cost     {} USD{unpriced}{units}", summary.cost_usd);
    if let Some(active) = &summary.active {
        let (phase, since) = (&active.phase, time(&active.started_at));
        let _ = writeln!(text, "  active   {phase} attempt {} since {since}", active.attempt);
    }
    if let Some(decision) = &status.last_decision {
        let (verdict, to) = (&decision.verdict, &decision.advance_to);
        let _ = writeln!(text, "  gate     {verdict} to {to} at {}", time(&decision.at));
    }
    let begun = status.executions.iter().filter(|run| run.state != ExecutionState::NotStarted);
    let rows: Vec<Vec<String>> = begun
        .map(|run| {
            vec![
                run.phase.clone(),
                run.attempt.to_string(),
                run.state.to_string(),
                grouped(run.tokens_used),
                run.tokens_limit.map(grouped_u64).unwrap_or_default(),
                duration(run.latency_ms),
                run.latency_limit_ms.map(duration).unwrap_or_default(),
                run.breach_status.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let header = ["phase", "attempt", "state", "tokens", "limit", "latency", "limit", "status"];
        let _ = write!(text, "\n{}", table(&header, &[1, 3, 4, 5, 6], rows));
    }
    for warning in &status.warnings {
        let _ = writeln!(text, "! {}", printable(warning));
    }
    text
}

/// The gate's answer.
pub(crate) fn gate(answer: &GateResponse) -> String {
    let softened = if answer.ruled == answer.verdict {
        String::new()
    } else {
        format!(" (the rules say {})", answer.ruled)
    };
    let mut text = format!(
        "{}{softened}: {} to {}\n",
        answer.verdict.as_str().to_uppercase(),
        answer.task,
        answer.advance_to
    );
    for reason in &answer.reasons {
        let _ = writeln!(text, "  {}  [{}]", printable(&reason.message), reason.code);
    }
    if answer.reasons.is_empty() {
        let _ = writeln!(text, "  no objections");
    }
    for requirement in &answer.requirements {
        let asked = match requirement.as_str() {
            "explanation" => "explain the breach; the report shows it".to_owned(),
            "review" => "look at the task before it goes on".to_owned(),
            "post_mortem" => "write a post-mortem".to_owned(),
            "investigation" => "investigate before it goes on".to_owned(),
            "remediation" => match TaskId::new(&*answer.task) {
                Ok(task) => format!("work on {}", remediation_of(&task)),
                Err(_) => "work on its remediation".to_owned(),
            },
            other => other.to_owned(),
        };
        let _ = writeln!(text, "  asked: {asked}");
    }
    if let (Some(active), Some(tokens)) = (&answer.active, answer.remaining_tokens) {
        let _ = writeln!(text, "  {active} has {} tokens left", grouped_u64(tokens));
    }
    if let Some(progress) = &answer.progress {
        write_progress(progress, &mut text);
    }
    if answer.rollout == "observe" {
        let _ = writeln!(text, "  rollout observe: nothing is blocked");
    } else if !answer.rollout.is_empty() {
        let _ = writeln!(text, "  rollout {}", answer.rollout);
    }
    if answer.verdict == Verdict::Block {
        let _ = writeln!(text, "  why, in full: `tollgate task explain {}`", answer.task);
        let _ = writeln!(
            text,
            "  set it aside: `tollgate task override {} --advance {} --approver NAME --reason TEXT`",
            answer.task, answer.advance_to
        );
    }
    text
}

fn write_progress(progress: &ProgressView, text: &mut String) {
    let ProgressView { phase, pace, points, tokens, .. } = progress;
    let achieved = format!("{} points for {} tokens", grouped_u64(*points), grouped_u64(*tokens));
    let _ = writeln!(text, "  {phase} is {pace}: {achieved}");
    let next =
        progress.next_check_tokens.map(|tokens| format!("ask again after {} tokens", grouped_u64(tokens)));
    let ends =
        progress.forecast_task_tokens.map(|tokens| format!("the task ends at about {}", grouped_u64(tokens)));
    let said: Vec<String> = next.into_iter().chain(ends).collect();
    if !said.is_empty() {
        let _ = writeln!(text, "  {}", said.join("; "));
    }
}
