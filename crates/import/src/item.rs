//! What a reader yields: events, problems and notes, the latter two with their location.

use std::fmt;
use std::path::{Path, PathBuf};

use tollgate_domain::tokens::TokenError;

use crate::call::{Call, Miscounted};
use crate::family::Family;

/// One thing found in a source, in file order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A model call, to be counted once.
    Call(Box<Call>),
    /// Something an earlier version counted from this file although it is not a call.
    Miscounted(Box<Miscounted>),
    /// Which conversation the following calls belong to: the sessions of one family share calls without marking them.
    Family(Box<Family>),
    /// Something that could not be read; reading continues where possible.
    Problem(ImportProblem),
    /// Something that was read, but in a way that a person should know about.
    Note(Note),
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", Place(path, *line))]
pub struct ImportProblem {
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
    /// The path does not exist.
    #[error("does not exist; check the spelling")]
    DoesNotExist,
    /// The system refused, immediately or midway.
    #[error("cannot be read: {message}; what follows is not imported")]
    NotReadable {
        /// The system's message.
        message: String,
    },
    /// A pipe, a device or a socket: reading it could wait forever.
    #[error("is neither a file nor a directory; give session files or the directory that holds them")]
    NotAFile,
    /// A directory without session files.
    #[error(
        "holds no *.jsonl or *.jsonl.zst file at any depth; give the directory where the agent keeps its sessions"
    )]
    NoSessionFiles,
    /// A line too long to keep in memory that may report usage.
    #[error(
        "the line has {bytes} bytes, above the {cap} that a line with usage may have, and may report usage: it is \
         not counted"
    )]
    LineTooLong {
        /// Its length without the line end.
        bytes: u64,
        /// The limit.
        cap: usize,
    },
    /// The end of a file that its agent is still writing, or never finished.
    #[error(
        "the last line is not complete and may report usage: what it reports is not counted; import again when the \
         session has ended"
    )]
    TornEnd,
    /// A kind of line unknown to this version.
    #[error("a line of the unsupported kind `{kind}` reports tokens: they are not counted")]
    UnknownKind {
        /// The kind stated by the line.
        kind: String,
    },
    /// Calls of a sub-agent that only its session's progress lines report.
    #[error(
        "sub-agent `{agent}` reports calls in lines of progress, and its file {file} is missing: not counted; put the file back and import again"
    )]
    AgentFileMissing {
        /// The sub-agent's id.
        agent: String,
        /// Its file, below the session's directory.
        file: String,
    },
    /// Calls of a sub-agent that are missing from its file.
    #[error(
        "sub-agent `{agent}` reports calls in lines of progress that its file {file} does not have: {count} not counted"
    )]
    AgentCallsMissing {
        /// The sub-agent's id.
        agent: String,
        /// Its file.
        file: String,
        /// How many.
        count: usize,
    },
    /// A counter unknown to this version.
    #[error("{field} is {value}, but it is an unsupported kind of tokens: not counted separately")]
    UnknownCounter {
        /// Its name.
        field: String,
        /// Its JSON text, shortened.
        value: String,
    },
    /// `total_tokens` differs from the sum of the kinds.
    #[error(
        "total_tokens is {total}, but input_tokens and output_tokens add up to {sum}: the kinds are counted. Perhaps a \
         newer agent counts a kind that this version does not know"
    )]
    TotalDiffers {
        /// The value in the snapshot.
        total: u64,
        /// The sum of its kinds.
        sum: u128,
    },
    /// Not JSON.
    #[error("column {column}: {message}; the line is skipped")]
    BadJson {
        /// Where, in bytes from 1.
        column: usize,
        /// The parser's message.
        message: String,
    },
    /// A field that violates its rule.
    #[error("{field} is {value}: {rule}")]
    BadField {
        /// The field's path in the line.
        field: &'static str,
        /// Its JSON text, shortened, or `missing`.
        value: String,
        /// The rule, and what happens now.
        rule: &'static str,
    },
    /// Usage of a session without a name.
    #[error(
        "usage before any session_meta, and the file is not named rollout-<time>-<uuid>.jsonl: its session is \
         unknown, so it is not counted until a session_meta follows; restore the line or the name"
    )]
    NoSessionId,
    /// A call without a name.
    #[error(
        "usage without message.id, requestId and uuid: it cannot be distinguished from its copies and is not counted"
    )]
    NoCallId,
    /// More than a model call can use.
    #[error("{error}; the snapshot is skipped")]
    AbsurdCount {
        /// The count and the rule.
        error: TokenError,
    },
}

/// Something a person should know about what was read.
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

/// What is worth knowing. Most kinds occur once per file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteKind {
    /// An empty file.
    #[error("is empty: nothing to import")]
    Empty,
    /// The end of a file that its agent is still writing.
    #[error("the last line is not complete, it is still being written; no usage is in it")]
    StillBeingWritten,
    /// Cumulative counters restarted.
    #[error(
        "the cumulative counters were reset (input_tokens {} → {}, output_tokens {} → {}): what came before stays \
         counted", input.0, input.1, output.0, output.1
    )]
    Restart {
        /// `input_tokens` before and after.
        input: (u64, u64),
        /// `output_tokens` before and after.
        output: (u64, u64),
    },
    /// A snapshot older than the previous one.
    #[error(
        "a stale snapshot: input_tokens {} after {}, output_tokens {} after {}, and more than its last call; it adds \
         nothing", input.1, input.0, output.1, output.0
    )]
    Stale {
        /// `input_tokens` before and here.
        input: (u64, u64),
        /// `output_tokens` before and here.
        output: (u64, u64),
    },
    /// A part is more than its whole.
    #[error(
        "{part} is {reported}, but only {counted} fits into {whole}: the total is exact, the kinds are not"
    )]
    PartOutOfStep {
        /// `cached_input_tokens` or another part.
        part: &'static str,
        /// `input_tokens` or `output_tokens`.
        whole: &'static str,
        /// The reported value.
        reported: u64,
        /// The part of it that is counted.
        counted: u64,
    },
    /// Calls between two snapshots that no line reports.
    #[error(
        "{tokens} tokens were used before this call that no line of this file reports: counted as one call"
    )]
    Unreported {
        /// How many.
        tokens: u64,
    },
    /// The counters of the first snapshot include another file's calls.
    #[error("goes on from {tokens} tokens of {of}: they are counted where that file is imported")]
    GoesOn {
        /// How many.
        tokens: u64,
        /// The thread, or what is known about it.
        of: String,
    },
    /// Calls that were copied from another session.
    #[error(
        "{calls} calls with {tokens} tokens are copied from {of}: counted once, as that session's; their time is the \
         copy's until {of} itself is imported"
    )]
    Copied {
        /// How many.
        calls: u64,
        /// Their tokens.
        tokens: u64,
        /// The session they belong to.
        of: String,
    },
    /// Usage came before the line that names the session.
    #[error("usage before any session_meta: the session id {id} is taken from the file's name")]
    SessionIdFromFileName {
        /// The id.
        id: String,
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
        let problem = ImportProblem { path: path.clone(), line: Some(3), what };
        assert_eq!(problem.to_string(), "a.jsonl:3: column 7: expected value; the line is skipped");
        let problem = ImportProblem { path: path.clone(), line: None, what: ProblemKind::DoesNotExist };
        assert_eq!(problem.to_string(), "a.jsonl: does not exist; check the spelling");
        let what = NoteKind::Restart { input: (10, 3), output: (5, 1) };
        assert_eq!(
            Note { path, line: Some(2), what }.to_string(),
            "a.jsonl:2: the cumulative counters were reset (input_tokens 10 → 3, output_tokens 5 → 1): what came \
             before stays counted"
        );
    }
}
