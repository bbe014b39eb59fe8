//! Governing budgets.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum HealthCommand {
    /// Show each health metric with its value, target and verdict, and proposed changes
    Budgets(BudgetsArgs),
    /// Print counters and gauges, as Prometheus reads them
    Metrics,
}

#[derive(Debug, Args)]
pub(crate) struct BudgetsArgs {
    /// Number of weeks to cover, counting back from the latest in which a task was opened
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=520))]
    pub(crate) weeks: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct ReadyArgs {
    /// The server (default: that of --server, else the one that serves the data directory)
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakerCommand {
    /// Show whether it is preventing the gate from blocking, and the measurements behind that
    Show,
    /// Close it and turn enforcement back on; recorded with who and why
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    /// Who looked into why it opened
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// What was found
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}
