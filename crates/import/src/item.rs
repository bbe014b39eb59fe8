//! What a reader yields: events, problems and notes, the latter two with the place they are about.

use std::fmt;
use std::path::{Path, PathBuf};

use tollgate_domain::event::Event;
use tollgate_domain::tokens::TokenError;

/// One thing found in a source, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// To be appended.
    Event(Box<Event>),
    /// Could not be read; the reading goes on where it can.
    Problem(Problem),
    /// Was read, but in a way that a person should know of.
    Note(Note),
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", Place(path, *line))]
pub struct Problem {
    /// Which file or directory.
    pub path: PathBuf,
    /// Which line, from 1; `None`: the file as a whole.
    pub line: Option<u64>,
    /// What was wrong.
    pub what: ProblemKind,
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The path names nothing.
    #[error("does not exist; check the spelling")]
    DoesNotExist,
    /// The system refused, at once or in the middle.
    #[error("cannot be read: {message}; what follows is not imported")]
    NotReadable {
        /// What the system said.
        message: String,
    },
    /// A pipe, a device or a socket: reading it could wait for ever.
    #[error("is neither a file nor a directory; give session files or the directory that holds them")]
    NotAFile,
    /// A directory without session files.
    #[error("holds no *.jsonl file at any depth; give the directory where the agent keeps its sessions")]
    NoSessionFiles,
    /// Bytes that are no text.
    #[error("column {column}: not UTF-8; the line is skipped")]
    NotUtf8 {
        /// The first bad byte, from 1.
        column: usize,
    },
    /// A line longer than is kept in memory.
    #[error("the line has {bytes} bytes, above the {cap} that a line may have; it is skipped")]
    LineTooLong {
        /// Its length without the line end.
        bytes: u64,
        /// The limit.
        cap: usize,
    },
    /// Not JSON.
    #[error("column {column}: {message}; the line is skipped")]
    BadJson {
        /// Where, in bytes from 1.
        column: usize,
        /// The parser's message.
        message: String,
    },
    /// A field that breaks its rule.
    #[error("{field} is {value}: {rule}")]
    BadField {
        /// The field's path in the line.
        field: &'static str,
        /// Its JSON text, shortened, or `missing`.
        value: String,
        /// The rule, and what happens now.
        rule: &'static str,
    },
    /// Usage of a session that has no name.
    #[error(
        "usage before any session_meta, and the file is not named rollout-<time>-<uuid>.jsonl: whose usage it is \
         stays unknown, it is not counted until a session_meta follows; restore the line or the name"
    )]
    NoSessionId,
    /// More than a model call can use.
    #[error("{error}; the snapshot is skipped")]
    AbsurdCount {
        /// The count and the rule.
        error: TokenError,
    },
}

/// Something that a person should know of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which file.
    pub path: PathBuf,
    /// Which line, from 1; `None`: the file as a whole.
    pub line: Option<u64>,
    /// What is worth knowing.
    pub what: NoteKind,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Place(&self.path, self.line), self.what)
    }
}

/// What is worth knowing. Each kind but [`NoteKind::Reset`] and [`NoteKind::PartOutOfStep`] comes once per file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteKind {
    /// A file without a byte.
    #[error("is empty: nothing to import")]
    Empty,
    /// The end of a file that its agent still writes.
    #[error(
        "the last line is not complete, it is still being written: import again when the session has ended"
    )]
    StillBeingWritten,
    /// Cumulative counters went back.
    #[error(
        "the cumulative counters went back (input_tokens {} → {}, output_tokens {} → {}): counted from zero again, \
         what came before stays counted", input.0, input.1, output.0, output.1
    )]
    Reset {
        /// `input_tokens` before and after.
        input: (u64, u64),
        /// `output_tokens` before and after.
        output: (u64, u64),
    },
    /// A part grew by more than its whole, or shrank.
    #[error(
        "{part} is {reported}, but only {counted} fits: a part grows by 0 to what {whole} grows by. The total is \
         exact; the difference moves between the kinds and is settled by later snapshots"
    )]
    PartOutOfStep {
        /// `cached_input_tokens` or `reasoning_output_tokens`.
        part: &'static str,
        /// `input_tokens` or `output_tokens`.
        whole: &'static str,
        /// What the snapshot says.
        reported: u64,
        /// What is counted up to it.
        counted: u64,
    },
    /// `total_tokens` says something else than the kinds.
    #[error(
        "total_tokens is {total}, input_tokens and output_tokens add up to {sum}: counted are the kinds. Perhaps a \
         newer Codex counts a kind that this version does not know"
    )]
    TotalDiffers {
        /// What the snapshot says.
        total: u64,
        /// What its kinds add up to.
        sum: u128,
    },
    /// Usage came before the line that names the session.
    #[error("usage before any session_meta: the session id {id} is taken from the file's name")]
    SessionIdFromFileName {
        /// The id.
        id: String,
    },
    /// The file goes on with another session's head.
    #[error(
        "session_meta of {other} in the file of session {session}: everything here is counted as {session}. If it \
         is copied from {other} and that file is imported too, it counts twice"
    )]
    OtherSession {
        /// The file's session.
        session: String,
        /// The other one.
        other: String,
    },
    /// The session began as a copy.
    #[error(
        "session {session} is a fork of {parent}: Codex copies the parent's history, usage included, into the \
         fork's file. If both are imported, the copied part counts twice"
    )]
    Fork {
        /// The file's session.
        session: String,
        /// The session it was copied from.
        parent: String,
    },
    /// Usage without a model.
    #[error("usage before any turn_context names its model: it stays unpriced")]
    NoModel,
}

/// `path` or `path:line`.
struct Place<'a>(&'a Path, Option<u64>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(line) => write!(f, "{}:{line}", self.0.display()),
            None => write!(f, "{}", self.0.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_place_value_and_rule() {
        let path = PathBuf::from("a.jsonl");
        let what = ProblemKind::BadJson { column: 7, message: "expected value".into() };
        let problem = Problem { path: path.clone(), line: Some(3), what };
        assert_eq!(problem.to_string(), "a.jsonl:3: column 7: expected value; the line is skipped");
        let problem = Problem { path: path.clone(), line: None, what: ProblemKind::DoesNotExist };
        assert_eq!(problem.to_string(), "a.jsonl: does not exist; check the spelling");
        let what = NoteKind::Reset { input: (10, 3), output: (5, 1) };
        assert_eq!(
            Note { path, line: Some(2), what }.to_string(),
            "a.jsonl:2: the cumulative counters went back (input_tokens 10 → 3, output_tokens 5 → 1): counted from \
             zero again, what came before stays counted"
        );
    }
}
