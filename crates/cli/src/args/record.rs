//! Recording usage, and correcting it.

use clap::{Args, Subcommand};

use super::amounts::event_tokens;
use super::task::EventArgs;
use super::usage::{UsageListArgs, UsageSummaryArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Record what a model call used
    Record(RecordArgs),
    /// Correct earlier usage; the usage itself stays as it is
    Adjust(AdjustArgs),
    /// List usage and corrections, the latest first
    List(UsageListArgs),
    /// Add usage up, by groups and periods
    Summary(UsageSummaryArgs),
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tokens")]
pub(crate) struct Counts {
    /// Input that was not cached
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true, value_parser = event_tokens)]
    pub(crate) input: Option<i64>,
    /// Input read from a cache
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true, value_parser = event_tokens)]
    pub(crate) cached: Option<i64>,
    /// Input written to a cache
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true, value_parser = event_tokens)]
    pub(crate) cache_write: Option<i64>,
    /// Output, including reasoning
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true, value_parser = event_tokens)]
    pub(crate) output: Option<i64>,
    /// The part of output spent on reasoning
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true, value_parser = event_tokens)]
    pub(crate) reasoning: Option<i64>,
    /// What else it is billed for, such as output_images=2; times in milliseconds. Repeatable
    #[arg(long = "unit", value_name = "UNIT=COUNT")]
    pub(crate) units: Vec<String>,
}

impl Counts {
    /// Whether tokens of any kind are given.
    pub(crate) fn is_given(&self) -> bool {
        [self.input, self.cached, self.cache_write, self.output, self.reasoning].iter().any(Option::is_some)
    }
}

#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The task
    pub(crate) task: String,
    /// The phase it belongs to
    #[arg(long)]
    pub(crate) phase: Option<String>,
    /// The attempt (default: the latest)
    #[arg(long, requires = "phase")]
    pub(crate) attempt: Option<u32>,
    /// The model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// The provider
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// The provider's tier that served it, such as priority: its prices apply
    #[arg(long, value_name = "TIER")]
    pub(crate) service_tier: Option<String>,
    /// The part of the producer that called
    #[arg(long, value_name = "NAME")]
    pub(crate) component: Option<String>,
    /// The allocation that it uses
    #[arg(long, value_name = "ID")]
    pub(crate) allocation: Option<String>,
    /// The context that it belongs to: it uses the allocation that was made for it last
    #[arg(long, value_name = "NAME", conflicts_with = "allocation")]
    pub(crate) context: Option<String>,
    /// A label, such as team=search
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,
    #[command(flatten)]
    pub(crate) counts: Counts,
    #[command(flatten)]
    pub(crate) lengths: Lengths,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

/// Where the model reported no tokens.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Instead of tokens, where the model reported none: characters / 4 is the estimate"
)]
pub(crate) struct Lengths {
    /// Characters of the prompt
    #[arg(long, value_name = "CHARS", conflicts_with_all = COUNTS)]
    pub(crate) prompt_chars: Option<u64>,
    /// Characters of the completion
    #[arg(long, value_name = "CHARS", conflicts_with_all = COUNTS)]
    pub(crate) completion_chars: Option<u64>,
}

/// The flags of [`Counts`].
const COUNTS: [&str; 5] = ["input", "cached", "cache_write", "output", "reasoning"];

#[derive(Debug, Args)]
pub(crate) struct AdjustArgs {
    /// The task
    pub(crate) task: String,
    /// The event id of the usage to correct
    pub(crate) usage: String,
    /// The producer of that usage (default: your own producer)
    #[arg(long, value_name = "NAME")]
    pub(crate) of_producer: Option<String>,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who corrects it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    #[command(flatten)]
    pub(crate) counts: Counts,
    #[command(flatten)]
    pub(crate) event: EventArgs,
}
