//! Asking before something is spent.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tollgate_domain::position::Sequence;
use tollgate_projector::queries::ListAllocations;
use tollgate_wire::api::{
    AllocateRequest, AllocationList, AllocationView, CheckResponse, ExtendRequest, Problem, ReleaseRequest,
    RouteRequest, RouteResponse,
};

use super::body::JsonText;
use super::extract::{Names, NoParams, Params};
use super::views::{TaskQuery, read};
use super::{App, Handled, written};
use crate::asked::{allocation_state, page_limit, tenant};
use crate::ledger::key_rule;
use crate::problem::{Answer, INVALID};

/// Which allocations.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllocationsQuery {
    /// Owner of the allocations; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only those of this context.
    context: Option<String>,
    /// Only those of this task.
    task: Option<String>,
    /// Only those of this model, by its own name or the one by which it is priced.
    model: Option<String>,
    /// Only those that this policy was asked about.
    policy: Option<String>,
    /// Only those with these labels, such as `team=search,user=ada`.
    labels: Option<String>,
    /// `all` (default), `open`, `refused`, `released` or `expired`: as the answer shows it.
    #[param(pattern = "^(all|open|refused|released|expired)$")]
    state: Option<String>,
    /// Only those decided before this record: the `next` of the previous page.
    before: Option<u64>,
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

/// The header that may name a request instead of its body.
const KEY: &str = "idempotency-key";

/// Takes the key in the header, if there is one, for the name in a field of the body.
pub(super) fn named_by(headers: &HeaderMap, field: &str, name: &mut Option<String>) -> Answer<()> {
    if let Some(key) = key(headers)? {
        if name.as_ref().is_some_and(|name| *name != key) {
            return Err(INVALID.of_field(KEY, &key, &format!("differs from `{field}`: give one of them")));
        }
        *name = Some(key);
    }
    Ok(())
}

/// The key in the header, if there is one.
fn key(headers: &HeaderMap) -> Answer<Option<String>> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let text = value.to_str().ok().map(|text| text.trim().trim_matches('"').to_owned());
    match text.filter(|text| !text.is_empty()) {
        Some(text) => Ok(Some(text)),
        None => Err(INVALID.of_field(KEY, "", &key_rule())),
    }
}

/// May this be spent?
///
/// Every policy that the request falls under, with its numbers. Nothing is recorded or reserved.
#[utoipa::path(post, path = "/v1/check", tag = "budgets", request_body = AllocateRequest, responses(
    (status = 200, description = "Whether no policy refuses it", body = CheckResponse),
))]
pub(crate) async fn check(
    State(app): State<App>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<CheckResponse>> {
    let request: AllocateRequest = body.parse()?;
    Ok(Json(app.ledger.budgets().check(&request).await?))
}

/// Which model is the cheapest that may be used?
///
/// Models of the price book that satisfy what is asked, the cheapest first; the first that every policy allows is
/// chosen. A model without a price is never one of them.
#[utoipa::path(post, path = "/v1/route", tag = "budgets", request_body = RouteRequest, responses(
    (status = 200, description = "The chosen model, and what else was looked at", body = RouteResponse),
))]
pub(crate) async fn route(
    State(app): State<App>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<RouteResponse>> {
    let request: RouteRequest = body.parse()?;
    Ok(Json(app.ledger.budgets().route(&request).await?))
}

/// Reserve what is going to be spent
///
/// All policies at once, or nothing: `state` is `open` or `refused`, with every policy's numbers. The decision is
/// durable on return. The name (`allocation`, or the header `Idempotency-Key`) makes a retry get the first answer.
#[utoipa::path(post, path = "/v1/allocations", tag = "budgets", request_body = AllocateRequest, responses(
    (status = 200, description = "The decision", body = AllocationView),
    (status = 409, description = "The name was used before with something else", body = Problem),
    (status = 422, description = "A rule refused it: `invalid_request`", body = Problem),
))]
pub(crate) async fn allocate(
    State(app): State<App>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<AllocationView>> {
    let mut request: AllocateRequest = body.parse()?;
    named_by(&headers, "allocation", &mut request.allocation)?;
    Ok(Json(app.ledger.budgets().allocate(&request).await?))
}

/// List allocations
///
/// The latest first, refusals included, each with what was used of it.
#[utoipa::path(get, path = "/v1/allocations", tag = "budgets", params(AllocationsQuery), responses(
    (status = 200, description = "A page of allocations", body = AllocationList),
    (status = 503, description = "A view has not reached the requested position", body = Problem),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Params(query): Params<AllocationsQuery>,
) -> Handled<Response> {
    let limit = page_limit(query.limit)?;
    let state = allocation_state(query.state.as_deref())?;
    let read = read(query.at_least, query.wait_ms)?;
    let wanted = ListAllocations {
        before: query.before.map(Sequence),
        context: query.context,
        task: query.task,
        model: query.model,
        policy: query.policy,
        labels: labels(query.labels.as_deref())?,
        state,
        limit,
        ..ListAllocations::default()
    };
    let tenant = tenant(query.tenant.as_deref());
    written(&app, app.ledger.budgets().allocations(tenant, wanted, &read).await?).await
}

/// Labels that a list is asked for.
pub(crate) fn labels(text: Option<&str>) -> Answer<BTreeMap<String, String>> {
    let pairs = text.into_iter().flat_map(|text| text.split(','));
    let pair = |pair: &str| {
        let rule = "must be pairs such as team=search,user=ada";
        let pair = pair.split_once('=').ok_or_else(|| INVALID.of_field("labels", pair, rule))?;
        Ok((pair.0.to_owned(), pair.1.to_owned()))
    };
    pairs.map(pair).collect()
}

/// One allocation
#[utoipa::path(get, path = "/v1/allocations/{allocation}", tag = "budgets",
    params(("allocation" = String, Path), TaskQuery), responses(
    (status = 200, description = "The allocation, what was used of it, and what it was decided with", body = AllocationView),
    (status = 404, description = "There is no such allocation", body = Problem),
))]
pub(crate) async fn one(
    State(app): State<App>,
    Names(allocation): Names<String>,
    Params(query): Params<TaskQuery>,
) -> Handled<Json<AllocationView>> {
    let read = read(query.at_least, query.wait_ms)?;
    let tenant = tenant(query.tenant.as_deref());
    Ok(Json(app.ledger.budgets().allocation(tenant, &allocation, &read).await?))
}

/// Make an allocation larger, or let it last longer
#[utoipa::path(post, path = "/v1/allocations/{allocation}/extend", tag = "budgets",
    params(("allocation" = String, Path)), request_body = ExtendRequest, responses(
    (status = 200, description = "The allocation as it is now", body = AllocationView),
    (status = 409, description = "A policy does not allow it, or the id was used for something else", body = Problem),
    (status = 422, description = "A rule refused it: `allocation_not_open`, `allocation_expired`", body = Problem),
))]
pub(crate) async fn extend(
    State(app): State<App>,
    Names(allocation): Names<String>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<AllocationView>> {
    let mut request: ExtendRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.budgets().extend(&allocation, &request).await?))
}

/// Set free what an allocation has left
#[utoipa::path(post, path = "/v1/allocations/{allocation}/release", tag = "budgets",
    params(("allocation" = String, Path)), request_body = ReleaseRequest, responses(
    (status = 200, description = "The allocation as it is now", body = AllocationView),
    (status = 422, description = "A rule refused it: `allocation_not_open`, `allocation_expired`", body = Problem),
))]
pub(crate) async fn release(
    State(app): State<App>,
    Names(allocation): Names<String>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<AllocationView>> {
    let request: ReleaseRequest = body.parse()?;
    Ok(Json(app.ledger.budgets().release(&allocation, &request).await?))
}
