//! Codex rollouts: one JSONL file per thread, with cumulative token counters and, in newer versions, call records.
//!
//! A call's key is its `response_id` or, from before there was one, the counters that it reached. Lines that
//! a fork copied are its parent's calls (ADR 45).

mod before;
mod counters;
mod fields;
mod keys;
mod kinds;
mod line;
mod names;
mod origin;
mod rollout;
mod tools;

use crate::sources::SourceFile;

pub(crate) use fields::{bad_field, shortened};
pub(crate) use origin::is_label;
pub use rollout::PRODUCER;
pub(crate) use rollout::Rollout;

/// Sorts rollouts by start time, which is in their names: a fork comes after the thread it was forked from,
/// whichever folder that is in.
pub(crate) fn arrange(files: &mut [SourceFile]) {
    files.sort_by_cached_key(|file| {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("rollout-") { name } else { String::new() }
    });
}

#[cfg(test)]
mod tests;
