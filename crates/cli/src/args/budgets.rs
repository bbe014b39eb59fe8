//! Arguments of commands about budgets and policies.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use tollgate_domain::budget::{BudgetEnforcement, Measure, OnStale, Window};
use tollgate_wire::api::PolicyRule;

use super::amounts::{name, tokens};

#[derive(Debug, Subcommand)]
pub(crate) enum BudgetCommand {
    /// Make or change a budget: a name for policies that belong together; what is not given stays as it is
    Set(BudgetSetArgs),
    /// Show a budget, and how its policies stand
    Show {
        /// The budget
        #[arg(value_parser = name())]
        budget: String,
    },
    /// List budgets
    List,
    /// Show the pool of unused budget that tasks share: what completed tasks left, and others drew
    Pool,
    /// Make the budget and the policies that ship, all of which only warn; those that exist stay as they are
    Defaults {
        /// Who makes them
        #[arg(long, value_name = "NAME")]
        author: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BudgetSetArgs {
    /// The budget
    #[arg(value_parser = name())]
    pub(crate) budget: String,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Its policies rule again
    #[arg(long, conflicts_with = "inactive")]
    pub(crate) active: bool,
    /// Its policies do not rule
    #[arg(long)]
    pub(crate) inactive: bool,
    /// Who sets it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Make a policy, or its next version: what is not given has its default again
    Set(Box<PolicySetArgs>),
    /// Show a policy: what it says in each version, and how it stands
    Show {
        /// The policy
        #[arg(value_parser = name())]
        policy: String,
        /// In the window of this moment (RFC 3339), or of the beginning of this date in the policy's zone, over or not
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// List policies: limit, spent, reserved, left, and how fast it is used up
    List(PolicyListArgs),
    /// Raise the limit of a policy for a time
    Raise(RaiseArgs),
    /// Withdraw a raise from now on: what was spent meanwhile stays spent
    Withdraw(WithdrawArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PolicySetArgs {
    /// The policy
    #[arg(value_parser = name())]
    pub(crate) policy: String,
    #[command(flatten)]
    pub(crate) rule: RuleArgs,
    /// Idempotency key: run again with the same, it changes nothing (default: a new one)
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Only if this is the latest version; 0: only if there is none
    #[arg(long, value_name = "NUMBER")]
    pub(crate) if_version: Option<u32>,
    /// Who sets it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// What a policy says.
#[derive(Debug, Args)]
pub(crate) struct RuleArgs {
    /// hourly, daily, weekly (from Monday), monthly, per_session, per_task or fixed
    #[arg(long, value_parser = PossibleValuesParser::new(Window::NAMES), hide_possible_values = true)]
    window: String,
    /// The most US dollars per window
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    limit_usd: Option<String>,
    /// The most tokens per window
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true, value_parser = tokens)]
    limit_tokens: Option<u64>,
    /// ignore, warn (default), soft_limit, hard_limit, degrade or throttle
    #[arg(long, value_name = "WORD", value_parser = enforcement(), hide_possible_values = true)]
    enforcement: Option<BudgetEnforcement>,
    /// What counts, as team=search: component, team, user, task_type, tier, provider, model, task, phase, session,
    /// label.KEY
    #[arg(long, value_name = "NAME=VALUE")]
    scope: Vec<String>,
    /// The budget that it belongs to
    #[arg(long, value_name = "NAME")]
    budget: Option<String>,
    /// Where days begin, such as Europe/Berlin (default: UTC)
    #[arg(long)]
    zone: Option<String>,
    /// Begin of a fixed window: a time or a date
    ///
    /// An RFC 3339 time, or a date, which begins in the zone.
    #[arg(long, value_name = "TIME", requires = "window_to")]
    window_from: Option<String>,
    /// End of a fixed window: a time or a date
    ///
    /// An RFC 3339 time, or a date, at whose beginning in the zone it ends.
    #[arg(long, value_name = "TIME", requires = "window_from")]
    window_to: Option<String>,
    /// Warn from this part of the limit on (default: 0.8)
    #[arg(long, value_name = "PART")]
    warn_at: Option<String>,
    /// Someone should act from this part of the limit on (default: 0.95)
    #[arg(long, value_name = "PART")]
    act_at: Option<String>,
    /// What both are compared with: booked, reserved (default) or worst
    #[arg(long, value_name = "WORD", value_parser = measure(), hide_possible_values = true)]
    measure: Option<Measure>,
    /// What is left of a window rolls over: nothing (default), all or up_to the caps
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(["nothing", "all", "up_to"]), hide_possible_values = true)]
    rollover: Option<String>,
    /// The most US dollars that roll over
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    rollover_cap_usd: Option<String>,
    /// The most tokens that roll over
    #[arg(long, value_name = "TOKENS", allow_negative_numbers = true, value_parser = tokens)]
    rollover_cap_tokens: Option<u64>,
    /// Allocations of this priority or above pass an exhausted hard limit (default: none)
    #[arg(long, value_name = "PRIORITY", value_parser = clap::value_parser!(u8).range(1..=10))]
    passes_from: Option<u8>,
    /// With degrade: a model that may take over; several in order of preference
    #[arg(long, value_name = "MODEL")]
    degrade_to: Vec<String>,
    /// With throttle: how many allocations within any minute are allowed beyond the limit, from 1 to 1000
    #[arg(long, value_name = "COUNT")]
    throttle_per_minute: Option<u32>,
    /// While figures are behind: allow or refuse (default: refuse if it can refuse)
    #[arg(long, value_name = "WORD", value_parser = on_stale(), hide_possible_values = true)]
    on_stale: Option<OnStale>,
    /// When this version begins to rule: an RFC 3339 time, or a date, which begins in the zone (default: now)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// When it ends: an RFC 3339 time, or a date, at whose beginning it ends (default: never)
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// It does not rule
    #[arg(long)]
    disabled: bool,
}

/// A parser of a word of a list, which suggests what was meant by another one.
macro_rules! word {
    ($($name:ident: $list:ty),+) => {
        $(fn $name() -> impl TypedValueParser<Value = $list> {
            PossibleValuesParser::new(<$list>::NAMES)
                .try_map(|word: String| <$list>::from_word(&word).ok_or("is in the list, and has no value"))
        })+
    };
}

word!(enforcement: BudgetEnforcement, measure: Measure, on_stale: OnStale);

impl RuleArgs {
    /// As the API has it, but for the scope, and the scope as it was typed.
    pub(crate) fn rule(self) -> (PolicyRule, Vec<String>) {
        let rule = PolicyRule {
            budget: self.budget,
            scope: std::collections::BTreeMap::new(),
            window: self.window,
            window_from: self.window_from,
            window_to: self.window_to,
            zone: self.zone,
            limit_tokens: self.limit_tokens,
            limit_usd: self.limit_usd,
            enforcement: self.enforcement,
            warn_at: self.warn_at,
            act_at: self.act_at,
            measure: self.measure,
            rollover: self.rollover,
            rollover_cap_tokens: self.rollover_cap_tokens,
            rollover_cap_usd: self.rollover_cap_usd,
            passes_from: self.passes_from,
            degrade_to: self.degrade_to,
            throttle_per_minute: self.throttle_per_minute,
            on_stale: self.on_stale,
            from: self.from,
            to: self.to,
            enabled: self.disabled.then_some(false),
        };
        (rule, self.scope)
    }
}

#[derive(Debug, Args)]
pub(crate) struct PolicyListArgs {
    /// Only policies of this budget
    #[arg(long, value_name = "NAME")]
    pub(crate) budget: Option<String>,
    /// Only policies after this one
    #[arg(long, value_name = "POLICY")]
    pub(crate) after: Option<String>,
    /// Maximum number of policies
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    /// In the windows of this moment (RFC 3339), or of the beginning of this date in the policy's zone; it may be over
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RaiseArgs {
    /// The policy
    #[arg(value_parser = name())]
    pub(crate) policy: String,
    #[command(flatten)]
    pub(crate) by: RaiseBy,
    /// Idempotency key: run again with the same, it changes nothing (default: a new one)
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// From when on, not in the past: an RFC 3339 time, or a date, which begins in the policy's zone (default: now)
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Until when: an RFC 3339 time, or a date, at whose beginning it ends
    #[arg(long, value_name = "TIME")]
    pub(crate) until: String,
    /// Who allows it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// The policy
    #[arg(value_parser = name())]
    pub(crate) policy: String,
    /// The raise, by the name that `policy show` has
    pub(crate) raise: String,
    /// Idempotency key: run again with the same, it changes nothing (default: a new one)
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Who withdraws it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: String,
    /// The reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// At least one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct RaiseBy {
    /// By how many US dollars per window
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) usd: Option<String>,
    /// By how many tokens per window
    #[arg(long, allow_negative_numbers = true, value_parser = tokens)]
    pub(crate) tokens: Option<u64>,
}
