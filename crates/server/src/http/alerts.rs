//! Alerts: which there are, and what happens to them.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tollgate_domain::alert::{AlertRule, Severity};
use tollgate_projector::queries::AlertStateFilter;
use tollgate_wire::api::{
    AcknowledgeRequest, AlertChanges, AlertList, AlertView, AppendResponse, LookResponse, Problem,
};

use super::body::JsonText;
use super::events::answer;
use super::extract::word;
use super::extract::{Names, NoParams, Params};
use super::views::read;
use super::{App, Handled, written};
use crate::asked::page_limit;
use crate::ledger::{AlertQuery, Read};
use crate::problem::INVALID;

/// The addresses of alerts themselves.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/alerts", get(list))
        .route("/v1/alerts/changes", get(changes))
        .route("/v1/alerts/look", post(look))
        .route("/v1/alerts/{id}", get(one))
        .route("/v1/alerts/{id}/acknowledge", post(acknowledge))
}

/// Which alerts.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertsQuery {
    /// Only this tenant.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only this task.
    task: Option<String>,
    /// `raised` (default, except for the rule `completed`, which resolves immediately), `unacknowledged` or
    /// `acknowledged` (raised alerts only), `resolved`, or `all`.
    #[param(pattern = "^(raised|unacknowledged|acknowledged|resolved|all)$")]
    state: Option<String>,
    /// Only this rule, such as `silence`.
    rule: Option<String>,
    /// Only this severity or higher: `info`, `warning`, `error`, `critical`.
    #[param(pattern = "^(info|warning|error|critical)$")]
    severity: Option<String>,
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

/// What an answer has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadQuery {
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

impl ReadQuery {
    /// In the form that the ledger expects.
    pub(crate) fn read(self) -> Handled<Read> {
        Ok(read(self.at_least, self.wait_ms)?)
    }
}

/// From where on, and for how long.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesQuery {
    /// Only changes after this record: the `last` of the previous answer, or 0 to start from the beginning.
    pub(super) after: Option<u64>,
    /// How long to wait for a change if there is none yet, in milliseconds (0–60000, default 0).
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// List alerts
///
/// Newest first. An alert is raised once per rule, scope and level, and resolved when its condition no longer
/// holds. If the condition becomes true again, a new alert is raised.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts", params(AlertsQuery), responses(
    (status = 200, description = "The matching alerts", body = AlertList),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn list(State(app): State<App>, Params(query): Params<AlertsQuery>) -> Handled<Response> {
    let limit = page_limit(query.limit)?;
    let rule = word("rule", query.rule.as_deref(), AlertRule::NAMES, AlertRule::from_word)?;
    // Such an alert is resolved at once, so anyone who asks for it wants to see it.
    let otherwise =
        if rule == Some(AlertRule::Completed) { AlertStateFilter::All } else { AlertStateFilter::Raised };
    let asked = AlertQuery {
        tenant: query.tenant,
        task: query.task,
        rule,
        severity: word("severity", query.severity.as_deref(), Severity::NAMES, Severity::from_word)?,
        state: word("state", query.state.as_deref(), &AlertStateFilter::NAMES, AlertStateFilter::from_word)?
            .unwrap_or(otherwise),
        limit,
    };
    let read = read(query.at_least, query.wait_ms)?;
    written(&app, app.ledger.ask().alerts(&asked, &read).await?).await
}

/// One alert
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "alerts", params(("id" = String, Path), ReadQuery), responses(
    (status = 200, description = "The alert as it is now", body = AlertView),
    (status = 404, description = "No alert has this id", body = Problem),
))]
pub(crate) async fn one(
    State(app): State<App>,
    Names(id): Names<String>,
    Params(query): Params<ReadQuery>,
) -> Handled<Json<AlertView>> {
    Ok(Json(app.ledger.ask().alert(&id, &query.read()?).await?))
}

/// Acknowledge an alert
///
/// Records that a person has seen the alert. It stays raised until its condition no longer holds, except that
/// acknowledging a conflict resolves it. Only the first acknowledgement counts.
#[utoipa::path(post, path = "/v1/alerts/{id}/acknowledge", tag = "alerts", params(("id" = String, Path)),
    request_body = AcknowledgeRequest, responses(
    (status = 201, description = "Recorded", body = AppendResponse),
    (status = 200, description = "Already recorded", body = AppendResponse),
    (status = 404, description = "No alert has this id", body = Problem),
))]
pub(crate) async fn acknowledge(
    State(app): State<App>,
    Names(id): Names<String>,
    _: NoParams,
    body: JsonText,
) -> Handled<Response> {
    let request: AcknowledgeRequest = body.parse()?;
    let appended = app.ledger.operate().acknowledge(&id, &request).await?;
    answer(&app.ledger, appended)
}

/// Changes of alerts
///
/// In log order, each change exactly once. For the next page, pass the answer's `last` as `after`.
#[utoipa::path(get, path = "/v1/alerts/changes", tag = "alerts", params(ChangesQuery), responses(
    (status = 200, description = "Changes after `after`; empty if nothing happened within the wait", body = AlertChanges),
))]
pub(crate) async fn changes(
    State(app): State<App>,
    Params(query): Params<ChangesQuery>,
) -> Handled<Json<AlertChanges>> {
    let wait_ms = query.wait_ms.unwrap_or(0);
    if wait_ms > 60_000 {
        return Err(INVALID.of_field("wait_ms", &wait_ms.to_string(), "must be at most 60000").into());
    }
    Ok(Json(app.ledger.ask().alert_changes(query.after.unwrap_or(0), Duration::from_millis(wait_ms)).await?))
}

/// Look at policies now
///
/// Servers look every few seconds. This looks at once, so that alerts of what is recorded already are there afterwards.
#[utoipa::path(post, path = "/v1/alerts/look", tag = "alerts", responses(
    (status = 200, description = "How much was found that was not known before", body = LookResponse),
    (status = 503, description = "A view or the log does not answer", body = Problem),
))]
pub(crate) async fn look(State(app): State<App>, _: NoParams) -> Handled<Json<LookResponse>> {
    let recorded = app.ledger.look_at_policies().await?;
    Ok(Json(LookResponse { recorded: u64::try_from(recorded).unwrap_or(u64::MAX) }))
}
