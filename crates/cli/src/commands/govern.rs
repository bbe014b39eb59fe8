//! Governing budgets.

use std::process::ExitCode;

use tollgate_wire::api::AcknowledgeRequest;

use super::events::tell;
use super::{ask, read};
use crate::args::{BreakerCommand, Format, Global, HealthCommand};
use crate::connect::Access;
use crate::exit::Failure;
use crate::output::{self, json, line, out};

pub(crate) async fn health(global: &Global, command: HealthCommand) -> Result<ExitCode, Failure> {
    let HealthCommand::Budgets(args) = command else {
        out(&ask(global, Access::Existing, async |it| it.client.metrics().await).await?);
        return Ok(ExitCode::SUCCESS);
    };
    let read = read(global);
    let health =
        ask(global, Access::Existing, async |it| it.client.budget_health(args.weeks, &read).await).await?;
    super::answer(global, "figures", &health, output::budget_health);
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn breaker(global: &Global, command: BreakerCommand) -> Result<ExitCode, Failure> {
    match command {
        BreakerCommand::Show => {
            let state = ask(global, Access::Existing, async |it| it.client.breaker().await).await?;
            match global.format {
                Format::Json => json(&state),
                Format::Table => line(&output::breaker(&state)),
            }
        }
        BreakerCommand::Reset(args) => {
            let request = AcknowledgeRequest {
                by: args.by.clone(),
                note: Some(args.reason),
                id: None,
                producer: Some(global.producer.clone()),
            };
            let asked = ask(global, Access::Existing, async |it| it.client.reset_breaker(&request).await);
            tell(global, &asked.await?, &format!("the circuit breaker is closed, reset by {}", args.by));
        }
    }
    Ok(ExitCode::SUCCESS)
}
