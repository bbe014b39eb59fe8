//! Benchmarks of Tollgate against its peers: the same work, in the same run, taking turns; medians of several
//! rounds.
//!
//! `docs/reference/benchmarks.md` says what each figure means.
#![expect(clippy::float_arithmetic, reason = "rates and ratios are measured, none of them is money")]

mod append;
mod budgets;
mod calibrate;
mod chart;
mod committer;
mod compare;
mod cpu;
mod dedup;
mod driver;
mod fifty;
mod flood;
mod fold;
mod http;
mod import;
mod jetstream;
mod latency;
mod ledger;
mod many;
mod nats;
mod output;
mod peers;
mod place;
mod plain;
mod plain_http;
mod process;
mod query;
mod race;
mod readers;
mod replay;
mod service;
mod soak;
mod spending;
mod stats;
mod transitions;
mod usage;
mod views;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// The allocator of the `tollgate` binary, for every candidate.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Benchmarks of Tollgate against its peers.
#[derive(Debug, Parser)]
#[command(name = "tollgate-bench")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Append, fold, dedup, query, views of many tasks and HTTP, with appending compared to raw writing, SQLite, sled,
    /// fjall, redb and PostgreSQL
    Compare(Whole),
    /// Append over JetStream compared to plain publishing, with projectors stopped and crawling; needs nats-server
    Jetstream(Jetstream),
    /// What a transition from phase to phase costs the caller over HTTP, on both logs; needs nats-server and the binary
    Transitions(Compare),
    /// Read a session of a coding agent from a warm file, compared to `wc -l`
    Import(ImportArgs),
    /// Fold usage of many tasks into what was spent, with and without sums that were asked for
    Spending(SpendingArgs),
    /// Fold one log into each view, compared to reading and decoding it
    Views(ViewsArgs),
    /// Append usage of ever more tasks while a view folds it, up to 10^8 events, and tell what each step costs
    Soak(soak::Soak),
    /// Append over HTTP beside clients that send nothing, half a header, or never read; needs the binary
    Flood(flood::Flood),
    /// Generate a history of tasks and propose limits from it
    Calibrate(calibrate::Calibrate),
    /// Run a generated history through three configs at once
    Replay(replay::Replay),
    /// Reserve and check what may be spent, find policies and prices, compared to SQLite and a plain hop; needs the
    /// binary
    Budgets(Compare),
    /// Processes that race for the last tokens of a budget, through two servers: exactly those that fit win; needs
    /// nats-server and the binary
    Race(race::Race),
    /// A process of the race; started by it
    #[command(hide = true)]
    Racer(race::Racer),
    /// The server of the hops measured alongside transitions; started by it
    #[command(hide = true)]
    PlainServer(plain::Hops),
    /// The server of the hops over HTTP; started by the benchmark
    #[command(hide = true)]
    PlainHttpServer(plain_http::Answers),
    /// The other process of the hops
    #[command(hide = true)]
    PlainView(plain::Hops),
}

#[derive(Debug, clap::Args)]
struct PlaceArgs {
    /// Measure in a new directory below this one, which must be on a disk; else below the build's directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct SpendingArgs {
    #[command(flatten)]
    sizes: spending::Sizes,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, clap::Args)]
struct ViewsArgs {
    #[command(flatten)]
    sizes: views::Sizes,
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, clap::Args)]
struct Compare {
    /// Fewer and shorter rounds, smaller sizes: about seven minutes instead of half an hour
    #[arg(long)]
    quick: bool,
    /// Tables for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Measure in a new directory below this one, which must be on a disk; else below the build's directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Whole {
    /// Only these subjects, separated by commas
    #[arg(long, value_enum, value_name = "SUBJECTS", value_delimiter = ',')]
    only: Vec<compare::Subject>,
    /// Draw what was measured in this SVG file
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    #[command(flatten)]
    args: Compare,
}

#[derive(Debug, clap::Args)]
struct Jetstream {
    /// Only this candidate, for ten seconds: `tollgate`, `raw`, `raw_hashed` or `one_message_per_event`, for
    /// use with a profiler
    #[arg(long, value_name = "CANDIDATE")]
    only: Option<String>,
    /// Every acknowledgement is on the disk (`sync_interval: always`, a nats-server from 2.10 on); without
    /// projectors
    #[arg(long)]
    synced: bool,
    #[command(flatten)]
    compare: Compare,
}

#[derive(Debug, clap::Args)]
struct ImportArgs {
    #[command(flatten)]
    import: import::Import,
    /// Tables for people, or one JSON object
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

fn main() -> ExitCode {
    let (format, report) = match Args::parse().command {
        Command::Compare(Whole { only, chart, args }) => {
            let report = compare::run(args.quick, &only, args.dir.as_deref());
            let drawn = report.and_then(|report| match chart {
                Some(file) => drawn(&report, &file).map(|()| report),
                None => Ok(report),
            });
            (args.format, drawn)
        }
        Command::Jetstream(args) => {
            let Jetstream { only, synced, compare } = args;
            let report = match only {
                Some(name) => jetstream::profile(&name, synced, compare.dir.as_deref()),
                None => jetstream::run(compare.quick, synced, compare.dir.as_deref()),
            };
            (compare.format, report)
        }
        Command::Transitions(args) => {
            let report = transitions::run(args.quick, args.dir.as_deref());
            (args.format, report)
        }
        Command::Budgets(args) => {
            let report = budgets::run(args.quick, args.dir.as_deref());
            (args.format, report)
        }
        Command::Flood(flood) => (Format::Table, flood::run(&flood)),
        Command::Import(args) => (args.format, import::run(&args.import)),
        Command::Spending(args) => {
            let lines = spending::run(args.place.dir.as_deref(), args.sizes);
            return ended(lines.map(|lines| output::print(&lines)));
        }
        Command::Views(args) => {
            let lines = views::run(args.place.dir.as_deref(), args.sizes);
            return ended(lines.map(|lines| output::print(&lines)));
        }
        Command::Calibrate(args) => {
            return ended(calibrate::run(&args).map(|lines| output::print(&lines)));
        }
        Command::Replay(args) => return ended(replay::run(&args).map(|lines| output::print(&lines))),
        Command::Soak(args) => return ended(soak::run(&args).map(|lines| output::print(&lines))),
        Command::Race(race) => return ended(race.run()),
        Command::Racer(racer) => return ended(racer.run()),
        Command::PlainServer(hops) => return ended(plain::serve(&hops)),
        Command::PlainHttpServer(answers) => return ended(plain_http::serve(&answers)),
        Command::PlainView(hops) => return ended(plain::view(&hops)),
    };
    ended(report.map(|report| {
        output::print(&match format {
            Format::Table => report.to_table(),
            Format::Json => report.to_json().to_string(),
        });
    }))
}

fn ended(work: Result<(), String>) -> ExitCode {
    match work {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            output::progress(&format!("error: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn drawn(report: &output::Report, file: &Path) -> Result<(), String> {
    let failed = |error| format!("writing the chart `{}`: {error}", file.display());
    std::fs::write(file, chart::svg_of(report)).map_err(failed)
}
