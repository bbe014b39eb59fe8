//! Charts: what is to be seen as plain data, laid out once as a scene, which is written as SVG, HTML and PNG.
//!
//! Reading order: [`Figure`] is what is to be seen (panels with axes and marks, and the same as a table), [`Scene`] is
//! where everything is (shapes with coordinates), [`svg`], [`html`] and [`png`] write it. A new
//! picture is a function that makes a [`Figure`]; nothing here knows what the numbers mean.
//!
//! Pure: the same figure gives the same bytes on every machine. Logarithms are libm's, widths of text come from a
//! table, and coordinates have two decimals.

#![expect(
    clippy::float_arithmetic,
    reason = "coordinates are no money: nothing is decided or stored by them"
)]

mod axis;
mod calendar;
mod figure;
mod glyphs;
pub mod html;
mod layout;
mod marks;
mod number;
mod palette;
pub mod png;
mod sample;
mod scene;
pub mod svg;
mod text;
mod ticks;

pub use axis::Axis;
pub use figure::{At, DataTable, Dot, Figure, Key, Mark, Panel, Sign};
pub use number::{Unit, shown};
pub use scene::{Anchor, Dash, Paint, Scene, Shape, Stroke, Tone};
pub use text::width;
