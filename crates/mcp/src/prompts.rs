//! Prompts: what people ask of an agent about its budget, as a request that names the tools.

use serde_json::{Map, Value};

/// A prompt.
pub(crate) struct Prompt {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) arguments: &'static [Argument],
    text: fn(&Given) -> String,
}

/// An argument of a prompt.
pub(crate) struct Argument {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) required: bool,
}

/// Arguments that were given, all of them texts.
struct Given(Map<String, Value>);

impl Given {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }
}

/// All prompts, in the order in which they are listed.
pub(crate) const PROMPTS: &[Prompt] = &[
    Prompt {
        name: "plan_within_budget",
        title: "Plan within budget",
        description: "Plan a piece of work so that it fits into what is left of the budget.",
        arguments: &[
            Argument { name: "goal", description: "What is to be done", required: true },
            Argument {
                name: "task",
                description: "The task in the ledger that pays for it",
                required: false,
            },
            Argument { name: "model", description: "The model that would be preferred", required: false },
        ],
        text: plan,
    },
    Prompt {
        name: "why_was_i_blocked",
        title: "Why was I blocked?",
        description: "Find out why the gate blocked a task, and what would let it go on.",
        arguments: &[Argument { name: "task", description: "The task that was blocked", required: true }],
        text: blocked,
    },
    Prompt {
        name: "weekly_review",
        title: "Weekly review",
        description: "Review what was spent, week by week: where it went, what stands out, what to change.",
        arguments: &[Argument {
            name: "team",
            description: "Only usage with this label `team`",
            required: false,
        }],
        text: review,
    },
];

fn plan(given: &Given) -> String {
    let goal = given.text("goal").unwrap_or_default();
    let (status, of_task) = match given.text("task") {
        Some(task) => {
            (format!("GetBudgetStatus with task `{task}`, and once without"), format!(" with task `{task}`"))
        }
        None => ("GetBudgetStatus".to_owned(), String::new()),
    };
    let model = given.text("model").map(|model| format!(" with model `{model}`")).unwrap_or_default();
    format!(
        "Plan this work so that it stays within budget: {goal}\n\n\
         1. Call {status} to see what is left.\n\
         2. Split the work into phases and estimate the tokens of each; say how you estimated.\n\
         3. Call GetModelRecommendations{model} for each estimate, and prefer the cheapest model that can do the phase.\n\
         4. Call CheckBudget{of_task} for the whole. If it is not allowed, make the plan smaller and check again.\n\
         5. Show the plan as a table: phase, model, tokens, US dollars as the tools gave them, what is left afterwards. \
         Do not reserve or spend anything yet."
    )
}

fn blocked(given: &Given) -> String {
    let task = given.text("task").unwrap_or_default();
    format!(
        "Task `{task}` was blocked by its budget. Find out why.\n\n\
         1. Call explain with task `{task}`, then GetBudgetStatus with task `{task}`.\n\
         2. Say in two or three sentences which rule blocked it, with the limit and what was used, as the tools gave them.\n\
         3. Say what is required now, and who can do it: an explanation, a review, an override by a person, or waiting \
         until a window ends. Do not try to get around the block."
    )
}

fn review(given: &Given) -> String {
    let (team, of_team) = match given.text("team") {
        Some(team) => (format!(" of team `{team}`"), format!(", team `{team}`")),
        None => (String::new(), String::new()),
    };
    format!(
        "Review what was spent{team}.\n\n\
         1. Call GetUsageAnalytics with by `week`, group_by `model`{of_team}; then the same with group_by `task_type`.\n\
         2. Call GetBudgetReport with by `week`, and GetBudgetStatus.\n\
         3. Compare the latest full week with the one before: totals, the models and kinds of work that changed most, \
         policies near their limit. Use the figures as the tools gave them; say which usage has no known price.\n\
         4. Propose at most three changes, each with the arithmetic of what it would save."
    )
}

/// The text of a prompt.
///
/// # Errors
///
/// There is no such prompt, or its arguments are wrong.
pub(crate) fn written(
    name: &str,
    arguments: Map<String, Value>,
) -> Result<(&'static Prompt, String), String> {
    let Some(prompt) = PROMPTS.iter().find(|prompt| prompt.name == name) else {
        let names: Vec<&str> = PROMPTS.iter().map(|prompt| prompt.name).collect();
        return Err(format!("prompt `{name}`: there is none of that name; there are {}", names.join(", ")));
    };
    if let Some(unknown) = arguments.keys().find(|given| prompt.arguments.iter().all(|it| it.name != **given))
    {
        return Err(format!("prompt `{name}`: `{unknown}` is no argument of it"));
    }
    let given = Given(arguments);
    if let Some(missing) = prompt.arguments.iter().find(|it| it.required && given.text(it.name).is_none()) {
        return Err(format!("prompt `{name}`: `{}` must be given, as a text", missing.name));
    }
    let text = (prompt.text)(&given);
    Ok((prompt, text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(name: &str, arguments: Value) -> Result<String, String> {
        let Value::Object(arguments) = arguments else { panic!("{arguments}") };
        written(name, arguments).map(|(_, text)| text)
    }

    #[test]
    fn a_prompt_has_what_it_was_given() {
        for (name, arguments, part) in [
            ("plan_within_budget", json!({"goal": "ship it"}), "stays within budget: ship it\n"),
            ("plan_within_budget", json!({"goal": "g", "task": "T-1"}), "CheckBudget with task `T-1`"),
            ("plan_within_budget", json!({"goal": "g", "model": "m"}), "with model `m` for each"),
            ("why_was_i_blocked", json!({"task": "T-1"}), "Call explain with task `T-1`"),
            ("weekly_review", json!({}), "what was spent.\n"),
            ("weekly_review", json!({"team": "core"}), "what was spent of team `core`.\n"),
        ] {
            let text = text(name, arguments).unwrap_or_default();
            assert!(text.contains(part), "{name}: {text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_prompt_is_named() {
        for (name, arguments, expected) in [
            (
                "review",
                json!({}),
                "prompt `review`: there is none of that name; there are plan_within_budget, why_was_i_blocked, weekly_review",
            ),
            ("why_was_i_blocked", json!({}), "prompt `why_was_i_blocked`: `task` must be given, as a text"),
            (
                "why_was_i_blocked",
                json!({"task": 7}),
                "prompt `why_was_i_blocked`: `task` must be given, as a text",
            ),
            ("weekly_review", json!({"tema": "x"}), "prompt `weekly_review`: `tema` is no argument of it"),
        ] {
            assert_eq!(text(name, arguments), Err(expected.to_owned()));
        }
    }
}
