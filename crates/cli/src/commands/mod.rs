//! What each command does. One file per subject.

mod alerts;
mod allocations;
mod bill;
mod budgets;
mod compat;
mod config;
mod copy;
mod demo;
mod events;
mod govern;
mod import;
mod keys;
mod log;
mod maintain;
mod manual;
mod mcp;
mod money;
mod price_book;
mod price_decisions;
mod prices;
mod projector;
mod quarantine;
mod ready;
mod records;
mod recover;
mod replay;
mod segments;
mod serve;
mod tasks;
mod usage;
mod views;

use std::process::ExitCode;

use serde::Serialize;
use tollgate_client::Read;
use tollgate_import::reader::Format as Source;

use crate::args::{Args, Command, ConfigCommand, Form, Global, ImportCommand, LogCommand};
use crate::connect::{Access, Connection};
use crate::exit::Failure;
use crate::output::{json, out, rows_csv, say};

/// How long a query waits for its view to see the end of the log.
const WAIT_MS: u64 = 10_000;

/// Runs a command; returns its exit code.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let global = args.global;
    match args.command {
        Command::Demo(demo) => demo::run(&global, &demo).await,
        Command::Serve(serve) => serve::run(&global, serve).await,
        Command::Import(ImportCommand::Codex(import)) => import::run(&global, Source::Codex, &import).await,
        Command::Import(ImportCommand::Claude(import)) => import::run(&global, Source::Claude, &import).await,
        Command::Import(ImportCommand::Apollo(args)) => import::older::apollo(&global, &args).await,
        Command::Import(ImportCommand::Rhetor(args)) => import::older::rhetor(&global, &args).await,
        Command::Task(command) => tasks::run(&global, command).await,
        Command::Phase(command) => events::phase(&global, command).await,
        Command::Usage(command) => events::usage(&global, command).await,
        Command::Gate(gate) => tasks::gate(&global, &gate).await,
        Command::Limits(limits) => views::limits(&global, &limits).await,
        Command::Prices(command) => prices::run(&global, command).await,
        Command::Bill(command) => bill::run(&global, command).await,
        Command::Budget(command) => budgets::budget(&global, command).await,
        Command::Policy(command) => budgets::policy(&global, command).await,
        Command::Key(command) => keys::run(&global, command).await,
        Command::Check(args) => allocations::check(&global, &args).await,
        Command::Allocate(command) => allocations::run(&global, command).await,
        Command::Route(args) => allocations::route(&global, *args).await,
        Command::Breaker(command) => govern::breaker(&global, command).await,
        Command::Health(command) => govern::health(&global, command).await,
        Command::Status => views::status(&global).await,
        Command::Ready(args) => ready::run(&global, &args).await,
        Command::Report(report) => views::report(&global, &report).await,
        Command::Mcp => mcp::run(&global).await,
        Command::Replay(command) => replay::run(&global, command).await,
        Command::Alerts(args) => alerts::run(&global, &args).await,
        Command::Quarantine(command) => quarantine::run(&global, command).await,
        Command::Config(ConfigCommand::Check(check)) => config::check(&global, &check),
        Command::Config(ConfigCommand::Show(show)) => config::show(&global, &show).await,
        Command::Config(ConfigCommand::Reload) => config::reload(&global).await,
        Command::Log(LogCommand::Archive(args)) => segments::archive(&global, &args).await,
        Command::Log(LogCommand::Pack) => segments::pack(&global).await,
        Command::Log(LogCommand::Copy(copy)) => copy::run(&global, &copy).await,
        Command::Log(LogCommand::Init(init)) => log::init(&global, &init).await,
        Command::Log(LogCommand::Append(args)) => records::append(&global, &args).await,
        Command::Log(LogCommand::Find(args)) => records::find(&global, &args).await,
        Command::Log(LogCommand::Position) => records::position(&global).await,
        Command::Log(LogCommand::Tail(tail)) => log::tail(&global, &tail).await,
        Command::Log(LogCommand::Verify) => log::verify(&global).await,
        Command::Projector(projector) => projector::run(&global, &projector).await,
        Command::View(command) => maintain::view(&global, command).await,
        Command::Backup(backup) => maintain::backup(&global, &backup).await,
        Command::Restore(restore) => maintain::restore(&global, &restore),
        Command::Completions(args) => Ok(manual::completions(&args)),
        Command::Man(args) => manual::pages(&args),
    }
}

/// Writes an answer in the form that was asked for: as a table, as JSON, or a list of it as CSV; of no name, the
/// answer is one row.
pub(crate) fn answer<T: Serialize>(
    global: &Global,
    list: &str,
    answer: &T,
    table: impl FnOnce(&T) -> String,
) {
    match global.form {
        Form::Json => json(answer),
        Form::Csv => out(&rows_csv(answer, list)),
        Form::Table | Form::Md | Form::Html => say(&table(answer)),
    }
}

/// What a query has to see: the log's current end, unless `--no-wait`.
pub(crate) fn read(global: &Global) -> Read {
    if global.no_wait {
        return Read::default();
    }
    Read { at_least: Some("tail".to_owned()), wait_ms: Some(WAIT_MS) }
}

/// Asks a ledger one thing and closes it.
pub(crate) async fn ask<T, E: Into<Failure>>(
    global: &Global,
    access: Access,
    question: impl AsyncFnOnce(&Connection) -> Result<T, E>,
) -> Result<T, Failure> {
    let connection = Connection::open(global, access).await?;
    let answer = question(&connection).await;
    connection.close().await;
    answer.map_err(Into::into)
}
