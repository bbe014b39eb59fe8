//! What later tasks say: of the proposal beside the config in force, and of the percentiles.

use tollgate_charts::{Axis, Dot, Figure, Key, Mark, Panel, Sign, Stroke, Tone, Unit};

use super::share::{counted, of, table};
use crate::calibrate::{Calibration, Coverage, Judgement, Rate};

/// What is judged, and how it is read.
type Line = (&'static str, fn(&Judgement) -> Rate);

const LINES: [Line; 4] = [
    ("good tasks above a limit", |it| it.breaches),
    ("phases of good tasks above theirs", |it| it.phase_breaches),
    ("good tasks stopped", |it| it.false_positives),
    ("runaways stopped", |it| it.runaways_stopped),
];

const PPM_OF_PERCENT: f64 = 10_000.0;

/// The proposal beside the config in force, on tasks that it was not fitted to. `None`: there are none.
pub(super) fn judged(calibration: &Calibration) -> Option<Figure> {
    let judged = calibration.judged.as_ref()?;
    let sides =
        [("in force", &judged.current, Tone::Grey, -0.18), ("proposed", &judged.proposed, Tone::Rose, 0.18)];
    let (mut marks, mut rows, mut described) = (Vec::new(), Vec::new(), Vec::new());
    for (nth, (name, rate)) in LINES.iter().enumerate() {
        for (side, judgement, tone, shift) in sides {
            let rate = rate(judgement);
            marks.extend(interval(of(nth as u64) + shift, &rate, tone));
            rows.push(cells(vec![(*name).to_owned(), side.to_owned()], &rate));
            described.push(format!("{name}, {side}: {}", in_words(&rate)));
        }
    }
    let key = |(name, _, tone, _): (&str, &Judgement, Tone, f64)| Key {
        sign: Sign::Dot(tone, Dot::Disc),
        label: name.to_owned(),
    };
    Some(Figure {
        name: "later-tasks".to_owned(),
        title: "Judged by later tasks: the limits in force and those proposed".to_owned(),
        desc: described.join("; "),
        panels: vec![Panel {
            heading:
                "Stopped: by the gate, asked as each phase is left and at completion, of abandoned tasks, too"
                    .to_owned(),
            x: Axis::linear("share, with its interval", Unit::Percent).spanning([0.0, 100.0]),
            y: Axis::names(LINES.iter().map(|(name, _)| (*name).to_owned()).collect()),
            height: 44.0 * of(LINES.len() as u64),
            marks,
            keys: sides.map(key).to_vec(),
        }],
        table: table(2, &["what", "limits", "count", "of", "percent", "interval"], rows),
    })
}

/// How many later values are within the percentiles of the earlier ones. `None`: none was judged.
pub(super) fn coverage(calibration: &Calibration) -> Option<Figure> {
    let coverage = &calibration.judged.as_ref()?.coverage;
    let _ = coverage.first()?;
    let name = |it: &Coverage| {
        let measure = if it.measure == "latency_ms" { "latency" } else { it.measure };
        format!("{measure} p{}", it.percent)
    };
    let marks = coverage.iter().enumerate().flat_map(|(nth, it)| {
        let (middle, expected) = (of(nth as u64), of(it.percent));
        let stroke = Stroke::solid(Tone::Amber, 3.0);
        let mut marks =
            vec![Mark::Line { points: vec![(expected, middle - 0.35), (expected, middle + 0.35)], stroke }];
        marks.extend(interval(middle, &it.within, Tone::Blue));
        marks
    });
    let names: Vec<String> = coverage.iter().map(name).collect();
    let rows = coverage.iter().map(|it| cells(vec![name(it), format!("{} %", it.percent)], &it.within));
    let described = coverage.iter().map(|it| format!("{}: {}", name(it), in_words(&it.within)));
    let key = |sign: Sign, label: &str| Key { sign, label: label.to_owned() };
    Some(Figure {
        name: "coverage".to_owned(),
        title: "Later values within the percentiles of earlier ones".to_owned(),
        desc: described.collect::<Vec<_>>().join("; "),
        panels: vec![Panel {
            heading: String::new(),
            x: Axis::linear("share of later values, with its interval", Unit::Percent).spanning([0.0, 100.0]),
            height: 24.0 * of(names.len() as u64),
            y: Axis::names(names),
            marks: marks.collect(),
            keys: vec![
                key(Sign::Dot(Tone::Blue, Dot::Disc), "within the percentile"),
                key(Sign::Line(Stroke::solid(Tone::Amber, 3.0)), "what the percentile says"),
            ],
        }],
        table: table(2, &["percentile", "expected", "within", "of", "percent", "interval"], rows.collect()),
    })
}

fn interval(y: f64, rate: &Rate, tone: Tone) -> Vec<Mark> {
    if rate.of == 0 {
        return Vec::new();
    }
    let (low, high) = (of(rate.low_ppm) / PPM_OF_PERCENT, of(rate.high_ppm) / PPM_OF_PERCENT);
    vec![
        Mark::ErrorBar { from: (low, y), to: (high, y), tone },
        Mark::Point { at: (of(rate.count) * 100.0 / of(rate.of), y), tone, dot: Dot::Disc },
    ]
}

fn cells(mut before: Vec<String>, rate: &Rate) -> Vec<String> {
    before.extend([counted(rate.count), counted(rate.of)]);
    before.extend(match rate.of {
        0 => ["–".to_owned(), "–".to_owned()],
        _ => [
            percent(hundredths(rate)),
            format!("{} to {}", percent(rate.low_ppm / 100), percent(rate.high_ppm / 100)),
        ],
    });
    before
}

/// A share in hundredths of a percent, rounded.
fn hundredths(rate: &Rate) -> u64 {
    let (count, of) = (u128::from(rate.count), u128::from(rate.of.max(1)));
    u64::try_from((count * 10_000 + of / 2) / of).unwrap_or(u64::MAX)
}

fn percent(hundredths: u64) -> String {
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn in_words(rate: &Rate) -> String {
    match rate.of {
        0 => "none to judge by".to_owned(),
        of => format!("{} of {}, {}", counted(rate.count), counted(of), percent(hundredths(rate))),
    }
}
