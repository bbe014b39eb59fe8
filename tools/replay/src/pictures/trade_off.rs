//! What thresholds save against what they interrupt: one curve for each candidate, and each of them over thresholds.

use tollgate_charts::{Anchor, At, Axis, Dash, Dot, Figure, Key, Mark, Panel, Sign, Stroke, Tone, Unit};

use super::share::{counted, line, of_signed, rule, signed, table, value};
use crate::what_if::result::{CandidateResult, WhatIf};
use crate::what_if::thresholds::ThresholdPoint;

/// Lines that can be told apart.
const MOST_LINES: usize = 12;

const SAVED: Stroke = Stroke::solid(Tone::Teal, 2.5);
const INTERRUPTED: Stroke = Stroke { tone: Tone::Red, width: 2.5, dash: Dash::Dashed };
const KNEE: Stroke = Stroke::solid(Tone::Ink, 1.0);
const OWN: Stroke = Stroke { tone: Tone::Soft, width: 1.5, dash: Dash::Dotted };

/// Saved over interrupted tokens, a point for each threshold, the knee marked. `None`: there is no candidate.
pub(super) fn trade_off(result: &WhatIf) -> Option<Figure> {
    let shown = || result.candidates.iter().take(MOST_LINES);
    let _ = shown().next()?;
    let (mut marks, mut above, mut keys, mut knees) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (nth, sharing) in curves(result).iter().enumerate() {
        let (Some(first), stroke) = (sharing.first(), line(nth)) else { continue };
        let points: Vec<(f64, f64)> = first.thresholds.points.iter().map(place).collect();
        let small = |at: &(f64, f64)| Mark::Point { at: *at, tone: stroke.tone, dot: Dot::Small };
        marks.extend(points.iter().map(small));
        marks.push(Mark::Line { points, stroke });
        keys.push(Key { sign: Sign::Line(stroke), label: names(sharing) });
        if let Some(knee) = knee(first) {
            let at = place(knee);
            above.push(Mark::Point { at, tone: stroke.tone, dot: Dot::Ring });
            knees.push((at, format!("knee {} ×", knee.threshold)));
        }
    }
    above.extend(labels(result, knees));
    for (nth, sharing) in points(result).iter().enumerate() {
        let (Some(first), tone) = (sharing.first(), line(nth).tone) else { continue };
        above.push(Mark::Point { at: of_all_rules(first), tone, dot: Dot::Diamond });
        let label = format!("all rules of {}", names(sharing));
        keys.push(Key { sign: Sign::Dot(tone, Dot::Diamond), label });
    }
    marks.extend(above);
    if marks.iter().any(|mark| matches!(mark, Mark::Point { dot: Dot::Ring, .. })) {
        keys.push(Key { sign: Sign::Dot(Tone::Ink, Dot::Ring), label: "knee".to_owned() });
    }
    let rows = result.candidates.iter().map(|it| {
        let of_knee = |text: fn(&ThresholdPoint) -> String| knee(it).map_or_else(|| "–".to_owned(), text);
        vec![
            it.name.clone(),
            knee(it).map_or_else(|| why_none(it), |knee| format!("{} ×", knee.threshold)),
            of_knee(|knee| signed(knee.saved_tokens)),
            of_knee(|knee| signed(knee.interrupted_tokens)),
            format!("{} ×", it.thresholds.own),
            signed(it.saved.tokens),
            signed(it.interrupted.tokens),
        ]
    });
    let head = [
        "candidate",
        "knee",
        "saved at the knee",
        "interrupted at the knee",
        "own threshold",
        "saved by all rules",
        "interrupted by all rules",
    ];
    Some(Figure {
        name: "trade-off".to_owned(),
        title: "Saved against interrupted, a point for each threshold".to_owned(),
        desc: shown().map(described).collect::<Vec<_>>().join("; "),
        panels: vec![Panel {
            heading: String::new(),
            x: Axis::linear("interrupted tokens", Unit::Count).spanning([0.0]),
            y: Axis::linear("saved tokens", Unit::Count).spanning([0.0]),
            height: 300.0,
            marks,
            keys,
        }],
        table: table(1, &head, rows.collect()),
    })
}

/// A label at each knee; those that are so close that their texts would overlap share one.
fn labels(result: &WhatIf, knees: Vec<((f64, f64), String)>) -> impl Iterator<Item = Mark> {
    /// How close, as a share of the picture: about what a text is wide, and high.
    const CLOSE: (f64, f64) = (0.16, 0.06);
    let points = || result.candidates.iter().flat_map(|it| &it.thresholds.points).map(place);
    let most = points().fold((1.0_f64, 1.0_f64), |most, at| (most.0.max(at.0), most.1.max(at.1)));
    let mut labels: Vec<((f64, f64), String)> = Vec::new();
    for (at, text) in knees {
        let is_close = |(other, _): &&mut ((f64, f64), String)| {
            (at.0 - other.0).abs() < CLOSE.0 * most.0 && (at.1 - other.1).abs() < CLOSE.1 * most.1
        };
        match labels.iter_mut().find(is_close) {
            Some((_, label)) if *label == text => {}
            Some((_, label)) => *label = format!("{label}, {text}"),
            None => labels.push((at, text)),
        }
    }
    labels.into_iter().map(|(at, text)| Mark::Text { at, text, anchor: Anchor::Start, tone: Tone::Ink })
}

/// Saved and interrupted tokens over thresholds, a picture for each curve.
pub(super) fn over_thresholds(result: &WhatIf) -> Vec<Figure> {
    curves(result).iter().enumerate().map(|(nth, sharing)| of_candidates(nth, sharing)).collect()
}

/// The candidates by their curve: those that differ in thresholds only share one.
fn curves(result: &WhatIf) -> Vec<Vec<&CandidateResult>> {
    sharing(result, |one, other| one.thresholds.points == other.thresholds.points)
}

/// The candidates by where all of their rules are: one diamond would hide the other.
fn points(result: &WhatIf) -> Vec<Vec<&CandidateResult>> {
    let place = |it: &CandidateResult| (it.interrupted.tokens, it.saved.tokens);
    sharing(result, |one, other| place(one) == place(other))
}

/// The candidates that are drawn, those together that are the same.
fn sharing(
    result: &WhatIf,
    same: impl Fn(&CandidateResult, &CandidateResult) -> bool,
) -> Vec<Vec<&CandidateResult>> {
    let mut groups: Vec<Vec<&CandidateResult>> = Vec::new();
    for candidate in result.candidates.iter().take(MOST_LINES) {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| same(first, candidate))) {
            Some(group) => group.push(candidate),
            None => groups.push(vec![candidate]),
        }
    }
    groups
}

fn names(sharing: &[&CandidateResult]) -> String {
    sharing.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn title(sharing: &[&CandidateResult]) -> String {
    let first = sharing.first().map(|it| it.name.as_str()).unwrap_or_default();
    let more = match sharing.len() {
        0 | 1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    format!("Saved and interrupted by threshold: {first}{more}")
}

/// The points up to the first thresholds that block nothing.
fn of_interest(points: &[ThresholdPoint]) -> &[ThresholdPoint] {
    let blocking = points.iter().rposition(|point| point.blocked > 0).map_or(0, |nth| nth + 1);
    points.get(..blocking + 2).unwrap_or(points)
}

/// The curve that these candidates share, with the threshold of each.
fn of_candidates(nth: usize, sharing: &[&CandidateResult]) -> Figure {
    let points = of_interest(sharing.first().map_or(&[][..], |it| &it.thresholds.points));
    let step = |tokens: fn(&ThresholdPoint) -> i64, stroke: Stroke| Mark::Step {
        points: points.iter().map(|point| (value(&point.threshold), of_signed(tokens(point)))).collect(),
        stroke,
    };
    let mut marks = vec![step(|it| it.interrupted_tokens, INTERRUPTED), step(|it| it.saved_tokens, SAVED)];
    for candidate in sharing {
        let own = &candidate.thresholds.own;
        let whose = if sharing.len() > 1 { candidate.name.as_str() } else { "its own" };
        marks.push(rule(At::X(value(own)), OWN, format!("{whose} {own} ×")));
    }
    let knee = sharing.first().and_then(|it| knee(it));
    if let Some(knee) = knee {
        marks.push(rule(At::X(value(&knee.threshold)), KNEE, format!("knee {} ×", knee.threshold)));
    }
    let rows = points.iter().map(|point| {
        vec![
            format!("{} ×", point.threshold),
            counted(point.blocked),
            counted(point.good),
            counted(point.runaways),
            signed(point.saved_tokens),
            signed(point.interrupted_tokens),
        ]
    });
    let head =
        ["threshold", "blocked", "good of them", "runaways of them", "saved tokens", "interrupted tokens"];
    let key = |sign: Stroke, label: &str| Key { sign: Sign::Line(sign), label: label.to_owned() };
    Figure {
        name: format!("thresholds-{}", nth + 1),
        title: title(sharing),
        desc: sharing.first().map(|it| described(it)).unwrap_or_default(),
        panels: vec![Panel {
            heading: String::new(),
            x: Axis::log("threshold, as a multiple of a task's token limit", Unit::Times)
                .spanning([0.5, 2.0]),
            y: Axis::linear("tokens", Unit::Count).spanning([0.0]),
            height: 260.0,
            marks,
            keys: [
                Some(key(SAVED, "saved at most")),
                Some(key(INTERRUPTED, "interrupted")),
                knee.map(|_| key(KNEE, "knee")),
                Some(key(OWN, "threshold in the config")),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }],
        table: table(1, &head, rows.collect()),
    }
}

fn of_all_rules(candidate: &CandidateResult) -> (f64, f64) {
    (of_signed(candidate.interrupted.tokens), of_signed(candidate.saved.tokens))
}

fn place(point: &ThresholdPoint) -> (f64, f64) {
    (of_signed(point.interrupted_tokens), of_signed(point.saved_tokens))
}

fn knee(candidate: &CandidateResult) -> Option<&ThresholdPoint> {
    let knee = candidate.thresholds.knee.as_ref()?;
    candidate.thresholds.points.iter().find(|point| point.threshold == *knee)
}

fn why_none(candidate: &CandidateResult) -> String {
    candidate.thresholds.no_knee.unwrap_or("there is none").to_owned()
}

fn described(candidate: &CandidateResult) -> String {
    match knee(candidate) {
        Some(knee) => format!(
            "{}: the knee is at {} times the limit, with {} tokens saved and {} interrupted; its own threshold is {}",
            candidate.name,
            knee.threshold,
            signed(knee.saved_tokens),
            signed(knee.interrupted_tokens),
            candidate.thresholds.own
        ),
        None => format!("{}: no knee, {}", candidate.name, why_none(candidate)),
    }
}
