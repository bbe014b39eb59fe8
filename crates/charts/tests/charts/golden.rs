//! One picture with all kinds of marks, as it was looked at.

use tollgate_charts::html::{Page, html};
use tollgate_charts::svg::{Styles, svg};
use tollgate_charts::{
    Anchor, At, Axis, Dash, DataTable, Dot, Figure, Key, Mark, Panel, Sign, Stroke, Tone, Unit,
};

/// Lines, a band, points and rules over time; bars and intervals of names.
pub(crate) fn lines() -> Figure {
    let day = |nth: u32| 1_773_705_600.0 + 86_400.0 * f64::from(nth);
    let tokens = [12_000.0, 18_500.0, 9_000.0, 31_000.0, 22_000.0];
    let at = || (0..).map(day).zip(tokens);
    let over_time = Panel {
        heading: "Tokens by day".to_owned(),
        x: Axis::time("day"),
        y: Axis::linear("tokens", Unit::Count).spanning([0.0]),
        height: 160.0,
        marks: vec![
            Mark::Band { points: at().map(|(x, y)| (x, y * 0.8, y * 1.2)).collect(), tone: Tone::Blue },
            Mark::Line { points: at().collect(), stroke: Stroke::solid(Tone::Blue, 2.0) },
            Mark::Step { points: at().collect(), stroke: Stroke::dashed(Tone::Amber, 1.5) },
            Mark::Point { at: (day(3), 31_000.0), tone: Tone::Blue, dot: Dot::Ring },
            Mark::Text {
                at: (day(3), 31_000.0),
                text: "most".to_owned(),
                anchor: Anchor::Start,
                tone: Tone::Ink,
            },
            Mark::Rule {
                at: At::Y(25_000.0),
                stroke: Stroke { tone: Tone::Red, width: 1.5, dash: Dash::Dotted },
                label: "limit".to_owned(),
            },
            Mark::Rule {
                at: At::X(day(1)),
                stroke: Stroke::solid(Tone::Ink, 1.0),
                label: "config v2".to_owned(),
            },
        ],
        keys: vec![
            Key { sign: Sign::Line(Stroke::solid(Tone::Blue, 2.0)), label: "used".to_owned() },
            Key { sign: Sign::Wash(Tone::Blue), label: "range".to_owned() },
            Key { sign: Sign::Dot(Tone::Blue, Dot::Diamond), label: "other".to_owned() },
        ],
    };
    let row = |y: f64| (y - 0.3, y + 0.3);
    let bar = |to: f64, y: f64, label: &str| Mark::Bar {
        x: (1.0, to),
        y: row(y),
        tone: Tone::Teal,
        label: label.to_owned(),
        alone: true,
    };
    let names = ["<a & \"b\">", "a name that is far too long to be shown whole beside its row", "c"];
    let by_name = Panel {
        heading: String::new(),
        x: Axis::log("latency", Unit::Millis),
        y: Axis::names(names.map(str::to_owned).to_vec()),
        height: 90.0,
        marks: vec![
            bar(90_000.0, 0.0, "90 s"),
            bar(3.0, 1.0, "3 ms"),
            Mark::ErrorBar { from: (200.0, 2.0), to: (4_000.0, 2.0), tone: Tone::Red },
            Mark::Point { at: (900.0, 2.0), tone: Tone::Red, dot: Dot::Diamond },
        ],
        keys: Vec::new(),
    };
    Figure {
        name: "lines".to_owned(),
        title: "All marks".to_owned(),
        desc: "Tokens of five days; latency of three names".to_owned(),
        panels: vec![over_time, by_name],
        table: DataTable {
            head: vec!["day".to_owned(), "tokens".to_owned()],
            text_columns: 1,
            rows: vec![vec!["2026-03-17".to_owned(), "12,000".to_owned()]],
        },
    }
}

#[test]
fn a_picture_stays_as_it_was() {
    insta::assert_snapshot!("lines", svg(&lines().scene(), Styles::Own));
}

#[test]
fn a_page_stays_as_it_was() {
    let page = Page {
        title: "A page".to_owned(),
        facts: vec![("Tasks".to_owned(), "3".to_owned())],
        figures: vec![Figure { panels: Vec::new(), ..lines() }],
        notes: vec![("Notes".to_owned(), vec!["one".to_owned()])],
        footer: "end".to_owned(),
    };
    insta::assert_snapshot!("page", html(&page));
}
