//! What providers billed, and how it compares with the ledger.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tollgate_wire::api::{BillComparison, BillRequest, BillResponse, Problem};

use super::allocations::named_by;
use super::body::JsonText;
use super::extract::{NoParams, Params};
use super::views::read;
use super::{App, Handled, written};
use crate::asked::tenant;
use crate::ledger::BillQuery;

/// Which bills.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareParams {
    /// Who was billed; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Who billed: the provider as usage and bills name it.
    provider: String,
    /// The first day, such as `2026-11-01`.
    #[serde(alias = "since")]
    from: String,
    /// The first day that is left out, such as `2026-12-01`.
    #[serde(alias = "until")]
    to: String,
    /// Time zone in which the ledger's usage is put into days (default: UTC, in which most providers bill).
    #[serde(alias = "zone")]
    time_zone: Option<String>,
    /// As known on this UTC day: what the ledger recorded later is left out, whenever it happened (usage, corrections,
    /// other prices, bills).
    #[serde(alias = "known-on")]
    #[param(format = Date)]
    known_on: Option<String>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// Record a provider's bill
///
/// All of it or nothing. It covers all days from its first to its last: what was recorded before for these days of the
/// account is replaced. The same bill again changes nothing. Under an idempotency key, a
/// retry does not take the place of a bill that came after it.
#[utoipa::path(post, path = "/v1/bills", tag = "bills", request_body = BillRequest, responses(
    (status = 201, description = "Recorded", body = BillResponse),
    (status = 200, description = "Already recorded", body = BillResponse),
    (status = 409, description = "The key was used before for another request", body = Problem),
))]
pub(crate) async fn record(
    State(app): State<App>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Response> {
    let mut request: BillRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    let recorded = app.ledger.operate().record_bill(&request).await?;
    let status = if recorded.recorded_days == 0 { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(recorded)).into_response())
}

/// Compare a provider's bills with the ledger
///
/// By day and model: what was billed, what the ledger has, the difference, and what it comes from as far as that is
/// known.
#[utoipa::path(get, path = "/v1/bills/compare", tag = "bills", params(CompareParams), responses(
    (status = 200, description = "The comparison", body = BillComparison),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn compare(
    State(app): State<App>,
    Params(query): Params<CompareParams>,
) -> Handled<Response> {
    let CompareParams { tenant: named, provider, from, to, time_zone, known_on, at_least, wait_ms } = query;
    let tenant = tenant(named.as_deref()).to_owned();
    let asked = BillQuery { tenant, provider, from, to, time_zone, known_on };
    let read = read(at_least, wait_ms)?;
    written(&app, app.ledger.ask().compare_bills(&asked, &read).await?).await
}
