//! Requests to one target, over connections of its own: no redirect, no proxy, an answer of bounded size.

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

/// What the other side sees.
const AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// Most of an answer's body that is taken off the wire where nobody reads it.
const MAX_DISCARDED_BYTES: usize = 64 << 10;

/// How long that may take.
const DISCARD: Duration = Duration::from_secs(1);

/// How long a connection without a request is kept. Shorter than servers keep theirs, the shortest common one
/// is 5 s: a request on a connection that is being closed fails.
const IDLE: Duration = Duration::from_secs(4);

/// Most connections that are kept without a request.
const MAX_IDLE: usize = 4;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, the resolver and TLS included.
    pub connect: Duration,
    /// For the whole attempt.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 5 s to connect, 15 s for the whole: the shortest that Standard Webhooks allows, so that a slow
    /// receiver does not hold others up for long.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// Whether a connection serves one request or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connections {
    /// A connection stays for a few seconds and takes further requests. Its address was judged when it was made.
    #[default]
    Kept,
    /// Each request has a connection of its own, and its address is judged for that request.
    OneEach,
}

/// Why a request has no answer. The text holds nothing secret: neither path nor headers.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The path or a header holds what HTTP cannot carry.
    #[error("{target}: the path or a header cannot be sent")]
    Unsendable {
        /// Where to.
        target: Target,
    },
    /// There is no connection.
    #[error("{target}: {reason}")]
    NotConnected {
        /// Where to.
        target: Target,
        /// Why not.
        reason: String,
    },
    /// The name leads where it must not, or nowhere.
    #[error("{reason}")]
    Guarded {
        /// Which name, where it leads, and the rule.
        reason: String,
    },
    /// The connection broke, or what came is no answer.
    #[error("{target}: {reason}")]
    Broken {
        /// Where to.
        target: Target,
        /// What happened.
        reason: String,
    },
    /// The whole took too long.
    #[error("{target}: no answer within {} ms", within.as_millis())]
    Late {
        /// Where to.
        target: Target,
        /// How long it might take.
        within: Duration,
    },
    /// The answer is larger than what was asked to be read.
    #[error("{target}: the answer is larger than {max_bytes} bytes")]
    TooLarge {
        /// Where to.
        target: Target,
        /// How much it might be.
        max_bytes: usize,
    },
}

/// Asks and tells one target. It needs a tokio runtime.
pub struct Client {
    target: Target,
    connector: Connector,
    timeouts: Timeouts,
    connections: Connections,
    http: legacy::Client<Connector, Full<Bytes>>,
}

impl Client {
    /// A client of this target.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when nobody's certificate can be trusted.
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

    /// The same with other timeouts.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        let connector = self.connector.within(timeouts.connect);
        Self { http: pool(connector.clone()), connector, timeouts, ..self }
    }

    /// Posts a body and gives the head of the answer, whatever its status. Of the answer's body a little is
    /// taken off the wire and thrown away.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when there is no answer. The other side may have got the request nevertheless.
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
        // The head has said all. A receiver that sees its body taken closes in peace; one that never ends it is left.
        let _ = timeout(DISCARD, discard(body)).await;
        Ok(Response::from_parts(head, ()))
    }

    /// Gets what is there, whatever the status, with at most `max_bytes` of body.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when there is no answer, or one that is larger.
    pub async fn get<V: AsRef<str>>(
        &self,
        headers: impl IntoIterator<Item = (impl AsRef<str>, V)>,
        max_bytes: usize,
    ) -> Result<Response<Bytes>, RequestError> {
        let mut request = self.request(Method::GET);
        for (name, value) in headers {
            request = request.header(name.as_ref(), value.as_ref());
        }
        self.within(async {
            let (head, body) = self.exchange(request, Bytes::new()).await?.into_parts();
            let body = Limited::new(body, max_bytes).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    RequestError::TooLarge { target: self.target.clone(), max_bytes }
                } else {
                    self.broken(with_causes(&*error))
                }
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        })
        .await
    }

    fn request(&self, method: Method) -> http::request::Builder {
        let uri = Uri::builder()
            .scheme(if self.target.is_tls() { "https" } else { "http" })
            .authority(self.target.authority())
            .path_and_query(self.target.path());
        // What is wrong with the path comes out when the request is built.
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
        // The error would name the path, or a header.
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
