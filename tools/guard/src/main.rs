//! Guards the hot paths: how many instructions an event takes to be appended, decoded, folded and looked up, and a
//! question to be decided, beside what they took when that was last noted.
//!
//! Instructions are counted by valgrind, so they are the same on a loaded machine. They are those of the development
//! build, as the tests run it: what is guarded is what the code does, not what the optimizer makes of it.

mod count;
mod noted;
mod path;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::noted::Noted;
use crate::path::HotPath;

/// Counts the instructions of the hot paths.
#[derive(Debug, Parser)]
#[command(name = "tollgate-guard")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the counts with those that were noted
    Check {
        /// Where they are noted
        noted: PathBuf,
    },
    /// Note the counts
    Note {
        /// Where they are noted
        noted: PathBuf,
    },
    /// Do the work of a path, to be counted
    Work {
        /// Which path
        path: HotPath,
        /// How many tasks it is about
        tasks: u64,
    },
}

fn main() -> ExitCode {
    let (said, code) = match run(&Args::parse().command) {
        Ok((text, code)) => (std::io::stdout().write_all(text.as_bytes()), code),
        Err(failure) => (writeln!(std::io::stderr(), "tollgate-guard: {failure}"), ExitCode::FAILURE),
    };
    // Whether anybody reads it or not, how it ends says whether all is as noted.
    drop(said);
    code
}

/// What to print, and how to end.
fn run(command: &Command) -> Result<(String, ExitCode), String> {
    match command {
        Command::Work { path, tasks } => Ok((format!("{}\n", path.work(*tasks)?), ExitCode::SUCCESS)),
        Command::Check { noted } => {
            let known = Noted::read(noted)?;
            let here = count::toolchain()?;
            if known.toolchain != here {
                let text =
                    format!("skipped: the counts are those of {}, and this is {here}\n", known.toolchain);
                return Ok((text, ExitCode::SUCCESS));
            }
            let (lines, is_within) = known.compare(&count::all()?);
            Ok((lines, if is_within { ExitCode::SUCCESS } else { ExitCode::FAILURE }))
        }
        Command::Note { noted } => {
            let now = Noted { toolchain: count::toolchain()?, counts: count::all()? };
            now.write(noted)?;
            Ok((now.compare(&now.counts).0, ExitCode::SUCCESS))
        }
    }
}
