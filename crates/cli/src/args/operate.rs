//! Running and looking after a ledger.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use tollgate_log::contract::Partitions;

use super::http::HttpArgs;

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
    /// What an acknowledgement survives: fsync a power cut, replicated a machine, page_cache the death of the process. Without it
    /// fsync on a data directory, page_cache over NATS: more needs evidence there
    #[arg(long, env = "TOLLGATE_DURABILITY", value_name = "CLASS", value_parser = ["fsync", "replicated", "page_cache"])]
    pub(crate) durability: Option<String>,
    /// Where alerts go; alerts.yaml in the data directory, where there is one; `none`: they are not delivered from here, and that is
    /// meant
    #[arg(long, env = "TOLLGATE_ALERTS", value_name = "FILE")]
    pub(crate) alerts: Option<PathBuf>,
    /// How remediations of blocked tasks are opened; remediation.yaml in the data directory, where there is one, else a file beside
    /// the evidence. Their tasks in the ledger are opened in any case
    #[arg(long, env = "TOLLGATE_REMEDIATION", value_name = "FILE")]
    pub(crate) remediation: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Sessions of Codex: rollout-*.jsonl and .jsonl.zst files, or directories with such
    Codex(ImportArgs),
    /// Transcripts of Claude Code: its `projects` directory, or parts of it
    Claude(ImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, or directories that are searched at any depth
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a config and show all its problems at once; with --prices a price book too
    Check(CheckArgs),
    /// Show the config in force, where it was taken from, and since when
    Show(ShowArgs),
    /// Have the server read its config again: an invalid one changes nothing
    Reload,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The config, as --config; else that of the data directory, else the built-in one
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The built-in one instead, with its comments: to copy and edit
    #[arg(long)]
    pub(crate) defaults: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectorArgs {
    /// Which view
    #[arg(value_parser = ["status", "reports", "alerts"])]
    pub(crate) view: String,
    /// Which of the 16 partitions, such as 0-7; together the projectors of a view must have all of them, each once or the same
    #[arg(long, value_name = "LIST", default_value = "0-15")]
    pub(crate) partitions: Partitions,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The most that the stream may take on disk, in bytes or as 512MiB, 64GiB: it refuses appends beyond. Below 80 % of the disk
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = size)]
    pub(crate) max_bytes: u64,
    /// Servers that hold a copy: 1, 3 or 5
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=5))]
    pub(crate) replicas: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// The log to read: a data directory, or nats://HOST:PORT
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// The log to append to: a data directory, made where there is none, or nats://HOST:PORT after `tollgate log init`
    #[arg(value_name = "TO")]
    pub(crate) to: String,
}

/// A size with its unit.
fn size(text: &str) -> Result<u64, String> {
    let rule = || format!("`{text}` is no size: bytes, or a whole number with KiB, MiB, GiB, TiB");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(rule()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|size| *size > 0)
        .ok_or_else(rule)
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Copy all of a log into another one, and compare both: from a data directory to NATS, or back
    Copy(CopyArgs),
    /// Make the streams of a ledger on the NATS server of --log, or compare those that are there
    Init(InitArgs),
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
