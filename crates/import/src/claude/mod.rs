//! Transcripts of Claude Code: one JSONL file per session, plus one per sub-agent.
//!
//! A call's key is its `message.id`. It has a line per content block, in older versions growing snapshots,
//! and copies in forks and side chains; the largest report counts (ADR 45).

mod arrange;
mod line;
mod reported;
mod tools;
mod transcript;

pub(crate) use arrange::arrange;
pub use transcript::PRODUCER;
pub(crate) use transcript::Transcript;

#[cfg(test)]
mod tests;
