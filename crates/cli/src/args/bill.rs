//! Arguments of commands about bills.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum BillCommand {
    /// Record a provider's bill from a CSV file, all of it or nothing; the same bill again changes nothing
    Import(BillImportArgs),
    /// Compare a provider's bills with the ledger by day and model, and say what differences come from
    Compare(BillCompareArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BillImportArgs {
    /// The file: CSV with columns for day, model, tokens and amount in USD
    pub(crate) file: PathBuf,
    /// Who billed: the provider as usage names it, such as openai
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: String,
    /// Which account there, if there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// YAML file that names the columns: day, model, tokens (one or several, added up), amount, currency
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    /// Idempotency key: run again with the same, it changes nothing, also after another bill
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BillCompareArgs {
    /// Who billed
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: String,
    /// The first day
    #[arg(long, visible_alias = "since", value_name = "DAY")]
    pub(crate) from: String,
    /// The first day that is left out
    #[arg(long, visible_alias = "until", value_name = "DAY")]
    pub(crate) to: String,
    /// Time zone in which the ledger's usage is put into days (default: UTC, in which most providers bill)
    #[arg(long, visible_alias = "zone", value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// As known on this UTC day: leave out usage, corrections, other prices and bills that were recorded later
    #[arg(long, value_name = "DATE")]
    pub(crate) known_on: Option<String>,
}
