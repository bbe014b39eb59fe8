//! The one shape that the reader of every source has, and which sources there are.

use std::path::Path;

use tollgate_domain::ids::TenantId;

use crate::codex::CodexReader;
use crate::item::{Item, Problem};

/// Reads one file. Yields its items in the order of its lines, and in constant memory, so that a caller can batch
/// events, append them and show how far it is.
pub trait SessionReader: Iterator<Item = Item> {
    /// How far into the file, in bytes. More than the file had when it was found, where it grew since.
    fn bytes_read(&self) -> u64;

    /// What was counted so far.
    fn counts(&self) -> FileCounts;
}

/// What was counted in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Lines, of whatever kind.
    pub lines: u64,
    /// Lines that report cumulative usage and could be read.
    pub snapshots: u64,
    /// Those of them that were counted because they report more than the one before.
    pub growing_snapshots: u64,
}

/// Whose session files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Codex rollouts.
    Codex,
}

impl Format {
    /// The words, in order.
    pub const NAMES: [&'static str; 1] = ["codex"];

    /// The format of a word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "codex" => Some(Self::Codex),
            _ => None,
        }
    }

    /// Opens a file; its tasks will be `tenant`'s.
    ///
    /// # Errors
    ///
    /// A [`Problem`] when the file cannot be opened.
    pub fn open(self, path: &Path, tenant: &TenantId) -> Result<Box<dyn SessionReader>, Problem> {
        match self {
            Self::Codex => Ok(Box::new(CodexReader::open(path, tenant)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_opens_its_reader_and_a_missing_file_is_named() {
        for word in Format::NAMES {
            let format = Format::from_word(word).expect("a format for each word");
            let Err(problem) = format.open(Path::new("no-such-file"), &TenantId::default_tenant()) else {
                panic!("a missing file opens")
            };
            assert_eq!(problem.to_string(), "no-such-file: does not exist; check the spelling");
        }
        assert_eq!(Format::from_word("Codex"), None);
    }
}
