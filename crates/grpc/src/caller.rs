//! Who calls: what the API is asked for them goes there with their own headers.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TE,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, Method, Uri};
use tonic::Status;

use crate::status;

/// Headers that say how a call is sent, not who sends it.
const OF_THE_CALL: [HeaderName; 8] = [
    ACCEPT,
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    TE,
    TRANSFER_ENCODING,
];

/// Headers of gRPC itself begin with this.
const OF_GRPC: &str = "grpc-";

/// What a call says about its sender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The address that was called, with the name of the host.
    uri: Uri,
    headers: HeaderMap,
    from: Option<ConnectInfo<SocketAddr>>,
}

impl Caller {
    /// A request to the API by this caller, still without a body.
    ///
    /// # Errors
    ///
    /// The address is too long.
    pub(crate) fn request(&self, method: Method, target: &str) -> Result<http::Request<Body>, Status> {
        let mut parts = self.uri.clone().into_parts();
        let shown = || target.chars().take(80).collect::<String>();
        parts.path_and_query = Some(target.parse().map_err(|error| {
            status::invalid("request", &shown(), &format!("does not fit into an address: {error}"))
        })?);
        let uri = Uri::from_parts(parts).map_err(|error| {
            status::invalid("request", &shown(), &format!("does not fit into an address: {error}"))
        })?;
        let mut request = http::Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        if let Some(from) = self.from {
            request.extensions_mut().insert(from);
        }
        Ok(request)
    }

    fn of(request: &Request) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers() {
            if !OF_THE_CALL.contains(name) && !name.as_str().starts_with(OF_GRPC) {
                headers.append(name.clone(), value.clone());
            }
        }
        let mut parts = http::uri::Parts::default();
        if let (Some(scheme), Some(authority)) = (request.uri().scheme(), request.uri().authority()) {
            (parts.scheme, parts.authority) = (Some(scheme.clone()), Some(authority.clone()));
            parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
        }
        let uri = Uri::from_parts(parts).unwrap_or_default();
        Self { uri, headers, from: request.extensions().get().copied() }
    }
}

/// Notes who calls, for what is asked on their behalf.
pub(crate) async fn note(mut request: Request, next: Next) -> Response {
    let caller = Caller::of(&request);
    request.extensions_mut().insert(caller);
    next.run(request).await
}
