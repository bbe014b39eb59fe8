//! Where everything is: from a figure to its scene.

use crate::axis::Placed;
use crate::figure::{At, Figure, Key, Mark, Panel, Sign};
use crate::marks::{Plot, TEXT, dotted};
use crate::scene::{Anchor, Paint, Scene, Shape, Stroke, Tone};
use crate::text::{fitted, width};

/// How wide every picture is, in pixels.
const WIDTH: f64 = 760.0;

/// Nothing is closer to an edge.
const MARGIN: f64 = 10.0;

/// Sizes of text.
const TITLE: f64 = 15.0;
const SMALL: f64 = 11.0;

/// The height of a line of text.
const LINE: f64 = 18.0;

/// The most room for names on the left, and the least for numbers.
const MOST_NAMES: f64 = 210.0;
const LEAST_NUMBERS: f64 = 34.0;

/// The room that a tick's label has at the bottom.
const TICK_ROOM: f64 = 76.0;

/// The length of a sign in a key.
const SIGN: f64 = 18.0;

impl Figure {
    /// Lays it out.
    #[must_use]
    pub fn scene(&self) -> Scene {
        scene(self)
    }
}

fn scene(figure: &Figure) -> Scene {
    let mut shapes = Vec::new();
    let room = WIDTH - 2.0 * MARGIN;
    let mut y = MARGIN + TITLE;
    shapes.push(text((MARGIN, y), &figure.title, Anchor::Start, TITLE, true, Tone::Ink, room));
    y += MARGIN;
    for panel in &figure.panels {
        y = draw(panel, y, &mut shapes);
    }
    let height = y + MARGIN;
    let paper = Shape::Rect { x: 0.0, y: 0.0, width: WIDTH, height, paint: Paint::Full(Tone::Paper) };
    shapes.insert(0, paper);
    Scene {
        name: figure.name.clone(),
        width: WIDTH,
        height,
        title: crate::text::cleaned(&figure.title),
        desc: crate::text::cleaned(&figure.desc),
        shapes,
    }
}

/// Draws a panel below `y`, and returns where it ends.
fn draw(panel: &Panel, mut y: f64, shapes: &mut Vec<Shape>) -> f64 {
    let room = WIDTH - 2.0 * MARGIN;
    if !panel.heading.is_empty() {
        y += LINE;
        shapes.push(text((MARGIN, y), &panel.heading, Anchor::Start, TEXT, true, Tone::Ink, room));
        y += 4.0;
    }
    y = keys(&panel.keys, y, shapes);
    let (values_x, values_y) = values(&panel.marks);
    let falls = panel.y.are_names();
    let axis_y = panel.y.placed(&values_y, (panel.height / 40.0).max(2.0) as usize);
    let left = MARGIN + left_room(&axis_y, falls);
    let right = WIDTH - MARGIN - 12.0;
    let axis_x = panel.x.placed(&values_x, ((right - left) / TICK_ROOM) as usize);
    if !falls && !panel.y.title.is_empty() {
        y += LINE;
        shapes.push(text((MARGIN, y), &panel.y.title, Anchor::Start, SMALL, false, Tone::Soft, room));
        y += 2.0;
    }
    let top = labels_of_rules(&panel.marks, &axis_x, (left, right), y, shapes);
    let bottom = top + panel.height.max(20.0);
    let plot = Plot { left, right, top, bottom, x: &axis_x, y: &axis_y, falls };
    grid(&plot, shapes);
    let before = shapes.len();
    for mark in &panel.marks {
        plot.shapes(mark, shapes);
        if let Mark::Rule { at: At::Y(value), label, stroke } = mark
            && let Some(y) = plot.y(*value).filter(|_| !label.is_empty())
        {
            let place = (right - 4.0, if y - top > LINE { y - 4.0 } else { y + TEXT });
            shapes.push(text(place, label, Anchor::End, SMALL, false, stroke.tone, right - left));
        }
    }
    if shapes.len() == before {
        let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom) + 4.0);
        let nothing = "nothing to show";
        shapes.push(text(middle, nothing, Anchor::Middle, TEXT, false, Tone::Soft, right - left));
    }
    let mut y = bottom + LINE;
    bottom_labels(&plot, y - 3.0, shapes);
    if !panel.x.title.is_empty() {
        y += LINE - 2.0;
        let middle = (f64::midpoint(left, right), y - 3.0);
        let title = &panel.x.title;
        // Narrower than twice the smaller side of its middle, so that it stays inside.
        shapes.push(text(
            middle,
            title,
            Anchor::Middle,
            SMALL,
            false,
            Tone::Soft,
            2.0 * (WIDTH - MARGIN - middle.0),
        ));
    }
    y + 4.0
}

fn left_room(axis: &Placed, are_names: bool) -> f64 {
    let widest = axis.ticks.iter().map(|(_, label)| width(label, SMALL, false)).fold(0.0, f64::max);
    let room = widest.min(MOST_NAMES) + 8.0;
    if are_names { room } else { room.max(LEAST_NUMBERS) }
}

/// All values of the marks, on either axis.
fn values(marks: &[Mark]) -> (Vec<f64>, Vec<f64>) {
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    let mut point = |(x, y): (f64, f64)| {
        if x.is_finite() && y.is_finite() {
            xs.push(x);
            ys.push(y);
        }
    };
    let mut rules = (Vec::new(), Vec::new());
    for mark in marks {
        match mark {
            Mark::Line { points, .. } | Mark::Step { points, .. } => {
                points.iter().copied().for_each(&mut point)
            }
            Mark::Band { points, .. } => points.iter().for_each(|(x, low, high)| {
                point((*x, *low));
                point((*x, *high));
            }),
            Mark::Bar { x, y, .. } => {
                point((x.0, y.0));
                point((x.1, y.1));
            }
            Mark::Point { at, .. } | Mark::Text { at, .. } => point(*at),
            Mark::ErrorBar { from, to, .. } => {
                point(*from);
                point(*to);
            }
            Mark::Rule { at: At::X(value), .. } => rules.0.push(*value),
            Mark::Rule { at: At::Y(value), .. } => rules.1.push(*value),
        }
    }
    xs.extend(rules.0);
    ys.extend(rules.1);
    (xs, ys)
}

/// Writes what signs mean in lines from `y` on, and returns where they end.
fn keys(keys: &[Key], mut y: f64, shapes: &mut Vec<Shape>) -> f64 {
    let (mut x, end) = (MARGIN, WIDTH - MARGIN);
    for (nth, key) in keys.iter().enumerate() {
        let room = end - MARGIN - SIGN - 6.0;
        let label = fitted(&key.label, SMALL, false, room);
        let wide = SIGN + 6.0 + width(&label, SMALL, false);
        if nth == 0 || x + wide > end {
            (x, y) = (MARGIN, y + LINE);
        }
        let middle = y - 4.0;
        match key.sign {
            Sign::Fill(tone) => shapes.push(square((x + 3.0, middle - 6.0), Paint::Full(tone))),
            Sign::Wash(tone) => shapes.push(square((x + 3.0, middle - 6.0), Paint::Wash(tone))),
            Sign::Line(stroke) => {
                shapes.push(Shape::Lines { points: vec![(x, middle), (x + SIGN, middle)], stroke });
            }
            Sign::Dot(tone, dot) => dotted((x + SIGN / 2.0, middle), tone, dot, shapes),
        }
        shapes.push(text((x + SIGN + 6.0, y), &label, Anchor::Start, SMALL, false, Tone::Ink, room));
        x += wide + 20.0;
    }
    if keys.is_empty() { y } else { y + 6.0 }
}

fn square((x, y): (f64, f64), paint: Paint) -> Shape {
    Shape::Rect { x, y, width: 12.0, height: 12.0, paint }
}

/// Writes the labels of upright rules above the room of marks, beside each other or one above the other, and returns
/// where that room begins.
fn labels_of_rules(
    marks: &[Mark],
    axis: &Placed,
    (left, right): (f64, f64),
    y: f64,
    shapes: &mut Vec<Shape>,
) -> f64 {
    let mut labels: Vec<(f64, &str, Tone)> = Vec::new();
    for mark in marks {
        if let Mark::Rule { at: At::X(value), label, stroke } = mark
            && let Some(share) = axis.share(*value).filter(|_| !label.is_empty())
        {
            labels.push((left + share * (right - left), label, stroke.tone));
        }
    }
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut ends: Vec<f64> = Vec::new();
    let mut placed = Vec::new();
    for (at, label, tone) in labels {
        let label = fitted(label, SMALL, false, right - left);
        let half = width(&label, SMALL, false) / 2.0;
        let middle = at.clamp(MARGIN + half, (WIDTH - MARGIN - half).max(MARGIN + half));
        let free = ends.iter().position(|end| end + 8.0 <= middle - half);
        let line = free.unwrap_or(ends.len());
        match ends.get_mut(line) {
            Some(end) => *end = middle + half,
            None => ends.push(middle + half),
        }
        placed.push((middle, line, label, tone));
    }
    let top = y + 9.0 + LINE * ends.len() as f64;
    for (middle, line, label, tone) in placed {
        let at = (middle, top - 5.0 - LINE * line as f64);
        shapes.push(text(at, &label, Anchor::Middle, SMALL, false, tone, right - left));
    }
    top
}

/// Lines behind everything, and the labels on the left.
fn grid(plot: &Plot<'_>, shapes: &mut Vec<Shape>) {
    let stroke = Stroke::solid(Tone::Grid, 1.0);
    for (value, _) in &plot.x.ticks {
        if let Some(x) = plot.x(*value) {
            shapes.push(Shape::Lines { points: vec![(x, plot.top), (x, plot.bottom)], stroke });
        }
    }
    for (value, label) in &plot.y.ticks {
        let Some(y) = plot.y(*value) else { continue };
        if !plot.falls {
            shapes.push(Shape::Lines { points: vec![(plot.left, y), (plot.right, y)], stroke });
        }
        let (tone, room) =
            if plot.falls { (Tone::Ink, MOST_NAMES) } else { (Tone::Soft, plot.left - MARGIN) };
        shapes.push(text((plot.left - 8.0, y + 4.0), label, Anchor::End, SMALL, false, tone, room));
    }
    let axis = Stroke::solid(Tone::Soft, 1.0);
    let corners = vec![(plot.left, plot.top), (plot.left, plot.bottom), (plot.right, plot.bottom)];
    shapes.push(Shape::Lines { points: corners, stroke: axis });
}

/// The labels at the bottom, those left out that would touch the one before.
fn bottom_labels(plot: &Plot<'_>, y: f64, shapes: &mut Vec<Shape>) {
    let mut end = f64::NEG_INFINITY;
    for (value, label) in &plot.x.ticks {
        let Some(x) = plot.x(*value) else { continue };
        let label = fitted(label, SMALL, false, TICK_ROOM * 2.0);
        let half = width(&label, SMALL, false) / 2.0;
        let middle = x.clamp(MARGIN + half, WIDTH - MARGIN - half);
        if middle - half > end + 6.0 {
            shapes.push(text((middle, y), &label, Anchor::Middle, SMALL, false, Tone::Soft, TICK_ROOM * 2.0));
            end = middle + half;
        }
    }
}

fn text(at: (f64, f64), text: &str, anchor: Anchor, size: f64, bold: bool, tone: Tone, room: f64) -> Shape {
    Shape::Text { at, text: fitted(text, size, bold, room), anchor, size, bold, tone }
}
