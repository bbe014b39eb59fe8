//! What is to be seen, before anything has a place: panels with axes and marks, and the same as a table.

use crate::axis::Axis;
use crate::scene::{Anchor, Stroke, Tone};

/// A picture and the numbers behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Names it as a file and within a page: letters, digits and hyphens.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// What it shows, in words, for those who do not see it.
    pub desc: String,
    /// Its parts, from the top down.
    pub panels: Vec<Panel>,
    /// The same in numbers.
    pub table: DataTable,
}

/// A pair of axes with what is drawn between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What it shows; may be empty.
    pub heading: String,
    /// The axis at the bottom.
    pub x: Axis,
    /// The axis on the left.
    pub y: Axis,
    /// How high the room between the axes is.
    pub height: f64,
    /// What is drawn, the first at the back.
    pub marks: Vec<Mark>,
    /// What the colours and signs mean.
    pub keys: Vec<Key>,
}

/// Something that is drawn, at values of the axes. What is not finite is left out.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// Points joined by straight lines.
    Line {
        /// The points, by x.
        points: Vec<(f64, f64)>,
        /// How it is drawn.
        stroke: Stroke,
    },
    /// Points, of which each holds until the next one.
    Step {
        /// The points, by x.
        points: Vec<(f64, f64)>,
        /// How it is drawn.
        stroke: Stroke,
    },
    /// What lies between two lines.
    Band {
        /// x, lower and upper end, by x.
        points: Vec<(f64, f64, f64)>,
        /// Its colour.
        tone: Tone,
    },
    /// A bar between two values of each axis.
    Bar {
        /// From and to, on the axis at the bottom.
        x: (f64, f64),
        /// From and to, on the axis on the left.
        y: (f64, f64),
        /// Its colour.
        tone: Tone,
        /// Written on it where it fits.
        label: String,
        /// Whether it may be written behind it otherwise: nothing else is there.
        alone: bool,
    },
    /// A point.
    Point {
        /// Where.
        at: (f64, f64),
        /// Its colour.
        tone: Tone,
        /// Its form.
        dot: Dot,
    },
    /// An interval, with an end to each side.
    ErrorBar {
        /// One end.
        from: (f64, f64),
        /// The other one, on the same level or above it.
        to: (f64, f64),
        /// Its colour.
        tone: Tone,
    },
    /// A line across the whole panel.
    Rule {
        /// Where.
        at: At,
        /// How it is drawn.
        stroke: Stroke,
        /// Written at its end.
        label: String,
    },
    /// Text beside a point: below it on the right, above it on the left; where more room is.
    Text {
        /// The point.
        at: (f64, f64),
        /// What it says.
        text: String,
        /// Which part of it is at the point.
        anchor: Anchor,
        /// Its colour.
        tone: Tone,
    },
}

/// A value of one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// Of the axis at the bottom.
    X(f64),
    /// Of the axis on the left.
    Y(f64),
}

/// The form of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dot {
    /// A small disc.
    Small,
    /// A disc.
    Disc,
    /// A ring, which leaves what is below to be seen.
    Ring,
    /// A square standing on its corner.
    Diamond,
}

/// What a sign means.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// What it looks like.
    pub sign: Sign,
    /// What it means.
    pub label: String,
}

/// What a mark looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sign {
    /// A bar.
    Fill(Tone),
    /// A band.
    Wash(Tone),
    /// A line.
    Line(Stroke),
    /// A point.
    Dot(Tone, Dot),
}

/// The numbers of a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataTable {
    /// What its columns are.
    pub head: Vec<String>,
    /// How many columns are text; those after them are numbers.
    pub text_columns: usize,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}
