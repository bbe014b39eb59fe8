//! What can be read by its address: the answers of tools that read, as Markdown.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// A resource, or a template of many.
pub(crate) struct Readable {
    /// Its address; a name in braces is an argument.
    pub(crate) uri: &'static str,
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    /// The tool whose answer it is.
    tool: &'static str,
    /// Arguments that are always given.
    always: &'static [(&'static str, &'static str)],
}

/// All of them, in the order in which they are listed.
pub(crate) const READABLE: &[Readable] = &[
    Readable {
        uri: "tollgate://status",
        name: "status",
        title: "Budget status",
        description: "Every policy: its limit, and what is spent, reserved and left.",
        tool: "GetBudgetStatus",
        always: &[],
    },
    Readable {
        uri: "tollgate://report/daily",
        name: "daily_report",
        title: "Daily report",
        description: "What was used, by day, model and phase.",
        tool: "GetBudgetReport",
        always: &[("by", "day")],
    },
    Readable {
        uri: "tollgate://report/weekly",
        name: "weekly_report",
        title: "Weekly report",
        description: "What was used, by week, model and phase.",
        tool: "GetBudgetReport",
        always: &[("by", "week")],
    },
    Readable {
        uri: "tollgate://budgets/{budget}",
        name: "budget_status",
        title: "Status of a budget",
        description: "Every policy of one budget.",
        tool: "GetBudgetStatus",
        always: &[],
    },
    Readable {
        uri: "tollgate://policies/{policy}",
        name: "policy_status",
        title: "Status of a policy",
        description: "One policy: its limit, and what is spent, reserved and left.",
        tool: "GetBudgetStatus",
        always: &[],
    },
    Readable {
        uri: "tollgate://tasks/{task}",
        name: "task_status",
        title: "Status of a task",
        description: "The limits and the use of one task, phase by phase.",
        tool: "GetBudgetStatus",
        always: &[],
    },
    Readable {
        uri: "tollgate://tasks/{task}/report",
        name: "task_report",
        title: "Report of a task",
        description: "The budget report of one task. Reads of it are recorded.",
        tool: "GetBudgetReport",
        always: &[],
    },
];

impl Readable {
    /// Whether it has arguments.
    pub(crate) fn is_template(&self) -> bool {
        self.uri.contains('{')
    }

    /// The arguments that an address gives it; `None`: it is not one of its addresses.
    fn arguments(&self, uri: &str) -> Option<Map<String, Value>> {
        let mut arguments: Map<String, Value> =
            self.always.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let (mut own, mut given) = (self.uri.split('/'), uri.split('/'));
        loop {
            match (own.next(), given.next()) {
                (None, None) => return Some(arguments),
                (Some(own), Some(given)) => match own.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
                    Some(name) if !given.is_empty() => {
                        let text = percent_decode_str(given).decode_utf8().ok()?;
                        arguments.insert(name.to_owned(), json!(text));
                    }
                    Some(_) => return None,
                    None if own == given => {}
                    None => return None,
                },
                (Some(_), None) | (None, Some(_)) => return None,
            }
        }
    }
}

/// The tool whose answer stands at an address, and its arguments.
pub(crate) fn at(uri: &str) -> Option<(&'static str, Map<String, Value>)> {
    READABLE.iter().find_map(|it| Some((it.tool, it.arguments(uri)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_call() {
        for (uri, call) in [
            ("tollgate://status", Some(("GetBudgetStatus", json!({})))),
            ("tollgate://report/weekly", Some(("GetBudgetReport", json!({"by": "week"})))),
            ("tollgate://tasks/T-1", Some(("GetBudgetStatus", json!({"task": "T-1"})))),
            ("tollgate://tasks/a%2Fb%20%C3%A9/report", Some(("GetBudgetReport", json!({"task": "a/b é"})))),
            ("tollgate://budgets/team", Some(("GetBudgetStatus", json!({"budget": "team"})))),
            ("tollgate://tasks/", None),
            ("tollgate://tasks/T-1/", None),
            ("tollgate://tasks/%ff", None),
            ("tollgate://report/yearly", None),
            ("file:///etc/passwd", None),
            ("", None),
        ] {
            let found = at(uri).map(|(tool, arguments)| (tool, Value::Object(arguments)));
            assert_eq!(found, call, "{uri}");
        }
    }
}
