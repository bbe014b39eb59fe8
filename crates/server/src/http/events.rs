//! Appending events.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use tollgate_domain::ids::{EventId, InvalidId, ProducerId, TaskId, TenantId};
use tollgate_log::contract::EventName;
use tollgate_wire::api::{AppendRequest, AppendResponse, FindRequest, FindResponse, Problem};

use super::body::{JsonText, Packed, Sent};
use super::extract::NoParams;
use super::{App, Handled, Refusal};
use crate::intake::{append_request, concluded, from_json, from_protobuf, gates_of, to_protobuf};
use crate::ledger::{Appended, Ledger};
use crate::nats::PROTOBUF;
use crate::problem::{Answer, INVALID};

/// Maximum number of ids in one look-up: as many as events in one request.
const MAX_FOUND: usize = 500;

/// Append events
///
/// Appends up to 500 facts and commands. All events of one task are appended, or none are. After any failure,
/// send the same events again: those already in the log are answered with `duplicate`. A body
/// `tollgate.v1.AppendRequest` in `application/x-protobuf` is answered with `tollgate.v1.AppendReply`, in the same
/// form.
#[utoipa::path(post, path = "/v1/events", tag = "events", request_body = AppendRequest, responses(
    (status = 201, description = "At least one event is new", body = AppendResponse),
    (status = 200, description = "All events were already in the log", body = AppendResponse),
    (status = 409, description = "An id was already used with different content; see `outcomes`", body = Problem),
    (status = 422, description = "A rule refused an event; see `outcomes`", body = Problem),
    (status = 507, description = "The disk is full", body = Problem),
))]
pub(crate) async fn append(State(app): State<App>, _: NoParams, body: Sent) -> Handled<Response> {
    let body = match body {
        Sent::Json(body) => body,
        Sent::Protobuf(body) => return append_packed(&app, &body).await,
    };
    let request: AppendRequest = body.parse()?;
    let (events, gates) = (from_json(&request)?, gates_of(&request)?);
    body.grant().may_append(&events)?;
    body.grant().may_ask(&gates)?;
    let (response, new) = append_request(&app.ledger, events, &gates).await?;
    Ok(written(response, new))
}

/// The same in protobuf. Its reply has the outcomes also if a rule refused some events.
async fn append_packed(app: &App, body: &Packed) -> Handled<Response> {
    let events = from_protobuf(body.as_bytes())?;
    body.grant().may_append(&events)?;
    let answer = append_request(&app.ledger, events, &[]).await;
    let status = match &answer {
        Ok((_, true)) => StatusCode::CREATED,
        Ok((_, false)) => StatusCode::OK,
        Err(problem) => return Ok(refused_packed(problem, to_protobuf(&answer))),
    };
    Ok((status, [(CONTENT_TYPE, PROTOBUF)], to_protobuf(&answer)).into_response())
}

fn refused_packed(problem: &Problem, reply: Vec<u8>) -> Response {
    // With the status and the headers that the problem has in JSON.
    let mut response = Refusal(Box::new(problem.clone())).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    *response.body_mut() = reply.into();
    response.headers_mut().remove(CONTENT_LENGTH);
    response
}

/// Look events up
///
/// Looks up as many as 500 events of one task and producer by id, for example before correcting them.
#[utoipa::path(post, path = "/v1/events/find", tag = "events", request_body = FindRequest, responses(
    (status = 200, description = "One event or `null` for each id", body = FindResponse),
))]
pub(crate) async fn find(State(app): State<App>, _: NoParams, body: JsonText) -> Handled<Json<FindResponse>> {
    let request: FindRequest = body.parse()?;
    Ok(Json(FindResponse { events: app.ledger.ask().find_events(names(&request)?).await? }))
}

fn names(request: &FindRequest) -> Answer<Vec<EventName>> {
    let wrong =
        |field: &'static str| move |error: InvalidId| INVALID.of_field(field, &error.value, error.rule);
    if request.ids.len() > MAX_FOUND {
        return Err(INVALID.of_field("ids", &request.ids.len().to_string(), "must be at most 500"));
    }
    let tenant = request.tenant.as_deref().map_or(Ok(TenantId::default_tenant()), TenantId::new);
    let tenant = tenant.map_err(wrong("tenant"))?;
    let task = TaskId::new(request.task.as_str()).map_err(wrong("task"))?;
    let producer = ProducerId::new(request.producer.as_str()).map_err(wrong("producer"))?;
    let name = |id: &String| {
        let id = EventId::new(id.as_str()).map_err(wrong("ids"))?;
        Ok(EventName { tenant: tenant.clone(), task: task.clone(), producer: producer.clone(), id })
    };
    request.ids.iter().map(name).collect()
}

/// The answer to an append.
pub(crate) fn answer(ledger: &Ledger, appended: Appended) -> Handled<Response> {
    let (response, new) = concluded(&**ledger.log(), appended)?;
    Ok(written(response, new))
}

fn written(response: AppendResponse, new: bool) -> Response {
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(response)).into_response()
}
