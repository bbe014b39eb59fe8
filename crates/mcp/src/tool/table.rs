//! The tools, as data.

use crate::text;

/// A tool.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) effect: Effect,
    /// The operations that it is, the first whose condition holds. The last one has none.
    pub(super) ways: &'static [Way],
}

/// What a call changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Reads,
    /// It appends to the ledger, once for each idempotency key. Nothing is ever taken away.
    Records,
}

/// One operation of the API, as a tool uses it.
pub(super) struct Way {
    /// Only if this argument is given.
    pub(super) when: Option<&'static str>,
    pub(super) path: &'static str,
    pub(super) body: Body,
    /// Under which name its answer is in that of the tool; as the whole answer if none.
    pub(super) part: Option<&'static str>,
    /// Fields of the operation that are no arguments.
    pub(super) omits: &'static [&'static str],
    /// The field of the operation that is the idempotency key.
    pub(super) key: Option<&'static str>,
    /// What is always in the query.
    pub(super) always: &'static [(&'static str, &'static str)],
    /// The answer in sentences.
    pub(super) text: fn(&[u8]) -> serde_json::Result<String>,
}

/// What is in the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Nothing: the operation reads.
    None,
    /// The arguments that are not in the address.
    Fields,
    /// One event of usage.
    Usage,
}

/// Reads see what the caller just did: there is no session that could keep a position.
const TAIL: &[(&str, &str)] = &[("at_least", "tail")];

/// What a read has no argument for.
const READ: &[&str] = &["at_least", "wait_ms"];

/// A way that reads.
const fn reads(path: &'static str, text: fn(&[u8]) -> serde_json::Result<String>) -> Way {
    Way { when: None, path, body: Body::None, part: None, omits: READ, key: None, always: TAIL, text }
}

/// A way with the arguments in the body.
const fn asks(path: &'static str, text: fn(&[u8]) -> serde_json::Result<String>) -> Way {
    Way { body: Body::Fields, omits: &["wait_ms"], always: &[], ..reads(path, text) }
}

/// All tools, in the order in which they are listed.
pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "CheckBudget",
        title: "Check a budget",
        description: "May this be spent? Asks before a model call: allowed or not, and every policy that the call \
                      falls under with its limit, what is left of it and what it says. Reserves and records nothing. \
                      Money is in US dollars, exact, as text.",
        effect: Effect::Reads,
        ways: &[Way { omits: &["allocation", "ttl_s", "wait_ms"], ..asks("/v1/check", text::money::check) }],
    },
    Tool {
        name: "AllocateBudget",
        title: "Reserve budget",
        description: "Reserves tokens and money for calls that are about to be made, under all policies at once or \
                      not at all. The answer's `state` is `open` or `refused`. Say the allocation's name in \
                      RecordUsage; it is the idempotency key of this call.",
        effect: Effect::Records,
        ways: &[Way { key: Some("allocation"), ..asks("/v1/allocations", text::money::allocation) }],
    },
    Tool {
        name: "RecordUsage",
        title: "Record usage",
        description: "Records what one model call used: tokens by kind, for a task and its phase. The ledger \
                      computes what it cost. Durable when it answers. Use the provider's id of the call as \
                      idempotency key, so that no call is counted twice.",
        effect: Effect::Records,
        ways: &[Way { body: Body::Usage, key: Some("id"), omits: &[], ..asks("/v1/events", text::recorded) }],
    },
    Tool {
        name: "GetBudgetStatus",
        title: "Show where budgets stand",
        description: "Where budgets stand now. With `task`: that task's limits and use, phase by phase. With \
                      `policy`: one policy, its limit, what is spent, reserved and left, and when it runs out. With \
                      neither: all policies, or those of `budget`.",
        effect: Effect::Reads,
        ways: &[
            Way { when: Some("task"), part: Some("task"), ..reads("/v1/tasks/{task}", text::status::task) },
            Way {
                when: Some("policy"),
                part: Some("policy"),
                ..reads("/v1/policies/{policy}", text::status::policy)
            },
            Way { part: Some("policies"), ..reads("/v1/policies", text::status::policies) },
        ],
    },
    Tool {
        name: "GetModelRecommendations",
        title: "Compare models by cost",
        description: "Which models could do this call, and what each would cost, with the arithmetic: the one that \
                      was preferred, cheaper ones, and which of them every policy allows. Reserves nothing.",
        effect: Effect::Reads,
        ways: &[Way {
            omits: &["allocation", "ttl_s", "wait_ms", "usd"],
            ..asks("/v1/route", text::money::recommendations)
        }],
    },
    Tool {
        name: "RouteWithBudgetAwareness",
        title: "Choose a model within budget",
        description: "Chooses the cheapest model that satisfies what is asked and that every policy allows; `chosen` \
                      is absent if none does. Reserves nothing: allocate for the chosen model before it is called.",
        effect: Effect::Reads,
        ways: &[Way {
            omits: &["allocation", "ttl_s", "wait_ms", "usd"],
            ..asks("/v1/route", text::money::route)
        }],
    },
    Tool {
        name: "GetUsageAnalytics",
        title: "Add usage up",
        description: "What usage adds up to: tokens and exact cost by any of component, team, user, task_type, tier, \
                      provider, model, task, phase, session or label, and by hour, day, week or month.",
        effect: Effect::Reads,
        ways: &[reads("/v1/usage/summary", text::report::summary)],
    },
    Tool {
        name: "GetBudgetReport",
        title: "Read a budget report",
        description: "A report as Markdown. With `task`: what that task used, where it stood at each decision, and \
                      what it cost. Without: what was used by period (`by`: day, week or month), model and phase. \
                      Reads of a task's report are recorded with who read it.",
        effect: Effect::Reads,
        ways: &[
            Way {
                when: Some("task"),
                part: Some("task_report"),
                omits: &["at_least", "wait_ms", "format"],
                ..reads("/v1/tasks/{task}/report", text::report::of_task)
            },
            Way {
                part: Some("report"),
                omits: &["at_least", "wait_ms", "format"],
                ..reads("/v1/report", text::report::of_ledger)
            },
        ],
    },
    Tool {
        name: "gate",
        title: "Ask whether a task may go on",
        description: "May this task enter its next phase, or complete (`advance_to`: a phase, or `completion`)? The \
                      verdict is `allow`, `warn` or `block`, with the reasons; it is recorded. Ask before a phase \
                      begins. On `block`, stop and do what `requirements` names: asking again does not help.",
        effect: Effect::Records,
        ways: &[Way {
            key: Some("id"),
            omits: &["at_least", "wait_ms"],
            ..asks("/v1/tasks/{task}/gate", text::gate)
        }],
    },
    Tool {
        name: "explain",
        title: "Explain why a task was allowed or blocked",
        description: "Why a task has its status, in sentences with the numbers: each phase, each decision of the \
                      gate and its reasons. The read is recorded with who read it.",
        effect: Effect::Reads,
        ways: &[Way {
            omits: &["at_least", "wait_ms", "format"],
            ..reads("/v1/tasks/{task}/explain", text::plain)
        }],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_way_of_a_tool_and_no_other_has_no_condition() {
        for tool in TOOLS {
            let open: Vec<bool> = tool.ways.iter().map(|way| way.when.is_none()).collect();
            let last = tool.ways.len() - 1;
            let expected: Vec<bool> = (0..=last).map(|at| at == last).collect();
            assert_eq!(open, expected, "{}", tool.name);
        }
    }

    #[test]
    fn what_records_has_an_idempotency_key_and_what_reads_has_none() {
        for tool in TOOLS {
            for way in tool.ways {
                assert_eq!(way.key.is_some(), tool.effect == Effect::Records, "{} {}", tool.name, way.path);
                assert_eq!(way.part.is_some(), tool.ways.len() > 1, "{} {}", tool.name, way.path);
            }
        }
    }

    #[test]
    fn each_tool_has_a_name_of_its_own() {
        for (at, tool) in TOOLS.iter().enumerate() {
            assert_eq!(TOOLS.iter().position(|other| other.name == tool.name), Some(at), "{}", tool.name);
        }
    }
}
