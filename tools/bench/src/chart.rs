//! The comparison as a picture: bars of medians, each with its lowest and highest round.

use tollgate_charts::svg::{Styles, svg};
use tollgate_charts::{Axis, DataTable, Figure, Mark, Panel, Tone, Unit};

use crate::output::Report;
use crate::stats::Spread;

/// What each candidate appends in a second, in which order.
const CANDIDATES: [&str; 7] = ["tollgate", "raw", "fjall", "postgres", "sled", "sqlite", "redb"];

/// Shapes of appending, as figures name them, and for people.
const SHAPES: [(&str, &str); 2] = [
    ("16x64", "events appended a second: 16 producers, batches of 64, each synced"),
    ("1x1", "events appended a second: one producer, one event after the other, each synced"),
];

/// Views whose folds are compared; `decoding` is reading alone.
const VIEWS: [&str; 5] = ["decoding", "status", "reports", "spending", "alerts"];

/// A bar: what it is called, what it shows, and its colour.
type Bar = (String, Spread, Tone);

/// The picture of what was measured; what was not is left out.
pub(crate) fn svg_of(report: &Report) -> String {
    let found =
        |name: &str| report.figures.spreads().find(|(known, _)| *known == name).map(|(_, spread)| spread);
    let mut panels: Vec<(&str, Vec<Bar>)> = Vec::new();
    for (shape, heading) in SHAPES {
        let bar = |candidate: &&str| {
            let spread = found(&format!("append_{shape}_{candidate}_events_per_second"))?;
            let tone = if *candidate == "tollgate" { Tone::Blue } else { Tone::Teal };
            Some(((*candidate).to_owned(), spread, tone))
        };
        panels.push((heading, CANDIDATES.iter().filter_map(bar).collect()));
    }
    let fold = |view: &&str| {
        let of = |many: &str, label: &str, tone| {
            let spread = found(&format!("views_{view}_{many}_tasks_million_events_per_core_second"))?;
            Some((format!("{view}, {label}"), spread, tone))
        };
        [of("few", "few tasks", Tone::Blue), of("many", "many tasks", Tone::Violet)]
    };
    let views = VIEWS.iter().flat_map(fold).flatten().collect();
    panels.push(("million events folded in a second of one core", views));
    panels.retain(|(_, bars)| !bars.is_empty());
    let rows = panels.iter().flat_map(|(heading, bars)| bars.iter().map(|bar| row(heading, bar))).collect();
    let figure = Figure {
        name: "compare".to_owned(),
        title: "Tollgate beside its peers".to_owned(),
        desc: format!("Bars of medians of {} rounds, with their lowest and highest.", report.rounds),
        panels: panels.into_iter().map(|(heading, bars)| panel(heading, &bars)).collect(),
        table: DataTable {
            head: ["panel", "bar", "median", "lowest", "highest"].map(str::to_owned).into(),
            text_columns: 2,
            rows,
        },
    };
    svg(&figure.scene(), Styles::Own)
}

fn panel(heading: &str, bars: &[Bar]) -> Panel {
    let names = bars.iter().map(|(name, ..)| name.clone()).collect();
    let marks = bars.iter().zip(0_u32..).flat_map(|((_, spread, tone), nth)| {
        let level = f64::from(nth);
        let bar = Mark::Bar {
            x: (0.0, spread.median),
            y: (level - 0.35, level + 0.35),
            tone: *tone,
            label: String::new(),
            alone: false,
        };
        let range =
            Mark::ErrorBar { from: (spread.lowest, level), to: (spread.highest, level), tone: Tone::Ink };
        [bar, range]
    });
    Panel {
        heading: heading.to_owned(),
        x: Axis::linear("", Unit::Count).spanning([0.0]),
        y: Axis::names(names),
        height: 22.0 * bars.len() as f64,
        marks: marks.collect(),
        keys: Vec::new(),
    }
}

fn row(heading: &str, (name, spread, _): &Bar) -> Vec<String> {
    let [median, lowest, highest] =
        [spread.median, spread.lowest, spread.highest].map(|value| format!("{value:.3}"));
    vec![heading.to_owned(), name.clone(), median, lowest, highest]
}
