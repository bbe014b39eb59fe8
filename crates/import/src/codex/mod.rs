//! Codex rollouts: one JSONL file per thread, with cumulative token counters, in newer versions with a record per call.
//!
//! A call's key is its `response_id`; before there was one, the counters that it reached. Lines that a fork copied are
//! its parent's calls (ADR 45).

mod before;
mod counters;
mod keys;
mod kinds;
mod line;
mod origin;
mod rollout;

pub(crate) use line::{bad_field, shortened};
pub(crate) use origin::is_label;
pub use rollout::PRODUCER;
pub(crate) use rollout::Rollout;

#[cfg(test)]
mod tests;
