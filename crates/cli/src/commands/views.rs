//! Queries about the ledger as a whole, and reports.

use std::process::ExitCode;

use tollgate_client::{ClientError, ReportQuery};
use tollgate_domain::config::BudgetConfig;
use tollgate_projection::report::{ledger_csv, tasks_csv};
use tollgate_server::ledger::limits_of;
use tollgate_wire::api::{HealthStatus, TaskReport};

use super::{ask, read};
use crate::args::{AccessesArgs, CostArgs, Form, Format, Global, LimitsArgs, ReportArgs, ReportCommand};
use crate::commands::config::read_config;
use crate::connect::{Access, config_file, is_served};
use crate::exit::Failure;
use crate::output::{self, json, line, out, say};

/// The limits of two tiers. From a server, under its config in force; otherwise under the given or built-in
/// one: no ledger is needed.
pub(crate) async fn limits(global: &Global, args: &LimitsArgs) -> Result<ExitCode, Failure> {
    let (complexity, importance) = (args.complexity.as_deref(), args.importance.as_deref());
    let (multiplier, completed) = (args.multiplier.as_deref(), args.completed.as_deref());
    let served = global.server.is_some() || (global.config.is_none() && is_served(&global.data).await);
    let limits = if served {
        let asked = ask(global, Access::Existing, async |it| {
            it.client.limits(complexity, importance, multiplier, completed).await
        });
        asked.await?
    } else {
        let (config, source) = match config_file(global) {
            Some(path) => (read_config(&path)?, path.display().to_string()),
            None => (BudgetConfig::built_in(), "built-in".to_owned()),
        };
        limits_of(&config, &source, complexity, importance, multiplier, completed)
            .map_err(|problem| Failure::from(ClientError::Problem(problem)))?
    };
    super::answer(global, "phases", &limits, output::limits);
    Ok(ExitCode::SUCCESS)
}

/// The state of the ledger.
pub(crate) async fn status(global: &Global) -> Result<ExitCode, Failure> {
    let asked = ask(global, Access::Existing, async |it| {
        let asked = async {
            let tasks = it.client.tasks(None, 1000, Some("open"), &read(global)).await?;
            let report = it.client.report(&read(global)).await?;
            Ok((tasks, report, it.client.position().await?))
        };
        let asked: Result<_, ClientError> = asked.await;
        // The first thing to know is what is unavailable, and health knows all of it.
        Ok::<_, ClientError>((asked, it.client.health().await?))
    });
    let (asked, health) = asked.await?;
    let checks = || {
        let failing = if health.status == HealthStatus::Degraded { "DEGRADED" } else { "FAILING" };
        health.checks.iter().for_each(|check| {
            let said = if check.ok { "ok" } else { failing };
            line(&format!("{said:<7} {}: {}", check.name, check.detail));
        });
        for what in health.log_server.iter().flat_map(|server| &server.not_promised) {
            line(&format!("        not promised by the log's server: {what}"));
        }
    };
    let (tasks, report, position) = match asked {
        Ok(asked) => asked,
        Err(error) => {
            if global.format == Format::Table {
                checks();
            }
            return Err(error.into());
        }
    };
    if global.format == Format::Json {
        json(&serde_json::json!({
            "as_of": tasks.as_of, "tasks": report.tasks, "open_tasks": tasks.tasks, "tokens": report.totals.tokens,
            "cost_usd": report.totals.cost_usd, "unpriced_tokens": report.totals.unpriced_tokens,
            "units": report.totals.units, "unpriced_units": report.totals.unpriced_units,
            "health": health, "log": position,
        }));
    } else if global.form == Form::Csv {
        out(&tasks_csv(&tasks.tasks));
    } else {
        let tokens = output::grouped(report.totals.tokens.total);
        let (count, usd) = (output::counted(report.tasks, "task"), &report.totals.cost_usd);
        line(&format!("{count}, {} of them open; {tokens} tokens, {usd} USD", tasks.tasks.len()));
        checks();
        if !tasks.tasks.is_empty() {
            line("");
            say(&output::task_list(&tasks));
        }
    }
    let failing = health.status == HealthStatus::Failing;
    Ok(if failing { ExitCode::from(crate::exit::FAILED) } else { ExitCode::SUCCESS })
}

/// A report in its display form.
enum Shown {
    /// In a format for people or spreadsheets.
    Text(String),
    /// As JSON.
    Report(Box<TaskReport>),
}

/// Totals of the ledger, the report of a task, or what else there is to report.
pub(crate) async fn report(global: &Global, args: &ReportArgs) -> Result<ExitCode, Failure> {
    match (&args.what, &args.task) {
        (Some(ReportCommand::Accesses(wanted)), _) => accesses(global, wanted).await,
        (Some(ReportCommand::Focus(wanted)), _) => super::money::focus(global, wanted).await,
        (Some(ReportCommand::Export(wanted)), _) => super::money::export(global, wanted).await,
        (Some(ReportCommand::Savings(stated)), _) => savings(global, stated).await,
        (None, Some(task)) => task_report(global, args, task).await,
        (None, None) => totals(global, args).await,
    }
}

async fn accesses(global: &Global, wanted: &AccessesArgs) -> Result<ExitCode, Failure> {
    let (by, of_task) = (wanted.by.as_deref(), wanted.of_task.as_deref());
    let read = read(global);
    let asked = ask(global, Access::Existing, async |it| {
        it.client.accesses(by, of_task, wanted.limit.into(), &read).await
    });
    let list = asked.await?;
    super::answer(global, "accesses", &list, output::accesses);
    Ok(ExitCode::SUCCESS)
}

async fn savings(global: &Global, stated: &CostArgs) -> Result<ExitCode, Failure> {
    let (cost, interruption) = (stated.cost_usd.as_deref(), stated.interruption_usd.as_deref());
    let read = read(global);
    let asked = ask(global, Access::Existing, async |it| it.client.savings(cost, interruption, &read).await);
    let savings = asked.await?;
    super::answer(global, "classes", &savings, output::savings);
    Ok(ExitCode::SUCCESS)
}

async fn task_report(global: &Global, args: &ReportArgs, task: &str) -> Result<ExitCode, Failure> {
    // The ledger renders every format: it records in which one the report was read.
    let form = match global.form {
        Form::Json if !args.markdown => None,
        Form::Html => Some("html"),
        Form::Csv => Some("csv"),
        Form::Json | Form::Table | Form::Md => Some("md"),
    };
    let read = read(global);
    let asked = ask(global, Access::Existing, async |it| {
        let client = it.client.redacted(args.redact);
        match form {
            Some(form) => client.task_report_as(task, form, &read).await.map(Shown::Text),
            None => client.task_report(task, &read).await.map(Box::new).map(Shown::Report),
        }
    });
    match asked.await? {
        // A file must not contain flags of the machine it was made on; text on a screen is typed into
        // that machine.
        Shown::Text(text) if global.form == Form::Table => say(&text),
        Shown::Text(text) => out(&text),
        Shown::Report(report) => json(&report),
    }
    Ok(ExitCode::SUCCESS)
}

async fn totals(global: &Global, args: &ReportArgs) -> Result<ExitCode, Failure> {
    let wanted = ReportQuery {
        top: args.top.map(usize::from),
        by: args.by.clone(),
        time_zone: args.time_zone.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        known_on: args.known_on.clone(),
    };
    let read = read(global);
    let asked = ask(global, Access::Existing, async |it| it.client.report_by(&wanted, &read).await);
    let report = asked.await?;
    match (global.form, global.format) {
        (Form::Csv, _) => out(&ledger_csv(&report)),
        (_, Format::Json) => json(&report),
        (_, Format::Table) => say(&output::ledger_report(&report, args.top.map(usize::from))),
    }
    Ok(ExitCode::SUCCESS)
}
