//! Any figure: all kinds of axes and marks, with the values and names that people do not think of.

use proptest::collection::vec;
use proptest::prelude::*;
use tollgate_charts::{
    Anchor, At, Axis, Dash, DataTable, Dot, Figure, Key, Mark, Panel, Sign, Stroke, Tone, Unit,
};

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e6_f64..1e6,
        2 => Just(0.0),
        1 => any::<f64>(),
        1 => any::<u64>().prop_map(|whole| whole as f64),
        1 => Just(u64::MAX as f64),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => 1.79e9_f64..1.8e9,
    ]
}

fn point() -> impl Strategy<Value = (f64, f64)> {
    (value(), value())
}

pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,12}",
        ".{0,30}",
        Just("<script>&\"'</script>".to_owned()),
        Just("x".repeat(400)),
        Just("配置文件 ".repeat(40)),
        Just("\u{0}\u{1b}[31m\u{202e}\u{ffff}\n".to_owned()),
        Just("&amp;#39;]]>".to_owned()),
    ]
}

fn tone() -> impl Strategy<Value = Tone> {
    prop_oneof![Just(Tone::Ink), Just(Tone::Grey), Just(Tone::Blue), Just(Tone::Amber), Just(Tone::Red)]
}

fn stroke() -> impl Strategy<Value = Stroke> {
    let dash = prop_oneof![Just(Dash::Solid), Just(Dash::Dashed), Just(Dash::Dotted)];
    (tone(), dash).prop_map(|(tone, dash)| Stroke { tone, width: 2.0, dash })
}

fn dot() -> impl Strategy<Value = Dot> {
    prop_oneof![Just(Dot::Small), Just(Dot::Disc), Just(Dot::Ring), Just(Dot::Diamond)]
}

fn mark() -> impl Strategy<Value = Mark> {
    let anchor = prop_oneof![Just(Anchor::Start), Just(Anchor::Middle), Just(Anchor::End)];
    let points = || vec(point(), 0..20);
    prop_oneof![
        (points(), stroke()).prop_map(|(points, stroke)| Mark::Line { points, stroke }),
        (points(), stroke()).prop_map(|(points, stroke)| Mark::Step { points, stroke }),
        (vec((value(), value(), value()), 0..20), tone())
            .prop_map(|(points, tone)| Mark::Band { points, tone }),
        (point(), point(), tone(), name(), any::<bool>()).prop_map(|(x, y, tone, label, alone)| Mark::Bar {
            x,
            y,
            tone,
            label,
            alone
        }),
        (point(), tone(), dot()).prop_map(|(at, tone, dot)| Mark::Point { at, tone, dot }),
        (point(), point(), tone()).prop_map(|(from, to, tone)| Mark::ErrorBar { from, to, tone }),
        (value(), any::<bool>(), stroke(), name()).prop_map(|(at, upright, stroke, label)| Mark::Rule {
            at: if upright { At::X(at) } else { At::Y(at) },
            stroke,
            label
        }),
        (point(), name(), anchor, tone()).prop_map(|(at, text, anchor, tone)| Mark::Text {
            at,
            text,
            anchor,
            tone
        }),
    ]
}

fn axis() -> impl Strategy<Value = Axis> {
    let unit = prop_oneof![
        Just(Unit::Count),
        Just(Unit::Percent),
        Just(Unit::Times),
        Just(Unit::Millis),
        Just(Unit::Usd)
    ];
    let numbers = (name(), unit, vec(value(), 0..3), 0..3_u8).prop_map(|(title, unit, spanning, kind)| {
        let axis = match kind {
            0 => Axis::linear(&title, unit),
            1 => Axis::log(&title, unit),
            _ => Axis::time(&title),
        };
        axis.spanning(spanning)
    });
    prop_oneof![3 => numbers, 1 => vec(name(), 0..6).prop_map(Axis::names)]
}

fn key() -> impl Strategy<Value = Key> {
    let sign = prop_oneof![
        tone().prop_map(Sign::Fill),
        tone().prop_map(Sign::Wash),
        stroke().prop_map(Sign::Line),
        (tone(), dot()).prop_map(|(tone, dot)| Sign::Dot(tone, dot)),
    ];
    (sign, name()).prop_map(|(sign, label)| Key { sign, label })
}

fn panel() -> impl Strategy<Value = Panel> {
    (name(), axis(), axis(), 0.0_f64..400.0, vec(mark(), 0..6), vec(key(), 0..5))
        .prop_map(|(heading, x, y, height, marks, keys)| Panel { heading, x, y, height, marks, keys })
}

pub(crate) fn figure() -> impl Strategy<Value = Figure> {
    (name(), name(), vec(panel(), 0..3), vec(vec(name(), 0..4), 0..4)).prop_map(
        |(title, desc, panels, rows)| Figure {
            name: "any".to_owned(),
            title,
            desc,
            panels,
            table: DataTable { head: vec!["a".to_owned(), "b".to_owned()], text_columns: 1, rows },
        },
    )
}
