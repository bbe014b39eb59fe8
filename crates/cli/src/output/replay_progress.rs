//! What following progress would have changed, on screen: beside the same limits as fixed ones.

use std::fmt::Write;

use tollgate_replay::what_if::WhatIf;
use tollgate_replay::what_if::progress::{ForecastError, ProgressResult};

use super::{counted, grouped_u64, table};

/// Changed tasks that are shown of a candidate; all of them are in the result.
const SHOWN_TASKS: usize = 20;

/// A section for each candidate whose budgets follow progress.
pub(super) fn progress(result: &WhatIf) -> String {
    let mut text = String::new();
    for candidate in &result.candidates {
        let Some(progress) = &candidate.progress else { continue };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "\n{}: beside the same limits without progress", candidate.name);
        for (what, figures) in sums(progress) {
            let _ = writeln!(text, "  {what:<22} {figures}");
        }
        text += &changed(progress);
        text += &forecasts(progress);
    }
    text
}

fn sums(progress: &ProgressResult) -> [(&'static str, String); 7] {
    let good = |tasks: u64, good: u64| format!("{} ({} good)", counted(tasks, "task"), grouped_u64(good));
    let tokens =
        |tasks: u64, tokens: u64| format!("{}, {}", counted(tasks, "task"), counted(tokens, "token"));
    [
        ("blocked by fixed", good(progress.blocked_by_fixed, progress.good_blocked_by_fixed)),
        ("  of these spared", good(progress.spared, progress.good_spared)),
        ("stopped as spinning", good(progress.stopped_spinning, progress.good_stopped_spinning)),
        ("stopped earlier", tokens(progress.stopped_earlier, progress.stopped_earlier_tokens)),
        ("limits extended", tokens(progress.extended, progress.extended_tokens)),
        ("carried forward", tokens(progress.carried, progress.carried_tokens)),
        ("no progress reported", counted(progress.unreported, "task")),
    ]
}

fn changed(progress: &ProgressResult) -> String {
    if progress.changed.is_empty() {
        return String::new();
    }
    let rows = progress.changed.iter().take(SHOWN_TASKS).map(|task| {
        vec![
            task.task.clone(),
            task.because.to_owned(),
            task.fixed.to_owned(),
            task.following.to_owned(),
            task.earlier_tokens.map(grouped_u64).unwrap_or_default(),
        ]
    });
    let mut text = table(&["task", "because", "fixed", "following", "tokens earlier"], &[4], rows.collect());
    if progress.changed.len() > SHOWN_TASKS {
        let more = (progress.changed.len() - SHOWN_TASKS) as u64;
        let _ = writeln!(text, "… and {} more: with --format json", grouped_u64(more));
    }
    text
}

fn forecasts(progress: &ProgressResult) -> String {
    let row = |what: &str, error: &ForecastError| {
        vec![
            format!("{what} {}", error.phase),
            grouped_u64(error.tasks),
            percent(error.median_permille),
            percent(error.p90_permille),
        ]
    };
    let of_phases = progress.phase_forecasts.iter().map(|error| row("of", error));
    let of_tasks = progress.task_forecasts.iter().map(|error| row("of the task, after", error));
    let rows: Vec<Vec<String>> = of_phases.chain(of_tasks).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["forecast", "tasks", "half off by up to", "9 of 10 by up to"], &[1, 2, 3], rows)
}

/// Per mille as percent.
fn percent(permille: u64) -> String {
    format!("{}.{} %", grouped_u64(permille / 10), permille % 10)
}
