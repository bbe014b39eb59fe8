//! `tollgate`: the budget ledger for AI agents, as one binary.
//!
//! [`args`] is what can be asked; [`connect`] finds the ledger that answers: a server, or the data directory opened by this
//! process; [`commands`] has one file per subject; [`output`] is what people and programs see; [`exit`] the codes.

mod args;
mod commands;
mod connect;
mod exit;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::exit::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    let level = if matches!(args.command, args::Command::Serve(_)) { "info" } else { "warn" };
    start_logging(args.global.log_level.as_deref().unwrap_or(level));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("starting: {error}")).report(args.global.format),
    };
    let format = args.global.format;
    match runtime.block_on(commands::run(args)) {
        Ok(code) => code,
        Err(failure) => failure.report(format),
    }
}

/// The process's own log goes to stderr: stdout is for answers.
fn start_logging(level: &str) {
    let level = match level {
        "error" => tracing_subscriber::filter::LevelFilter::ERROR,
        "info" => tracing_subscriber::filter::LevelFilter::INFO,
        "debug" => tracing_subscriber::filter::LevelFilter::DEBUG,
        _ => tracing_subscriber::filter::LevelFilter::WARN,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false).init();
}
