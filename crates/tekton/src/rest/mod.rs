//! The REST paths, under `/api` and `/api/v1`.

mod alerts;
mod allocations;
mod assistant;
mod budgets;
mod infra;
mod policies;
mod prices;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path};
use axum::http::{Method, Uri};
use axum::routing::{get, post};

use crate::app::Tekton;
use crate::door::Caller;
use crate::fault::{Answer, Fault, Handled};
use crate::fields::Fields;

pub(crate) use infra::{CAPABILITIES, DESCRIPTION, VERSION, discovery, roots};

/// What every handler is given besides the path.
pub(crate) struct Asked {
    pub(crate) app: Arc<Tekton>,
    pub(crate) query: Fields,
    pub(crate) body: Bytes,
    /// Whether the path begins with `/api/v1`: there, lists are always pages.
    pub(crate) is_v1: bool,
    /// The caller's own key for a request that may be repeated.
    pub(crate) key: Option<String>,
}

impl Asked {
    /// The body as fields.
    pub(crate) fn fields(&self) -> Handled<Fields> {
        Fields::of_body(&self.body)
    }

    /// The id of what is made: the same again for a request that is repeated under the caller's key.
    pub(crate) fn id(&self, what: &str) -> String {
        self.key.as_ref().map_or_else(crate::names::fresh, |key| crate::names::named(&[what, key]))
    }
}

impl<S: Send + Sync> axum::extract::FromRequest<S> for Asked {
    type Rejection = Fault;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Fault> {
        let (mut head, body) = request.into_parts();
        let Caller(app) = Caller::from_request_parts(&mut head, state).await?;
        let request = axum::extract::Request::from_parts(head, body);
        let query = Fields::of_query(request.uri().query().unwrap_or_default());
        let is_v1 = request.uri().path().starts_with("/api/v1/");
        let key = request.headers().get("idempotency-key").and_then(|key| key.to_str().ok());
        let key = key.map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned);
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Fault::bad(format!("the body cannot be read: {error}")))?;
        Ok(Self { app, query, body, is_v1, key })
    }
}

/// A handler that is given the request and nothing of the path.
macro_rules! plain {
    ($handler:path) => {
        |asked: Asked| async move { $handler(asked).await }
    };
}

/// A handler that is given the request and the last part of the path.
macro_rules! named {
    ($handler:path) => {
        |Path(name): Path<String>, asked: Asked| async move { $handler(asked, name).await }
    };
}

/// The paths below a prefix.
pub(crate) fn routes(prefix: &str) -> Router<Arc<Tekton>> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(&at("/budgets"), get(plain!(budgets::list)).post(plain!(budgets::make)))
        .route(&at("/budgets/summary"), get(plain!(budgets::overview)))
        .route(
            &at("/budgets/{id}"),
            get(named!(budgets::one)).put(named!(budgets::change)).delete(named!(budgets::end)),
        )
        .route(&at("/budgets/{id}/policies"), get(named!(policies::of_budget)).put(named!(policies::attach)))
        .route(&at("/budgets/{id}/allocations"), get(named!(allocations::of_budget)))
        .route(&at("/budgets/{id}/summary"), get(named!(budgets::summary)))
        .route(&at("/policies"), get(plain!(policies::list)).post(plain!(policies::make)))
        .route(
            &at("/policies/{id}"),
            get(named!(policies::one)).put(named!(policies::change)).delete(named!(policies::end)),
        )
        .route(&at("/allocations"), get(plain!(allocations::list)).post(plain!(allocations::make)))
        .route(&at("/allocations/{id}"), get(named!(allocations::one)))
        .route(&at("/allocations/context/{*context}"), get(named!(allocations::of_context)))
        .route(&at("/allocations/{id}/release"), post(named!(allocations::release)))
        .route(&at("/usage/record"), post(plain!(usage::record)))
        .route(&at("/usage/records"), get(plain!(usage::list)))
        .route(&at("/usage/records/{id}"), get(named!(usage::one)))
        .route(&at("/usage/summary"), get(plain!(usage::summaries)).post(plain!(usage::sums)))
        .route(&at("/usage/analytics"), get(plain!(usage::analytics)))
        .route(&at("/alerts"), get(plain!(alerts::list)))
        .route(&at("/alerts/check"), post(plain!(alerts::check)))
        .route(&at("/alerts/{id}"), get(named!(alerts::one)))
        .route(&at("/alerts/{id}/acknowledge"), post(named!(alerts::acknowledge)))
        .merge(priced(prefix))
}

/// Those about prices, the assistant and commands.
fn priced(prefix: &str) -> Router<Arc<Tekton>> {
    let at = |path: &str| format!("{prefix}{path}");
    let history = |Path((provider, model)): Path<(String, String)>, asked: Asked| async move {
        prices::history(asked, &provider, &model).await
    };
    Router::new()
        .route(&at("/prices"), get(plain!(prices::list)))
        .route(&at("/prices/current"), post(plain!(prices::current)))
        .route(&at("/prices/history/{provider}/{*model}"), get(history))
        .route(&at("/prices/recommendations"), post(plain!(prices::recommendations)))
        .route(&at("/prices/update"), post(plain!(prices::update)))
        .route(&at("/prices/calculate"), post(plain!(prices::calculate)))
        .route(&at("/assistant"), post(plain!(assistant::chat)))
        .route(&at("/assistant/analyze"), post(plain!(assistant::analyze)))
        .route(&at("/assistant/optimize"), post(plain!(assistant::optimize)))
        .route(&at("/assistant/recommend-model"), post(plain!(assistant::recommend)))
        .route(&at("/command"), post(plain!(assistant::command)))
        .route(&at("/command/help"), get(plain!(assistant::help)))
}

/// What is answered where there is nothing.
pub(crate) async fn nothing(uri: Uri) -> Fault {
    Fault::missing(format!("Not Found: {}", uri.path()))
}

/// What is answered to a method that a path does not have.
pub(crate) async fn no_method(method: Method, uri: Uri) -> Fault {
    Fault::of(
        axum::http::StatusCode::METHOD_NOT_ALLOWED,
        format!("Method Not Allowed: {method} {}", uri.path()),
    )
}

/// A message about something that was done.
pub(crate) fn done(message: String) -> Answer {
    Answer::ok(crate::json::object! { "message" => message, "data" => crate::json::Json::Null })
}
