//! The quarantine of the NATS inbox.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tollgate_wire::api::{
    Problem, QuarantineEndRequest, QuarantineEnded, QuarantineList, QuarantinedMessage,
};

use super::alerts::ReadQuery;
use super::body::JsonText;
use super::extract::word;
use super::extract::{Names, NoParams, Params};
use super::views::read;
use super::{App, Handled, written};
use crate::problem::INVALID;

/// The addresses of the quarantine.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/quarantine", get(list))
        .route("/v1/quarantine/{id}", get(one))
        .route("/v1/quarantine/{id}/redrive", post(redrive))
        .route("/v1/quarantine/{id}/drop", post(give_up))
}

/// Which messages.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuarantineQuery {
    /// Only this tenant.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// `open` (default: still waiting) or `all`.
    #[param(pattern = "^(open|all)$")]
    state: Option<String>,
    /// Maximum number to return (1–100, default 20). The answer includes their payloads.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// List refused inbox messages
///
/// Newest first. A message that arrived over NATS and was refused waits here until a person redrives or drops it.
#[utoipa::path(get, path = "/v1/quarantine", tag = "quarantine", params(QuarantineQuery), responses(
    (status = 200, description = "The matching messages", body = QuarantineList),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Params(query): Params<QuarantineQuery>,
) -> Handled<Response> {
    let limit = query.limit.unwrap_or(20);
    if limit == 0 || limit > 100 {
        return Err(INVALID.of_field("limit", &limit.to_string(), "must be 1 to 100").into());
    }
    let all = |word: &str| match word {
        "open" => Some(false),
        "all" => Some(true),
        _ => None,
    };
    let all = word("state", query.state.as_deref(), &["open", "all"], all)?.unwrap_or(false);
    let read = read(query.at_least, query.wait_ms)?;
    written(&app, app.ledger.ask().quarantine(query.tenant.as_deref(), all, limit, &read).await?).await
}

/// One refused inbox message
#[utoipa::path(get, path = "/v1/quarantine/{id}", tag = "quarantine", params(("id" = String, Path), ReadQuery), responses(
    (status = 200, description = "The message, why it was refused and how its quarantine ended, if it has", body = QuarantinedMessage),
    (status = 404, description = "No quarantined message has this id", body = Problem),
))]
pub(crate) async fn one(
    State(app): State<App>,
    Names(id): Names<String>,
    Params(query): Params<ReadQuery>,
) -> Handled<Json<QuarantinedMessage>> {
    Ok(Json(app.ledger.ask().quarantined(&id, &query.read()?).await?))
}

/// Redrive a message
///
/// Appends the message's events, or those of `payload` instead. If they are refused again, the message stays
/// in quarantine and the answer says why.
#[utoipa::path(post, path = "/v1/quarantine/{id}/redrive", tag = "quarantine", params(("id" = String, Path)),
    request_body = QuarantineEndRequest, responses(
    (status = 200, description = "The events are in the log and the quarantine ended", body = QuarantineEnded),
    (status = 404, description = "No quarantined message has this id", body = Problem),
    (status = 409, description = "The quarantine had already ended, or an id was already used with different content", body = Problem),
    (status = 422, description = "A rule refused the events again; the message stays in quarantine", body = Problem),
))]
pub(crate) async fn redrive(
    State(app): State<App>,
    Names(id): Names<String>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<QuarantineEnded>> {
    let request: QuarantineEndRequest = body.parse()?;
    Ok(Json(app.ledger.operate().redrive(&id, &request).await?))
}

/// Drop a message
#[utoipa::path(post, path = "/v1/quarantine/{id}/drop", tag = "quarantine", params(("id" = String, Path)),
    request_body = QuarantineEndRequest, responses(
    (status = 200, description = "The quarantine ended; the log keeps the message's content", body = QuarantineEnded),
    (status = 404, description = "No quarantined message has this id", body = Problem),
    (status = 409, description = "The quarantine had already ended", body = Problem),
))]
pub(crate) async fn give_up(
    State(app): State<App>,
    Names(id): Names<String>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<QuarantineEnded>> {
    let request: QuarantineEndRequest = body.parse()?;
    if request.payload.is_some() || request.producer.is_some() {
        return Err(INVALID
            .of_field("payload", "given", "only applies to `redrive`; it would be ignored here, leave it out")
            .into());
    }
    Ok(Json(app.ledger.operate().drop_message(&id, &request).await?))
}
