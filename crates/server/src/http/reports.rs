//! Reports: what tasks and the ledger used, for people, programs and spreadsheets. Each read of a task's
//! report is recorded.

use axum::extract::State;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY as POLICY, CONTENT_TYPE,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use tollgate_domain::event::ReportKind;
use tollgate_domain::money::{MoneyError, Usd};
use tollgate_projection::report::{CONTENT_SECURITY_POLICY, csv, html, ledger_csv, markdown};
use tollgate_projection::savings::Stated;
use tollgate_wire::api::{AccessList, LedgerReport, Problem, SavingsReport, TaskReport};

use super::extract::{Names, Params, Who};
use super::views::read;
use super::{App, Handled, written};
use crate::asked::{page_limit, tenant};
use crate::ledger::{AccessQuery, PeriodQuery, Reading, TotalsQuery};
use crate::problem::{Answer, INVALID};

/// The header with the position as of which a plain-text answer is true.
pub(super) const AS_OF: HeaderName = HeaderName::from_static("tollgate-as-of");

/// The addresses of what is added up over the ledger, and of who read what.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/report", get(report))
        .route("/v1/report/accesses", get(accesses))
        .route("/v1/report/savings", get(savings))
}

/// What a report has to see, and how it is shown.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportQuery {
    /// Owner of the task; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// A position returned by an append, or `tail`: the answer covers at least that position.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds (default 2000). If it is not reached in time, the
    /// request fails with `stale`.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
    /// Format of the report: `json`, `md`, `html` or `csv`.
    #[param(pattern = "^(json|md|html|csv)$")]
    format: Option<String>,
    /// If `true`, names of tasks, people and producers are replaced by pseudonyms and free text is left out.
    redact: Option<bool>,
}

/// Of which tasks, how much, and what the answer has to see.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerQuery {
    /// Only this tenant (default: all tenants).
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Maximum number of groups in each list, those with the most tokens first (1–1000, default 100). One
    /// more row sums up the rest.
    #[param(minimum = 1, maximum = 1000)]
    top: Option<usize>,
    /// Length of the periods: `hour`, `day` (default), `week` (ISO 8601) or `month`; and one dimension to group by,
    /// besides the usual ones: `component`, `team`, `user`, `task_type`, `label.KEY` or any other of an export.
    /// Separated by a comma, such as `month,team`.
    by: Option<String>,
    /// Time zone of the periods, by its IANA name, such as `Europe/Berlin` (default: the config's `reports.time_zone`).
    #[serde(alias = "zone")]
    time_zone: Option<String>,
    /// Only usage at or after this time: an RFC 3339 time on a quarter of an hour, or a date in the time zone.
    since: Option<String>,
    /// Only usage before this time, in the same form.
    until: Option<String>,
    /// As known on this UTC day: what the ledger recorded later is left out, whenever it happened (usage, corrections,
    /// other prices, bills).
    #[serde(alias = "known-on")]
    #[param(format = Date)]
    known_on: Option<String>,
    /// `json` or `csv`.
    #[param(pattern = "^(json|csv)$")]
    format: Option<String>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// Which reads of reports.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessesQuery {
    /// Only this tenant.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only this reader.
    reader: Option<String>,
    /// Only this task.
    task: Option<String>,
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

/// The formats of a budget report.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Markdown,
    Html,
    Csv,
}

impl Form {
    /// What the query says, otherwise the media type that the header lists first.
    fn of(query: Option<&str>, headers: &HeaderMap) -> Answer<Self> {
        let accepted = accepted(headers);
        match query {
            Some("json") => Ok(Self::Json),
            Some("md") => Ok(Self::Markdown),
            Some("html") => Ok(Self::Html),
            Some("csv") => Ok(Self::Csv),
            Some(other) => Err(INVALID.of_field("format", other, "must be `json`, `md`, `html` or `csv`")),
            None if accepted.starts_with("text/markdown") => Ok(Self::Markdown),
            None if accepted.starts_with("text/html") => Ok(Self::Html),
            None if accepted.starts_with("text/csv") => Ok(Self::Csv),
            None => Ok(Self::Json),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Csv => "csv",
        }
    }

    fn answer(self, report: TaskReport) -> Response {
        match self {
            Self::Json => Json(report).into_response(),
            Self::Markdown => {
                ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], markdown(&report)).into_response()
            }
            Self::Html => {
                let policy = format!("{CONTENT_SECURITY_POLICY}; frame-ancestors 'none'");
                let headers = [
                    (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
                    (POLICY, policy),
                    (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
                    (REFERRER_POLICY, "no-referrer".to_owned()),
                    (CACHE_CONTROL, "no-store".to_owned()),
                ];
                (headers, html(&report)).into_response()
            }
            Self::Csv => as_attachment("budget_report.csv", csv(&report)),
        }
    }
}

/// The media type that a request accepts first.
pub(super) fn accepted(headers: &HeaderMap) -> &str {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default()
}

/// CSV as a file download.
fn as_attachment(name: &str, csv: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, csv).into_response()
}

/// The budget report of a task
///
/// Returns JSON or, with `format=` or `Accept:`, Markdown, a self-contained HTML page, or CSV with one row
/// per execution. The read is recorded: who (header `tollgate-reader`), what and when.
#[utoipa::path(get, path = "/v1/tasks/{task}/report", tag = "views", params(("task" = String, Path), ReportQuery),
    responses(
    (status = 200, description = "The report", body = TaskReport),
    (status = 404, description = "No event of this task is known", body = Problem),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn task_report(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(query): Params<ReportQuery>,
    who: Who,
    headers: HeaderMap,
) -> Handled<Response> {
    let form = Form::of(query.format.as_deref(), &headers)?;
    let redacted = query.redact == Some(true);
    let read = read(query.at_least, query.wait_ms)?;
    let tenant = tenant(query.tenant.as_deref());
    let report = app.ledger.ask().task_report(tenant, &task, redacted, &read).await?;
    app.ledger.operate().note_read(tenant, &task, who.reading(ReportKind::Task, form.word(), redacted));
    Ok(form.answer(report))
}

/// Explain a task's status
///
/// The read is recorded.
#[utoipa::path(get, path = "/v1/tasks/{task}/explain", tag = "views", params(("task" = String, Path), ReportQuery),
    responses(
    (status = 200, description = "The story in sentences, true as of the position in the header", body = String,
        content_type = "text/plain", headers(("tollgate-as-of" = String))),
    (status = 404, description = "No event of this task is known", body = Problem),
))]
pub(crate) async fn explain(
    State(app): State<App>,
    Names(task): Names<String>,
    Params(query): Params<ReportQuery>,
    who: Who,
) -> Handled<Response> {
    let redacted = query.redact == Some(true);
    let read = read(query.at_least, query.wait_ms)?;
    let tenant = tenant(query.tenant.as_deref());
    let (story, as_of) = app.ledger.ask().explain(tenant, &task, redacted, &read).await?;
    app.ledger.operate().note_read(tenant, &task, who.reading(ReportKind::Story, "text", redacted));
    Ok(([(AS_OF, as_of)], story).into_response())
}

/// Totals of the ledger
///
/// Covers one tenant or all, and optionally a time range. Returns JSON or, with `format=csv` or `Accept:
/// text/csv`, CSV with one row per group. Hours, days, weeks and months follow a time zone, and each set adds
/// up to the total. Reads are not recorded: the totals name no task and are meant to be polled.
#[utoipa::path(get, path = "/v1/report", tag = "views", params(LedgerQuery), responses(
    (status = 200, description = "Totals overall and by period, model, provider, producer, phase and tier", body = LedgerReport),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn report(
    State(app): State<App>,
    Params(query): Params<LedgerQuery>,
    headers: HeaderMap,
) -> Handled<Response> {
    let LedgerQuery { tenant, top, by, time_zone, since, until, known_on, format, at_least, wait_ms } = query;
    let as_csv = match format.as_deref() {
        None => accepted(&headers).starts_with("text/csv"),
        Some("json") => false,
        Some("csv") => true,
        Some(other) => return Err(INVALID.of_field("format", other, "must be `json` or `csv`").into()),
    };
    let top = top.unwrap_or(100);
    if top == 0 || top > 1000 {
        return Err(INVALID.of_field("top", &top.to_string(), "must be 1 to 1000").into());
    }
    let read = read(at_least, wait_ms)?;
    let period = PeriodQuery { by, time_zone, since, until };
    let asked = TotalsQuery { tenant, top, period, known_on };
    let report = app.ledger.ask().ledger_report(&asked, &read).await?;
    if as_csv {
        Ok(as_attachment("ledger_report.csv", ledger_csv(&report)))
    } else {
        written(&app, report).await
    }
}

/// What the stop-loss cost, which no log knows.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavingsQuery {
    /// Owner of the tasks; without it, all tasks count.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// What it cost to build in and run, in US dollars, over the time that the ledger covers: without it there is no
    /// return on investment.
    cost_usd: Option<String>,
    /// What people's time costs for each interruption of a task that was all right, in US dollars (default 0).
    interruption_usd: Option<String>,
    /// A position returned by an append, or `tail`: the answer covers at least that position.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds (default 2000). If it is not reached in time, the
    /// request fails with `stale`.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// What the stop-loss saved
///
/// By class (complexity × importance): tasks that the gate could not block compared with those that it could;
/// stopped tasks and what was spent on them; what was avoided, as a range with its assumption; and what that
/// returned for what it cost. `not enough data` replaces a number if the sample is too small. Names no task.
#[utoipa::path(get, path = "/v1/report/savings", tag = "views", params(SavingsQuery), responses(
    (status = 200, description = "The comparison", body = SavingsReport),
    (status = 400, description = "A parameter has another form", body = Problem),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn savings(
    State(app): State<App>,
    Params(query): Params<SavingsQuery>,
) -> Handled<Response> {
    let SavingsQuery { tenant, cost_usd, interruption_usd, at_least, wait_ms } = query;
    let read = read(at_least, wait_ms)?;
    let cost = cost_usd.map(|text| stated_usd("cost_usd", &text)).transpose()?;
    let interruption = interruption_usd.map(|text| stated_usd("interruption_usd", &text)).transpose()?;
    let stated = Stated { cost, interruption: interruption.unwrap_or_default() };
    written(&app, app.ledger.ask().savings(tenant.as_deref(), stated, &read).await?).await
}

fn stated_usd(field: &str, text: &str) -> Answer<Usd> {
    let read: Result<Usd, MoneyError> = text.parse();
    let usd = read.map_err(|error| INVALID.of_field(field, text, &error.to_string()))?;
    if usd < Usd::ZERO {
        return Err(INVALID.of_field(field, text, "must not be negative"));
    }
    Ok(usd)
}

/// Who read which report, and when
///
/// Newest first.
#[utoipa::path(get, path = "/v1/report/accesses", tag = "views", params(AccessesQuery), responses(
    (status = 200, description = "The reads", body = AccessList),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn accesses(
    State(app): State<App>,
    Params(query): Params<AccessesQuery>,
) -> Handled<Response> {
    let limit = page_limit(query.limit)?;
    let AccessesQuery { tenant, reader, task, at_least, wait_ms, .. } = query;
    let read = read(at_least, wait_ms)?;
    written(&app, app.ledger.operate().accesses(AccessQuery { tenant, reader, task, limit }, &read).await?)
        .await
}

impl Who {
    fn reading(self, report: ReportKind, format: &'static str, redacted: bool) -> Reading {
        Reading { report, format, redacted, reader: self.reader, address: self.address }
    }
}
