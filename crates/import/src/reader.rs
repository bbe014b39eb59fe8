//! The common shape of every source's reader, and the list of sources.
//!
//! A source is a [`Session`]: which lines matter to it, and what they mean. Everything around it (lines,
//! compression, broken disks, counting) is implemented once, here.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use tollgate_domain::ids::TenantId;

use crate::claude;
use crate::codex;
use crate::input::{self, Input};
use crate::item::{ImportProblem, Item, Note, NoteKind, ProblemKind};
use crate::lines::{Content, Interest, Line, Lines};
use crate::sources::{Sources, unreadable};

/// Reads one file. Yields its items in line order and in constant memory, so that a caller can batch events,
/// append them and show progress.
pub trait SessionReader: Iterator<Item = Item> {
    /// The position in the file, in bytes. May exceed the size the file had when it was found, if it grew since.
    fn bytes_read(&self) -> u64;

    /// What was counted so far.
    fn counts(&self) -> FileCounts;
}

/// What was counted in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Lines of any kind.
    pub lines: u64,
    /// Lines that report usage and could be read.
    pub snapshots: u64,
    /// Those of them that report a call for the first time.
    pub growing_snapshots: u64,
}

/// The agent whose session files these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Codex rollouts.
    Codex,
    /// Claude Code transcripts.
    Claude,
}

impl Format {
    /// The names, in order.
    pub const NAMES: [&'static str; 2] = ["codex", "claude"];

    /// The format with this name, if there is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "codex" => Some(Self::Codex),
            "claude" => Some(Self::Claude),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::Claude => "claude",
        }
    }

    /// The producer of its events.
    #[must_use]
    pub const fn producer(self) -> &'static str {
        match self {
            Self::Codex => codex::PRODUCER,
            Self::Claude => claude::PRODUCER,
        }
    }

    /// Sorts the files so that each call is first met where it originated. Returns the sessions whose files
    /// may contain the same calls without marking the copies: such a call belongs to the first session that
    /// has it.
    pub fn arrange(self, found: &mut Sources) -> Vec<String> {
        match self {
            Self::Codex => {
                codex::arrange(&mut found.files);
                Vec::new()
            }
            Self::Claude => claude::arrange(&mut found.files),
        }
    }

    /// Opens a file; its tasks will belong to `tenant`.
    ///
    /// # Errors
    ///
    /// A [`ImportProblem`] if the file cannot be opened.
    pub fn open(self, path: &Path, tenant: &TenantId) -> Result<Box<dyn SessionReader>, ImportProblem> {
        Ok(self.read(input::open(path)?, path, tenant, false))
    }

    /// Opens a file to read what calls did, too: [`Call::activity`](crate::call::Call::activity).
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_with_activity(
        self,
        path: &Path,
        tenant: &TenantId,
    ) -> Result<Box<dyn SessionReader>, ImportProblem> {
        Ok(self.read(input::open(path)?, path, tenant, true))
    }

    /// Reads from memory or another stream. `path` names it in messages, and provides the session's id if the
    /// content has none.
    pub fn from_stream<R: Read + 'static>(
        self,
        stream: R,
        path: &Path,
        tenant: &TenantId,
    ) -> Box<dyn SessionReader> {
        self.read(input::of(stream), path, tenant, false)
    }

    fn read(
        self,
        input: Box<dyn Input>,
        path: &Path,
        tenant: &TenantId,
        activity: bool,
    ) -> Box<dyn SessionReader> {
        match self {
            Self::Codex => {
                let session = codex::Rollout::new(path, tenant);
                let session = if activity { session.with_activity() } else { session };
                Box::new(FileReader::new(input, path, session))
            }
            Self::Claude => {
                let session = claude::Transcript::new(path, tenant);
                let session = if activity { session.with_activity() } else { session };
                Box::new(FileReader::new(input, path, session))
            }
        }
    }
}

/// One session, read line by line. Pure: lines in, items out.
pub(crate) trait Session {
    /// Which lines matter.
    fn interest(&self) -> Interest;

    /// Handles the next line that is kept; `number` from 1. `ended`: a line end follows.
    fn take(&mut self, number: u64, bytes: &[u8], ended: bool, out: &mut Findings);

    /// There are no more lines.
    fn finish(&mut self, out: &mut Findings);

    /// Lines that report usage, and those of them that report a call for the first time.
    fn snapshots(&self) -> (u64, u64);
}

/// What was found in a file and not yet returned.
#[derive(Debug)]
pub(crate) struct Findings {
    path: PathBuf,
    items: VecDeque<Item>,
}

impl Findings {
    pub(crate) fn push(&mut self, item: Item) {
        self.items.push_back(item);
    }

    pub(crate) fn extend(&mut self, items: impl IntoIterator<Item = Item>) {
        self.items.extend(items);
    }

    pub(crate) fn note(&mut self, line: Option<u64>, what: NoteKind) {
        self.push(Item::Note(Note { path: self.path.clone(), line, what }));
    }

    pub(crate) fn problem(&mut self, line: u64, what: ProblemKind) {
        self.push(Item::Problem(ImportProblem { path: self.path.clone(), line: Some(line), what }));
    }
}

struct FileReader<S> {
    lines: Lines<Box<dyn Input>>,
    session: S,
    out: Findings,
    finished: bool,
}

impl<S: Session> FileReader<S> {
    fn new(input: Box<dyn Input>, path: &Path, session: S) -> Self {
        let out = Findings { path: path.to_owned(), items: VecDeque::new() };
        Self { lines: Lines::new(input, session.interest()), session, out, finished: false }
    }

    fn take(session: &mut S, line: Line<'_>, out: &mut Findings) {
        match line.content {
            Content::PassedOver => {}
            Content::Bytes(bytes) if bytes.trim_ascii().is_empty() => {}
            Content::Bytes(bytes) => session.take(line.number, bytes, line.ended, out),
            Content::TooLong { bytes, cap, may_matter: true } => {
                out.problem(line.number, ProblemKind::LineTooLong { bytes, cap });
            }
            Content::TooLong { may_matter: false, .. } => {}
        }
    }
}

impl<S: Session> Iterator for FileReader<S> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.out.items.pop_front() {
                return Some(item);
            }
            if self.finished {
                return None;
            }
            match self.lines.next() {
                Ok(Some(line)) => Self::take(&mut self.session, line, &mut self.out),
                Ok(None) => {
                    self.finished = true;
                    self.session.finish(&mut self.out);
                    if self.lines.bytes_read() == 0 {
                        self.out.note(None, NoteKind::Empty);
                    }
                }
                Err(error) => {
                    self.finished = true;
                    self.session.finish(&mut self.out);
                    let line = self.lines.number() + 1;
                    let problem = unreadable(&self.out.path, Some(line), &error);
                    self.out.push(Item::Problem(problem));
                }
            }
        }
    }
}

impl<S: Session> SessionReader for FileReader<S> {
    fn bytes_read(&self) -> u64 {
        self.lines.input().taken()
    }

    fn counts(&self) -> FileCounts {
        let (snapshots, growing_snapshots) = self.session.snapshots();
        FileCounts { lines: self.lines.number(), snapshots, growing_snapshots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_opens_its_reader_and_a_missing_file_is_named() {
        for word in Format::NAMES {
            let format = Format::from_word(word).expect("a format for each word");
            assert_eq!(format.word(), word);
            let Err(problem) = format.open(Path::new("no-such-file"), &TenantId::default_tenant()) else {
                panic!("a missing file opens")
            };
            assert_eq!(problem.to_string(), "no-such-file: does not exist; check the spelling");
        }
        assert_eq!(Format::from_word("Codex"), None);
    }
}
