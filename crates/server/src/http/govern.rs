//! The target figures of a healthy setup, and the circuit breaker.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_wire::api::{AcknowledgeRequest, AppendResponse, BreakerState, BudgetHealth, Problem};

use super::body::JsonText;
use super::events::answer;
use super::extract::{NoParams, Params};
use super::views::read;
use super::{App, Handled, written};
use crate::problem::INVALID;

/// How many weeks to look at if the query does not say.
const WEEKS: u32 = 4;

/// Of which tasks, and what the answer has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthQuery {
    /// Only this tenant (default: all tenants).
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Number of weeks to cover, counting back from the latest week in which a task was opened (1–520, default 4).
    #[param(minimum = 1, maximum = 520)]
    weeks: Option<u32>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// Budget health
///
/// Each health metric with its target, value, verdict (`ok`, `watch`, `bad`, `not enough data`) and the
/// integers it is computed from; proposals for tiers with too many false positives; tasks to review; figures
/// by tier, phase and week.
#[utoipa::path(get, path = "/v1/health/budgets", tag = "views", params(HealthQuery), responses(
    (status = 200, description = "The figures", body = BudgetHealth),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn budgets(State(app): State<App>, Params(query): Params<HealthQuery>) -> Handled<Response> {
    let weeks = query.weeks.unwrap_or(WEEKS);
    if weeks == 0 || weeks > 520 {
        return Err(INVALID.of_field("weeks", &weeks.to_string(), "must be 1 to 520").into());
    }
    let read = read(query.at_least, query.wait_ms)?;
    written(&app, app.ledger.ask().budget_health(query.tenant.as_deref(), weeks, &read).await?).await
}

/// The circuit breaker
///
/// Whether it is preventing the gate from blocking, and the measurements behind that.
#[utoipa::path(get, path = "/v1/breaker", tag = "gate", responses(
    (status = 200, description = "Its state", body = BreakerState),
))]
pub(crate) async fn breaker(State(app): State<App>, _: NoParams) -> Handled<Json<BreakerState>> {
    Ok(Json(app.ledger.ask().breaker(&read(Some("tail".to_owned()), None)?).await?))
}

/// Reset the circuit breaker
///
/// Turns enforcement back on after a person has looked into why it opened. Recorded as an acknowledgement of its alert.
#[utoipa::path(post, path = "/v1/breaker/reset", tag = "gate", request_body = AcknowledgeRequest, responses(
    (status = 201, description = "Recorded", body = AppendResponse),
    (status = 409, description = "The breaker is closed", body = Problem),
))]
pub(crate) async fn reset(State(app): State<App>, _: NoParams, body: JsonText) -> Handled<Response> {
    let request: AcknowledgeRequest = body.parse()?;
    let appended = app.ledger.operate().reset_breaker(&request).await?;
    answer(&app.ledger, appended)
}
