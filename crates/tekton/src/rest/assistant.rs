//! The assistant: rules on the ledger's figures, with their arithmetic. No model is asked.

use super::Asked;
use crate::assistant;
use crate::commands;
use crate::fault::{Answer, Handled};
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::names::{escaped, period};

/// How many days are looked at that a request does not say.
const DAYS: u64 = 30;

/// What a request wants looked at.
async fn looked_at(asked: &Asked, read: &mut Fields) -> Handled<(assistant::Look, bool)> {
    let named = read.filled("period").unwrap_or_else(|| "daily".to_owned());
    let days = read.within_bounds("days", (1, 365), DAYS);
    let raw = read.flag("include_raw_data").unwrap_or(false);
    read.done()?;
    let period = period(&named)?;
    Ok((assistant::Look::at(&asked.app, period, days).await?, raw))
}

fn told(name: &str, text: String, raw: Option<Json>) -> Answer {
    let told = object! { "success" => true }.with(name, text).with("error", Json::Null);
    Answer::ok(match raw {
        Some(raw) => told.with("raw_data", raw),
        None => told,
    })
}

/// A failure of the assistant is an answer.
fn or_failed(handled: Handled) -> Handled {
    match handled {
        Err(fault) if fault.status.is_server_error() => {
            Ok(Answer::ok(object! { "success" => false, "error" => fault.text }))
        }
        other => other,
    }
}

/// `POST /assistant/analyze`.
pub(super) async fn analyze(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    or_failed(
        async {
            let (look, raw) = looked_at(&asked, &mut read).await?;
            Ok(told("analysis", look.analysis(), raw.then(|| look.raw())))
        }
        .await,
    )
}

/// `POST /assistant/optimize`.
pub(super) async fn optimize(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    or_failed(
        async {
            let (look, raw) = looked_at(&asked, &mut read).await?;
            let text = look.recommendations(&asked.app).await?;
            Ok(told("recommendations", text, raw.then(|| look.raw())))
        }
        .await,
    )
}

/// `POST /assistant/recommend-model`.
pub(super) async fn recommend(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let task = read.needed("task_description");
    let (input, output) = (read.needed_whole("input_length"), read.needed_whole("output_length"));
    let often = read.needed_whole("usage_frequency");
    for (name, number) in [("input_length", input), ("output_length", output), ("usage_frequency", often)] {
        if number == 0 && read.raw(name).is_some() {
            read.refuse(name, "Input should be greater than or equal to 1");
        }
    }
    if read.raw("budget_limit").is_none() {
        let _ = read.needed("budget_limit");
    }
    let limit = read.money("budget_limit").unwrap_or_default();
    if limit.units() == 0 && read.raw("budget_limit").is_some() {
        read.refuse("budget_limit", "Input should be greater than 0");
    }
    let areas = read.needed("priority_areas");
    let raw = read.flag("include_raw_data").unwrap_or(false);
    read.done()?;
    or_failed(
        async {
            let workload = assistant::Workload { task, input, output, often, limit, areas };
            let (text, data) = workload.models(&asked.app).await?;
            Ok(told("recommendations", text, raw.then_some(data)))
        }
        .await,
    )
}

/// `POST /assistant`: a question of the page, whose answer it shows as HTML.
pub(super) async fn chat(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let message = read.needed("message");
    let _ = (read.text("context"), read.text("conversation_id"));
    read.done()?;
    let text = commands::answer(&asked.app, &message).await?;
    Ok(Answer::ok(object! { "response" => escaped(&text) }))
}

/// `POST /command`.
pub(super) async fn command(asked: Asked) -> Handled {
    let mut read = asked.fields()?;
    let command = read.needed("command");
    read.done()?;
    Ok(Answer::ok(match commands::run(&asked.app, &command).await {
        Ok(result) => object! { "success" => true, "result" => result },
        Err(fault) => object! { "success" => false, "error" => fault.text },
    }))
}

/// `GET /command/help`.
pub(super) async fn help(mut asked: Asked) -> Handled {
    let command = asked.query.text("command");
    asked.query.done()?;
    Ok(Answer::ok(match commands::help(command.as_deref()) {
        Ok(result) => object! { "success" => true, "result" => result },
        Err(fault) => object! { "success" => false, "error" => fault.text },
    }))
}
