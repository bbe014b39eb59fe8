//! What is said of a run that was interrupted, and of one that went on.

use std::path::Path;

use tollgate_replay::source::History;

use crate::output::counted;

/// After how many events a thread saves how far it is: a few seconds of work.
pub(super) const SAVE_EVERY: u64 = 2_000_000;

/// A run over a history was interrupted.
pub(super) fn interrupted(out: Option<&Path>, history: &dyn History) -> &'static str {
    match out {
        Some(_) if history.is_lasting() => "interrupted; the same command goes on from where it was",
        Some(_) => "interrupted; session files are read anew",
        None => "interrupted; with --out DIR the same command would go on from where it was",
    }
}

/// A run went on up to the position at which the history ended when the first one began.
/// `read_anew`: partitions of which what was kept could not be used.
pub(super) fn resumed(position: &str, read_anew: u64) -> String {
    let anew = if read_anew == 0 {
        String::new()
    } else {
        format!(
            "; what it had kept of {} could not be used (damaged, or cut off): read anew",
            counted(read_anew, "partition")
        )
    };
    format!(
        "this went on from an interrupted run of the same directory: it is about the history up to {position}, where that one began{anew}"
    )
}
