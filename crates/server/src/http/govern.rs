//! The target figures of a healthy set-up, and the circuit breaker.

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

/// Weeks that are looked at where the question does not say.
const WEEKS: u32 = 4;

/// Of which tasks, and what the answer has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthQuery {
    /// Only of this tenant; all.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// How many weeks back from the newest in which tasks were opened, 1 to 520; 4.
    #[param(minimum = 1, maximum = 520)]
    weeks: Option<u32>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// How the budgets do
///
/// Each target figure of a healthy set-up with its value, its verdict (`ok`, `watch`, `bad`, `not enough data`) and the integers that
/// it follows from; proposals for tiers with too many false positives; tasks to look at; figures by tier, phase and week.
#[utoipa::path(get, path = "/v1/health/budgets", tag = "views", params(HealthQuery), responses(
    (status = 200, description = "The figures", body = BudgetHealth),
    (status = 503, description = "The view is behind", body = Problem),
))]
pub(crate) async fn budgets(State(app): State<App>, Params(query): Params<HealthQuery>) -> Handled<Response> {
    let weeks = query.weeks.unwrap_or(WEEKS);
    if weeks == 0 || weeks > 520 {
        return Err(INVALID.of_field("weeks", &weeks.to_string(), "must be 1 to 520").into());
    }
    let read = read(query.at_least, query.wait_ms)?;
    written(&app, app.ledger.budget_health(query.tenant.as_deref(), weeks, &read).await?).await
}

/// The circuit breaker
///
/// Whether it keeps the gate from blocking, and what that follows from.
#[utoipa::path(get, path = "/v1/breaker", tag = "gate", responses(
    (status = 200, description = "Its state", body = BreakerState),
))]
pub(crate) async fn breaker(State(app): State<App>, _: NoParams) -> Handled<Json<BreakerState>> {
    Ok(Json(app.ledger.breaker(&read(Some("tail".to_owned()), None)?).await?))
}

/// Reset the circuit breaker
///
/// A person has seen why it opened: enforcement is on again. Recorded as the acknowledgement of its alert.
#[utoipa::path(post, path = "/v1/breaker/reset", tag = "gate", request_body = AcknowledgeRequest, responses(
    (status = 201, description = "Recorded", body = AppendResponse),
    (status = 409, description = "It is closed", body = Problem),
))]
pub(crate) async fn reset(State(app): State<App>, _: NoParams, body: JsonText) -> Handled<Response> {
    let request: AcknowledgeRequest = body.parse()?;
    let appended = app.ledger.reset_breaker(&request).await?;
    answer(&app.ledger, appended)
}
