//! The folds: from recorded events to the rows of views. Pure: no clock, no I/O, no async, no randomness; the
//! same events give the same rows, byte for byte, and every recorded event is accepted.
//!
//! [`fold`] is the contract between a fold and the keeper of its rows. [`status`] is the state of each task,
//! [`reports`] the totals of the ledger, [`spending`] what usage adds up to by all that tells it apart, with
//! [`budgets`], what was decided about money; [`alerts`] what became true about a task, [`overview`] figures over
//! many tasks, [`savings`] what stopping them was worth, [`report`] what people read about it,
//! [`money`] what it cost, for accounting.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod alerts;
pub mod budgets;
mod duration;
pub mod fold;
pub mod kept;
pub mod money;
pub mod overview;
mod pairs;
pub mod report;
pub mod reports;
pub mod savings;
pub mod selection;
pub mod spending;
pub mod status;
mod text;

#[cfg(test)]
mod testing;
