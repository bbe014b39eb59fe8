//! What every request passes: pages of any origin may ask, with a key of the ledger once it has one, for what is
//! switched on.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::Tekton;
use crate::fault::Fault;
use crate::options::Capability;

/// The methods that pages may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS");

/// Headers that pages may send if they do not say which.
const HEADERS: HeaderValue = HeaderValue::from_static("*");

/// How long a page may remember what it may do, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// What is told to everybody.
const HEALTH: [&str; 5] = ["/health", "/ready", "/api/v1/health", "/api/mcp/health", "/api/v1/mcp/health"];

/// Who asks: everything that is asked of the ledger for this request has the caller's key.
pub(crate) struct Caller(pub(crate) Arc<Tekton>);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        // Every request passes the door.
        parts.extensions.get().map(|app| Self(Arc::clone(app))).ok_or_else(Fault::unauthorized)
    }
}

/// Answers what is asked for before a request, refuses what may not be asked, and lets pages read the answers.
pub(crate) async fn check(State(app): State<Arc<Tekton>>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let origin = head.headers.get(ORIGIN).cloned();
    let is_preflight =
        head.method == Method::OPTIONS && head.headers.contains_key("access-control-request-method");
    let mut response = if is_preflight {
        preflight(&head.headers)
    } else {
        match caller(&app, &head).await {
            Ok(caller) => {
                head.extensions.insert(caller);
                next.run(Request::from_parts(head, body)).await
            }
            Err(fault) => fault.into_response(),
        }
    };
    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert("access-control-allow-origin", origin);
        headers.insert("access-control-allow-credentials", HeaderValue::from_static("true"));
    }
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    let wanted = asked.get("access-control-request-headers").cloned();
    let headers = response.headers_mut();
    headers.insert("access-control-allow-methods", METHODS);
    headers.insert("access-control-allow-headers", wanted.unwrap_or(HEADERS));
    headers.insert("access-control-max-age", REMEMBERED);
    response
}

/// The key that a request has, in either header.
fn key(headers: &HeaderMap) -> Option<&str> {
    let bearer = || {
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    let plain = headers.get("x-api-key").and_then(|key| key.to_str().ok()).map(str::trim);
    plain.or_else(bearer).filter(|key| !key.is_empty())
}

/// Who asks, if they may: once the ledger has a key, nothing but health is told to anybody without one.
async fn caller(app: &Arc<Tekton>, head: &Parts) -> Result<Arc<Tekton>, Fault> {
    let path = head.uri.path();
    if let Some(capability) = Capability::of_path(path) {
        app.options.check(capability)?;
    }
    if HEALTH.contains(&path) {
        return Ok(Arc::clone(app));
    }
    let caller = match key(&head.headers) {
        Some(key) => app.of_caller(key)?,
        // Pages cannot send one with a socket: it has to come in its first messages.
        None if path.starts_with("/ws/") => return Ok(Arc::clone(app)),
        None => {
            let refused = |fault: Fault| if fault.is_unauthorized() { Fault::unauthorized() } else { fault };
            app.admits().await.map_err(refused)?;
            return Ok(Arc::clone(app));
        }
    };
    caller.admits().await?;
    Ok(caller)
}
