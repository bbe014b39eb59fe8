//! Arguments of commands about prices.

use clap::{Args, Subcommand};

use super::price_decisions::{
    PriceApproveArgs, PriceHistoryArgs, PriceRejectArgs, PriceSetArgs, PriceUpdateArgs, RepriceArgs,
};

#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// List the entries of the price book in force, or of --prices
    List(PriceListArgs),
    /// Show which price applies to a call, what it costs, and why; or why it is unpriced
    Show(PriceShowArgs),
    /// Compare the prices in force with those of all sources, and record what follows
    Update(PriceUpdateArgs),
    /// Put a price in force that waits for a person
    Approve(PriceApproveArgs),
    /// Reject a price that waits for a person
    Reject(PriceRejectArgs),
    /// Put a price in force by hand
    Set(PriceSetArgs),
    /// Show what was decided about prices, and what waits
    History(PriceHistoryArgs),
    /// List the sources of prices, with the age of their lists
    Sources,
    /// Price recorded usage again: what had no price, or one that was corrected since
    Reprice(RepriceArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PriceListArgs {
    /// Only entries whose names contain this
    pub(crate) search: Option<String>,
    /// Only entries of this provider
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Only entries after this one
    #[arg(long, value_name = "ENTRY")]
    pub(crate) after: Option<String>,
    /// Maximum number of entries
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct PriceShowArgs {
    /// The model, as calls name it
    pub(crate) model: String,
    /// The provider, as calls name it
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// The service tier, such as flex, priority or batch (default: the standard one)
    #[arg(long, value_name = "TIER")]
    pub(crate) service_tier: Option<String>,
    /// When the call happens: an RFC 3339 time, or a date, which begins in UTC (default: now). Some prices depend on
    /// the hour
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// Input that is not cached
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    pub(crate) input: u64,
    /// Input read from a cache
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    pub(crate) cached: u64,
    /// Input written to a cache
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    pub(crate) cache_write: u64,
    /// The part of --cache-write that is kept for an hour
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    pub(crate) cache_write_1h: u64,
    /// Output, including reasoning
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    pub(crate) output: u64,
    /// The part of --output spent on reasoning
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    pub(crate) reasoning: u64,
    /// What else it is billed for, such as output_images=2; times in milliseconds. Repeatable
    #[arg(long = "unit", value_name = "UNIT=COUNT")]
    pub(crate) units: Vec<String>,
}
