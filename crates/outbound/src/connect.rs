//! Connecting: to an address that was checked for this connection, through TLS if the target requires it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::vec;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

use crate::guard::{self, GuardError, Resolve};
use crate::reach::Reach;
use crate::target::{Target, TargetHost};
use crate::tls::{self, TlsError, Trust};
use tollgate_domain::printable::with_causes;

/// The stream of a connection, plain or TLS.
pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for T {}

impl Connection for Box<dyn ReadWrite> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Why no connection could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The name resolves to a forbidden address, or to none.
    #[error("{0}")]
    Guard(String),
    #[error("no connection within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("{0}")]
    Tcp(String),
    #[error("TLS: {0}")]
    Tls(String),
}

/// Connects to one target. If the target is an address rather than a name, it was checked when the target was
/// parsed.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector<Judging>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    within: Duration,
}

impl Connector {
    /// A connection must be made `within` this time, including name resolution and TLS.
    pub(crate) fn new(
        target: &Target,
        trust: &Trust,
        resolver: Arc<dyn Resolve>,
        within: Duration,
    ) -> Result<Self, TlsError> {
        let mut tcp = HttpConnector::new_with_resolver(Judging { resolver, reach: target.reach() });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = if target.is_tls() { Some((tls::connector(trust)?, server_name(target)?)) } else { None };
        Ok(Self { tcp, tls, within }.within(within))
    }

    /// The same with a different time limit for a connection.
    pub(crate) fn within(mut self, within: Duration) -> Self {
        // Divided among the addresses of a name.
        self.tcp.set_connect_timeout(Some(within));
        Self { within, ..self }
    }

    async fn connect(mut self, to: Uri) -> Result<TokioIo<Box<dyn ReadWrite>>, ConnectError> {
        let tcp = self.tcp.call(to).await.map_err(|error| of_tcp(&error))?.into_inner();
        let Some((tls, name)) = self.tls else { return Ok(TokioIo::new(Box::new(tcp))) };
        let stream = tls.connect(name, tcp).await;
        let stream = stream.map_err(|error: io::Error| ConnectError::Tls(with_causes(&error)))?;
        Ok(TokioIo::new(Box::new(stream)))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn ReadWrite>>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let within = connector.within;
            timeout(within, connector.connect(to)).await.map_err(|_| ConnectError::Late(within))?
        })
    }
}

/// A resolver that returns only addresses that may be reached.
#[derive(Clone)]
struct Judging {
    resolver: Arc<dyn Resolve>,
    reach: Reach,
}

impl Service<Name> for Judging {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = GuardError;
    type Future = BoxFuture<'static, Result<Self::Response, GuardError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), GuardError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { resolver, reach } = self.clone();
        // Port 0: the connector fills in the target's port.
        Box::pin(async move { Ok(guard::addresses(name.as_str(), 0, reach, &*resolver).await?.into_iter()) })
    }
}

fn server_name(target: &Target) -> Result<ServerName<'static>, TlsError> {
    match target.host() {
        TargetHost::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|error| TlsError::Name(error.to_string()))
        }
        TargetHost::Address(address) => Ok(ServerName::from(*address)),
    }
}

fn of_tcp(error: &(dyn std::error::Error + 'static)) -> ConnectError {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(guarded) = found.downcast_ref::<GuardError>() {
            return ConnectError::Guard(guarded.to_string());
        }
        cause = found.source();
    }
    ConnectError::Tcp(with_causes(error))
}
