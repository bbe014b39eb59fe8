//! The quarantine of the NATS inbox.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_wire::api::{
    Problem, QuarantineEndRequest, QuarantineEnded, QuarantineList, QuarantinedMessage,
};

use super::alerts::{ReadQuery, word};
use super::body::JsonText;
use super::extract::{Names, NoParams, Params};
use super::views::read;
use super::{App, Handled, written};
use crate::problem::INVALID;

/// Which messages.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuarantineQuery {
    /// Only of this tenant.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// `open`, the default: those that wait; `all`.
    #[param(pattern = "^(open|all)$")]
    state: Option<String>,
    /// Maximum number to return (1–100, default 20). The answer includes their payloads.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// List what the inbox refused
///
/// The latest first. A message that came in over NATS and could not be taken waits here until a person redrives or drops it.
#[utoipa::path(get, path = "/v1/quarantine", tag = "quarantine", params(QuarantineQuery), responses(
    (status = 200, description = "Messages that wait, or all", body = QuarantineList),
    (status = 503, description = "The view is behind", body = Problem),
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
    written(&app, app.ledger.quarantine(query.tenant.as_deref(), all, limit, &read).await?).await
}

/// One message that the inbox refused
#[utoipa::path(get, path = "/v1/quarantine/{id}", tag = "quarantine", params(("id" = String, Path), ReadQuery), responses(
    (status = 200, description = "The message, why it was refused, and what became of it", body = QuarantinedMessage),
    (status = 404, description = "There is none of this id", body = Problem),
))]
pub(crate) async fn one(
    State(app): State<App>,
    Names(id): Names<String>,
    Params(query): Params<ReadQuery>,
) -> Handled<Json<QuarantinedMessage>> {
    Ok(Json(app.ledger.quarantined(&id, &query.read()?).await?))
}

/// Take a message in after all
///
/// Its events are appended, or those of `payload` in their place. Where they are refused again it stays in quarantine, and the
/// answer says why.
#[utoipa::path(post, path = "/v1/quarantine/{id}/redrive", tag = "quarantine", params(("id" = String, Path)),
    request_body = QuarantineEndRequest, responses(
    (status = 200, description = "Its events are in the log, and its quarantine has ended", body = QuarantineEnded),
    (status = 404, description = "There is none of this id", body = Problem),
    (status = 409, description = "Its quarantine ended before, or an id is taken by other content", body = Problem),
    (status = 422, description = "A rule refused its events again; it waits on", body = Problem),
))]
pub(crate) async fn redrive(
    State(app): State<App>,
    Names(id): Names<String>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<QuarantineEnded>> {
    let request: QuarantineEndRequest = body.parse()?;
    Ok(Json(app.ledger.redrive(&id, &request).await?))
}

/// Give a message up
#[utoipa::path(post, path = "/v1/quarantine/{id}/drop", tag = "quarantine", params(("id" = String, Path)),
    request_body = QuarantineEndRequest, responses(
    (status = 200, description = "Its quarantine has ended; the log keeps what it held", body = QuarantineEnded),
    (status = 404, description = "There is none of this id", body = Problem),
    (status = 409, description = "Its quarantine ended before", body = Problem),
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
            .of_field("payload", "given", "is for `redrive`: nothing of it would be taken")
            .into());
    }
    Ok(Json(app.ledger.drop_message(&id, &request).await?))
}
