//! Questions to the views.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_wire::api::{LimitsResponse, Problem, TaskList, TaskStatus};

use super::extract::{Names, Params};
use super::{App, Handled, written};
use crate::ledger::{ListQuery, Read};
use crate::problem::{Answer, INVALID};

/// Longest wait that a question may ask for.
const MAX_WAIT_MS: u64 = 60_000;

/// What a question has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskQuery {
    /// Owner of the task; `default`.
    pub(super) tenant: Option<String>,
    /// A position that an append gave, or `tail`: the answer then covers at least that.
    pub(super) at_least: Option<String>,
    /// How long to wait for that, in milliseconds; 2000. Past it the answer is the problem `stale`.
    pub(super) wait_ms: Option<u64>,
}

/// Which tasks, and what the answer has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct TasksQuery {
    /// Owner of the tasks; `default`.
    tenant: Option<String>,
    /// Tasks behind this one: the `next` of the page before.
    after: Option<String>,
    /// At most so many, up to 1000; 100.
    limit: Option<usize>,
    /// Only `implicit`, `open`, `completed`, `cancelled` or `abandoned` ones.
    stage: Option<String>,
    /// A position, or `tail`.
    at_least: Option<String>,
    /// How long to wait for that, in milliseconds.
    wait_ms: Option<u64>,
}

/// The tiers of a task that is not opened yet.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsQuery {
    /// Tiny, Small, Medium or Large; Medium.
    complexity: Option<String>,
    /// low, medium, high or critical; medium.
    importance: Option<String>,
    /// The task's own factor.
    multiplier: Option<String>,
    /// Phases that are completed, with commas between: what remains is over the others.
    completed: Option<String>,
}

/// List tasks
#[utoipa::path(get, path = "/v1/tasks", tag = "views", params(TasksQuery), responses(
    (status = 200, description = "A page of tasks, in the order of their ids", body = TaskList),
    (status = 503, description = "The view is behind", body = Problem),
))]
pub(crate) async fn tasks(
    State(app): State<App>,
    Params(query): Params<TasksQuery>,
) -> Handled<Response> {
    let limit = query.limit.unwrap_or(100);
    if limit == 0 || limit > 1000 {
        return Err(INVALID.of_field("limit", &limit.to_string(), "must be 1 to 1000").into());
    }
    let list = ListQuery {
        tenant: query.tenant.unwrap_or_else(|| "default".to_owned()),
        after: query.after,
        stage: query.stage,
        limit,
    };
    let read = read(query.at_least, query.wait_ms)?;
    written(&app, app.ledger.tasks(&list, &read).await?).await
}

/// Where a task stands
#[utoipa::path(get, path = "/v1/tasks/{task}", tag = "views", params(("task" = String, Path), TaskQuery), responses(
    (status = 200, description = "Where it stands", body = TaskStatus),
    (status = 404, description = "No event of this task", body = Problem),
    (status = 503, description = "The view is behind", body = Problem),
))]
pub(crate) async fn task(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(query): Params<TaskQuery>,
) -> Handled<Json<TaskStatus>> {
    let read = read(query.at_least, query.wait_ms)?;
    Ok(Json(app.ledger.task_status(tenant(&query.tenant), &task, &read).await?))
}

/// The limits a task would have
#[utoipa::path(get, path = "/v1/limits", tag = "views", params(LimitsQuery), responses(
    (status = 200, description = "Every phase with its factors, and the totals", body = LimitsResponse),
    (status = 400, description = "No such tier", body = Problem),
))]
pub(crate) async fn limits(
    State(app): State<App>,
    Params(query): Params<LimitsQuery>,
) -> Handled<Json<LimitsResponse>> {
    let LimitsQuery { complexity, importance, multiplier, completed } = query;
    let [complexity, importance, multiplier, completed] =
        [&complexity, &importance, &multiplier, &completed].map(Option::as_deref);
    Ok(Json(app.ledger.limits(complexity, importance, multiplier, completed)?))
}

pub(super) fn tenant(named: &Option<String>) -> &str {
    named.as_deref().unwrap_or("default")
}

pub(super) fn read(at_least: Option<String>, wait_ms: Option<u64>) -> Answer<Read> {
    let mut read = Read { at_least, ..Read::default() };
    if let Some(ms) = wait_ms {
        if ms > MAX_WAIT_MS {
            return Err(INVALID.of_field("wait_ms", &ms.to_string(), "must be at most 60000"));
        }
        read.wait = Duration::from_millis(ms);
    }
    Ok(read)
}
