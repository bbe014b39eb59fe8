//! Running and looking after a ledger.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Where the demo's ledger is made; an earlier demo there is replaced
    #[arg(long, value_name = "DIR", default_value = "tollgate-demo")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on; port 0 takes any free one
    #[arg(long, env = "TOLLGATE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    pub(crate) listen: SocketAddr,
    /// Listen on an address that other machines reach; nobody is asked for a key yet
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// A further name under which the server may be addressed
    #[arg(long = "allow-host", value_name = "NAME")]
    pub(crate) allow_hosts: Vec<String>,
    /// What an acknowledgement survives: fsync a power cut, page_cache the death of the process
    #[arg(long, value_name = "CLASS", default_value = "fsync", value_parser = ["fsync", "page_cache"])]
    pub(crate) durability: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Sessions of Codex: rollout-*.jsonl files, or directories with such
    Codex(ImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, or directories that are searched at any depth
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a config and show all its problems at once
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show recorded events
    Tail(TailArgs),
    /// Recompute checksums, chains and content hashes of the whole log
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Only events of this task
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// So many of the last records; 0: from the first one
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) records: u64,
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// Build views a second time from the first record on, beside the live ones, and compare them byte for byte
    Rebuild {
        /// status or reports; all where none is given
        view: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// An empty or new directory
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup's directory
    #[arg(value_name = "DIR")]
    pub(crate) from: PathBuf,
}
