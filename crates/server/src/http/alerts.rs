//! Alerts: which there are, and what happens to them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use tollgate_wire::api::{AlertChanges, AlertList, Problem};

use super::extract::Params;
use super::views::read;
use super::{App, Handled};
use crate::ledger::AlertQuery;
use crate::problem::INVALID;

/// Which alerts.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertsQuery {
    /// Only of this tenant.
    tenant: Option<String>,
    /// Only of this task.
    task: Option<String>,
    /// `raised`, the default, or `all`: those that ended too.
    state: Option<String>,
    /// At most so many, up to 1000; 100.
    limit: Option<usize>,
    /// A position, or `tail`.
    at_least: Option<String>,
    /// How long to wait for that, in milliseconds.
    wait_ms: Option<u64>,
}

/// From where on, and for how long.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesQuery {
    /// Changes behind this record: the `last` of the answer before; 0: from the first.
    after: Option<u64>,
    /// How long to wait where there are none yet, in milliseconds, up to 60000; 0.
    wait_ms: Option<u64>,
}

/// List alerts
///
/// The latest first. An alert is raised once per rule, scope and level, resolved when it is true no more, and another
/// one is raised when it becomes true again.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts", params(AlertsQuery), responses(
    (status = 200, description = "Alerts that are true, or all", body = AlertList),
    (status = 503, description = "The view is behind", body = Problem),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Params(query): Params<AlertsQuery>,
) -> Handled<Json<AlertList>> {
    let limit = query.limit.unwrap_or(100);
    if limit == 0 || limit > 1000 {
        return Err(INVALID.of_field("limit", &limit.to_string(), "must be 1 to 1000").into());
    }
    let all = match query.state.as_deref() {
        None | Some("raised") => false,
        Some("all") => true,
        Some(other) => return Err(INVALID.of_field("state", other, "must be `raised` or `all`").into()),
    };
    let asked = AlertQuery { tenant: query.tenant, task: query.task, all, limit };
    let read = read(query.at_least, query.wait_ms)?;
    Ok(Json(app.ledger.alerts(&asked, &read).await?))
}

/// What happens to alerts
///
/// In the order of the log, each change once: ask again with the answer's `last` as `after`.
#[utoipa::path(get, path = "/v1/alerts/changes", tag = "alerts", params(ChangesQuery), responses(
    (status = 200, description = "Changes behind `after`; none where nothing happened in time", body = AlertChanges),
))]
pub(crate) async fn changes(
    State(app): State<App>,
    Params(query): Params<ChangesQuery>,
) -> Handled<Json<AlertChanges>> {
    let wait_ms = query.wait_ms.unwrap_or(0);
    if wait_ms > 60_000 {
        return Err(INVALID.of_field("wait_ms", &wait_ms.to_string(), "must be at most 60000").into());
    }
    Ok(Json(app.ledger.alert_changes(query.after.unwrap_or(0), Duration::from_millis(wait_ms)).await?))
}
