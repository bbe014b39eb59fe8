//! Arguments of commands that show limits and reports.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Debug, ClapArgs)]
pub(crate) struct LimitsArgs {
    /// Tiny, Small, Medium or Large
    #[arg(long, value_name = "TIER")]
    pub(crate) complexity: Option<String>,
    /// low, medium, high or critical
    #[arg(long, value_name = "TIER")]
    pub(crate) importance: Option<String>,
    /// The task's own multiplier
    #[arg(long, value_name = "FACTOR")]
    pub(crate) multiplier: Option<String>,
    /// Completed phases, separated by commas: shows what remains for the others
    #[arg(long, value_name = "PHASES")]
    pub(crate) completed: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ReportArgs {
    /// The task (default: totals of the ledger)
    pub(crate) task: Option<String>,
    /// Task report: as Markdown, as in the evidence file
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Task report: replace names of tasks, people and producers by pseudonyms and leave out free text
    #[arg(long, requires = "task")]
    pub(crate) redact: bool,
    /// Totals: maximum number of groups per list, those with the most tokens first; one more row sums up the rest
    #[arg(long, value_name = "COUNT", conflicts_with = "task", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) top: Option<u16>,
    /// Totals: by hour, day, week (ISO 8601) or month; and by component, team, user, task_type, label:KEY or any other
    /// dimension of `report export`, such as month,team
    #[arg(long, value_name = "PERIOD", conflicts_with = "task")]
    pub(crate) by: Option<String>,
    /// Totals: time zone of the periods, such as Europe/Berlin (default: the config's, else UTC)
    #[arg(long, visible_alias = "zone", value_name = "ZONE", conflicts_with = "task")]
    pub(crate) time_zone: Option<String>,
    /// Totals: only usage at or after this: an RFC 3339 time on a quarter of an hour, or a date in the time zone
    #[arg(long, value_name = "TIME", conflicts_with = "task")]
    pub(crate) since: Option<String>,
    /// Totals: only usage before this time
    #[arg(long, value_name = "TIME", conflicts_with = "task")]
    pub(crate) until: Option<String>,
    /// Totals: as known on this UTC day: leave out what was recorded later, whenever it happened
    #[arg(long, value_name = "DATE", conflicts_with = "task")]
    pub(crate) known_on: Option<String>,
    #[command(subcommand)]
    pub(crate) what: Option<ReportCommand>,
}

/// What no log knows: what the stop-loss cost.
#[derive(Debug, ClapArgs)]
pub(crate) struct CostArgs {
    /// Return on investment: what it cost to build in and run over this time, in US dollars
    #[arg(long, value_name = "USD")]
    pub(crate) cost_usd: Option<String>,
    /// Return on investment: what people's time costs for each interruption of a task that was all right
    #[arg(long, value_name = "USD")]
    pub(crate) interruption_usd: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Show who read which report and when, newest first
    Accesses(AccessesArgs),
    /// Show what the stop-loss saved, and where there is not enough data to tell
    Savings(CostArgs),
    /// Export charges by day in the format of FOCUS 1.2, as CSV
    Focus(FocusArgs),
    /// Export usage and money by any dimensions, as a table, CSV or JSON
    Export(ExportArgs),
}

/// Which time an export covers.
#[derive(Debug, ClapArgs)]
pub(crate) struct RangeArgs {
    /// Only usage at or after this: an RFC 3339 time on a quarter of an hour, or a date in the time zone
    #[arg(long, visible_alias = "from", value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only usage before this time
    #[arg(long, visible_alias = "to", value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Time zone of days and months, such as Europe/Berlin (default: the config's, else UTC)
    #[arg(long, visible_alias = "zone", value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// As known on this UTC day: leave out what was recorded later (usage, corrections, other prices), whenever it
    /// happened
    #[arg(long, value_name = "DATE")]
    pub(crate) known_on: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FocusArgs {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// The billing account of all charges (default: tollgate)
    #[arg(long, value_name = "NAME")]
    pub(crate) billing_account: Option<String>,
    /// Divide charges further, and show as tags: labels (all, the default), team, user, label:KEY, producer or another
    /// dimension of `report export`; separated by commas; none for no tags
    #[arg(long, value_name = "DIMENSIONS")]
    pub(crate) tags: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// What lines are told apart by, separated by commas: tenant, producer, component, provider, model, tier,
    /// service_tier, phase, complexity, importance, price_version, corrects, recorded_on, team, user, task_type,
    /// label:KEY, labels (default: tenant,provider,model, or those of --by)
    #[arg(long, value_name = "DIMENSIONS")]
    pub(crate) dimensions: Option<String>,
    /// Only usage with these values, such as provider=anthropic; separated by commas
    #[arg(long, value_name = "FILTERS")]
    pub(crate) only: Option<String>,
    /// By hour, day (default), week (ISO 8601), month, or none for the time range as a whole; and by dimensions, such
    /// as month,team: with dimensions alone there are no periods
    #[arg(long, value_name = "PERIOD")]
    pub(crate) by: Option<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AccessesArgs {
    /// Only this task
    #[arg(long, value_name = "TASK")]
    pub(crate) of_task: Option<String>,
    /// Only by this reader
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Maximum number to list
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}
