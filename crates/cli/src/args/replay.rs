//! Arguments of commands that run history through other limits.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::CostArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    /// Run history through other limits: what they would have warned of, blocked, saved and interrupted
    WhatIf(Box<WhatIfArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct WhatIfArgs {
    /// The history: a data directory (also while it is served), a backup, nats://HOST:PORT, or session files of a
    /// coding agent. Nothing is written there
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: String,
    // Under the same id as the flag of every command, which it stands in for.
    /// A config to run history through, or `built-in`; several are shown side by side
    #[arg(id = "config", long = "config", required = true, value_name = "FILE")]
    pub(crate) configs: Vec<PathBuf>,
    /// Policies of money and tokens to run history through: `policies:` and below it each by its name, with the keys of
    /// the API
    #[arg(long, value_name = "FILE")]
    pub(crate) policies: Option<PathBuf>,
    /// Directory for the result's files. A run that is interrupted goes on from there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How many threads work (default: one for each core)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: Option<u16>,
    /// Tasks that were not opened: leave-out, or judge them as Medium and medium before each call (default: judge for
    /// session files, leave-out for a ledger)
    #[arg(long, value_name = "WORD", value_parser = ["leave-out", "judge"])]
    pub(crate) unopened: Option<String>,
    /// Session files: whose they are, codex or claude (default: by the names of the files)
    #[arg(long, value_name = "AGENT", value_parser = tollgate_import::reader::Format::NAMES)]
    pub(crate) agent: Option<String>,
    #[command(flatten)]
    pub(crate) cost: CostArgs,
}
