//! Budgets: what may be spent on what, decided before it is spent.
//!
//! Reading order: [`Dimension`] and [`Scope`] say which usage a policy counts; [`Spent`] is what that usage
//! adds up to.

mod dimension;
mod model_tier;
mod scope;
mod spent;

pub use dimension::{Dimension, Dimensions, InvalidDimension};
pub use model_tier::ModelTier;
pub use scope::{InvalidScope, MAX_VALUE_BYTES, Scope};
pub use spent::Spent;
