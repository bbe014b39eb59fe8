//! The protocol over HTTP: one request, one answer, no sessions.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use rmcp::model::ErrorCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use serde_json::{Value, json};

use super::Server;
use crate::api::Api;
use crate::tool::{Catalogue, Unsaid};

/// Answers messages that come as bodies of HTTP requests, of any revision of the protocol. Who may address it, from
/// which page and with which key has to be checked before: it looks at neither.
#[derive(Clone)]
pub struct Door {
    service: StreamableHttpService<Server, NeverSessionManager>,
}

impl Door {
    /// A door to an API. Nothing is kept between two requests, so any server of a ledger can answer each.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, api: Arc<dyn Api>) -> Self {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .disable_allowed_hosts()
            .disable_allowed_origins();
        let server = Server::new(catalogue, api, Unsaid::default());
        let sessions = Arc::new(NeverSessionManager::default());
        Self { service: StreamableHttpService::new(move || Ok(server.clone()), sessions, config) }
    }

    /// Answers one request. Its body is read already, so that it is bounded as the bodies of all requests are, and is
    /// taken as JSON whatever the request calls it. An [`Unsaid`] in its extensions is what a call is taken to say
    /// where it says nothing.
    pub async fn answer(&self, mut request: Request<Bytes>) -> Response<BoxBody<Bytes, Infallible>> {
        match serde_json::from_slice::<Value>(request.body()) {
            Ok(Value::Object(_)) => {}
            Ok(_) => {
                let rule = "a message is a JSON object, `{…}`; send several one by one";
                return unread(ErrorCode::INVALID_REQUEST, rule);
            }
            Err(error) => return unread(ErrorCode::PARSE_ERROR, &format!("the message is no JSON: {error}")),
        }
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = self.service.handle(request.map(|body| Full::new(body).boxed())).await;
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // That is what the library says of an object that is no message.
            let rule = "the object is no message: a request has `jsonrpc`, `id`, `method` and `params`";
            return unread(ErrorCode::INVALID_REQUEST, rule);
        }
        response
    }
}

/// What is answered to a message that cannot be read, and so names no request.
fn unread(code: ErrorCode, why: &str) -> Response<BoxBody<Bytes, Infallible>> {
    let body = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": code.0, "message": why } });
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())).boxed());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}
