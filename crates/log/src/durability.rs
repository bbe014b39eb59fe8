//! What acknowledgements and outcomes guarantee.

use std::fmt;

/// What an acknowledgement guarantees, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Survives the death of the process, but not a power cut.
    PageCache,
    /// Also on other machines, but perhaps not on any disk yet.
    Replicated,
    /// On the disk: survives a power cut.
    Fsync,
}

impl Durability {
    /// The names, weakest first.
    pub const NAMES: [&'static str; 3] = ["page_cache", "replicated", "fsync"];

    /// The name used in answers and flags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PageCache => "page_cache",
            Self::Replicated => "replicated",
            Self::Fsync => "fsync",
        }
    }

    /// The class with this name, if there is one.
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

/// The server that holds a log, if another program holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogServer {
    /// Its software and version: `nats-server 2.15.1`.
    pub software: String,
    /// The number of servers that hold a copy.
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

/// How long the outcome of an append stays final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DedupScope {
    /// For the life of the ledger: every record in the log counts as it is.
    Life,
    /// Within a window of the server; readers decide with their own id index.
    Window,
}

impl DedupScope {
    /// The name used in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Life => "life",
            Self::Window => "window",
        }
    }
}
