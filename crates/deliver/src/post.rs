//! One POST: a connection of its own to an address that was judged for it, one request, no redirect, no proxy, an answer
//! whose body nobody reads.

use std::error::Error;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::guard::{self, Resolve};
use crate::target::{Target, TargetHost};
use crate::tls::{self, TlsError, Trust};

/// What receivers see.
const AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// Most of an answer's body that is taken off the wire; it is thrown away.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// How long that may take.
const DISCARD: Duration = Duration::from_secs(1);

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, the resolver and TLS included.
    pub connect: Duration,
    /// For the whole attempt.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 5 s to connect, 15 s for the whole: the standard's shortest, so that a slow receiver does not hold others up for long.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// Posts to one target.
pub(crate) struct Poster {
    target: Target,
    tls: Option<TlsConnector>,
    resolver: Arc<dyn Resolve>,
    timeouts: Timeouts,
}

impl Poster {
    pub(crate) fn new(
        target: Target,
        trust: &Trust,
        resolver: Arc<dyn Resolve>,
        timeouts: Timeouts,
    ) -> Result<Self, TlsError> {
        let tls = if target.is_tls() { Some(tls::connector(trust)?) } else { None };
        Ok(Self { target, tls, resolver, timeouts })
    }

    pub(crate) fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// The answer, whatever its status; else why there is none, in a sentence with nothing secret.
    pub(crate) async fn post<V: AsRef<str>>(
        &self,
        content_type: &str,
        headers: impl IntoIterator<Item = (impl AsRef<str>, V)>,
        body: Bytes,
    ) -> Result<Response<()>, String> {
        let mut request = Request::post(self.target.path())
            .header(HOST, self.target.authority())
            .header(CONTENT_TYPE, content_type)
            .header(USER_AGENT, AGENT)
            .header(CONNECTION, "close");
        for (name, value) in headers {
            request = request.header(name.as_ref(), value.as_ref());
        }
        // The error would name the path, or a header.
        let request = request
            .body(Full::new(body))
            .map_err(|_| format!("{}: the path or a header cannot be sent", self.target))?;
        let exchanged = timeout(self.timeouts.total, self.exchange(request)).await;
        exchanged.unwrap_or_else(|_| {
            Err(format!("{}: no answer within {} ms", self.target, self.timeouts.total.as_millis()))
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<()>, String> {
        let late =
            |_| format!("{}: no connection within {} ms", self.target, self.timeouts.connect.as_millis());
        let stream = timeout(self.timeouts.connect, self.connect()).await.map_err(late)??;
        send(stream, request).await.map_err(|error| format!("{}: {error}", self.target))
    }

    /// Connects to one of the target's addresses, all of them judged just now.
    async fn connect(&self) -> Result<Stream, String> {
        let addresses = guard::addresses(&self.target, &*self.resolver).await;
        let addresses = addresses.map_err(|error| error.to_string())?;
        let stream = first_that_connects(&addresses).await?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = match self.target.host() {
            TargetHost::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|error| error.to_string())?
            }
            TargetHost::Address(address) => ServerName::from(*address),
        };
        let stream = tls.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| format!("{}: TLS: {}", self.target, causes(&error)))?))
    }
}

trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for T {}

type Stream = Box<dyn ReadWrite>;

async fn first_that_connects(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut failed = "no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Err(error) => failed = format!("{address}: {error}"),
        }
    }
    Err(failed)
}

/// Sends one request and takes the answer's head; of its body a little, for nothing.
async fn send(stream: Stream, request: Request<Full<Bytes>>) -> Result<Response<()>, String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| causes(&error))?;
    let answered = async {
        let response = sender.send_request(request).await.map_err(|error| causes(&error))?;
        let (head, body) = response.into_parts();
        Ok::<_, String>((Response::from_parts(head, ()), body))
    };
    // Whatever ends the connection ends the answer too: it is only driven here, never waited for.
    let driven = async {
        let _ = connection.await;
        pending::<()>().await;
    };
    tokio::pin!(driven);
    let (response, body) = tokio::select! {
        answered = answered => answered?,
        () = &mut driven => return Err("no answer".to_owned()),
    };
    // The head has said all. A receiver that sees its body taken closes in peace; one that never ends it is left.
    let taken = timeout(DISCARD, async {
        tokio::select! {
            () = discard(body) => (),
            () = driven => (),
        }
    });
    let _ = taken.await;
    Ok(response)
}

async fn discard(mut body: Incoming) {
    let mut taken = 0;
    while let Some(Ok(frame)) = body.frame().await {
        taken += frame.data_ref().map_or(0, Bytes::len);
        if taken >= MAX_ANSWER_BYTES {
            break;
        }
    }
}

/// The error with what is behind it: the outermost message alone says little.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
