//! Slash commands, as the user interface has them.

use std::sync::Arc;

use crate::app::Tekton;
use crate::ask::alerts::Wanted as WantedAlerts;
use crate::ask::records::Wanted;
use crate::ask::times::{period_of_time, window};
use crate::assistant::Look;
use crate::fault::{Fault, Handled};
use crate::json::{Json, object};
use crate::number::Share;
use crate::options::Capability;
use crate::views::alert::Told;
use crate::views::price::Price;

/// Commands, their arguments and what they do.
const COMMANDS: [(&str, &str, &str); 9] = [
    ("budget", "[period]", "how the budget stands"),
    ("limits", "", "the limits of a day, a week and a month"),
    ("usage", "[period]", "what was used"),
    ("models", "[provider]", "models and their prices"),
    ("prices", "[provider] [model]", "prices in force"),
    ("alerts", "", "alerts that nobody has acknowledged"),
    ("analyze", "[period] [days]", "where the money goes"),
    ("optimize", "[period] [days]", "what would cost less"),
    ("help", "[command]", "what commands do"),
];

/// How many prices one answer lists.
const MOST_PRICES: usize = 50;

/// What commands do: of one, or all.
pub(crate) fn help(command: Option<&str>) -> Handled<Json> {
    let name = command.map(|command| command.trim().trim_start_matches('/'));
    let told = COMMANDS.iter().filter(|(known, ..)| name.is_none_or(|name| name == *known));
    let told: Vec<Json> = told
        .map(|(name, arguments, about)| {
            let usage = format!("/{name} {arguments}");
            object! { "command" => *name, "usage" => usage.trim(), "description" => *about }
        })
        .collect();
    match name {
        Some(name) if told.is_empty() => Err(unknown(name)),
        _ => Ok(object! { "commands" => told }),
    }
}

fn unknown(name: &str) -> Fault {
    let known = COMMANDS.map(|(known, ..)| known).join(", ");
    Fault::bad(format!("Unknown command: {name}; there are {known}"))
}

/// Runs a command, with or without its slash.
pub(crate) async fn run(app: &Arc<Tekton>, command: &str) -> Handled<Json> {
    let mut words = command.trim().trim_start_matches('/').split_whitespace();
    let name = words.next().unwrap_or("help").to_ascii_lowercase();
    let (first, second) = (words.next(), words.next());
    let takes = |known: &[&str]| match first {
        Some(word) if !known.contains(&word) => Err(Fault::bad(format!(
            "/{name} {word}: nothing was done; limits are changed by PUT /api/policies/ID, and alerts acknowledged by POST /api/alerts/ID/acknowledge"
        ))),
        _ => Ok(()),
    };
    if let Some(capability) = capability(&name) {
        app.options.check(capability)?;
    }
    let period = || period_of_time(first.unwrap_or("daily"));
    // The user interface names a period before them.
    let days = second.or(first).and_then(|days| days.parse().ok()).unwrap_or(30_u64).clamp(1, 365);
    match name.as_str() {
        "budget" => Ok(app.card(period()?).await?.json(Share::Percent)),
        "limits" => {
            takes(&[])?;
            let mut limits = Vec::new();
            for period in ["daily", "weekly", "monthly"] {
                limits.push(app.card(period).await?.json(Share::Percent));
            }
            Ok(Json::List(limits))
        }
        "usage" => {
            let span = window(period()?, &app.options.zone, app.now());
            let (since, until) = span.map(|span| (span.from, span.to)).unzip();
            Ok(app.added(&Wanted { since, until, ..Wanted::default() }).await?.totals.json())
        }
        "models" | "prices" => {
            let prices = app.prices(first, second).await?;
            Ok(Json::List(prices.iter().take(MOST_PRICES).map(Price::json).collect()))
        }
        "alerts" => {
            takes(&["list"])?;
            let alerts = app.alerts(&WantedAlerts::default()).await?;
            Ok(Json::List(alerts.iter().map(Told::json).collect()))
        }
        "analyze" => Ok(Look::at(app, "daily", days).await?.analysis().into()),
        "optimize" => Ok(Look::at(app, "daily", days).await?.recommendations(app).await?.into()),
        "help" => help(first),
        other => Err(unknown(other)),
    }
}

/// What a command is a part of, beside the assistant.
fn capability(name: &str) -> Option<Capability> {
    match name {
        "budget" | "limits" => Some(Capability::Budgets),
        "usage" => Some(Capability::Usage),
        "models" | "prices" => Some(Capability::Prices),
        "alerts" => Some(Capability::Alerts),
        _ => None,
    }
}

/// An answer to what somebody writes: a command, or else an analysis.
pub(crate) async fn answer(app: &Arc<Tekton>, message: &str) -> Handled<String> {
    if message.trim().starts_with('/') {
        return Ok(match run(app, message).await {
            Ok(Json::Text(text)) => text,
            Ok(json) => json.to_string(),
            Err(fault) => fault.text,
        });
    }
    let look = Look::at(app, "daily", 30).await?;
    let asks_for_savings = ["save", "cheap", "optimi", "reduce", "less"]
        .iter()
        .any(|word| message.to_lowercase().contains(word));
    if asks_for_savings { look.recommendations(app).await } else { Ok(look.analysis()) }
}
