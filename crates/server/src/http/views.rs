//! Queries to the views.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_domain::task::TaskStage;
use tollgate_projection::selection::{TaskFilter, TaskTime};
use tollgate_wire::api::{BudgetStatus, LimitsResponse, Problem, TaskList, TaskStatus};

use super::extract::{Names, Params, word};
use super::{App, Handled, written};
use crate::asked::{self, page_limit, tenant};
use crate::ledger::{ListQuery, Read};
use crate::problem::Answer;

/// The words of the tiers.
const COMPLEXITIES: [&str; 4] = ["Tiny", "Small", "Medium", "Large"];
const IMPORTANCES: [&str; 4] = ["low", "medium", "high", "critical"];

/// What a question has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskQuery {
    /// Owner of the task; `default`.
    #[param(min_length = 1, max_length = 64)]
    pub(super) tenant: Option<String>,
    /// A position returned by an append, or `tail`: the answer covers at least that position.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    pub(super) at_least: Option<String>,
    /// How long to wait for that position, in milliseconds (default 2000). If it is not reached in time, the
    /// request fails with `stale`.
    #[param(maximum = 60000)]
    pub(super) wait_ms: Option<u64>,
}

/// Which tasks, and what the answer has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TasksQuery {
    /// Owner of the tasks; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only tasks after this one: the `next` of the previous page.
    after: Option<String>,
    /// Maximum number to return (1–1000, default 100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Only tasks in this state: `implicit`, `open`, `completed`, `cancelled` or `abandoned`. This and the
    /// following filters take several values separated by commas.
    #[param(
        pattern = "^(implicit|open|completed|cancelled|abandoned)(,(implicit|open|completed|cancelled|abandoned))*$"
    )]
    stage: Option<String>,
    /// Only tasks with this budget status: `within`, `warning`, `exceeded`, `unknown` or `no_limits`.
    #[param(
        pattern = "^(within|warning|exceeded|unknown|no_limits)(,(within|warning|exceeded|unknown|no_limits))*$"
    )]
    status: Option<String>,
    /// Only tasks of this complexity: `Tiny`, `Small`, `Medium` or `Large`.
    complexity: Option<String>,
    /// Only tasks of this current importance: `low`, `medium`, `high` or `critical`.
    importance: Option<String>,
    /// Only tasks that this producer opened.
    producer: Option<String>,
    /// Only tasks whose time is at or after this one: an RFC 3339 time, or a date in UTC.
    since: Option<String>,
    /// Only tasks whose time is before this one, in the same form.
    until: Option<String>,
    /// Which time `since` and `until` apply to: `opened` (default), or that of the `last` event.
    #[param(pattern = "^(opened|last)$")]
    by: Option<String>,
    /// Whether to include totals over all matching tasks, on every page. Default: only on the first page, and
    /// only if there is a filter.
    summary: Option<bool>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// The tiers of a task that is not opened yet.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsQuery {
    /// `Tiny`, `Small`, `Medium` (default) or `Large`.
    complexity: Option<String>,
    /// `low`, `medium` (default), `high` or `critical`.
    importance: Option<String>,
    /// The task's own factor.
    multiplier: Option<String>,
    /// Completed phases, separated by commas; the remaining totals cover the other phases.
    completed: Option<String>,
}

/// List tasks
///
/// Tasks that match every filter, ordered by id. `next` is the id of the last task on the page, so tasks
/// opened or changed meanwhile do not shift the pages.
#[utoipa::path(get, path = "/v1/tasks", tag = "views", params(TasksQuery), responses(
    (status = 200, description = "A page of tasks, ordered by id", body = TaskList),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn tasks(State(app): State<App>, Params(query): Params<TasksQuery>) -> Handled<Response> {
    let limit = page_limit(query.limit)?;
    let filter = filter(&query)?;
    let summed = query.summary.unwrap_or(query.after.is_none() && !filter.is_empty());
    let tenant = query.tenant.unwrap_or_else(|| "default".to_owned());
    let list = ListQuery { tenant, after: query.after, filter, summed, limit };
    let read = read(query.at_least, query.wait_ms)?;
    written(&app, app.ledger.ask().tasks(&list, &read).await?).await
}

fn filter(query: &TasksQuery) -> Handled<TaskFilter> {
    let own = |word: &str| Some(word.to_owned());
    let known =
        |names: &'static [&'static str]| move |word: &str| names.contains(&word).then(|| word.to_owned());
    let time =
        |field: &str, text: &Option<String>| text.as_deref().map(|text| asked::time(field, text)).transpose();
    Ok(TaskFilter {
        stages: words("stage", query.stage.as_deref(), TaskStage::NAMES, known(TaskStage::NAMES))?,
        statuses: words("status", query.status.as_deref(), BudgetStatus::NAMES, known(BudgetStatus::NAMES))?,
        complexities: words("complexity", query.complexity.as_deref(), &COMPLEXITIES, |word| {
            word.parse().ok()
        })?,
        importances: words("importance", query.importance.as_deref(), &IMPORTANCES, |word| {
            word.parse().ok()
        })?,
        producers: words("producer", query.producer.as_deref(), &[], own)?,
        by: word("by", query.by.as_deref(), &TaskTime::NAMES, TaskTime::from_word)?.unwrap_or_default(),
        since: time("since", &query.since)?,
        until: time("until", &query.until)?,
    })
}

/// Comma-separated words, each from a fixed set.
fn words<T>(
    field: &str,
    text: Option<&str>,
    names: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Handled<Vec<T>> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let read = |part: &str| word(field, Some(part.trim()), names, &read);
    Ok(text.split(',').map(read).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The status of a task
#[utoipa::path(get, path = "/v1/tasks/{task}", tag = "views", params(("task" = String, Path), TaskQuery), responses(
    (status = 200, description = "The task's status", body = TaskStatus),
    (status = 404, description = "No event of this task is known", body = Problem),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn task(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(query): Params<TaskQuery>,
) -> Handled<Json<TaskStatus>> {
    let read = read(query.at_least, query.wait_ms)?;
    Ok(Json(app.ledger.ask().task_status(tenant(query.tenant.as_deref()), &task, &read).await?))
}

/// The limits a task would have
#[utoipa::path(get, path = "/v1/limits", tag = "views", params(LimitsQuery), responses(
    (status = 200, description = "The limits of every phase with their factors, and totals", body = LimitsResponse),
    (status = 400, description = "Unknown tier", body = Problem),
))]
pub(crate) async fn limits(
    State(app): State<App>,
    Params(query): Params<LimitsQuery>,
) -> Handled<Json<LimitsResponse>> {
    let LimitsQuery { complexity, importance, multiplier, completed } = query;
    let [complexity, importance, multiplier, completed] =
        [&complexity, &importance, &multiplier, &completed].map(Option::as_deref);
    Ok(Json(app.ledger.ask().limits(complexity, importance, multiplier, completed)?))
}

pub(super) fn read(at_least: Option<String>, wait_ms: Option<u64>) -> Answer<Read> {
    asked::reading(at_least, wait_ms)
}
