//! What usage cost, line by line: exports for accounting, sent as they are written.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use tollgate_wire::api::{MoneyExport, Problem};

use super::extract::Params;
use super::reports::{AS_OF, accepted};
use super::views::read;
use super::{App, Handled, written};
use crate::ledger::{ExportQuery, FocusQuery, PeriodQuery};
use crate::problem::INVALID;

/// Which charges.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FocusParams {
    /// Only this tenant (default: all tenants, each a sub account).
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only usage at or after this time: an RFC 3339 time on a quarter of an hour, or a date in the time zone.
    #[serde(alias = "from")]
    since: Option<String>,
    /// Only usage before this time, in the same form.
    #[serde(alias = "to")]
    until: Option<String>,
    /// Time zone whose days are charge periods and whose months are billing periods (default: the config's
    /// `reports.time_zone`). All times in the rows are in UTC.
    #[serde(alias = "zone")]
    time_zone: Option<String>,
    /// The billing account of all charges (default: `tollgate`).
    billing_account: Option<String>,
    /// What to divide charges by further and to show as tags, separated by commas: `labels` (all of them, the default),
    /// `team`, `user`, `label.KEY`, `producer`, `complexity` or any other dimension of an export; `none` for no tags.
    tags: Option<String>,
    /// As known on this UTC day: what the ledger recorded later is left out, whenever it happened (usage, corrections,
    /// other prices, bills).
    #[serde(alias = "known-on")]
    #[param(format = Date)]
    known_on: Option<String>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// Which lines.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportParams {
    /// Only this tenant (default: all tenants).
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// What lines are told apart by, separated by commas: `tenant`, `producer`, `component`, `provider`, `model`,
    /// `tier`, `service_tier`, `phase`, `complexity`, `importance`, `price_version`, `corrects`, `recorded_on`,
    /// `team`, `user`, `task_type`, `label.KEY`, or `labels` for all labels (default: `tenant,provider,model`, or
    /// those of `by`).
    dimensions: Option<String>,
    /// Only usage with these values, such as `provider=anthropic`; several separated by commas.
    only: Option<String>,
    /// Length of the periods: `hour`, `day` (default), `week` (ISO 8601), `month`, or `none` for the time
    /// range as a whole; and dimensions, such as `month,team`. With dimensions alone there are no periods.
    by: Option<String>,
    /// Only usage at or after this time: an RFC 3339 time on a quarter of an hour, or a date in the time zone.
    #[serde(alias = "from")]
    since: Option<String>,
    /// Only usage before this time, in the same form.
    #[serde(alias = "to")]
    until: Option<String>,
    /// Time zone of the periods (default: the config's `reports.time_zone`).
    #[serde(alias = "zone")]
    time_zone: Option<String>,
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

/// Charges in the format of FOCUS 1.2
///
/// CSV of the dataset "Cost and Usage": a row is a charge of a tenant on a day for a model, divided by kind of
/// tokens where the prices prove how. The billed costs add up to the ledger's cost exactly. Sent as it is
/// written; the position that it covers is in the header `tollgate-as-of`.
#[utoipa::path(get, path = "/v1/report/focus", tag = "views", params(FocusParams), responses(
    (status = 200, description = "The charges", body = String, content_type = "text/csv",
        headers(("tollgate-as-of" = String))),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn focus(State(app): State<App>, Params(query): Params<FocusParams>) -> Handled<Response> {
    let FocusParams { tenant, since, until, time_zone, billing_account, tags, known_on, at_least, wait_ms } =
        query;
    let period = PeriodQuery { by: None, time_zone, since, until };
    let asked = FocusQuery { tenant, billing_account, tags, period, known_on };
    let export = app.ledger.ask().focus(&asked, &read(at_least, wait_ms)?).await?;
    let as_of = export.as_of().to_string();
    let parts = unfold(export, |mut export| async { Some((export.next_csv()?, export)) });
    Ok(as_file("focus.csv", as_of, parts))
}

/// Usage and money by any dimensions
///
/// Lines by period and the named dimensions, which add up to the ledger's totals. Returns JSON or, with
/// `format=csv` or `Accept: text/csv`, CSV that is sent as it is written.
#[utoipa::path(get, path = "/v1/report/export", tag = "views", params(ExportParams), responses(
    (status = 200, description = "The lines", body = MoneyExport),
    (status = 503, description = "The view has not reached the requested position", body = Problem),
))]
pub(crate) async fn export(
    State(app): State<App>,
    Params(query): Params<ExportParams>,
    headers: HeaderMap,
) -> Handled<Response> {
    let as_csv = match query.format.as_deref() {
        None => accepted(&headers).starts_with("text/csv"),
        Some("json") => false,
        Some("csv") => true,
        Some(other) => return Err(INVALID.of_field("format", other, "must be `json` or `csv`").into()),
    };
    let ExportParams {
        tenant,
        dimensions,
        only,
        by,
        since,
        until,
        time_zone,
        known_on,
        at_least,
        wait_ms,
        ..
    } = query;
    let period = PeriodQuery { by, time_zone, since, until };
    let asked = ExportQuery { tenant, dimensions, only, period, known_on };
    let lines = app.ledger.ask().export(&asked, &read(at_least, wait_ms)?).await?;
    if !as_csv {
        let answer = app.ledger.ask().make(move || lines.answer()).await?;
        return written(&app, answer).await;
    }
    let as_of = lines.as_of().to_string();
    let parts = unfold(lines, |mut lines| async { Some((lines.next_csv()?, lines)) });
    Ok(as_file("export.csv", as_of, parts))
}

/// CSV as a file download, part by part.
fn as_file(
    name: &str,
    as_of: String,
    parts: impl futures_util::Stream<Item = Vec<u8>> + Send + 'static,
) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (AS_OF, as_of),
    ];
    let parts = futures_util::StreamExt::map(parts, Ok::<_, Infallible>);
    (headers, Body::from_stream(parts)).into_response()
}
