//! Decisions about prices.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tollgate_wire::api::{
    PriceDecisionAnswer, PriceDecisionRequest, PriceDecisions, PriceSetRequest, PriceSourceList,
    PriceUpdateReport, PriceUpdateRequest, Problem, RepriceReport, RepriceRequest,
};

use super::allocations::named_by;
use super::body::JsonText;
use super::extract::{NoParams, Params};
use super::{App, Handled};
use crate::asked::{known_by, page_limit};
use crate::ledger::DecidedQuery;

/// The addresses of decisions about prices.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/prices/history", get(history))
        .route("/v1/prices/sources", get(sources))
        .route("/v1/prices/update", post(update))
        .route("/v1/prices/approve", post(approve))
        .route("/v1/prices/reject", post(reject))
        .route("/v1/prices/set", post(set))
        .route("/v1/prices/reprice", post(reprice))
}

/// Which entries.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecidedParams {
    /// Only entries whose names contain this, in any case.
    search: Option<String>,
    /// Only entries with a price that waits for a person.
    #[serde(default)]
    waiting: bool,
    /// As it was known at this time (RFC 3339), or by the end of this UTC day.
    as_known_on: Option<String>,
    /// Only entries after this one: the `next` of the previous page.
    after: Option<String>,
    /// Maximum number to return (1–1000, default 100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Update the prices
///
/// Asks every source whose list is due, compares what they say with the prices in force, and records what
/// comes into force, what waits for a person, and on what the sources do not agree.
#[utoipa::path(post, path = "/v1/prices/update", tag = "prices", request_body = PriceUpdateRequest, responses(
    (status = 200, description = "What was found, and what became of each source", body = PriceUpdateReport),
    (status = 422, description = "No sources are named, or their file is invalid", body = Problem),
))]
pub(crate) async fn update(
    State(app): State<App>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<PriceUpdateReport>> {
    let request: PriceUpdateRequest = body.parse()?;
    Ok(Json(app.ledger.in_force().update_prices(&request).await?))
}

/// What was decided about prices
#[utoipa::path(get, path = "/v1/prices/history", tag = "prices", params(DecidedParams), responses(
    (status = 200, description = "Entries, ordered by name", body = PriceDecisions),
    (status = 400, description = "Invalid parameter", body = Problem),
))]
pub(crate) async fn history(
    State(app): State<App>,
    Params(query): Params<DecidedParams>,
) -> Handled<Json<PriceDecisions>> {
    let limit = page_limit(query.limit)?;
    let now = app.ledger.ask().now();
    let time = query.as_known_on.as_deref().map(|text| known_by("as_known_on", text, now));
    app.ledger.in_force().learn_settings().await;
    let DecidedParams { search, waiting, after, .. } = query;
    let query = DecidedQuery { search, waiting, as_known_on: time.transpose()?, after, limit };
    Ok(Json(app.ledger.ask().price_decisions(&query)))
}

/// The sources of prices
#[utoipa::path(get, path = "/v1/prices/sources", tag = "prices", responses(
    (status = 200, description = "Every source, with the age of its list", body = PriceSourceList),
    (status = 422, description = "The file of sources is invalid", body = Problem),
))]
pub(crate) async fn sources(State(app): State<App>, _: NoParams) -> Handled<Json<PriceSourceList>> {
    app.ledger.in_force().learn_settings().await;
    Ok(Json(app.ledger.in_force().price_sources()?))
}

/// Approve a price that waits
#[utoipa::path(post, path = "/v1/prices/approve", tag = "prices", request_body = PriceDecisionRequest, responses(
    (status = 200, description = "It is in force", body = PriceDecisionAnswer),
    (status = 404, description = "No price of this version waits", body = Problem),
    (status = 409, description = "The key was used before for another request", body = Problem),
))]
pub(crate) async fn approve(
    State(app): State<App>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<PriceDecisionAnswer>> {
    let mut request: PriceDecisionRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.in_force().approve_price(&request).await?))
}

/// Reject a price that waits
#[utoipa::path(post, path = "/v1/prices/reject", tag = "prices", request_body = PriceDecisionRequest, responses(
    (status = 200, description = "It no longer waits", body = PriceDecisionAnswer),
    (status = 404, description = "No price of this version waits", body = Problem),
    (status = 409, description = "The key was used before for another request", body = Problem),
))]
pub(crate) async fn reject(
    State(app): State<App>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<PriceDecisionAnswer>> {
    let mut request: PriceDecisionRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.in_force().reject_price(&request).await?))
}

/// Set a price by hand
#[utoipa::path(post, path = "/v1/prices/set", tag = "prices", request_body = PriceSetRequest, responses(
    (status = 200, description = "It is in force from its time on", body = PriceDecisionAnswer),
    (status = 400, description = "The price breaks a rule", body = Problem),
    (status = 409, description = "The key was used before for another request", body = Problem),
))]
pub(crate) async fn set(
    State(app): State<App>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<PriceDecisionAnswer>> {
    let mut request: PriceSetRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.in_force().set_price(&request).await?))
}

/// Price usage again
///
/// Usage that had no price, or one that was corrected since, gets adjustments at the price that is in force
/// for its time by now. They count in the period in which they are recorded.
#[utoipa::path(post, path = "/v1/prices/reprice", tag = "prices", request_body = RepriceRequest, responses(
    (status = 200, description = "The difference, by the day of the usage", body = RepriceReport),
    (status = 400, description = "The request breaks a rule", body = Problem),
))]
pub(crate) async fn reprice(
    State(app): State<App>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<RepriceReport>> {
    let request: RepriceRequest = body.parse()?;
    app.ledger.in_force().learn_settings().await;
    Ok(Json(app.ledger.operate().reprice(&request).await?))
}
