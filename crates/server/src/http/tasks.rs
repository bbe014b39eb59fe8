//! Commands about a task, in their flat form, and the gate.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_wire::api::{AppendResponse, GateRequest, GateResponse, Problem};
use tollgate_wire::{Defaults, Submitted};

use super::body::JsonText;
use super::events::answer;
use super::extract::{Names, Params};
use super::{App, Handled};
use crate::asked::tenant;
use crate::intake::defaults;
use crate::ledger::ReadEvent;
use crate::problem::of_field;

/// Who asks, where the body does not say.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Caller {
    /// Owner of the task. Default: the one in the body, otherwise `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// The producer. Required unless the body names one.
    producer: Option<String>,
}

/// Open a task
///
/// Takes the fields of `tollgate.v1.TaskOpened` plus `id`, `task` and `producer`. The task's limits are
/// computed now; later config changes do not affect them.
#[utoipa::path(post, path = "/v1/tasks", tag = "tasks", params(Caller), request_body = Object, responses(
    (status = 201, description = "Opened", body = AppendResponse),
    (status = 200, description = "Already opened by the same event", body = AppendResponse),
    (status = 409, description = "The id was already used with different content", body = Problem),
    (status = 422, description = "A rule refused it: `task_already_open`, `unknown_phase` …", body = Problem),
))]
pub(crate) async fn open(
    State(app): State<App>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "task_opened", &[]).await
}

/// Close a task
///
/// Takes the fields of `tollgate.v1.TaskClosed` plus `id` and `producer`. An active phase ends with the task.
#[utoipa::path(post, path = "/v1/tasks/{task}/close", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Closed", body = AppendResponse),
    (status = 422, description = "A rule refused it: `task_not_open`, `task_closed`", body = Problem),
))]
pub(crate) async fn close(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "task_closed", &[("task", &task)]).await
}

/// Start a phase
///
/// Takes `phase` plus `id` and `producer`. The outcome has the attempt number.
#[utoipa::path(post, path = "/v1/tasks/{task}/phases", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Started", body = AppendResponse),
    (status = 422, description = "A rule refused it: `phase_already_active`, `unknown_phase` …", body = Problem),
))]
pub(crate) async fn start_phase(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "phase_started", &[("task", &task)]).await
}

/// End a phase
///
/// Takes `id`, `producer` and optionally `attempt`. Ending the last phase completes the task.
#[utoipa::path(post, path = "/v1/tasks/{task}/phases/{phase}/end", tag = "tasks",
    params(("task" = String, Path), ("phase" = String, Path), Caller), request_body = Object, responses(
    (status = 201, description = "Ended", body = AppendResponse),
    (status = 422, description = "A rule refused it: `phase_mismatch` …", body = Problem),
))]
pub(crate) async fn end_phase(
    State(app): State<App>,
    Names((task, phase)): Names<(String, String)>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "phase_ended", &[("task", &task), ("phase", &phase)]).await
}

/// Explain a phase's usage
///
/// Takes `author`, `explanation` and optionally `attempt`, plus `id` and `producer`. Shown in the task's
/// report. Never refused because of the task's state.
#[utoipa::path(post, path = "/v1/tasks/{task}/phases/{phase}/explanation", tag = "tasks",
    params(("task" = String, Path), ("phase" = String, Path), Caller), request_body = Object, responses(
    (status = 201, description = "Recorded", body = AppendResponse),
    (status = 400, description = "A field breaks a rule", body = Problem),
))]
pub(crate) async fn explain_phase(
    State(app): State<App>,
    Names((task, phase)): Names<(String, String)>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "phase_explained", &[("task", &task), ("phase", &phase)]).await
}

/// Override a limit or a block
///
/// Takes the fields of `tollgate.v1.OverrideGranted` plus `id` and `producer`: what, approver, reason.
#[utoipa::path(post, path = "/v1/tasks/{task}/overrides", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Granted", body = AppendResponse),
    (status = 422, description = "A rule refused it", body = Problem),
))]
pub(crate) async fn grant_override(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "override_granted", &[("task", &task)]).await
}

/// Change a task's importance
///
/// Takes the fields of `tollgate.v1.ImportanceChanged` plus `id` and `producer`: to, author, reason. The
/// task's limits do not change.
#[utoipa::path(post, path = "/v1/tasks/{task}/importance", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Changed", body = AppendResponse),
    (status = 422, description = "A rule refused it: `importance_mismatch`, `importance_unchanged`", body = Problem),
))]
pub(crate) async fn change_importance(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "importance_changed", &[("task", &task)]).await
}

/// Mark a task: what it was
///
/// Takes the fields of `tollgate.v1.TaskMarked` plus `id` and `producer`: mark (`legitimate` or `runaway`),
/// author, reason. The latest mark counts. Any task that the ledger knows can be marked, closed ones too.
#[utoipa::path(post, path = "/v1/tasks/{task}/mark", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Marked", body = AppendResponse),
    (status = 422, description = "A rule refused it: `task_unknown`", body = Problem),
))]
pub(crate) async fn mark(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "task_marked", &[("task", &task)]).await
}

/// May this task go on?
///
/// The decision is recorded before it is returned. It is based on a view that has reached `at_least` or, by
/// default, the end of the log when the question arrived. If that takes longer than `wait_ms`, the config's
/// `on_stale` decides and `stale` is true.
#[utoipa::path(post, path = "/v1/tasks/{task}/gate", tag = "gate", params(("task" = String, Path), Caller),
    request_body = GateRequest, responses(
    (status = 200, description = "The verdict: `allow`, `warn` or `block`", body = GateResponse),
    (status = 404, description = "No event of this task is known", body = Problem),
))]
pub(crate) async fn gate(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Json<GateResponse>> {
    let mut request: GateRequest = body.parse()?;
    request.producer = request.producer.or(caller.producer);
    body.grant().producer(request.producer.as_deref())?;
    let tenant = tenant(caller.tenant.as_deref());
    Ok(Json(app.ledger.gate().ask(tenant, &task, &request).await?))
}

async fn command(
    app: &App,
    caller: &Caller,
    body: &JsonText,
    kind: &str,
    given: &[(&str, &str)],
) -> Handled<Response> {
    let defaults: Defaults = defaults(caller.tenant.as_deref(), caller.producer.as_deref())?;
    let submitted =
        Submitted::from_command(body.as_str(), kind, given, &defaults).map_err(|error| of_field(&error))?;
    let events = vec![ReadEvent::Good(Box::new(submitted))];
    body.grant().may_append(&events)?;
    let appended = app.ledger.write().append(events).await;
    answer(&app.ledger, appended)
}
