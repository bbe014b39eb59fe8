//! The names of calls: the key and task under which a call is counted, wherever it is read.

use std::path::Path;

use tollgate_domain::ids::{EventId, InvalidId, TaskId};

use super::counters::Used;
use crate::call::CallName;

/// What identifies a call within its thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The provider's id of its answer.
    Response(String),
    /// The cumulative counters that it reached, for lines from before Codex wrote an id. They are prefixed
    /// with the file's name for a second file of a thread that counts from zero again, and with the number of
    /// restarts if counting restarted within a file.
    Counters(String),
}

impl Key {
    pub(super) fn of_counters(used: &Used, file: Option<&str>) -> Self {
        let at = &used.at;
        let file = file.map(|file| format!("{file}:")).unwrap_or_default();
        let restarts = if used.restarts == 0 { String::new() } else { format!("r{}:", used.restarts) };
        Self::Counters(format!("{file}{restarts}{}-{}-{}-{}", at.input, at.cached, at.output, at.reasoning))
    }

    fn text(&self) -> &str {
        match self {
            Self::Response(text) | Self::Counters(text) => text,
        }
    }

    /// Its name in the thread where it originated.
    pub(super) fn in_thread(&self, thread: &str) -> Result<CallName, InvalidId> {
        name(thread, &format!("codex:{}", self.text()))
    }

    /// Its name in the oldest known thread, as long as only copies of it were read.
    pub(super) fn copied_from(&self, thread: &str) -> Result<CallName, InvalidId> {
        name(thread, &format!("codex:copy:{}", self.text()))
    }
}

/// The name under which versions before ADR 45 counted the `ordinal`th growing snapshot of a file.
pub(super) fn numbered(thread: &str, ordinal: u64) -> Result<CallName, InvalidId> {
    name(thread, &format!("codex:{thread}:{ordinal}"))
}

/// The task of a thread.
pub(super) fn task_of(thread: &str) -> Result<TaskId, InvalidId> {
    TaskId::new(format!("codex-{thread}"))
}

/// Whether all names of a thread fit: tested with the longest possible.
pub(super) fn check(thread: &str) -> Result<(), InvalidId> {
    numbered(thread, u64::MAX).map(|_| ())
}

fn name(thread: &str, id: &str) -> Result<CallName, InvalidId> {
    Ok(CallName { task: task_of(thread)?, id: EventId::new(id)? })
}

/// The thread's id in `rollout-<time>-<uuid>.jsonl`; if there are two ids, the first, which is the thread's.
pub(super) fn thread_in_name(path: &Path) -> Option<String> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let name = path.file_name()?.to_str()?;
    let name = name.strip_suffix(".zst").unwrap_or(name);
    let stem = name.strip_suffix(".jsonl").unwrap_or(name).strip_prefix("rollout-")?;
    let stem = stem.split_once('_').map_or(stem, |(thread, _session)| thread);
    let (_time, id) = stem.split_at_checked(stem.len().checked_sub(37)?)?;
    let id = id.strip_prefix('-')?;
    let groups: Vec<&str> = id.split('-').collect();
    let hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = groups.iter().map(|group| group.len()).eq(GROUPS) && groups.iter().all(hex);
    is_uuid.then(|| id.to_owned())
}
