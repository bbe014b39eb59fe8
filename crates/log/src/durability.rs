//! What an acknowledgement and an outcome are worth.

use std::fmt;

/// What an acknowledgement is worth, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Survives the death of the process, not a power cut.
    PageCache,
    /// On other machines too, perhaps on no disk yet.
    Replicated,
    /// On the disk: survives a power cut.
    Fsync,
}

impl Durability {
    /// The words, weakest first.
    pub const NAMES: [&'static str; 3] = ["page_cache", "replicated", "fsync"];

    /// The word that answers and flags use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PageCache => "page_cache",
            Self::Replicated => "replicated",
            Self::Fsync => "fsync",
        }
    }

    /// The class of a word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::PageCache, Self::Replicated, Self::Fsync].into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The server that holds a log, where another program does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogServer {
    /// What it is, with its version: `nats-server 2.15.1`.
    pub software: String,
    /// How many servers hold a copy.
    pub replicas: usize,
    /// When it syncs.
    pub sync: String,
    /// What it does not promise, one sentence each.
    pub not_promised: Vec<String>,
}

impl fmt::Display for LogServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { software, replicas, sync, .. } = self;
        let replicas = if *replicas == 1 { "1 replica".to_owned() } else { format!("{replicas} replicas") };
        write!(f, "{software}, {replicas}, {sync}")
    }
}

/// For how long an append's outcome is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DedupScope {
    /// For the life of the ledger: each record in the log is counted as it stands.
    Life,
    /// Within a window of the server; readers decide by an id index of their own.
    Window,
}

impl DedupScope {
    /// The word that answers use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Life => "life",
            Self::Window => "window",
        }
    }
}
