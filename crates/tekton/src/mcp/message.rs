//! `POST /mcp/message`: messages of components.

use axum::body::Bytes;

use super::Operation;
use super::run::{Done, run};
use crate::door::Caller;
use crate::fault::{Answer, Handled};
use crate::fields::Fields;
use crate::json::{Json, object};
use crate::names::fresh;

/// Who answers.
const SENDER: &str = "budget";

/// A message and its answer: always 200, unless it does not say who sends it or what it is.
pub(super) async fn message(Caller(app): Caller, body: Bytes) -> Handled {
    let mut read = Fields::of_body(&body)?;
    let (sender, kind) = (read.needed("sender"), read.needed("message_type"));
    let request = read.filled("message_id").unwrap_or_else(fresh);
    let mut payload = read.within("payload");
    read.done()?;
    let (kind, done) = match Operation::of_message(&kind) {
        Some(operation) => (operation.answered(), run(&app, operation, &sender, &mut payload).await),
        None => {
            let error = format!("Unknown message type: {kind}");
            ("budget.error", Done { payload: Json::Object(Vec::new()), error: Some(error) })
        }
    };
    let status = if done.error.is_some() { "error" } else { "success" };
    let answer = object! {
        "message_id" => fresh(),
        "sender" => SENDER,
        "message_type" => kind,
        "timestamp" => app.now(),
        "payload" => done.payload,
        "request_id" => request,
        "status" => status,
    };
    Ok(Answer::ok(match done.error {
        Some(error) => answer.with("error", error),
        None => answer,
    }))
}
