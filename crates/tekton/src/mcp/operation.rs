//! The operations, and what each is called where.

use crate::options::{Capability, Options};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Allocate,
    Check,
    Record,
    Status,
    Recommend,
    Route,
    Analyze,
}

/// What the registry gives the names of tools.
const PREFIX: &str = "budget_";

const TEXT: &str = "string";
const COUNT: &str = "integer";

/// Names of parameters, with their types.
type Parameters = &'static [(&'static str, &'static str)];

const ALLOCATE: Parameters = &[
    ("context_id", TEXT),
    ("amount", COUNT),
    ("component", TEXT),
    ("tier", TEXT),
    ("provider", TEXT),
    ("model", TEXT),
    ("task_type", TEXT),
    ("priority", COUNT),
];
const CHECK: Parameters = &[
    ("provider", TEXT),
    ("model", TEXT),
    ("input_text", TEXT),
    ("component", TEXT),
    ("task_type", TEXT),
    ("context_id", TEXT),
];
const RECORD: Parameters = &[
    ("provider", TEXT),
    ("model", TEXT),
    ("input_tokens", COUNT),
    ("output_tokens", COUNT),
    ("input_text", TEXT),
    ("output_text", TEXT),
    ("component", TEXT),
    ("task_type", TEXT),
    ("context_id", TEXT),
    ("allocation_id", TEXT),
    ("request_id", TEXT),
    ("metadata", "object"),
];
const STATUS: Parameters = &[("period", TEXT), ("tier", TEXT), ("provider", TEXT), ("component", TEXT)];
const RECOMMEND: Parameters =
    &[("provider", TEXT), ("model", TEXT), ("task_type", TEXT), ("context_size", COUNT)];
const ROUTE: Parameters = &[
    ("input_text", TEXT),
    ("task_type", TEXT),
    ("default_provider", TEXT),
    ("default_model", TEXT),
    ("component", TEXT),
];
const ANALYZE: Parameters = &[
    ("period", TEXT),
    ("provider", TEXT),
    ("model", TEXT),
    ("component", TEXT),
    ("task_type", TEXT),
    ("start_date", TEXT),
    ("end_date", TEXT),
];

impl Operation {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Allocate,
        Self::Check,
        Self::Record,
        Self::Status,
        Self::Recommend,
        Self::Route,
        Self::Analyze,
    ];

    /// The type of messages that ask it.
    pub(crate) const fn asked(self) -> &'static str {
        match self {
            Self::Allocate => "budget.allocate_tokens",
            Self::Check => "budget.check_budget",
            Self::Record => "budget.record_usage",
            Self::Status => "budget.get_budget_status",
            Self::Recommend => "budget.get_model_recommendations",
            Self::Route => "budget.route_with_budget_awareness",
            Self::Analyze => "budget.get_usage_analytics",
        }
    }

    /// The type of messages that answer it.
    pub(crate) const fn answered(self) -> &'static str {
        match self {
            Self::Allocate => "budget.allocation_response",
            Self::Check => "budget.check_response",
            Self::Record => "budget.usage_response",
            Self::Status => "budget.status_response",
            Self::Recommend => "budget.recommendations_response",
            Self::Route => "budget.routing_response",
            Self::Analyze => "budget.analytics_response",
        }
    }

    /// The name of its tool.
    pub(crate) const fn tool(self) -> &'static str {
        match self {
            Self::Allocate => "AllocateBudget",
            Self::Check => "CheckBudget",
            Self::Record => "RecordUsage",
            Self::Status => "GetBudgetStatus",
            Self::Recommend => "GetModelRecommendations",
            Self::Route => "RouteWithBudgetAwareness",
            Self::Analyze => "GetUsageAnalytics",
        }
    }

    /// What it is a part of: switched off, it is not done, whoever asks for it in whatever way.
    pub(crate) const fn capability(self) -> Capability {
        match self {
            Self::Allocate => Capability::Allocations,
            Self::Check | Self::Status => Capability::Budgets,
            Self::Record | Self::Analyze => Capability::Usage,
            Self::Recommend | Self::Route => Capability::Prices,
        }
    }

    /// Those that are not switched off.
    pub(crate) fn of(options: &Options) -> impl Iterator<Item = Self> + '_ {
        Self::ALL.into_iter().filter(|operation| options.has(operation.capability()))
    }

    /// What it does.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Allocate => "Reserve tokens for a context",
            Self::Check => "Say whether a call may be made, and what it would cost",
            Self::Record => "Record what a call used",
            Self::Status => "Say how the limits of a period stand",
            Self::Recommend => "Name cheaper models",
            Self::Route => "Name the model to use, with what is left of the budget",
            Self::Analyze => "Add up usage by provider, model, component and task type",
        }
    }

    /// What it has to be given, and may be given, with the types of JSON Schema.
    pub(crate) const fn parameters(self) -> (&'static [&'static str], Parameters) {
        match self {
            Self::Allocate => (&["context_id", "amount", "component"], ALLOCATE),
            Self::Check => (&["provider", "model"], CHECK),
            Self::Record => (&["provider", "model"], RECORD),
            Self::Status => (&[], STATUS),
            Self::Recommend => (&["provider", "model"], RECOMMEND),
            Self::Route => (&["input_text"], ROUTE),
            Self::Analyze => (&[], ANALYZE),
        }
    }

    /// The operation of a tool, by its own name or the registry's.
    pub(crate) fn of_tool(name: &str) -> Option<Self> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        Self::ALL.into_iter().find(|operation| operation.tool() == name)
    }

    /// The operation that messages of a type ask.
    pub(crate) fn of_message(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.asked() == kind)
    }
}
