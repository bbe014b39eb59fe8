//! The curves of a soak as a picture.

use tollgate_charts::svg::{Styles, svg};
use tollgate_charts::{Axis, DataTable, Figure, Mark, Panel, Stroke, Tone, Unit};

use super::Step;

/// What it is called, what is drawn of a step, and its colour.
type Curve = (&'static str, fn(&Step) -> f64, Tone);

const CURVES: [Curve; 5] = [
    ("events appended a second", |step| step.rate, Tone::Blue),
    ("processor seconds for a million events", |step| step.cpu, Tone::Amber),
    ("megabytes of memory", |step| step.memory, Tone::Violet),
    ("bytes on the disk for an event", |step| step.bytes.iter().sum(), Tone::Teal),
    ("records that the view is behind", |step| step.lag as f64, Tone::Rose),
];

/// The picture, over the events in the log.
pub(crate) fn svg_of(steps: &[Step]) -> String {
    let panels = CURVES.map(|(heading, value, tone)| {
        let points = steps.iter().map(|step| (step.events as f64, value(step))).collect();
        Panel {
            heading: heading.to_owned(),
            x: Axis::linear("events in the log", Unit::Count).spanning([0.0]),
            y: Axis::linear("", Unit::Count).spanning([0.0]),
            height: 110.0,
            marks: vec![Mark::Line { points, stroke: Stroke::solid(tone, 2.0) }],
            keys: Vec::new(),
        }
    });
    let (events, tasks) = steps.last().map(|step| (step.events, step.tasks)).unwrap_or_default();
    let head = ["events", "tasks"].into_iter().chain(CURVES.map(|(heading, ..)| heading));
    let row = |step: &Step| {
        let counts = [step.events.to_string(), step.tasks.to_string()];
        counts.into_iter().chain(CURVES.map(|(_, value, _)| format!("{:.1}", value(step)))).collect()
    };
    let figure = Figure {
        name: "soak".to_owned(),
        title: "What an event costs as the ledger grows".to_owned(),
        desc: format!("Five curves over the events in the log, up to {events} events of {tasks} tasks."),
        panels: panels.into(),
        table: DataTable {
            head: head.map(str::to_owned).collect(),
            text_columns: 0,
            rows: steps.iter().map(row).collect(),
        },
    };
    svg(&figure.scene(), Styles::Own)
}
