//! Codex rollouts: one JSONL file per session, with cumulative token counters.
//!
//! Usage is the growth of `total_token_usage` from one snapshot to the next. `last_token_usage` is not read: Codex
//! repeats snapshots, and adding up their last calls counts about twice what was used.

mod growth;
mod line;
mod session;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use tollgate_domain::ids::TenantId;

use crate::item::{Item, NoteKind, Problem};
use crate::lines::Lines;
use crate::reader::{FileCounts, SessionReader};
use crate::sources::unreadable;

pub use session::PRODUCER;

/// Bytes that are asked of the system at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Reads one rollout. One event per snapshot that grew:
///
/// * id `codex:{session}:{n}`, n from 1 in the order of the file; task `codex-{session}`; producer [`PRODUCER`];
/// * `occurred_at` is the line's timestamp; the model is the latest `turn_context`'s; unphased; not priced.
#[derive(Debug)]
pub struct CodexReader<R = BufReader<File>> {
    path: PathBuf,
    lines: Lines<R>,
    session: session::Session,
    finished: bool,
}

impl CodexReader {
    /// Opens a rollout; its task will be `tenant`'s.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when the file cannot be opened. What cannot be read later comes as an item.
    pub fn open(path: &Path, tenant: &TenantId) -> Result<Self, Problem> {
        let file = File::open(path).map_err(|error| unreadable(path, None, &error))?;
        Ok(Self::new(BufReader::with_capacity(CHUNK_BYTES, file), path, tenant))
    }
}

impl<R: BufRead> CodexReader<R> {
    /// Reads a rollout from memory or another stream. `path` names it in messages, and its file name is where the
    /// session's id comes from when the content has none.
    pub fn new(input: R, path: &Path, tenant: &TenantId) -> Self {
        Self {
            path: path.to_owned(),
            lines: Lines::new(input),
            session: session::Session::new(path, tenant),
            finished: false,
        }
    }
}

impl<R: BufRead> Iterator for CodexReader<R> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.session.pop() {
                return Some(item);
            }
            if self.finished {
                return None;
            }
            match self.lines.next() {
                Ok(Some(line)) => self.session.take(line),
                Ok(None) => {
                    self.finished = true;
                    if self.lines.bytes_read() == 0 {
                        self.session.note(None, NoteKind::Empty);
                    }
                }
                Err(error) => {
                    self.finished = true;
                    let line = self.lines.number() + 1;
                    return Some(Item::Problem(unreadable(&self.path, Some(line), &error)));
                }
            }
        }
    }
}

impl<R: BufRead> SessionReader for CodexReader<R> {
    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }

    fn counts(&self) -> FileCounts {
        let (snapshots, growing_snapshots) = self.session.snapshots();
        FileCounts { lines: self.lines.number(), snapshots, growing_snapshots }
    }
}

#[cfg(test)]
mod tests;
