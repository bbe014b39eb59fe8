//! Budgets that follow progress: pure rules about what a phase achieved for its tokens.
//!
//! [`rules`] are the settings, which a task keeps from its opening.

pub mod rules;
