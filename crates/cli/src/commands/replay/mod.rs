//! Running history through other limits, and proposing limits from it.

mod calibrate;
mod history;
mod interrupted;
mod pictures;
mod progress;
mod what_if;

use std::process::ExitCode;

pub(super) use history::rules as session_rules;

use crate::args::{Global, ReplayCommand};
use crate::exit::Failure;

pub(crate) async fn run(global: &Global, command: ReplayCommand) -> Result<ExitCode, Failure> {
    match command {
        ReplayCommand::WhatIf(args) => what_if::run(global, &args).await,
        ReplayCommand::Calibrate(args) => calibrate::run(global, &args).await,
    }
}
