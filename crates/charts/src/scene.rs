//! What every writer draws: shapes with their places in a picture, from the back to the front.

/// A picture. Coordinates are in pixels of a screen at its usual size, from the upper left corner; all are inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Names it within a page: letters, digits and hyphens.
    pub name: String,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// What it is called.
    pub title: String,
    /// What it shows, in words.
    pub desc: String,
    /// What is drawn, the first at the back.
    pub shapes: Vec<Shape>,
}

/// A shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A rectangle that is not turned.
    Rect {
        /// Its left edge.
        x: f64,
        /// Its upper edge.
        y: f64,
        /// Its width.
        width: f64,
        /// Its height.
        height: f64,
        /// Its colour.
        paint: Paint,
    },
    /// Straight lines from point to point.
    Lines {
        /// The points.
        points: Vec<(f64, f64)>,
        /// How they are drawn.
        stroke: Stroke,
    },
    /// What lines enclose.
    Area {
        /// The points around it.
        points: Vec<(f64, f64)>,
        /// Its colour.
        paint: Paint,
    },
    /// A disc.
    Disc {
        /// Its centre.
        at: (f64, f64),
        /// Its radius.
        radius: f64,
        /// Its colour.
        paint: Paint,
    },
    /// One line of text.
    Text {
        /// Its anchor, on the base line.
        at: (f64, f64),
        /// What it says: nothing that cannot be shown.
        text: String,
        /// Which part of it is at its place.
        anchor: Anchor,
        /// The height of its letters' body.
        size: f64,
        /// Whether it is set in bold.
        bold: bool,
        /// Its colour.
        tone: Tone,
    },
}

/// How an area is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// With the tone itself.
    Full(Tone),
    /// With a fifth of it, so that what is behind can be seen.
    Wash(Tone),
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub tone: Tone,
    /// How wide it is.
    pub width: f64,
    /// Whether it has gaps.
    pub dash: Dash,
}

impl Stroke {
    /// A line without gaps.
    #[must_use]
    pub const fn solid(tone: Tone, width: f64) -> Self {
        Self { tone, width, dash: Dash::Solid }
    }

    /// A line of dashes.
    #[must_use]
    pub const fn dashed(tone: Tone, width: f64) -> Self {
        Self { tone, width, dash: Dash::Dashed }
    }
}

/// The gaps of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// None.
    Solid,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
}

impl Dash {
    /// Lengths of line and gap; `None`: no gap.
    pub(crate) const fn lengths(self) -> Option<(f64, f64)> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some((6.0, 4.0)),
            Self::Dotted => Some((1.5, 3.5)),
        }
    }
}

/// A colour by its part in a picture: which one it is depends on whether the page is light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// The background.
    Paper,
    /// Text.
    Ink,
    /// Text of less weight.
    Soft,
    /// Lines behind everything.
    Grid,
    /// Text on a filled shape.
    OnFill,
    /// What is of no matter.
    Grey,
    /// A colour of data.
    Blue,
    /// A colour of data: what deserves a look.
    Amber,
    /// A colour of data: what is stopped or lost.
    Red,
    /// A colour of data: what is gained.
    Teal,
    /// A colour of data.
    Violet,
    /// A colour of data.
    Rose,
}

/// Which part of a text is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its begin.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}
