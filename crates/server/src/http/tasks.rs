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
use crate::intake::defaults;
use crate::ledger::ReadEvent;
use crate::problem::of_field;

/// Who asks, where the body does not say.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Caller {
    /// Owner of the task; `default` where neither this nor the body names one.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Who appends; the body or this has to name one.
    producer: Option<String>,
}

/// Open a task
///
/// The fields of `tollgate.v1.TaskOpened` beside `id`, `task` and `producer`. Its limits are computed now and never
/// move by a change of config.
#[utoipa::path(post, path = "/v1/tasks", tag = "tasks", params(Caller), request_body = Object, responses(
    (status = 201, description = "Opened", body = AppendResponse),
    (status = 200, description = "It was there already, from the same event", body = AppendResponse),
    (status = 409, description = "The id is taken by other content", body = Problem),
    (status = 422, description = "A rule refuses it: `task_already_open`, `unknown_phase` …", body = Problem),
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
/// The fields of `tollgate.v1.TaskClosed` beside `id` and `producer`. A phase that is active ends with it.
#[utoipa::path(post, path = "/v1/tasks/{task}/close", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Closed", body = AppendResponse),
    (status = 422, description = "A rule refuses it: `task_not_open`, `task_closed`", body = Problem),
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
/// `phase` beside `id` and `producer`. The outcome has the attempt.
#[utoipa::path(post, path = "/v1/tasks/{task}/phases", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Started", body = AppendResponse),
    (status = 422, description = "A rule refuses it: `phase_already_active`, `unknown_phase` …", body = Problem),
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
/// `attempt`, if at all, beside `id` and `producer`. The end of the last phase completes the task.
#[utoipa::path(post, path = "/v1/tasks/{task}/phases/{phase}/end", tag = "tasks",
    params(("task" = String, Path), ("phase" = String, Path), Caller), request_body = Object, responses(
    (status = 201, description = "Ended", body = AppendResponse),
    (status = 422, description = "A rule refuses it: `phase_mismatch` …", body = Problem),
))]
pub(crate) async fn end_phase(
    State(app): State<App>,
    Names((task, phase)): Names<(String, String)>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "phase_ended", &[("task", &task), ("phase", &phase)]).await
}

/// Explain what a phase used
///
/// `author` and `explanation`, and `attempt` if at all, beside `id` and `producer`. The report of the task shows it. Never
/// refused for state.
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

/// Set a limit or a block aside
///
/// The fields of `tollgate.v1.OverrideGranted` beside `id` and `producer`: what, approver, reason.
#[utoipa::path(post, path = "/v1/tasks/{task}/overrides", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Granted", body = AppendResponse),
    (status = 422, description = "A rule refuses it", body = Problem),
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
/// The fields of `tollgate.v1.ImportanceChanged` beside `id` and `producer`: to, author, reason. Its limits stay as they are.
#[utoipa::path(post, path = "/v1/tasks/{task}/importance", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Changed", body = AppendResponse),
    (status = 422, description = "A rule refuses it: `importance_mismatch`, `importance_unchanged`", body = Problem),
))]
pub(crate) async fn change_importance(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Response> {
    command(&app, &caller, &body, "importance_changed", &[("task", &task)]).await
}

/// Judge a task that the gate warned of or blocked
///
/// The fields of `tollgate.v1.TaskMarked` beside `id` and `producer`: mark (`legitimate` or `runaway`), author, reason. The latest mark
/// counts, also of a closed task.
#[utoipa::path(post, path = "/v1/tasks/{task}/mark", tag = "tasks", params(("task" = String, Path), Caller),
    request_body = Object, responses(
    (status = 201, description = "Marked", body = AppendResponse),
    (status = 422, description = "A rule refuses it: `task_not_stopped`", body = Problem),
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
/// The answer is recorded before it is given. It is based on a view that has seen `at_least`, and without that the log's end as of the question;
/// where that takes longer than `wait_ms` the config's `on_stale` answers, and `stale` is true.
#[utoipa::path(post, path = "/v1/tasks/{task}/gate", tag = "gate", params(("task" = String, Path), Caller),
    request_body = GateRequest, responses(
    (status = 200, description = "The verdict: `allow`, `warn` or `block`", body = GateResponse),
    (status = 404, description = "No event of this task", body = Problem),
))]
pub(crate) async fn gate(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(caller): Params<Caller>,
    body: JsonText,
) -> Handled<Json<GateResponse>> {
    let mut request: GateRequest = body.parse()?;
    request.producer = request.producer.or(caller.producer);
    let tenant = caller.tenant.as_deref().unwrap_or("default");
    Ok(Json(app.ledger.gate(tenant, &task, &request).await?))
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
    let appended = app.ledger.append(vec![ReadEvent::Good(Box::new(submitted))]).await;
    answer(&app.ledger, appended)
}
