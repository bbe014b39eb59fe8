//! Appending events.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tollgate_domain::ids::{ProducerId, TenantId};
use tollgate_wire::Defaults;
use tollgate_wire::api::{AppendRequest, AppendResponse, EventOutcome, Outcome, Problem};

use super::extract::JsonText;
use super::{App, Handled, Refusal};
use crate::ledger::{Appended, Ledger, MAX_REQUEST_EVENTS, ReadEvent};
use crate::problem::{Answer, CONFLICT, INVALID, REFUSED};

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
pub(crate) async fn append(State(app): State<App>, body: JsonText) -> Handled<Response> {
    let request: AppendRequest = body.parse()?;
    if request.events.is_empty() || request.events.len() > MAX_REQUEST_EVENTS {
        let rule = format!("must hold 1 to {MAX_REQUEST_EVENTS} events");
        return Err(INVALID.of_field("events", &format!("{} events", request.events.len()), &rule).into());
    }
    let defaults = defaults(request.tenant.as_deref(), request.producer.as_deref())?;
    let events = request.events.iter().map(|raw| ReadEvent::from_json(raw.get(), &defaults)).collect();
    let appended = app.ledger.append(events).await;
    answer(&app.ledger, appended)
}

/// What stands in for fields that events leave out.
pub(crate) fn defaults(tenant: Option<&str>, producer: Option<&str>) -> Answer<Defaults> {
    let invalid =
        |error: tollgate_domain::ids::InvalidId| INVALID.of_field(error.field, &error.value, error.rule);
    Ok(Defaults {
        tenant: tenant.map(TenantId::new).transpose().map_err(invalid)?,
        producer: producer.map(ProducerId::new).transpose().map_err(invalid)?,
    })
}

/// The answer to an append.
pub(crate) fn answer(ledger: &Ledger, appended: Appended) -> Handled<Response> {
    let Appended { outcomes, position, trouble } = appended;
    let any = |outcome: Outcome| outcomes.iter().any(|answer| answer.outcome == outcome);
    let guilty = |answer: &EventOutcome| answer.code.as_deref().is_some_and(|code| code != "refused_with");
    let first = outcomes.iter().enumerate().find(|(_, answer)| guilty(answer));
    let detail = first.map(|(place, first)| {
        // One whose id could not be read is named by its place.
        let name = if first.id.is_empty() {
            format!("{} of the request", place + 1)
        } else {
            format!("`{}`", first.id)
        };
        format!("event {name}: {}", first.detail.as_deref().unwrap_or("refused"))
    });
    let kind = if any(Outcome::Conflict) {
        Some(CONFLICT)
    } else if any(Outcome::Refused) {
        Some(REFUSED)
    } else {
        None
    };
    let problem = trouble.or_else(|| kind.map(|kind| kind.with(detail.unwrap_or_default())));
    if let Some(mut problem) = problem {
        problem.position = Some(position.to_string());
        problem.outcomes = outcomes;
        return Err(Refusal(problem));
    }
    let status = if any(Outcome::Appended) { StatusCode::CREATED } else { StatusCode::OK };
    let response = AppendResponse {
        outcomes,
        position: position.to_string(),
        durability: ledger.log().durability().to_string(),
        dedup: ledger.log().dedup().as_str().to_owned(),
    };
    Ok((status, Json(response)).into_response())
}
