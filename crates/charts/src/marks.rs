//! From marks at values to shapes at places.

use crate::axis::Placed;
use crate::figure::{At, Dot, Mark};
use crate::sample::sampled;
use crate::scene::{Anchor, Paint, Shape, Stroke, Tone};
use crate::text::{cleaned, fitted, width};

/// The size of text beside marks.
pub(crate) const TEXT: f64 = 12.0;

/// How far text is from its point.
const BESIDE: f64 = 6.0;
const BELOW: f64 = 16.0;

/// Half the width of an end of an interval.
const CAP: f64 = 4.0;

/// The room between the axes, and the axes.
pub(crate) struct Plot<'a> {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    pub(crate) x: &'a Placed,
    pub(crate) y: &'a Placed,
    /// Whether the axis on the left begins at the top.
    pub(crate) falls: bool,
}

impl Plot<'_> {
    pub(crate) fn x(&self, value: f64) -> Option<f64> {
        Some(self.left + self.x.share(value)? * (self.right - self.left))
    }

    pub(crate) fn y(&self, value: f64) -> Option<f64> {
        let share = self.y.share(value)? * (self.bottom - self.top);
        Some(if self.falls { self.top + share } else { self.bottom - share })
    }

    fn point(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x(x)?, self.y(y)?))
    }

    fn columns(&self) -> usize {
        (self.right - self.left).max(1.0) as usize
    }

    /// The shapes of a mark. Labels of rules are placed by the layout.
    pub(crate) fn shapes(&self, mark: &Mark, shapes: &mut Vec<Shape>) {
        match mark {
            Mark::Line { points, stroke } => {
                let points: Vec<_> = points.iter().filter_map(|point| self.point(*point)).collect();
                self.lines(points, *stroke, shapes);
            }
            Mark::Step { points, stroke } => {
                let places: Vec<_> = points.iter().filter_map(|point| self.point(*point)).collect();
                let mut corners = Vec::with_capacity(places.len() * 2);
                for point in places {
                    if let Some((_, before)) = corners.last().copied() {
                        corners.push((point.0, before));
                    }
                    corners.push(point);
                }
                self.lines(corners, *stroke, shapes);
            }
            Mark::Band { points, tone } => self.band(points, *tone, shapes),
            Mark::Bar { x, y, tone, label, alone } => {
                let label = &cleaned(label);
                let written = self.bar(*x, *y, *tone, label, shapes);
                if *alone && !written {
                    self.behind(*x, *y, label, shapes);
                }
            }
            Mark::Point { at, tone, dot } => {
                if let Some(at) = self.point(*at) {
                    dotted(at, *tone, *dot, shapes);
                }
            }
            Mark::ErrorBar { from, to, tone } => self.error_bar(*from, *to, *tone, shapes),
            Mark::Rule { at, stroke, .. } => {
                let points = match at {
                    At::X(value) => self.x(*value).map(|x| vec![(x, self.top), (x, self.bottom)]),
                    At::Y(value) => self.y(*value).map(|y| vec![(self.left, y), (self.right, y)]),
                };
                shapes.extend(points.map(|points| Shape::Lines { points, stroke: *stroke }));
            }
            Mark::Text { at, text, anchor, tone } => self.text(*at, text, *anchor, *tone, shapes),
        }
    }

    /// Writes text beside a point, on paper of its own, to the other side of it where there is more room.
    fn text(&self, at: (f64, f64), text: &str, anchor: Anchor, tone: Tone, shapes: &mut Vec<Shape>) {
        let Some((x, y)) = self.point(at) else { return };
        let rooms = [x - BESIDE - self.left, self.right - x - BESIDE];
        let (anchor, room) = match (anchor, rooms) {
            (Anchor::Middle, [left, right]) => (anchor, 2.0 * (left.min(right) + BESIDE)),
            (Anchor::Start, [left, right]) if right < width(text, TEXT, false) && left > right => {
                (Anchor::End, left)
            }
            (Anchor::End, [left, right]) if left < width(text, TEXT, false) && right > left => {
                (Anchor::Start, right)
            }
            (Anchor::Start, [_, right]) => (anchor, right),
            (Anchor::End, [left, _]) => (anchor, left),
        };
        // Less than some characters say nothing.
        if room < 3.0 * TEXT {
            return;
        }
        let text = fitted(text, TEXT, false, room);
        let wide = width(&text, TEXT, false);
        let (x, left) = match anchor {
            Anchor::Start => (x + BESIDE, x + BESIDE),
            Anchor::Middle => (x, x - wide / 2.0),
            Anchor::End => (x - BESIDE, x - BESIDE - wide),
        };
        // On the left of a point that rises with the others, only above it is room.
        let y = if y + BELOW > self.bottom || anchor == Anchor::End { y - BESIDE } else { y + BELOW };
        let y = y.max(self.top + TEXT);
        let paper = Paint::Full(Tone::Paper);
        shapes.push(Shape::Rect {
            x: left,
            y: y - TEXT + 1.0,
            width: wide,
            height: TEXT + 2.0,
            paint: paper,
        });
        shapes.push(Shape::Text { at: (x, y), text, anchor, size: TEXT, bold: false, tone });
    }

    fn lines(&self, points: Vec<(f64, f64)>, stroke: Stroke, shapes: &mut Vec<Shape>) {
        let points = sampled(points, self.columns());
        if points.len() > 1 {
            shapes.push(Shape::Lines { points, stroke });
        }
    }

    fn band(&self, points: &[(f64, f64, f64)], tone: Tone, shapes: &mut Vec<Shape>) {
        let places =
            points.iter().filter_map(|(x, low, high)| Some((self.x(*x)?, self.y(*low)?, self.y(*high)?)));
        let places: Vec<_> = places.collect();
        let edge =
            |of: fn(&(f64, f64, f64)) -> (f64, f64)| sampled(places.iter().map(of).collect(), self.columns());
        let mut around = edge(|(x, low, _)| (*x, *low));
        around.extend(edge(|(x, _, high)| (*x, *high)).into_iter().rev());
        if around.len() > 3 {
            shapes.push(Shape::Area { points: around, paint: Paint::Wash(tone) });
        }
    }

    /// Draws a bar, and returns whether its label is on it.
    fn bar(&self, x: (f64, f64), y: (f64, f64), tone: Tone, label: &str, shapes: &mut Vec<Shape>) -> bool {
        let (Some(one), Some(other)) = (self.point((x.0, y.0)), self.point((x.1, y.1))) else { return false };
        let (left, top) = (one.0.min(other.0), one.1.min(other.1));
        let (wide, high) = ((one.0 - other.0).abs(), (one.1 - other.1).abs());
        if wide <= 0.0 || high <= 0.0 {
            return false;
        }
        shapes.push(Shape::Rect { x: left, y: top, width: wide, height: high, paint: Paint::Full(tone) });
        let fits = width(label, TEXT, false) + 6.0 <= wide && high >= TEXT + 2.0 && !label.is_empty();
        if fits {
            shapes.push(Shape::Text {
                at: (left + wide / 2.0, top + high / 2.0 + 4.0),
                text: label.to_owned(),
                anchor: Anchor::Middle,
                size: TEXT,
                bold: false,
                tone: Tone::OnFill,
            });
        }
        fits
    }

    /// Writes the label of a lying bar behind its end.
    fn behind(&self, x: (f64, f64), y: (f64, f64), label: &str, shapes: &mut Vec<Shape>) {
        let (Some(from), Some(to), Some(top), Some(bottom)) =
            (self.x(x.0), self.x(x.1), self.y(y.0), self.y(y.1))
        else {
            return;
        };
        let end = from.max(to) + BESIDE;
        if !label.is_empty() && end + width(label, TEXT, false) <= self.right {
            shapes.push(Shape::Text {
                at: (end, f64::midpoint(top, bottom) + 4.0),
                text: label.to_owned(),
                anchor: Anchor::Start,
                size: TEXT,
                bold: false,
                tone: Tone::Ink,
            });
        }
    }

    fn error_bar(&self, from: (f64, f64), to: (f64, f64), tone: Tone, shapes: &mut Vec<Shape>) {
        let (Some(from), Some(to)) = (self.point(from), self.point(to)) else { return };
        let stroke = Stroke::solid(tone, 1.5);
        let lies = (from.1 - to.1).abs() <= (from.0 - to.0).abs();
        let cap = |(x, y): (f64, f64)| match lies {
            true => vec![(x, (y - CAP).max(self.top)), (x, (y + CAP).min(self.bottom))],
            false => vec![((x - CAP).max(self.left), y), ((x + CAP).min(self.right), y)],
        };
        let lines = [vec![from, to], cap(from), cap(to)];
        shapes.extend(lines.into_iter().map(|points| Shape::Lines { points, stroke }));
    }
}

/// A point of a form.
pub(crate) fn dotted(at: (f64, f64), tone: Tone, dot: Dot, shapes: &mut Vec<Shape>) {
    let disc = |radius: f64, paint: Tone| Shape::Disc { at, radius, paint: Paint::Full(paint) };
    match dot {
        Dot::Small => shapes.push(disc(2.0, tone)),
        Dot::Disc => shapes.push(disc(4.0, tone)),
        Dot::Ring => shapes.extend([disc(5.0, tone), disc(3.0, Tone::Paper)]),
        Dot::Diamond => {
            let (x, y) = at;
            let points = vec![(x, y - 6.0), (x + 6.0, y), (x, y + 6.0), (x - 6.0, y)];
            shapes.push(Shape::Area { points, paint: Paint::Full(tone) });
        }
    }
}
