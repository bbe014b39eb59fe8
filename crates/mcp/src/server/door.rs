//! The protocol over HTTP: one request, one answer, no sessions.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

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

    /// Answers one request. Its body is read already, so that it is bounded as the bodies of all requests are.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<BoxBody<Bytes, Infallible>> {
        self.service.handle(request.map(|body| Full::new(body).boxed())).await
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}
