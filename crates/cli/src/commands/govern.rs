//! Governing budgets.

use std::process::ExitCode;

use super::{ask, read};
use crate::args::{Format, Global, HealthCommand};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, json, out};

pub(crate) async fn health(global: &Global, command: HealthCommand) -> Result<ExitCode, Failure> {
    let HealthCommand::Budgets(args) = command;
    let read = read(global);
    let health =
        ask(global, Access::Existing, async |it| it.client.budget_health(args.weeks, &read).await).await?;
    match global.format {
        Format::Json => json(&health),
        Format::Table => out(&output::budget_health(&health)),
    }
    Ok(ExitCode::SUCCESS)
}
