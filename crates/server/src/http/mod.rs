//! The HTTP API under `/v1`: JSON in, JSON out, problems as problem+json.

mod access;
mod alerts;
mod allocations;
mod beside;
mod bills;
mod body;
mod budgets;
mod deliveries;
mod events;
mod extract;
mod follow;
mod govern;
mod guard;
mod identity;
mod keys;
mod mcp;
mod messages;
mod money;
mod observe;
mod openapi;
mod operate;
mod price_decisions;
mod prices;
mod proxies;
mod quarantine;
mod reports;
mod tasks;
pub(crate) mod usage;
mod views;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tollgate_domain::key::KeyRing;
use tollgate_wire::api::{HealthCheck, Problem};
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use beside::bounded;
pub use guard::Hosts;
pub use mcp::catalogue;
pub use openapi::document;
pub use proxies::{InvalidNetwork, Network, Proxies};

use self::access::Rates;
use crate::edge::{ConnectionLimits, Edge};
use crate::jwt::Jwt;
use crate::ledger::Ledger;
use crate::problem::{INTERNAL, METHOD, NOT_FOUND};

/// Largest body of a request, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// What every handler is given.
#[derive(Clone)]
pub struct App {
    /// The ledger.
    pub ledger: Arc<Ledger>,
    /// Names under which the API may be addressed.
    pub hosts: Arc<Hosts>,
    /// What its connections share.
    pub edge: Arc<Edge>,
    /// Whether requests need a key, once there is one.
    asks_for_keys: bool,
    /// Whose tokens are taken beside keys.
    jwt: Option<Arc<Jwt>>,
    /// How many requests each key sends.
    rates: Arc<Rates>,
    /// The proxies that say from where requests come.
    proxies: Arc<Proxies>,
}

impl App {
    /// With its own edge.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>, hosts: Hosts, limits: ConnectionLimits) -> Self {
        let edge = Arc::new(Edge::new(limits, ledger.metrics()));
        Self {
            ledger,
            hosts: Arc::new(hosts),
            edge,
            asks_for_keys: true,
            jwt: None,
            rates: Arc::default(),
            proxies: Arc::default(),
        }
    }

    /// Behind proxies whose word is taken.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> Self {
        Self { proxies: Arc::new(proxies), ..self }
    }

    /// With tokens beside keys. Without either nobody is answered but who asks for health, from the beginning on.
    #[must_use]
    pub fn with_tokens(self, jwt: Option<Arc<Jwt>>) -> Self {
        Self { jwt, ..self }
    }

    /// Whether requests need a key or a token.
    pub(crate) fn is_closed(&self, ring: &KeyRing) -> bool {
        ring.is_closed() || self.jwt.is_some()
    }

    /// Whether tokens can be checked; `None`: none are taken.
    pub(crate) fn tokens_check(&self) -> Option<HealthCheck> {
        self.jwt.as_ref().map(|jwt| jwt.check())
    }

    /// For requests that come from this process, on behalf of clients of another door.
    #[must_use]
    pub fn in_process(&self) -> Self {
        Self { hosts: Arc::default(), ..self.clone() }
    }

    /// Without keys: for whoever runs in this process, and so has the log itself.
    #[must_use]
    pub fn without_keys(self) -> Self {
        Self { asks_for_keys: false, ..self }
    }
}

/// The whole API.
pub fn router(app: App) -> Router {
    checked(operations().route("/mcp", mcp::route()), app)
}

/// All addresses but those in front of others.
fn operations() -> Router<App> {
    Router::new()
        .route("/v1/events", post(events::append))
        .route("/v1/events/find", post(events::find))
        .route("/v1/tasks", get(views::tasks).post(tasks::open))
        .route("/v1/tasks/{task}", get(views::task))
        .route("/v1/tasks/{task}/close", post(tasks::close))
        .route("/v1/tasks/{task}/phases", post(tasks::start_phase))
        .route("/v1/tasks/{task}/phases/{phase}/end", post(tasks::end_phase))
        .route("/v1/tasks/{task}/phases/{phase}/explanation", post(tasks::explain_phase))
        .route("/v1/tasks/{task}/overrides", post(tasks::grant_override))
        .route("/v1/tasks/{task}/importance", post(tasks::change_importance))
        .route("/v1/tasks/{task}/mark", post(tasks::mark))
        .route("/v1/tasks/{task}/gate", post(tasks::gate))
        .route("/v1/tasks/{task}/report", get(reports::task_report))
        .route("/v1/tasks/{task}/explain", get(reports::explain))
        .route("/v1/limits", get(views::limits))
        .route("/v1/prices", get(prices::list))
        .route("/v1/prices/quote", get(prices::quote))
        .merge(budgets::routes())
        .route("/v1/usage", get(usage::list))
        .route("/v1/usage/summary", get(usage::summary))
        .merge(price_decisions::routes())
        .merge(reports::routes())
        .route("/v1/report/focus", get(money::focus))
        .route("/v1/report/export", get(money::export))
        .route("/v1/bills", post(bills::record))
        .route("/v1/bills/compare", get(bills::compare))
        .merge(alerts::routes())
        .route("/v1/alerts/stream", get(follow::stream))
        .route("/v1/alerts/deliveries", get(deliveries::list))
        .route("/v1/alerts/{id}/resend", post(deliveries::resend))
        .merge(quarantine::routes())
        .merge(keys::routes())
        .route("/v1/position", get(operate::position))
        .route("/v1/log", get(operate::log))
        .route("/v1/health", get(operate::health))
        .route("/v1/health/budgets", get(govern::budgets))
        .route("/v1/breaker", get(govern::breaker))
        .route("/v1/breaker/reset", post(govern::reset))
        .route("/v1/ready", get(operate::health))
        .route("/v1/config", get(operate::config))
        .route("/v1/config/reload", post(operate::reload))
        .route("/v1/views/{view}/rebuild", post(operate::rebuild))
        .route("/v1/openapi.json", get(openapi::serve))
        .route("/metrics", get(operate::metrics))
}

/// Addresses with what every request passes.
fn checked(addresses: Router<App>, app: App) -> Router {
    addresses
        .fallback(|uri: axum::http::Uri| async move {
            Refusal(
                NOT_FOUND.with(format!("`{}`: no such address; GET /v1/openapi.json lists all", uri.path())),
            )
        })
        .method_not_allowed_fallback(|method: axum::http::Method, uri: axum::http::Uri| async move {
            Refusal(
                METHOD.with(format!(
                    "method {method} is not allowed on `{}`; GET /v1/openapi.json lists the methods of each address",
                    uri.path()
                )),
            )
        })
        .layer(from_fn_with_state(app.clone(), access::check))
        .layer(from_fn_with_state(app.clone(), identity::check))
        .layer(from_fn_with_state(app.clone(), guard::check))
        .layer(CatchPanicLayer::custom(|_| {
            Refusal(INTERNAL.with("a handler panicked; the log is as it was, see the server's own log"))
                .into_response()
        }))
        .layer(from_fn_with_state(app.clone(), observe::measure))
        .with_state(app)
}

/// A problem as an answer.
pub(crate) struct Refusal(pub(crate) Box<Problem>);

impl From<Box<Problem>> for Refusal {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem holds only strings and numbers.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response();
        if self.0.retryable && matches!(self.0.status, 429 | 503 | 507) {
            response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("1"));
        }
        response
    }
}

pub use tollgate_projection::report::path_segment;

/// A possibly large answer as JSON: it is serialized where answers over many rows are computed.
pub(crate) async fn written<T: Serialize + Send + 'static>(app: &App, answer: T) -> Handled<Response> {
    Ok(app.ledger.ask().make(move || Json(answer).into_response()).await?)
}

/// What a handler returns.
pub(crate) type Handled<T> = Result<T, Refusal>;
