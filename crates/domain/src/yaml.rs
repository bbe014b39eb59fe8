//! Files that people write, as YAML: a tree whose scalars keep their text ([`tree`]), checked access to it
//! that collects every problem ([`fields`]), and the problems ([`ConfigProblem`]). Each file's own rules are
//! next to what it configures.

pub mod fields;
mod place;
mod problem;
pub mod tree;

pub use place::Place;
pub use problem::{ConfigProblem, InvalidConfig};
