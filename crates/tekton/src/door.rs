//! What every request passes: pages of any origin may ask, with a key where keys are set, for what is switched on.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN, VARY};
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

/// Answers what is asked for before a request, refuses what may not be asked, and lets pages read the answers.
pub(crate) async fn check(State(app): State<Arc<Tekton>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key("access-control-request-method");
    let mut response = if is_preflight {
        preflight(request.headers())
    } else if let Err(fault) = allowed(&app, &request) {
        fault.into_response()
    } else {
        next.run(request).await
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
pub(crate) fn key(headers: &HeaderMap) -> Option<&str> {
    let bearer = || {
        let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    headers.get("x-api-key").and_then(|key| key.to_str().ok()).or_else(bearer)
}

fn allowed(app: &Tekton, request: &Request) -> Result<(), Fault> {
    let path = request.uri().path();
    if let Some(capability) = Capability::of_path(path)
        && app.options.off.contains(&capability)
    {
        return Err(Fault::missing(format!("{} is switched off on this port", capability.as_str())));
    }
    // A socket may give its key in a message.
    let is_open = matches!(path, "/" | "/health" | "/ready" | "/api/v1/health") || path.starts_with("/ws/");
    if is_open || app.options.admits(key(request.headers())) { Ok(()) } else { Err(Fault::unauthorized()) }
}
