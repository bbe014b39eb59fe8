//! Governing budgets.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum HealthCommand {
    /// Each target figure of a healthy set-up: its value, its target, a verdict, and what to change
    Budgets(BudgetsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BudgetsArgs {
    /// How many weeks back from the newest in which tasks were opened
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=520))]
    pub(crate) weeks: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakerCommand {
    /// Whether it keeps the gate from blocking, and what that follows from
    Show,
    /// Close it: enforcement is on again. Recorded with who and why
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    /// Who has seen why it opened
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// What was found
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}
