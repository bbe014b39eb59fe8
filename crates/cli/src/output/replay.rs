//! What would have happened under other limits, on screen: a column for each candidate, then the tasks whose outcome
//! differs.

use std::fmt::Write;

use tollgate_projection::report::csv_text;
use tollgate_replay::what_if::Replayed;
use tollgate_replay::what_if::WhatIf;
use tollgate_replay::what_if::result::{CandidateResult, DifferingTask, FirstCrossing, TaskOutcomeView};

use super::replay_anomalies::anomalies;
use super::replay_figures::{SHOWN_TASKS, amounts, money, of_limit, share};
use super::replay_pool::pool;
use super::replay_progress::progress;
use super::session_phases::session_phases;
use super::{counted, grouped, grouped_u64, table};

/// The result for people.
pub(crate) fn what_if(replayed: &Replayed) -> String {
    let result = &replayed.result;
    let mut text = history(replayed);
    if let Some(coverage) = &result.inputs.session_phases {
        text += &session_phases(coverage);
    }
    text += &side_by_side(result);
    text += &blocks(result);
    text += &progress(result);
    text += &pool(result);
    for candidate in &result.candidates {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "\n{}", candidate.name);
        for finding in &candidate.findings {
            let _ = writeln!(text, "* {finding}");
        }
    }
    text += &differing(result);
    text += &anomalies(&result.anomalies);
    if let Some(money) = &result.money {
        text += &super::replay_money::money(money);
    }
    text += "\nassumptions\n";
    let of_return = result.candidates.first().map(|first| &first.return_on_investment.assumptions);
    for assumption in result.assumptions.iter().chain(of_return.into_iter().flatten()) {
        let _ = writeln!(text, "* {assumption}");
    }
    let _ = writeln!(text, "\nhash {}", replayed.hash);
    text
}

fn history(replayed: &Replayed) -> String {
    let result = &replayed.result;
    let (history, live) = (&result.history, &result.live);
    let mut text = format!(
        "{}: {}, {}\n",
        replayed.source.origin,
        counted(result.inputs.events, "event"),
        counted(history.tasks, "task")
    );
    let _ = writeln!(
        text,
        "tasks     {} opened; {} completed, {} given up, {} not finished; {} marked legitimate, {} runaway",
        grouped_u64(history.opened),
        grouped_u64(history.completed),
        grouped_u64(history.given_up),
        grouped_u64(history.unfinished),
        grouped_u64(history.legitimate),
        grouped_u64(history.runaway),
    );
    let _ = writeln!(text, "used      {}", amounts(&history.used));
    if let Some(sentence) = history.estimates.sentence() {
        let _ = writeln!(text, "estimated {sentence}");
    }
    if let Some(concluded) = &history.concluded_phases {
        let _ = writeln!(text, "phases    {}", concluded.sentence());
    }
    let _ = writeln!(
        text,
        "live gate asked about {}: {} blocked, {} warned; its rules would have blocked {}",
        counted(live.asked, "task"),
        grouped_u64(live.blocked),
        grouped_u64(live.warned),
        grouped_u64(live.ruled_blocked),
    );
    for sentence in live.return_on_investment.iter().flat_map(tollgate_projection::savings::in_words) {
        let _ = writeln!(text, "live gate {sentence}");
    }
    let said = [
        (history.unreadable_tasks, "not judged: an event cannot be read"),
        (history.remediations, "not judged: follow-ups of blocks"),
        (history.tracked_only, "not judged: only tracked (enforcement: off)"),
    ];
    for (tasks, what) in said.into_iter().filter(|(tasks, _)| *tasks > 0) {
        let _ = writeln!(text, "! {} {what}", counted(tasks, "task"));
    }
    if history.late_events > 0 {
        let _ = writeln!(
            text,
            "late      {} of usage came after the task was closed, and count",
            counted(history.late_events, "event")
        );
    }
    text
}

/// A row of the table of candidates.
type Line = (&'static str, fn(&CandidateResult) -> String);

fn side_by_side(result: &WhatIf) -> String {
    let lines: [Line; 21] = [
        ("tasks judged", |it| grouped_u64(it.judged)),
        ("  never at a gate", |it| grouped_u64(it.unasked)),
        ("  within", |it| of_judged(it.within, it)),
        ("  warned", |it| of_judged(it.warned, it)),
        ("  over, never asked after", |it| of_judged(it.over.tasks, it)),
        ("    tokens over the limit", |it| grouped_u64(it.over_tokens)),
        ("  blocked", |it| of_judged(it.blocked, it)),
        ("    by its own rollout", |it| grouped_u64(it.blocked_by_own_rollout)),
        ("saved at most: tasks", |it| grouped_u64(it.saved.tasks)),
        ("  stopped live: not known", |it| grouped_u64(it.stopped_live)),
        ("  tokens", |it| grouped(it.saved.tokens)),
        ("  USD", |it| money(&it.saved)),
        ("  of marked runaways: USD", |it| money(&it.saved_of_runaways)),
        ("interrupted: tasks", |it| grouped_u64(it.interrupted.tasks)),
        ("  tokens", |it| grouped(it.interrupted.tokens)),
        ("  USD", |it| money(&it.interrupted)),
        ("runaways found", |it| share(&it.found_runaways)),
        ("good tasks blocked", |it| share(&it.false_positives)),
        ("legitimate tasks blocked", |it| share(&it.false_positives_of_legitimate)),
        ("wrong blocks", |it| share(&it.wrong_blocks)),
        ("limit unused, not blocked", |it| {
            let percent = it.headroom.unused_percent.as_ref();
            percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"))
        }),
    ];
    let mut header = vec![""];
    header.extend(result.candidates.iter().map(|candidate| candidate.name.as_str()));
    let numbers: Vec<usize> = (1..header.len()).collect();
    let rows = lines.iter().map(|(name, cell)| {
        let mut row = vec![(*name).to_owned()];
        row.extend(result.candidates.iter().map(cell));
        row
    });
    let mut text = format!("\n{}", table(&header, &numbers, rows.collect()));
    for candidate in result.candidates.iter().filter(|it| it.unknown_phase > 0) {
        let tasks = counted(candidate.unknown_phase, "task");
        let _ = writeln!(
            text,
            "! {}: overrides of {tasks} name a phase that it does not have: left out",
            candidate.name
        );
    }
    text
}

fn of_judged(tasks: u64, candidate: &CandidateResult) -> String {
    let asked = candidate.judged;
    let percent = tollgate_projection::overview::Share { part: tasks, of: asked }.rounded();
    percent.map_or_else(|| grouped_u64(tasks), |percent| format!("{} ({percent} %)", grouped_u64(tasks)))
}

/// Where tasks were blocked first.
fn blocks(result: &WhatIf) -> String {
    let rows: Vec<Vec<String>> = result
        .candidates
        .iter()
        .flat_map(|candidate| {
            candidate.blocks.iter().map(|point| {
                vec![
                    candidate.name.clone(),
                    point.advance.clone(),
                    point.rule.to_owned(),
                    grouped_u64(point.tasks),
                    of_limit(point.median_percent),
                    of_limit(point.most_percent),
                ]
            })
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let header = ["blocked under", "before", "rule", "tasks", "half used up to", "most used"];
    format!("\n{}", table(&header, &[3, 4, 5], rows))
}

fn differing(result: &WhatIf) -> String {
    let is_one = result.candidates.len() == 1;
    let beside = if is_one { "from what the live gate answered" } else { "between them" };
    if result.differing.is_empty() {
        let unasked = if is_one { ", and none that it was not asked about is warned or blocked" } else { "" };
        return format!("\nno task's outcome differs {beside}{unasked}\n");
    }
    let mut text = format!(
        "\n{} with an outcome that differs {beside}\n",
        counted(result.differing.len() as u64, "task")
    );
    if is_one && result.differing.iter().any(|task| task.live.is_none()) {
        text += "(of those that it was not asked about: each that is warned or blocked)\n";
    }
    let mut header = vec!["task", "ended", "live"];
    header.extend(result.candidates.iter().map(|candidate| candidate.name.as_str()));
    let rows = result.differing.iter().take(SHOWN_TASKS).map(|task| {
        let ended = task.mark.map_or_else(|| task.stage.to_owned(), |mark| format!("{}, {mark}", task.stage));
        let mut row = vec![task.task.clone(), ended, task.live.unwrap_or("not asked").to_owned()];
        row.extend(task.outcomes.iter().map(outcome));
        row
    });
    text += &table(&header, &[], rows.collect());
    if result.differing.len() > SHOWN_TASKS {
        let more = (result.differing.len() - SHOWN_TASKS) as u64;
        let _ = writeln!(
            text,
            "… and {} more: with --format json or csv, or in the files of --out",
            grouped_u64(more)
        );
    }
    text
}

fn outcome(outcome: &TaskOutcomeView) -> String {
    let Some(first) = &outcome.first else { return outcome.outcome.to_owned() };
    format!("{} before {}: {} {}", outcome.outcome, first.advance, first.rule, figures(first))
}

fn figures(first: &FirstCrossing) -> String {
    let percent = first.percent.as_ref().map(|percent| format!(" ({percent} %)")).unwrap_or_default();
    let unit = if first.unit == "tokens" { String::new() } else { format!(" {}", first.unit) };
    format!("{} / {}{unit}{percent}", grouped_u64(first.used), grouped_u64(first.limit))
}

/// A row for each candidate of each task whose outcome differs: first configs, then sets of policies.
pub(crate) fn differing_csv(result: &WhatIf) -> String {
    let header = "tenant,task,stage,mark,tokens,live,candidate,outcome,at,advance,rule,used,limit,unit,tokens_after,\
                  cost_usd_after,policy,asked";
    let mut text = format!("{header}\r\n");
    for task in &result.differing {
        for (candidate, outcome) in result.candidates.iter().zip(&task.outcomes) {
            text += &csv_row(task, &candidate.name, outcome);
        }
    }
    text + &result.money.as_ref().map(super::replay_money_csv::rows).unwrap_or_default()
}

fn csv_row(task: &DifferingTask, candidate: &str, outcome: &TaskOutcomeView) -> String {
    let mut cells = vec![
        csv_text(&task.tenant),
        csv_text(&task.task),
        task.stage.to_owned(),
        task.mark.unwrap_or_default().to_owned(),
        task.tokens.to_string(),
        task.live.unwrap_or_default().to_owned(),
        csv_text(candidate),
        outcome.outcome.to_owned(),
    ];
    match &outcome.first {
        Some(first) => cells.extend([
            first.at.clone(),
            csv_text(&first.advance),
            first.rule.to_owned(),
            first.used.to_string(),
            first.limit.to_string(),
            first.unit.to_owned(),
            first.after.tokens.to_string(),
            first.after.cost_usd.clone(),
        ]),
        None => cells.extend(std::iter::repeat_n(String::new(), 8)),
    }
    // Of policies.
    cells.extend([String::new(), String::new()]);
    cells.join(",") + "\r\n"
}
