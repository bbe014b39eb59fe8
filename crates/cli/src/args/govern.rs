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
