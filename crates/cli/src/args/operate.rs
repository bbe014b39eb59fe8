//! Running and looking after a ledger.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use tollgate_domain::zone::Zone;
use tollgate_log::contract::Partitions;

use super::allocations::seconds;
use super::compat::CompatArgs;
use super::http::{HttpArgs, NetworkArgs};

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Directory for the demo's ledger; an earlier demo there is replaced
    #[arg(long, value_name = "DIR", default_value = "tollgate-demo")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 picks any free port
    #[arg(long, env = "TOLLGATE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    pub(crate) listen: SocketAddr,
    /// Additional host name that requests may use
    #[arg(long = "allow-host", value_name = "NAME")]
    pub(crate) allow_hosts: Vec<String>,
    /// What an acknowledged event survives: fsync a power failure, replicated the loss of a machine,
    /// page_cache the death of the process. Default: fsync for a data directory, page_cache over NATS, where
    /// more has to be proven
    #[arg(long, env = "TOLLGATE_DURABILITY", value_name = "CLASS", value_parser = ["fsync", "replicated", "page_cache"])]
    pub(crate) durability: Option<String>,
    /// File that says where alerts are delivered, or `none` to deliver none from this server on purpose
    /// (default: alerts.yaml in the data directory, if there is one)
    #[arg(long, env = "TOLLGATE_ALERTS", value_name = "FILE")]
    pub(crate) alerts: Option<PathBuf>,
    /// File that says how remediations of blocked tasks are opened (default: remediation.yaml in the data
    /// directory, if there is one, otherwise a file next to the evidence). Their tasks in the ledger are
    /// always opened
    #[arg(long, env = "TOLLGATE_REMEDIATION", value_name = "FILE")]
    pub(crate) remediation: Option<PathBuf>,
    /// File that says whose tokens (JSON Web Tokens) are taken beside keys: issuer, audience, public keys, claims.
    /// With it nothing but health is answered without a key or a token
    #[arg(long, env = "TOLLGATE_JWT", value_name = "FILE")]
    pub(crate) jwt: Option<PathBuf>,
    /// Refuse events (429, Retry-After) while a view is more than this many records behind (default: never)
    #[arg(long, env = "TOLLGATE_MAX_LAG", value_name = "RECORDS")]
    pub(crate) max_lag: Option<u64>,
    /// Leave full segments of the log as they were written, instead of packing them
    #[arg(long)]
    pub(crate) no_pack: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    #[command(flatten)]
    pub(crate) compat: CompatArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Codex sessions: rollout-*.jsonl and .jsonl.zst files, or directories of them
    Codex(ImportArgs),
    /// Claude Code transcripts: its `projects` directory, or parts of it
    Claude(ImportArgs),
    /// Policies and usage of Tekton's Apollo: its directory `budget_data`, or files of it
    Apollo(ApolloArgs),
    /// Limits and usage of Tekton's Rhetor: its SQLite file
    Rhetor(RhetorArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ApolloArgs {
    /// Files, or directories with budget_policies.json and usage_records_*.json
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Time zone of the times in them (default: that of the variable TZ, else UTC)
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<Zone>,
    /// Import again after this time, such as 30s, and so on until Ctrl-C, while Apollo still runs
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) every: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct RhetorArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name that tells this store's rows from those of others (default: follows from its first row)
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Time zone of the times in it (default: that of the variable TZ, else UTC)
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<Zone>,
    /// Import again after this time, such as 30s, and so on until Ctrl-C, while Rhetor still runs
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) every: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Files, or directories to search recursively
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The rules that give calls phases, or `shipped` (default: none; calls then count in totals only). Calls that are
    /// in the ledger already stay as they are
    #[arg(long, value_name = "FILE")]
    pub(crate) phases: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a config and show all its problems at once; with --prices a price book too
    Check(CheckArgs),
    /// Show the config in force, where it was taken from, and since when
    Show(ShowArgs),
    /// Make the server reload its config; an invalid one changes nothing
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
    /// Show the built-in config with its comments instead, to copy and edit
    #[arg(long)]
    pub(crate) defaults: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectorArgs {
    /// The view
    #[arg(value_parser = ["status", "reports", "alerts", "spending"])]
    pub(crate) view: String,
    /// Which of the 16 partitions to serve, such as 0-7; a view's projectors must together cover all of them,
    /// without partial overlaps
    #[arg(long, value_name = "LIST", default_value = "0-15")]
    pub(crate) partitions: Partitions,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Maximum size of the stream on disk, in bytes or as 512MiB, 64GiB; further appends are refused. Must be
    /// below 80 % of the disk
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = size)]
    pub(crate) max_bytes: u64,
    /// Number of servers that hold a copy: 1, 3 or 5
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=5))]
    pub(crate) replicas: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CopyArgs {
    /// The log to read: a data directory, or nats://HOST:PORT
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// The log to append to: a data directory, created if missing, or nats://HOST:PORT after `tollgate log init`
    #[arg(value_name = "TO")]
    pub(crate) to: String,
}

/// A size with its unit.
fn size(text: &str) -> Result<u64, String> {
    let rule = || {
        format!("`{text}` is not a size: use a number of bytes, or a whole number with KiB, MiB, GiB or TiB")
    };
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
    /// Append events from a file, in the form of the API
    Append(AppendArgs),
    /// Move packed segments to an archive, where they are verified and read as before
    Archive(ArchiveArgs),
    /// Copy a whole log to another and compare both: from a data directory to NATS, or back
    Copy(CopyArgs),
    /// Look events up by their ids
    Find(FindArgs),
    /// Create a ledger's streams on the NATS server of --log, or compare the existing ones
    Init(InitArgs),
    /// Pack the log's full segments, as a server does while it runs
    Pack,
    /// Show where the log ends, for `at_least`
    Position,
    /// Show recorded events
    Tail(TailArgs),
    /// Recompute checksums, chains and content hashes of the whole log
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct AppendArgs {
    /// One event a line, a list of events, or {"events": […]}; `-` reads standard input. 500 of them are a request
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// Their task
    pub(crate) task: String,
    /// Their ids; their producer is that of --producer
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The archive: a directory, such as a mounted disk
    #[arg(long, value_name = "DIR", required_unless_present = "put")]
    pub(crate) to: Option<PathBuf>,
    /// The archive is what commands reach: this one stores the file `$TOLLGATE_FILE` under the name `$TOLLGATE_SEGMENT`
    #[arg(long, value_name = "COMMAND", requires = "get", conflicts_with = "to")]
    pub(crate) put: Option<String>,
    /// Writes what is stored under `$TOLLGATE_SEGMENT` to the file `$TOLLGATE_FILE`; noted, and run by whatever
    /// reads it
    #[arg(long, value_name = "COMMAND", requires = "put")]
    pub(crate) get: Option<String>,
    /// Only segments that were full before this: an RFC 3339 time, or a date in UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) before: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Only this task's events
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Number of latest records to show; 0 for all
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) records: u64,
    /// Follow new records
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// Rebuild views from the first record, next to the live ones, and compare them byte for byte
    Rebuild {
        /// status, reports or alerts (default: all)
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
