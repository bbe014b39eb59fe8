//! Requests to one target, over its own connections: no redirect, no proxy, an answer of bounded size.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use tollgate_domain::printable::with_causes;

use crate::connect::{ConnectError, Connector};
use crate::guard::Resolve;
use crate::target::Target;
use crate::tls::{TlsError, Trust};

/// The `user-agent` of requests.
const AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// The most bytes of an answer's body that are read off the wire when no one uses them.
const MAX_DISCARDED_BYTES: usize = 64 << 10;

/// How long discarding them may take.
const DISCARD: Duration = Duration::from_secs(1);

/// How long an idle connection is kept. Shorter than servers keep theirs, of which the shortest common one is
/// 5 s: a request on a connection that is being closed fails.
const IDLE: Duration = Duration::from_secs(4);

/// The most idle connections that are kept.
const MAX_IDLE: usize = 4;

/// Timeouts of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, including name resolution and TLS.
    pub connect: Duration,
    /// For the whole attempt.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 5 s to connect, 15 s in total: the shortest that Standard Webhooks allows, so that a slow receiver
    /// does not hold up others for long.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// Whether a connection serves one request or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    /// A connection stays open for a few seconds and serves further requests. Its address was checked when it
    /// was made.
    #[default]
    Kept,
    /// Each request has its own connection, and its address is checked for that request.
    OneEach,
}

/// Why a request has no answer. The text contains nothing secret: neither path nor headers.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The path or a header contains something that HTTP cannot carry.
    #[error("{target}: the path or a header cannot be sent")]
    Unsendable {
        /// The target of the request.
        target: Target,
    },
    /// No connection could be made.
    #[error("{target}: {reason}")]
    NotConnected {
        /// The target of the request.
        target: Target,
        /// Why not.
        reason: String,
    },
    /// The name resolves to a forbidden address, or to none.
    #[error("{reason}")]
    Guarded {
        /// Which name, what it resolves to, and the rule.
        reason: String,
    },
    /// The connection broke, or the response is not HTTP.
    #[error("{target}: {reason}")]
    Broken {
        /// The target of the request.
        target: Target,
        /// What happened.
        reason: String,
    },
    /// The whole attempt took too long.
    #[error("{target}: no answer within {} ms", within.as_millis())]
    Late {
        /// The target of the request.
        target: Target,
        /// How long it was allowed to take.
        within: Duration,
    },
    /// The answer is larger than the caller's limit.
    #[error("{target}: the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// The target of the request.
        target: Target,
        /// The limit in bytes.
        max_bytes: usize,
    },
}

/// Sends requests to one target. It needs a tokio runtime.
pub struct Client {
    target: Target,
    connector: Connector,
    timeouts: Timeouts,
    connections: Connections,
    http: legacy::Client<Connector, Full<Bytes>>,
}

impl Client {
    /// A client for this target.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if there is no certificate authority to trust.
    pub fn new(
        target: Target,
        trust: &Trust,
        resolver: Arc<dyn Resolve>,
        timeouts: Timeouts,
        connections: Connections,
    ) -> Result<Self, TlsError> {
        let connector = Connector::new(&target, trust, resolver, timeouts.connect)?;
        let http = pool(connector.clone());
        Ok(Self { target, connector, timeouts, connections, http })
    }

    /// The same client with different timeouts.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        let connector = self.connector.within(timeouts.connect);
        Self { http: pool(connector.clone()), connector, timeouts, ..self }
    }

    /// Posts a body and returns the head of the answer, whatever its status. A small part of the answer's
    /// body is read off the wire and discarded.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if there is no answer. The other side may have received the request nevertheless.
    pub async fn post<V: AsRef<str>>(
        &self,
        content_type: &str,
        headers: impl IntoIterator<Item = (impl AsRef<str>, V)>,
        body: Bytes,
    ) -> Result<Response<()>, RequestError> {
        let mut request = self.request(Method::POST).header(CONTENT_TYPE, content_type);
        for (name, value) in headers {
            request = request.header(name.as_ref(), value.as_ref());
        }
        let answer = self.within(self.exchange(request, body)).await?;
        let (head, body) = answer.into_parts();
        // The head says everything. A receiver whose body is read closes cleanly; one that never ends it is
        // abandoned.
        let _ = timeout(DISCARD, discard(body)).await;
        Ok(Response::from_parts(head, ()))
    }

    /// Gets a resource, whatever the status, with at most `max_bytes` of body.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if there is no answer, or a larger one.
    pub async fn get<V: AsRef<str>>(
        &self,
        headers: impl IntoIterator<Item = (impl AsRef<str>, V)>,
        max_bytes: usize,
    ) -> Result<Response<Bytes>, RequestError> {
        let mut request = self.request(Method::GET);
        for (name, value) in headers {
            request = request.header(name.as_ref(), value.as_ref());
        }
        self.within(self.read(request, Bytes::new(), max_bytes)).await
    }

    async fn read(
        &self,
        request: http::request::Builder,
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Response<Bytes>, RequestError> {
        let (head, body) = self.exchange(request, body).await?.into_parts();
        let body = Limited::new(body, max_bytes).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                RequestError::TooLarge { target: self.target.clone(), max_bytes }
            } else {
                self.broken(with_causes(&*error))
            }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// Sends a body with a method, and returns the answer, whatever its status, with at most `max_bytes` of body.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if there is no answer, or a larger one. The other side may have received the request
    /// nevertheless.
    pub async fn exchanged<V: AsRef<str>>(
        &self,
        method: Method,
        headers: impl IntoIterator<Item = (impl AsRef<str>, V)>,
        body: Bytes,
        max_bytes: usize,
    ) -> Result<Response<Bytes>, RequestError> {
        let mut request = self.request(method);
        for (name, value) in headers {
            request = request.header(name.as_ref(), value.as_ref());
        }
        self.within(self.read(request, body, max_bytes)).await
    }

    fn request(&self, method: Method) -> http::request::Builder {
        let uri = Uri::builder()
            .scheme(if self.target.is_tls() { "https" } else { "http" })
            .authority(self.target.authority())
            .path_and_query(self.target.path());
        // Anything wrong with the path surfaces when the request is built.
        let request = match uri.build() {
            Ok(uri) => Request::builder().uri(uri),
            Err(_) => Request::builder().uri(self.target.path()),
        };
        let request = request.method(method).header(HOST, self.target.authority()).header(USER_AGENT, AGENT);
        match self.connections {
            Connections::Kept => request,
            Connections::OneEach => request.header(CONNECTION, "close"),
        }
    }

    async fn within<T>(
        &self,
        answered: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        let late = |_| RequestError::Late { target: self.target.clone(), within: self.timeouts.total };
        timeout(self.timeouts.total, answered).await.map_err(late)?
    }

    async fn exchange(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, RequestError> {
        // The error would contain the path, or a header.
        let request = request
            .body(Full::new(body))
            .map_err(|_| RequestError::Unsendable { target: self.target.clone() })?;
        self.http.request(request).await.map_err(|error| {
            let Some(cause) = error.source() else { return self.broken(error.to_string()) };
            match cause.downcast_ref::<ConnectError>() {
                Some(ConnectError::Guard(reason)) => RequestError::Guarded { reason: reason.clone() },
                Some(other) => {
                    RequestError::NotConnected { target: self.target.clone(), reason: other.to_string() }
                }
                None => self.broken(with_causes(cause)),
            }
        })
    }

    fn broken(&self, reason: String) -> RequestError {
        RequestError::Broken { target: self.target.clone(), reason }
    }
}

fn pool(connector: Connector) -> legacy::Client<Connector, Full<Bytes>> {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).pool_max_idle_per_host(MAX_IDLE);
    builder.build(connector)
}

async fn discard(mut body: Incoming) {
    let mut taken = 0;
    while let Some(Ok(frame)) = body.frame().await {
        taken += frame.data_ref().map_or(0, Bytes::len);
        if taken >= MAX_DISCARDED_BYTES {
            break;
        }
    }
}
