//! Arguments of commands that ask before something is spent.

use clap::{Args, Subcommand};

use super::amounts::{name, tokens};

#[derive(Debug, Subcommand)]
pub(crate) enum AllocateCommand {
    /// Reserve what is going to be spent, under all policies or not at all
    Create(Box<AllocateArgs>),
    /// Show an allocation: what was used of it, and why it was given or refused
    Show {
        /// The allocation
        #[arg(value_parser = name())]
        allocation: String,
    },
    /// List allocations, the latest first
    List(AllocationListArgs),
    /// Make an allocation larger, or let it last longer
    Extend(ExtendArgs),
    /// Set free what an allocation has left
    Release {
        /// The allocation
        #[arg(value_parser = name())]
        allocation: String,
        /// Who releases it
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
    },
}

/// What is going to be spent, and on what.
#[derive(Clone, Debug, Args)]
pub(crate) struct SpendArgs {
    /// The model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// The provider
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// How many tokens (default: by the label task_type and the priority)
    #[arg(long, allow_negative_numbers = true, value_parser = tokens)]
    pub(crate) tokens: Option<u64>,
    /// How many of them are input; with this, the cost is closer
    #[arg(long, value_name = "TOKENS", requires = "tokens", allow_negative_numbers = true, value_parser = tokens)]
    pub(crate) input_tokens: Option<u64>,
    /// The provider's tier that will serve it, such as priority (default: the standard one)
    #[arg(long, value_name = "TIER")]
    pub(crate) service_tier: Option<String>,
    /// What else it will be billed for, such as output_images=2; times in milliseconds. Repeatable
    #[arg(long = "unit", value_name = "UNIT=COUNT")]
    pub(crate) units: Vec<String>,
    /// The task
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// The phase of that task
    #[arg(long)]
    pub(crate) phase: Option<String>,
    /// The part of the producer that will call
    #[arg(long, value_name = "NAME")]
    pub(crate) component: Option<String>,
    /// A label, such as team=search; team, user, task_type and session are what policies may count by
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,
    /// From 1 (low) through 5 (normal, the default) and 8 (high) to 10 (critical)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=10))]
    pub(crate) priority: Option<u8>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckSpendArgs {
    #[command(flatten)]
    pub(crate) spend: SpendArgs,
    /// How many US dollars (default: the most that the tokens can cost)
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) usd: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AllocateArgs {
    /// The allocation's name: repeating the command with it returns the first answer (default: generated)
    #[arg(value_parser = name())]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) spend: SpendArgs,
    /// How many US dollars (default: the most that the tokens can cost)
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) usd: Option<String>,
    /// What it is for, as you call it; `allocate list` can select by it
    #[arg(long, value_name = "TEXT")]
    pub(crate) context: Option<String>,
    /// How long it is reserved: 90s, 30m, 12h or 7d (default: 24h)
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    pub(crate) ttl: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct AllocationListArgs {
    /// Only allocations of this context
    #[arg(long, value_name = "TEXT")]
    pub(crate) context: Option<String>,
    /// Only allocations of this task
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Only allocations of this model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only allocations that this policy was asked about
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Only allocations with this label, such as team=search. Repeatable
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub(crate) labels: Vec<String>,
    /// all, open, refused, released or expired
    #[arg(long, default_value = "all", value_parser = ["all", "open", "refused", "released", "expired"], hide_possible_values = true)]
    pub(crate) state: String,
    /// Only allocations decided before this record
    #[arg(long, value_name = "SEQUENCE")]
    pub(crate) before: Option<u64>,
    /// Maximum number of allocations
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

#[derive(Debug, Args)]
pub(crate) struct ExtendArgs {
    /// The allocation
    #[arg(value_parser = name())]
    pub(crate) allocation: String,
    #[command(flatten)]
    pub(crate) by: ExtendBy,
    /// Id of the extension; repeating it returns the first answer (default: generated)
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
}

/// At least one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ExtendBy {
    /// By how many tokens
    #[arg(long, allow_negative_numbers = true, value_parser = tokens)]
    pub(crate) tokens: Option<u64>,
    /// By how many US dollars (default: the most that the tokens can cost)
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) usd: Option<String>,
    /// For how long from now it is reserved, such as 30m or 12h; never shorter than it was
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    pub(crate) ttl: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    #[command(flatten)]
    pub(crate) spend: SpendArgs,
    /// How many of the tokens are output (default: a quarter, or what is not input)
    #[arg(long, value_name = "TOKENS", requires = "tokens", allow_negative_numbers = true, value_parser = tokens)]
    pub(crate) output_tokens: Option<u64>,
    /// Only models of this provider
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) only_provider: Vec<String>,
    /// Only this model, by its entry in the price book
    #[arg(long, value_name = "MODEL")]
    pub(crate) only_model: Vec<String>,
    /// What the model has to do (default: chat)
    #[arg(long, value_name = "WORD")]
    pub(crate) mode: Option<String>,
    /// Only models of this tier or a heavier one: local_lightweight, local_midweight or remote_heavyweight
    #[arg(long)]
    pub(crate) tier: Option<String>,
}

/// A duration in whole seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let rule = || "must be a whole number with a unit: 90s, 30m, 12h or 7d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(rule)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(rule()),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(rule());
    }
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)).ok_or_else(rule)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        for (text, expected) in [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(expected));
        }
        for text in ["", "90", "h", "+1h", "-1h", "1.5h", "1w", "1 h", "99999999999999999999s", "ä"] {
            assert!(seconds(text).unwrap_err().contains("with a unit"), "{text}");
        }
    }
}
