//! Arguments of commands that run history through other limits, and propose limits from it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::CostArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    /// Run history through other limits: what they would have warned of, blocked, saved and interrupted
    WhatIf(Box<WhatIfArgs>),
    /// Propose limits from history: a config whose comments say where each number comes from, judged by later tasks.
    /// `--config` names the config in force (default: the last one that the history has, else the built-in one)
    Calibrate(CalibrateArgs),
}

/// Where history is, and how it is read.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// The history: a data directory (also while it is served), a backup, nats://HOST:PORT, or session files of a
    /// coding agent. Nothing is written there
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: String,
    /// How many threads work (default: one for each core)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: Option<u16>,
    /// What tasks were, beside what the history says: CSV with the columns `task,mark`, legitimate or runaway; of
    /// session files, a task is codex-ID or claude-ID of the session
    #[arg(long, value_name = "FILE")]
    pub(crate) marks: Option<PathBuf>,
    /// Session files: whose they are, codex or claude (default: by the names of the files)
    #[arg(long, value_name = "AGENT", value_parser = tollgate_import::reader::Format::NAMES)]
    pub(crate) agent: Option<String>,
    /// Session files: the rules that give their calls phases, `shipped`, or `none` (default: shipped)
    #[arg(long, value_name = "FILE")]
    pub(crate) phases: Option<String>,
}

impl HistoryArgs {
    /// How many threads work.
    pub(crate) fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.map_or_else(cores, usize::from)
    }
}

// `--config`, the flag of every command, says which config is in force.
#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    /// Directory for calibrate.md, calibrate.json and calibrated.yaml, the proposed config. A run that is interrupted
    /// goes on from there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// With --out: after how many events a thread saves how far it is (default: 2000000, a few seconds of work)
    #[arg(long, value_name = "EVENTS", requires = "out", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) save_every: Option<u64>,
    /// How many percent of the tasks that ended well the thresholds may stop, 0 to 50 with at most one decimal
    /// (default: 2)
    #[arg(long, value_name = "PERCENT", value_parser = permille)]
    pub(crate) false_positives: Option<u32>,
    /// How many percent of the tasks, the latest ones, the proposal is judged by, not fitted to: 0 to 80 (default: 30)
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=80))]
    pub(crate) holdout: Option<u8>,
    /// What is added to the 95th percentile of latency, 0 to 1000 percent (default: 20)
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) latency_margin: Option<u32>,
    /// How often intervals contain what they are about, in percent: 90, 95 or 99 (default: 95)
    #[arg(long, value_name = "PERCENT")]
    pub(crate) confidence: Option<u64>,
    /// What becomes of the phase weights: `fit` learns them, `keep` leaves them and learns base budgets only
    /// (default: fit)
    #[arg(long, value_name = "RULE", value_parser = ["fit", "keep"])]
    pub(crate) weights: Option<String>,
    #[command(flatten)]
    pub(crate) pictures: PicturesArgs,
}

/// Where pictures of the result go.
#[derive(Debug, Args)]
pub(crate) struct PicturesArgs {
    /// Write the result as pictures with their numbers: one file of HTML that needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Directory for the same pictures, an SVG file each
    #[arg(long, value_name = "DIR")]
    pub(crate) pictures: Option<PathBuf>,
    /// Write them as PNG files too, for documents that take no SVG
    #[arg(long, requires = "pictures")]
    pub(crate) png: bool,
}

/// Reads a percentage as thousandths.
fn permille(text: &str) -> Result<u32, String> {
    let rule = || "must be a percentage from 0 to 50 with at most one decimal, such as 2 or 0.5".to_owned();
    let (whole, tenths) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 2 || tenths.len() != 1 || !digits(whole) || !digits(tenths) {
        return Err(rule());
    }
    let permille = format!("{whole}{tenths}").parse().map_err(|_| rule())?;
    if permille > 500 { Err(rule()) } else { Ok(permille) }
}

#[derive(Debug, Args)]
pub(crate) struct WhatIfArgs {
    #[command(flatten)]
    pub(crate) history: HistoryArgs,
    // Under the same id as the flag of every command, which it stands in for.
    /// A config to run history through, `built-in`, or `in-force`: the last one that the history has (default: that);
    /// several are shown side by side
    #[arg(id = "config", long = "config", value_name = "FILE")]
    pub(crate) configs: Vec<PathBuf>,
    /// A set of policies of money and tokens to run history through, beside the configs: `policies:` and below it each
    /// by its name, with the keys of the API; several are shown side by side
    #[arg(long, value_name = "FILE")]
    pub(crate) policies: Vec<PathBuf>,
    /// A pool of unused budget that tasks share by priority, beside the same limits without it: `pool:` with window,
    /// give, step, ceiling, leave. `pool: {}` takes the defaults
    #[arg(long, value_name = "FILE")]
    pub(crate) pool: Option<PathBuf>,
    /// Directory for the result's files. A run that is interrupted goes on from there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// With --out: after how many events a thread saves how far it is (default: 2000000, a few seconds of work)
    #[arg(long, value_name = "EVENTS", requires = "out", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) save_every: Option<u64>,
    /// Tasks that were not opened: leave-out, or judge them as Medium and medium before each call (default: judge for
    /// session files, leave-out for a ledger)
    #[arg(long, value_name = "WORD", value_parser = ["leave-out", "judge"])]
    pub(crate) unopened: Option<String>,
    #[command(flatten)]
    pub(crate) cost: CostArgs,
    #[command(flatten)]
    pub(crate) pictures: PicturesArgs,
}
