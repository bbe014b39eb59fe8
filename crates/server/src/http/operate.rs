//! Operations: positions, the log, health, metrics, rebuilding views.

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tollgate_wire::api::{
    ConfigResponse, Health, HealthStatus, LogPage, PositionResponse, Problem, RebuildResponse, ReloadResponse,
};

use super::extract::{Names, NoParams, Params};
use super::{App, Handled, written};
use crate::asked::{self, page_limit};
use crate::ledger::LogQuery;
use crate::metrics::TextFormat;

/// Which part of the log.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogParams {
    /// Only records after this one; 0 starts at the first.
    after: Option<u64>,
    /// Maximum number of events to return (1–1000, default 100). A record is never split.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Only this task's events.
    task: Option<String>,
    /// Only this tenant's events.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// How long to wait for new records at the end of the log, in milliseconds (0–60000, default 0).
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// Where the log ends
#[utoipa::path(get, path = "/v1/position", tag = "operate", responses(
    (status = 200, description = "Pass `position` as `at_least`", body = PositionResponse),
))]
pub(crate) async fn position(State(app): State<App>, _: NoParams) -> Handled<Json<PositionResponse>> {
    Ok(Json(app.ledger.operate().position().await?))
}

/// A page of the log
#[utoipa::path(get, path = "/v1/log", tag = "operate", params(LogParams), responses(
    (status = 200, description = "Recorded events in log order", body = LogPage),
))]
pub(crate) async fn log(State(app): State<App>, Params(params): Params<LogParams>) -> Handled<Response> {
    let (limit, wait) = (page_limit(params.limit)?, asked::wait(params.wait_ms.unwrap_or(0))?);
    let query =
        LogQuery { after: params.after.unwrap_or(0), task: params.task, tenant: params.tenant, limit, wait };
    written(&app, app.ledger.ask().log_page(&query).await?).await
}

/// Whether everything works
///
/// Also under `/v1/ready`.
#[utoipa::path(get, path = "/v1/health", tag = "operate", responses(
    (status = 200, description = "The service works: `ok`, or `degraded` if something needs attention; see `checks`", body = Health),
    (status = 503, description = "Something does not work; see `checks`", body = Health),
))]
pub(crate) async fn health(State(app): State<App>, _: NoParams) -> Response {
    let mut health = Health { connections: Some(app.edge.health()), ..app.ledger.operate().health().await };
    if let Some(check) = app.tokens_check() {
        if !check.ok && health.status == HealthStatus::Ok {
            health.status = HealthStatus::Degraded;
        }
        health.checks.push(check);
    }
    let status =
        if health.status == HealthStatus::Failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(health)).into_response()
}

/// Counters and gauges for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operate", responses(
    (status = 200, description = "OpenMetrics text", body = String, content_type = "text/plain"),
))]
pub(crate) async fn metrics(State(app): State<App>, _: NoParams, headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = TextFormat::preferred(accepted);
    let health = app.ledger.operate().health().await;
    let page = app.ledger.metrics().render(&health, app.ledger.operate().reads_lost());
    let headers = [(CONTENT_TYPE, format.media_type()), (VARY, "accept")];
    (headers, format.of_open_metrics(page)).into_response()
}

/// The config in force
///
/// As YAML, with where it came from and when it took effect.
#[utoipa::path(get, path = "/v1/config", tag = "operate", responses(
    (status = 200, description = "The config and the prices in force", body = ConfigResponse),
))]
pub(crate) async fn config(State(app): State<App>, _: NoParams) -> Json<ConfigResponse> {
    Json(app.ledger.operate().config())
}

/// Read the config again
///
/// New limits, thresholds and levels apply to tasks opened from now on; switches take effect immediately.
#[utoipa::path(post, path = "/v1/config/reload", tag = "operate", responses(
    (status = 200, description = "The config in force, and whether it changed", body = ReloadResponse),
    (status = 422, description = "The config is invalid; the previous one stays in force", body = Problem),
))]
pub(crate) async fn reload(State(app): State<App>, _: NoParams) -> Handled<Json<ReloadResponse>> {
    Ok(Json(app.ledger.in_force().reload().await?))
}

/// Rebuild a view and compare it
///
/// Rebuilds the view from the first record, next to the live one. If they differ, the new one replaces the live one.
#[utoipa::path(post, path = "/v1/views/{view}/rebuild", tag = "operate", params(("view" = String, Path)), responses(
    (status = 200, description = "Whether both are identical, byte for byte", body = RebuildResponse),
    (status = 404, description = "Unknown view", body = Problem),
))]
pub(crate) async fn rebuild(
    State(app): State<App>,
    Names(view): Names<String>,
    _: NoParams,
) -> Handled<Json<RebuildResponse>> {
    Ok(Json(app.ledger.operate().rebuild(&view).await?))
}
