//! What an acknowledgement of the server guarantees, and how that is known.
//!
//! A stock server acknowledges before it syncs: `page_cache`. More is claimed only with evidence: replicas in
//! the stream's configuration, `sync_always` on the server's monitoring port (from version 2.10), a store
//! directory that the operating system writes synchronously; or else on the operator's word, which is then
//! named as such. DurabilityEvidence against the requested class aborts the start, even if the operator declared it.

pub(crate) mod error;
mod monitor;
mod store;

pub use error::DurabilityError;

use std::fmt;
use std::path::PathBuf;

use tollgate_log::contract::Durability;

use crate::options::Options;

/// How it is known what an acknowledgement guarantees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DurabilityEvidence {
    /// No more than a stock server provides was requested.
    Stock,
    /// The stream has this many replicas.
    Replicas(usize),
    /// The servers' monitoring ports say that they sync before they acknowledge.
    Monitor(String),
    /// The operating system writes the store directory synchronously.
    Store {
        /// The directory.
        dir: PathBuf,
        /// What makes its writes synchronous.
        by: StoreSync,
    },
    /// The operator declares it; there is no evidence for it here.
    Declared,
}

/// What makes writes to a directory synchronous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreSync {
    /// The attribute `S` (`chattr +S`) on it and on everything of the stream in it.
    Attribute,
    /// Its file system is mounted `sync`.
    Mount,
}

impl fmt::Display for DurabilityEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock => f.write_str("no more was asked for"),
            Self::Replicas(replicas) => write!(f, "the stream has {replicas} replicas"),
            Self::Monitor(url) => write!(f, "{url} says sync_always"),
            Self::Store { dir, by: StoreSync::Attribute } => {
                write!(f, "{} has the attribute S", dir.display())
            }
            Self::Store { dir, by: StoreSync::Mount } => write!(f, "{} is mounted sync", dir.display()),
            Self::Declared => f.write_str("declared by the operator, nothing here shows it"),
        }
    }
}

/// What one source says about the requested class.
#[derive(Debug)]
pub(crate) enum Says {
    Yes(DurabilityEvidence),
    No(String),
    /// It says nothing either way.
    Nothing(String),
}

/// The server as described by its connection.
pub(crate) struct Server {
    pub(crate) id: String,
    pub(crate) replicas: usize,
}

/// Finds out whether an acknowledgement guarantees what was requested, and how that is known.
pub(crate) async fn evidence(
    options: &Options,
    server: &Server,
) -> Result<DurabilityEvidence, DurabilityError> {
    let said = match options.durability {
        Durability::PageCache => return Ok(DurabilityEvidence::Stock),
        Durability::Replicated if server.replicas > 1 => {
            vec![Says::Yes(DurabilityEvidence::Replicas(server.replicas))]
        }
        Durability::Replicated => vec![Says::No("the stream has one replica".to_owned())],
        Durability::Fsync => synced(options, server).await,
    };
    let (mut shown, mut against, mut findings) = (None, Vec::new(), Vec::new());
    for says in said {
        match says {
            Says::Yes(evidence) => shown = shown.or(Some(evidence)),
            Says::No(what) => against.push(what),
            Says::Nothing(what) => findings.push(what),
        }
    }
    let error = |contradicted, findings| {
        Err(DurabilityError { place: options.place(), asked: options.durability, contradicted, findings })
    };
    match shown {
        // One of the two is enough: a server that does not sync, on a directory that does.
        Some(evidence) => Ok(evidence),
        None if !against.is_empty() => error(true, against),
        None if options.declared => Ok(DurabilityEvidence::Declared),
        None => error(false, findings),
    }
}

async fn synced(options: &Options, server: &Server) -> Vec<Says> {
    let mut said = Vec::new();
    let mut store_of_server = None;
    match &options.monitor {
        Some(urls) => {
            let monitored = monitor::ask(urls, server, options.request_timeout).await;
            said.push(monitored.says);
            store_of_server = monitored.store_dir;
        }
        None => said.push(Says::Nothing("no monitoring address of the server was given".to_owned())),
    }
    match &options.store_dir {
        Some(_) if server.replicas > 1 => {
            let what = format!("a store directory shows one of {} servers", server.replicas);
            said.push(Says::Nothing(what));
        }
        Some(dir) => {
            let (dir, stream) = (dir.clone(), options.stream.clone());
            let looked = move || store::look(&dir, &stream, store_of_server.as_deref());
            let says = tokio::task::spawn_blocking(looked).await;
            said.push(says.unwrap_or_else(|error| Says::Nothing(error.to_string())));
        }
        None => said.push(Says::Nothing("no store directory of the server was given".to_owned())),
    }
    said
}
