//! Figures as scenes and as files: everything is inside, everything is well formed, nothing comes from elsewhere, and
//! the bytes stay the same.

#![expect(clippy::float_arithmetic, reason = "coordinates are no money")]

mod any;
mod golden;
mod inside;
mod png;
mod xml;
