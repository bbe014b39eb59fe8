//! Connections to a server, plain or TLS.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tollgate_domain::printable::with_causes;
use tollgate_outbound::TlsClient;
use tower_service::Service;

/// A stream of bytes to a server.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

impl Connection for Box<dyn Bytes> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Makes connections.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    tcp: HttpConnector,
    /// `None`: plain.
    tls: Option<TlsClient>,
    within: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{0}")]
    Tcp(String),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("no connection within {} ms", .0.as_millis())]
    Late(Duration),
}

impl Dial {
    /// Connections that have to be there within this time, TLS included.
    pub(crate) fn new(tls: Option<TlsClient>, within: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(within));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self { tcp, tls, within }
    }

    async fn connect(mut self, to: Uri) -> Result<TokioIo<Box<dyn Bytes>>, DialError> {
        let tcp = self.tcp.call(to).await.map_err(|error| DialError::Tcp(with_causes(&error)))?.into_inner();
        let Some(tls) = self.tls else { return Ok(TokioIo::new(Box::new(tcp))) };
        let stream = tls.connect(tcp).await.map_err(|error| DialError::Tls(with_causes(&error)))?;
        Ok(TokioIo::new(Box::new(stream)))
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<Box<dyn Bytes>>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let dial = self.clone();
        Box::pin(async move {
            let within = dial.within;
            tokio::time::timeout(within, dial.connect(to)).await.map_err(|_| DialError::Late(within))?
        })
    }
}
