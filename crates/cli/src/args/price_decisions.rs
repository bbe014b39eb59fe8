//! Arguments of commands that decide about prices.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct PriceUpdateArgs {
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ask every source, also those whose list is not old yet
    #[arg(long)]
    pub(crate) refresh: bool,
    /// A source whose list may have lost more than a tenth of its models
    #[arg(long, value_name = "SOURCE")]
    pub(crate) accept_shrink: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PriceApproveArgs {
    #[command(flatten)]
    pub(crate) decision: PriceDecisionArgs,
    /// From when on it is in force: an RFC 3339 time, or a date, which begins in UTC (default: now)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PriceRejectArgs {
    #[command(flatten)]
    pub(crate) decision: PriceDecisionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PriceDecisionArgs {
    /// The version of the price, as `prices history --waiting` shows it
    pub(crate) price_version: String,
    /// Who decides
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Idempotency key: run again with the same, it changes nothing
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
}

/// Prices are given by the million tokens, as people compare them.
#[derive(Debug, Args)]
pub(crate) struct PriceSetArgs {
    /// The entry of the price book: MODEL or PROVIDER/MODEL
    pub(crate) entry: String,
    /// Who serves the model (default: the provider in the entry's name, or of the entry in force)
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// USD a million tokens of input
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub(crate) input: Option<String>,
    /// USD a million tokens of input read from a cache
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub(crate) cached: Option<String>,
    /// USD a million tokens of input written to a cache
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub(crate) cache_write: Option<String>,
    /// USD a million tokens of input written to a cache for an hour
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub(crate) cache_write_1h: Option<String>,
    /// USD a million tokens of output
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub(crate) output: Option<String>,
    /// USD a million tokens of reasoning
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub(crate) reasoning: Option<String>,
    /// USD for one of another unit, such as output_images=0.04; of a time, for a second. Repeatable
    #[arg(long = "unit", value_name = "UNIT=USD")]
    pub(crate) units: Vec<String>,
    /// USD a million tokens of large requests or in a service tier, such as above=200000,input=4,output=12 or
    /// flex,input=0.5,output=2. Repeatable
    #[arg(long = "tier", value_name = "TIER")]
    pub(crate) tiers: Vec<String>,
    /// Take a price away: that of a kind of tokens or a unit (cached_input), those above a size (above_200000), of a
    /// service tier (flex) or of certain hours (hours). Repeatable. What is not named stays
    #[arg(long, value_name = "KIND")]
    pub(crate) without: Vec<String>,
    /// From when on it is in force: an RFC 3339 time, or a date, which begins in UTC (default: now)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Who sets it
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Idempotency key: run again with the same, it changes nothing
    #[arg(long, value_name = "KEY")]
    pub(crate) id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PriceHistoryArgs {
    /// Only entries whose names contain this
    pub(crate) search: Option<String>,
    /// Only entries with a price that waits for a person
    #[arg(long)]
    pub(crate) waiting: bool,
    /// As it was known at this RFC 3339 time, or by the end of this date in UTC
    #[arg(long, visible_alias = "known-on", value_name = "TIME")]
    pub(crate) as_known_on: Option<String>,
    /// Only entries after this one
    #[arg(long, value_name = "ENTRY")]
    pub(crate) after: Option<String>,
    /// Maximum number of entries
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct RepriceArgs {
    /// Usage of this model, as usage names it or as it is priced by
    #[arg(long)]
    pub(crate) model: String,
    /// Only of this provider, as usage names it or as it is priced by
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Usage that happened from this RFC 3339 time on, or from the beginning of this date in UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) from: String,
    /// Only usage that happened before this RFC 3339 time, or before the beginning of this date in UTC
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Only say what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Who asks for it
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
