//! Budgets and policies.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::HeaderMap;
use serde::Deserialize;
use tollgate_wire::api::{
    BudgetList, BudgetRequest, BudgetView, DefaultsRequest, PolicyList, PolicyRequest, PolicyView, PoolView,
    Problem, RaiseRequest, WithdrawRequest,
};

use super::allocations::named_by;
use super::body::JsonText;
use super::extract::{Names, NoParams, Params};
use super::views::{TaskQuery, read};
use super::{App, Handled, allocations, written};
use crate::asked::{page_limit, tenant};
use crate::ledger::PolicyPage;

/// The addresses of budgets, policies and allocations.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/budgets", get(list))
        .route("/v1/budgets/default-policies", post(set_defaults))
        .route("/v1/budgets/{budget}", get(one).post(set))
        .route("/v1/pool", get(pool))
        .route("/v1/policies", get(policies))
        .route("/v1/policies/{policy}", get(policy).post(set_policy))
        .route("/v1/policies/{policy}/raise", post(raise))
        .route("/v1/policies/{policy}/withdraw", post(withdraw))
        .route("/v1/check", post(allocations::check))
        .route("/v1/route", post(allocations::route))
        .route("/v1/allocations", get(allocations::list).post(allocations::allocate))
        .route("/v1/allocations/{allocation}", get(allocations::one))
        .route("/v1/allocations/{allocation}/extend", post(allocations::extend))
        .route("/v1/allocations/{allocation}/release", post(allocations::release))
}

/// Which policies.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PoliciesQuery {
    /// Owner of the policies; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only those of this budget.
    budget: Option<String>,
    /// Only those after this one: the `next` of the previous page.
    after: Option<String>,
    /// Maximum number to return (1–1000, default 100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// In the window of this moment (RFC 3339), or of the beginning of this day in the policy's zone; it may be over.
    /// Default now.
    at: Option<String>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// Of which policy, when.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyQuery {
    /// Owner of the policy; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// In the window of this moment (RFC 3339), or of the beginning of this day in the policy's zone; it may be over.
    /// Default now.
    at: Option<String>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// List budgets
#[utoipa::path(get, path = "/v1/budgets", tag = "budgets", params(TaskQuery), responses(
    (status = 200, description = "All budgets of the tenant, ordered by name", body = BudgetList),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn list(State(app): State<App>, Params(query): Params<TaskQuery>) -> Handled<Response> {
    let read = read(query.at_least, query.wait_ms)?;
    let tenant = tenant(query.tenant.as_deref());
    written(&app, app.ledger.budgets().budgets(tenant, &read).await?).await
}

/// One budget
#[utoipa::path(get, path = "/v1/budgets/{budget}", tag = "budgets", params(("budget" = String, Path), TaskQuery), responses(
    (status = 200, description = "The budget, with the names of its policies", body = BudgetView),
    (status = 404, description = "There is no such budget", body = Problem),
))]
pub(crate) async fn one(
    State(app): State<App>,
    Names(budget): Names<String>,
    Params(query): Params<TaskQuery>,
) -> Handled<Json<BudgetView>> {
    let read = read(query.at_least, query.wait_ms)?;
    let tenant = tenant(query.tenant.as_deref());
    Ok(Json(app.ledger.budgets().budget(tenant, &budget, &read).await?))
}

/// The pool of unused budget
///
/// What completed tasks left, and others drew; see the section `pool` of the config.
#[utoipa::path(get, path = "/v1/pool", tag = "budgets", params(TaskQuery), responses(
    (status = 200, description = "What is in the pool that the tenant's tasks share, and what was moved", body = PoolView),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn pool(
    State(app): State<App>,
    Params(query): Params<TaskQuery>,
) -> Handled<Json<PoolView>> {
    let read = read(query.at_least, query.wait_ms)?;
    Ok(Json(app.ledger.budgets().pool(tenant(query.tenant.as_deref()), &read).await?))
}

/// Make or change a budget
///
/// It is durable on return. The same content again makes another version with nothing new.
#[utoipa::path(post, path = "/v1/budgets/{budget}", tag = "budgets", params(("budget" = String, Path)),
    request_body = BudgetRequest, responses(
    (status = 200, description = "The budget as it is now", body = BudgetView),
    (status = 422, description = "A rule refused it: `invalid_name`", body = Problem),
))]
pub(crate) async fn set(
    State(app): State<App>,
    Names(budget): Names<String>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<BudgetView>> {
    let mut request: BudgetRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.budgets().set_budget(&budget, &request).await?))
}

/// Make the budget and the policies that ship
///
/// A budget `default` with 15 limits of tokens by tier and 4 of money, all of which only warn. Those that exist
/// stay as they are.
#[utoipa::path(post, path = "/v1/budgets/default-policies", tag = "budgets", request_body = DefaultsRequest, responses(
    (status = 200, description = "The budget `default` as it is now", body = BudgetView),
))]
pub(crate) async fn set_defaults(
    State(app): State<App>,
    _: NoParams,
    body: JsonText,
) -> Handled<Json<BudgetView>> {
    let request: DefaultsRequest = body.parse()?;
    Ok(Json(app.ledger.budgets().set_defaults(&request).await?))
}

/// List policies
///
/// Each with all its versions and how it stands now: what is spent, reserved and left, how fast it is used up, and
/// when it is gone at that rate.
#[utoipa::path(get, path = "/v1/policies", tag = "budgets", params(PoliciesQuery), responses(
    (status = 200, description = "A page of policies, ordered by name", body = PolicyList),
    (status = 503, description = "A view has not reached the requested position", body = Problem),
))]
pub(crate) async fn policies(
    State(app): State<App>,
    Params(query): Params<PoliciesQuery>,
) -> Handled<Response> {
    let limit = page_limit(query.limit)?;
    let read = read(query.at_least, query.wait_ms)?;
    let (budget, after) = (query.budget.as_deref(), query.after.as_deref());
    let page = PolicyPage { budget, after, limit, only: None, at: query.at.as_deref() };
    let tenant = tenant(query.tenant.as_deref());
    written(&app, app.ledger.budgets().policies(tenant, &page, &read).await?).await
}

/// One policy
#[utoipa::path(get, path = "/v1/policies/{policy}", tag = "budgets", params(("policy" = String, Path), PolicyQuery), responses(
    (status = 200, description = "The policy in all its versions, and how it stands", body = PolicyView),
    (status = 400, description = "`at` is no time, or in the future", body = Problem),
    (status = 404, description = "There is no such policy", body = Problem),
))]
pub(crate) async fn policy(
    State(app): State<App>,
    Names(policy): Names<String>,
    Params(query): Params<PolicyQuery>,
) -> Handled<Json<PolicyView>> {
    let read = read(query.at_least, query.wait_ms)?;
    let tenant = tenant(query.tenant.as_deref());
    Ok(Json(app.ledger.budgets().policy(tenant, &policy, query.at.as_deref(), &read).await?))
}

/// Make a policy, or its next version
///
/// It is durable on return, and rules from `from` on. What was spent before counts at once.
#[utoipa::path(post, path = "/v1/policies/{policy}", tag = "budgets", params(("policy" = String, Path)),
    request_body = PolicyRequest, responses(
    (status = 200, description = "The policy as it is now", body = PolicyView),
    (status = 409, description = "The key was used before with something else", body = Problem),
    (status = 422, description = "A rule refused it: `invalid_policy`, `unknown_budget`, `version_mismatch`", body = Problem),
))]
pub(crate) async fn set_policy(
    State(app): State<App>,
    Names(policy): Names<String>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<PolicyView>> {
    let mut request: PolicyRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.budgets().set_policy(&policy, &request).await?))
}

/// Raise the limit of a policy for a time
#[utoipa::path(post, path = "/v1/policies/{policy}/raise", tag = "budgets", params(("policy" = String, Path)),
    request_body = RaiseRequest, responses(
    (status = 200, description = "The policy as it is now", body = PolicyView),
    (status = 409, description = "The key was used before with something else", body = Problem),
    (status = 422, description = "A rule refused it: `unknown_policy`, `invalid_raise`", body = Problem),
))]
pub(crate) async fn raise(
    State(app): State<App>,
    Names(policy): Names<String>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<PolicyView>> {
    let mut request: RaiseRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.budgets().raise_limit(&policy, &request).await?))
}

/// Withdraw a raise from now on
///
/// What was spent meanwhile stays spent; who withdrew it, when and why is kept.
#[utoipa::path(post, path = "/v1/policies/{policy}/withdraw", tag = "budgets", params(("policy" = String, Path)),
    request_body = WithdrawRequest, responses(
    (status = 200, description = "The policy as it is now", body = PolicyView),
    (status = 409, description = "The key was used before with something else", body = Problem),
    (status = 422, description = "A rule refused it: `unknown_policy`, `unknown_raise`, `invalid_raise`", body = Problem),
))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Names(policy): Names<String>,
    _: NoParams,
    headers: HeaderMap,
    body: JsonText,
) -> Handled<Json<PolicyView>> {
    let mut request: WithdrawRequest = body.parse()?;
    named_by(&headers, "id", &mut request.id)?;
    Ok(Json(app.ledger.budgets().withdraw_raise(&policy, &request).await?))
}
