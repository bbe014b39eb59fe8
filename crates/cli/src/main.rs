//! `tollgate`: the budget ledger for AI agents, as one binary.
//!
//! [`args`] is what can be asked; [`connect`] finds the ledger that answers: a server, or the data directory
//! opened by this process; [`bound`] makes sure that a command stays with that server; [`commands`] has one
//! file per subject; [`output`] is what people and programs see; [`exit`] the codes.

mod args;
mod bound;
mod commands;
mod connect;
mod exit;
mod exit_codes;
mod output;
#[cfg(test)]
mod proposed;
mod supervisor;

use std::io::IsTerminal;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};
use tollgate_domain::printable::printable_lines;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::Args;
use crate::exit::Failure;

/// Memory that appends allocate on one thread is freed on another; see ADR 0033.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // What the ledger writes is for its owner only, even if a library creates the file.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let args = Args::read();
    let level = if matches!(args.command, args::Command::Serve(_)) { "info" } else { "warn" };
    start_logging(args.global.log_level.as_deref().unwrap_or(level));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("starting: {error}")).report(args.global.format),
    };
    let format = args.global.format;
    let run = async {
        survive_limits_of_files()?;
        commands::run(args).await
    };
    match runtime.block_on(run) {
        Ok(code) => code,
        Err(failure) => failure.report(format),
    }
}

/// The signal for a file that reaches the limit of the process (`ulimit -f`); the same on Linux, macOS and
/// the BSDs.
const SIGXFSZ: i32 = 25;

/// Turns hitting the file size limit into a write error, which is handled like a full disk; by default it
/// ends the process.
fn survive_limits_of_files() -> std::io::Result<()> {
    // Once requested, the signal does nothing else for the life of the process.
    signal(SignalKind::from_raw(SIGXFSZ)).map(drop)
}

/// The process's own log goes to stderr: stdout is for answers.
fn start_logging(level: &str) {
    let level = match level {
        "error" => LevelFilter::ERROR,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        _ => LevelFilter::WARN,
    };
    // What these log about each connection and each request is for those who look for trouble.
    let theirs = if level == LevelFilter::DEBUG { level } else { level.min(LevelFilter::ERROR) };
    let targets = Targets::new().with_default(level);
    let targets = targets.with_target("async_nats", theirs).with_target("rmcp", theirs);
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(colours)
        .with_writer(move || LogLines { colours })
        .with_target(false);
    tracing_subscriber::registry().with(lines).with(targets).init();
}

/// The process's own log on stderr: hidden characters in user-supplied text are written out there, too.
struct LogLines {
    /// Whether the lines have colours, which are control characters; those in user-supplied text are escaped
    /// before they get here.
    colours: bool,
}

impl std::io::Write for LogLines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let shown: String = match self.colours {
            true => text
                .split_inclusive('\u{1b}')
                .map(|part| match part.strip_suffix('\u{1b}') {
                    Some(part) => format!("{}\u{1b}", printable_lines(part)),
                    None => printable_lines(part).into_owned(),
                })
                .collect(),
            false => printable_lines(&text).into_owned(),
        };
        std::io::stderr().write_all(shown.as_bytes()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
