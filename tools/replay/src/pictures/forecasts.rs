//! How far forecasts were from the truth, for candidates whose budgets follow progress.

use tollgate_charts::{Axis, Dot, Figure, Key, Mark, Panel, Sign, Tone, Unit};

use super::share::{counted, of, table};
use crate::what_if::progress::{ForecastError, ProgressResult};
use crate::what_if::result::WhatIf;

/// An interval from the median to nine of ten for each phase, for each candidate that has forecasts.
pub(super) fn errors(result: &WhatIf) -> Vec<Figure> {
    let all = result.candidates.iter().enumerate();
    let with = all.filter_map(|(nth, candidate)| {
        let progress = candidate.progress.as_ref()?;
        let none = progress.phase_forecasts.is_empty() && progress.task_forecasts.is_empty();
        (!none).then(|| of_candidate(nth, &candidate.name, progress))
    });
    with.collect()
}

fn of_candidate(nth: usize, name: &str, progress: &ProgressResult) -> Figure {
    let ProgressResult { phase_forecasts, task_forecasts, .. } = progress;
    let panels = [
        ("Of the task, by what was expected when this phase ended", task_forecasts),
        ("Of the phase, by what was expected before it started", phase_forecasts),
    ];
    let rows = [("task", task_forecasts), ("phase", phase_forecasts)].into_iter().flat_map(|(of, errors)| {
        errors.iter().map(move |error| {
            vec![
                of.to_owned(),
                error.phase.clone(),
                counted(error.tasks),
                percent(error.median_permille),
                percent(error.p90_permille),
            ]
        })
    });
    let described = task_forecasts.iter().map(|error| {
        format!(
            "after {}: half within {} %, nine of ten within {} %",
            error.phase,
            percent(error.median_permille),
            percent(error.p90_permille)
        )
    });
    let title = format!("How far forecasts were off: {name}");
    Figure {
        name: format!("forecasts-{}", nth + 1),
        desc: format!("{title}; of the task {}", described.collect::<Vec<_>>().join("; ")),
        title,
        panels: panels.into_iter().filter(|(_, errors)| !errors.is_empty()).map(panel).collect(),
        table: table(
            2,
            &["forecast of", "phase", "completed tasks", "half within, %", "nine of ten within, %"],
            rows.collect(),
        ),
    }
}

fn panel((heading, errors): (&str, &Vec<ForecastError>)) -> Panel {
    let marks = errors.iter().enumerate().flat_map(|(row, error)| {
        let middle = of(row as u64);
        let (half, most) = (of(error.median_permille) / 10.0, of(error.p90_permille) / 10.0);
        [
            Mark::ErrorBar { from: (half, middle), to: (most, middle), tone: Tone::Blue },
            Mark::Point { at: (half, middle), tone: Tone::Blue, dot: Dot::Disc },
        ]
    });
    Panel {
        heading: heading.to_owned(),
        x: Axis::linear("off by, in percent of what was used", Unit::Percent).spanning([0.0]),
        height: 24.0 * of(errors.len().max(1) as u64),
        y: Axis::names(errors.iter().map(|error| error.phase.clone()).collect()),
        marks: marks.collect(),
        keys: vec![Key {
            sign: Sign::Dot(Tone::Blue, Dot::Disc),
            label: "half of the tasks were off by no more, nine of ten to the bar's end".to_owned(),
        }],
    }
}

/// Per mille as percent with a decimal.
fn percent(permille: u64) -> String {
    format!("{}.{}", counted(permille / 10), permille % 10)
}
