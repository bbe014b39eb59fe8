//! Usage, one by one and added up.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use tollgate_domain::budget::{InvalidScope, Scope};
use tollgate_wire::api::{Problem, UsageList, UsageSummary};

use super::extract::Params;
use super::views::read;
use super::{App, Handled, written};
use crate::asked::{page_limit, tenant};
use crate::ledger::{PeriodQuery, Read, SummaryQuery, UsageQuery};
use crate::problem::{Answer, INVALID};

/// Which usage records.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordsParams {
    /// Owner of the tasks; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only usage of this part of a producer.
    component: Option<String>,
    /// Only usage with this label `team`.
    team: Option<String>,
    /// Only usage with this label `user`.
    user: Option<String>,
    /// Only usage with this label `task_type`.
    task_type: Option<String>,
    /// Only usage of models of this tier: `local_lightweight`, `local_midweight` or `remote_heavyweight`.
    tier: Option<String>,
    /// Only usage of this provider.
    provider: Option<String>,
    /// Only usage of this model.
    model: Option<String>,
    /// Only usage of this task.
    task: Option<String>,
    /// Only usage of this phase of its task.
    phase: Option<String>,
    /// Only usage of this session: its label `session`, or without one its task.
    session: Option<String>,
    /// Further values as a JSON object, such as `{"label.branch": "main"}`.
    scope: Option<String>,
    /// Only usage of this allocation.
    allocation: Option<String>,
    /// Only usage that happened at or after this time: an RFC 3339 time, or a date in the config's time zone.
    since: Option<String>,
    /// Only usage that happened before this time, in the same form.
    until: Option<String>,
    /// Only usage recorded before: the `next` of the previous page.
    before: Option<String>,
    /// Maximum number to return (1–1000, default 100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Which sums of usage.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SummaryParams {
    /// Owner of the tasks; `default`.
    #[param(min_length = 1, max_length = 64)]
    tenant: Option<String>,
    /// Only usage of this part of a producer.
    component: Option<String>,
    /// Only usage with this label `team`.
    team: Option<String>,
    /// Only usage with this label `user`.
    user: Option<String>,
    /// Only usage with this label `task_type`.
    task_type: Option<String>,
    /// Only usage of models of this tier: `local_lightweight`, `local_midweight` or `remote_heavyweight`.
    tier: Option<String>,
    /// Only usage of this provider.
    provider: Option<String>,
    /// Only usage of this model.
    model: Option<String>,
    /// Only usage of this task.
    task: Option<String>,
    /// Only usage of this phase of its task.
    phase: Option<String>,
    /// Only usage of this session: its label `session`, or without one its task.
    session: Option<String>,
    /// Further values as a JSON object, such as `{"label.branch": "main"}`.
    scope: Option<String>,
    /// What the usage of a group has in common: up to eight of `component`, `team`, `user`, `task_type`, `tier`,
    /// `provider`, `model`, `task`, `phase`, `session` and `label.KEY`, separated by commas. By task or session takes
    /// longer: the cells of all tasks are read.
    group_by: Option<String>,
    /// Length of the periods: `hour`, `day`, `week` (ISO 8601) or `month` (default: no periods).
    #[param(pattern = "^(hour|day|week|month)$")]
    by: Option<String>,
    /// Time zone of the periods, by its IANA name, such as `Europe/Berlin` (default: the config's `reports.time_zone`).
    time_zone: Option<String>,
    /// Only usage at or after this time: an RFC 3339 time on a quarter of an hour, or a date in the time zone.
    since: Option<String>,
    /// Only usage before this time, in the same form.
    until: Option<String>,
    /// Only groups after this one: the `next` of the previous page.
    after: Option<String>,
    /// Maximum number of groups (1–1000, default 100).
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// A position, or `tail`.
    #[param(pattern = "^(tail|[0-9a-f]{32}@([0-9]{1,2}:[0-9]{1,19}(,[0-9]{1,2}:[0-9]{1,19})*)?)$")]
    at_least: Option<String>,
    /// How long to wait for that position, in milliseconds.
    #[param(maximum = 60000)]
    wait_ms: Option<u64>,
}

/// The values of a scope that have a parameter of their own.
macro_rules! named {
    ($params:ident) => {
        named!($params: component, team, user, task_type, tier, provider, model, task, phase, session)
    };
    ($params:ident: $($name:ident),+) => {
        [$((stringify!($name), $params.$name)),+]
    };
}

/// Usage and corrections, the latest record first
#[utoipa::path(get, path = "/v1/usage", tag = "usage", params(RecordsParams), responses(
    (status = 200, description = "Records, from the end of the log backwards", body = UsageList),
    (status = 400, description = "Invalid parameter", body = Problem),
))]
pub(crate) async fn list(State(app): State<App>, Params(params): Params<RecordsParams>) -> Handled<Response> {
    written(&app, app.ledger.ask().usage_records(&params.query()?).await?).await
}

/// What usage adds up to, by groups and periods
#[utoipa::path(get, path = "/v1/usage/summary", tag = "usage", params(SummaryParams), responses(
    (status = 200, description = "Groups, and the sums over all of them", body = UsageSummary),
    (status = 400, description = "Invalid parameter", body = Problem),
    (status = 503, description = "The view is behind the requested position", body = Problem),
))]
pub(crate) async fn summary(
    State(app): State<App>,
    Params(params): Params<SummaryParams>,
) -> Handled<Response> {
    let (query, read) = params.query()?;
    written(&app, app.ledger.ask().usage_summary(&query, &read).await?).await
}

impl RecordsParams {
    /// What is asked, over HTTP and NATS.
    pub(crate) fn query(self) -> Answer<UsageQuery> {
        let scope = scope(named!(self), self.scope.as_deref())?;
        Ok(UsageQuery {
            tenant: tenant(self.tenant.as_deref()).to_owned(),
            scope,
            allocation: self.allocation,
            since: self.since,
            until: self.until,
            before: self.before,
            limit: page_limit(self.limit)?,
        })
    }
}

impl SummaryParams {
    /// What is asked, over HTTP and NATS.
    pub(crate) fn query(self) -> Answer<(SummaryQuery, Read)> {
        let scope = scope(named!(self), self.scope.as_deref())?;
        let Self { by, time_zone, since, until, .. } = self;
        let query = SummaryQuery {
            tenant: tenant(self.tenant.as_deref()).to_owned(),
            scope,
            group_by: self.group_by,
            period: PeriodQuery { by, time_zone, since, until },
            after: self.after,
            limit: page_limit(self.limit)?,
        };
        Ok((query, read(self.at_least, self.wait_ms)?))
    }
}

/// The values that are given by name, and those of a JSON object.
fn scope(named: [(&str, Option<String>); 10], further: Option<&str>) -> Answer<Scope> {
    let further: BTreeMap<String, String> = match further {
        Some(text) => serde_json::from_str(text).map_err(|_| {
            let rule = r#"must be a JSON object of texts, such as {"label.branch": "main"}"#;
            INVALID.of_field("scope", text, rule)
        })?,
        None => BTreeMap::new(),
    };
    let named = named.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let further = further.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Scope::new(named.chain(further)).map_err(|error: InvalidScope| INVALID.with(error.to_string()))
}
