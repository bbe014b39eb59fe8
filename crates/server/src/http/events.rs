//! Appending events.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tollgate_wire::api::{AppendRequest, AppendResponse, Problem};

use super::body::JsonText;
use super::extract::NoParams;
use super::{App, Handled};
use crate::intake::{concluded, from_json, gates_of};
use crate::ledger::{Appended, Ledger};

/// Append events
///
/// Facts and commands, up to 500. Events of one task are appended together or not at all. Send the same events again
/// after any failure: what is in the log already is answered `duplicate`.
#[utoipa::path(post, path = "/v1/events", tag = "events", request_body = AppendRequest, responses(
    (status = 201, description = "At least one event is new", body = AppendResponse),
    (status = 200, description = "All events were there already", body = AppendResponse),
    (status = 409, description = "An id is taken by other content; `outcomes` says which", body = Problem),
    (status = 422, description = "A rule refused an event; `outcomes` says which", body = Problem),
    (status = 507, description = "The disk is full", body = Problem),
))]
pub(crate) async fn append(State(app): State<App>, _: NoParams, body: JsonText) -> Handled<Response> {
    let request: AppendRequest = body.parse()?;
    let (events, gates) = (from_json(&request)?, gates_of(&request)?);
    let (appended, gates) = app.ledger.append_and_ask(events, &gates).await;
    let (response, new) = concluded(&app.ledger, appended)?;
    Ok(told(AppendResponse { gates, ..response }, new))
}

/// The answer to an append.
pub(crate) fn answer(ledger: &Ledger, appended: Appended) -> Handled<Response> {
    let (response, new) = concluded(ledger, appended)?;
    Ok(told(response, new))
}

fn told(response: AppendResponse, new: bool) -> Response {
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(response)).into_response()
}
