//! Benchmarks of Tollgate beside its peers: the same work, in the same run, in turns; medians of several rounds.
//!
//! `docs/reference/benchmarks.md` says what each figure means.
#![expect(clippy::float_arithmetic, reason = "rates and ratios are measured, none of them is money")]

mod append;
mod committer;
mod compare;
mod cpu;
mod dedup;
mod driver;
mod fold;
mod jetstream;
mod latency;
mod ledger;
mod nats;
mod output;
mod peers;
mod place;
mod query;
mod readers;
mod stats;
mod usage;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Benchmarks of Tollgate beside its peers.
#[derive(Debug, Parser)]
#[command(name = "tollgate-bench")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Append, fold, dedup and query, appending beside raw writing, SQLite and sled
    Compare(Compare),
    /// Append over JetStream beside plain publishing, with projectors stopped and crawling; needs nats-server
    Jetstream(Compare),
}

#[derive(Debug, clap::Args)]
struct Compare {
    /// Fewer and shorter rounds, smaller sizes: about a minute and a half
    #[arg(long)]
    quick: bool,
    /// Tables for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Measure in a new directory below this one, which must be on a disk; else below the build's directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

fn main() -> ExitCode {
    let (args, report) = match Args::parse().command {
        Command::Compare(args) => {
            let report = compare::run(args.quick, args.dir.as_deref());
            (args, report)
        }
        Command::Jetstream(args) => {
            let report = jetstream::run(args.quick, args.dir.as_deref());
            (args, report)
        }
    };
    match report {
        Ok(report) => {
            output::print(&match args.format {
                Format::Table => report.to_table(),
                Format::Json => report.to_json().to_string(),
            });
            ExitCode::SUCCESS
        }
        Err(reason) => {
            output::progress(&format!("error: {reason}"));
            ExitCode::FAILURE
        }
    }
}
