//! Benchmarks of Tollgate beside its peers: the same work, in the same run, in turns; medians of several rounds.

#![expect(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark reads clocks, divides, and prints"
)]

mod append;
mod committer;
mod cpu;
mod dedup;
mod driver;
mod fold;
mod ledger;
mod output;
mod peers;
mod readers;
mod single;
mod stats;
mod work;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::output::Results;

/// Benchmarks of Tollgate beside its peers.
#[derive(Debug, Parser)]
#[command(name = "tollgate-bench")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Append, fold, dedup and query beside raw writing, SQLite and sled
    Compare(Compare),
}

#[derive(Debug, clap::Args)]
struct Compare {
    /// Fewer and shorter rounds: about a minute and a half
    #[arg(long)]
    quick: bool,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// A directory on the disk to measure; removed of all that is written there
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    dir: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Rounds of each comparison; odd, for the median.
    pub(crate) rounds: usize,
    /// Seconds of one candidate in one round.
    pub(crate) seconds: f64,
    /// Events to fold.
    pub(crate) fold_events: u64,
    /// Ids in the small and in the large index.
    pub(crate) ids: [u64; 2],
}

fn main() {
    let Command::Compare(args) = Args::parse().command;
    let scale = if args.quick {
        Scale { rounds: 5, seconds: 2.0, fold_events: 1_000_000, ids: [250_000, 4_000_000] }
    } else {
        Scale { rounds: 9, seconds: 5.0, fold_events: 5_000_000, ids: [1_000_000, 50_000_000] }
    };
    std::fs::create_dir_all(&args.dir).expect("the directory can be made");
    let dir =
        tempfile::Builder::new().prefix("run-").tempdir_in(&args.dir).expect("the directory is writable");
    let mut results = Results::default();
    append::compare(dir.path(), scale, &mut results);
    single::compare(dir.path(), scale, &mut results);
    readers::compare(dir.path(), scale, &mut results);
    fold::measure(dir.path(), scale, &mut results);
    dedup::measure(dir.path(), scale, &mut results);
    match args.format {
        Format::Table => print!("{}", results.table()),
        Format::Json => println!("{}", results.json(scale.rounds)),
    }
}

/// Says on stderr what runs.
pub(crate) fn progress(text: &str) {
    eprintln!("… {text}");
}
