//! Deliveries of alerts: listing them, and requesting one again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tollgate_wire::api::{DeliveryList, Problem, ResendRequest, ResendResponse};

use super::body::JsonText;
use super::extract::{Names, NoParams, Params};
use super::views::read;
use super::{App, Handled, written};
use crate::asked::page_limit;
use crate::ledger::DeliveryQuery;
use crate::problem::INVALID;

/// Which deliveries.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveriesQuery {
    /// Only this alert.
    alert: Option<String>,
    /// Only this endpoint.
    endpoint: Option<String>,
    /// `open` (default: pending, given up or disabled) or `all`.
    #[param(pattern = "^(open|all)$")]
    state: Option<String>,
    /// Maximum number to return (1–1000, default 100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// List deliveries of alerts
///
/// Newest first: the endpoint, the number of attempts, their results and the time of the next attempt.
#[utoipa::path(get, path = "/v1/alerts/deliveries", tag = "alerts", params(DeliveriesQuery), responses(
    (status = 200, description = "The matching deliveries", body = DeliveryList),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Params(query): Params<DeliveriesQuery>,
) -> Handled<Response> {
    let limit = page_limit(query.limit)?;
    let all = match query.state.as_deref() {
        None | Some("open") => false,
        Some("all") => true,
        Some(other) => return Err(INVALID.of_field("state", other, "must be `open` or `all`").into()),
    };
    let asked = DeliveryQuery { alert: query.alert, endpoint: query.endpoint, all, limit };
    let read = read(query.at_least, query.wait_ms)?;
    written(&app, app.ledger.ask().deliveries(&asked, &read).await?).await
}

/// Deliver a change of an alert again
///
/// The delivery keeps its webhook id, so a receiver can recognize a duplicate. An endpoint that was disabled
/// by a 410 response is enabled again.
#[utoipa::path(post, path = "/v1/alerts/{id}/resend", tag = "alerts", params(("id" = String, Path)),
    request_body = ResendRequest, responses(
    (status = 202, description = "Recorded; the server that delivers alerts sends it", body = ResendResponse),
    (status = 404, description = "No alert has this id", body = Problem),
    (status = 409, description = "The id was already used by a different request", body = Problem),
))]
pub(crate) async fn resend(
    State(app): State<App>,
    Names(id): Names<String>,
    _: NoParams,
    body: JsonText,
) -> Handled<Response> {
    let request: ResendRequest = body.parse()?;
    let response = app.ledger.operate().resend(&id, &request).await?;
    Ok((StatusCode::ACCEPTED, Json(response)).into_response())
}
