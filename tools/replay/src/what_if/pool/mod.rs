//! A pool of unused budget that tasks share by priority, beside the same limits without it.
//!
//! Tasks are followed partition by partition, in any order; a pool needs one. So [`Asking`] notes what each task gives
//! and would draw while it is followed, and `settle` decides all of it afterwards, by time, for each owner. `figures`
//! sums up what that changed.

mod asking;
mod figures;
mod settle;
mod view;

pub(super) use asking::Asking;
pub(super) use figures::PoolFigures;
pub(super) use settle::Moves;
pub use view::{PoolResult, PoolTier, PooledTask};
