//! Arguments of commands that ask about usage.

use clap::Args;

/// Which usage.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct WhichUsage {
    /// Only usage with this value: component, team, user, task_type, tier, provider, model, task, phase, session or
    /// label.KEY
    #[arg(long = "where", value_name = "NAME=VALUE")]
    pub(crate) values: Vec<String>,
    /// Only usage that happened at or after this: an RFC 3339 time, or a date in the time zone
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only usage that happened before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UsageListArgs {
    #[command(flatten)]
    pub(crate) which: WhichUsage,
    /// Only usage of this allocation
    #[arg(long, value_name = "ID")]
    pub(crate) allocation: Option<String>,
    /// Only usage recorded before this place
    #[arg(long, value_name = "PLACE")]
    pub(crate) before: Option<String>,
    /// Maximum number to list
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct UsageSummaryArgs {
    #[command(flatten)]
    pub(crate) which: WhichUsage,
    /// What the usage of a group has in common: names as of --where, separated by commas
    #[arg(long, value_name = "NAMES")]
    pub(crate) group_by: Option<String>,
    /// By hour, day, week (ISO 8601) or month
    #[arg(long, value_name = "PERIOD")]
    pub(crate) by: Option<String>,
    /// Time zone of the periods, such as Europe/Berlin (default: the config's, else UTC)
    #[arg(long, visible_alias = "zone", value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// Only groups after this place
    #[arg(long, value_name = "PLACE")]
    pub(crate) after: Option<String>,
    /// Maximum number of groups
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}
