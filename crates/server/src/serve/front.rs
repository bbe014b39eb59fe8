//! Where a server listens: for its clients and, if those speak TLS, for commands on its own machine too.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{ServeError, ServeOptions};
use crate::edge::{Door, Tls};
use crate::http::Hosts;
use crate::ledger::Ledger;

/// Whether other machines may reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    /// They may not.
    Refused,
    /// If it speaks TLS and asks for keys.
    Guarded,
    /// In any case: the network itself is closed.
    Anyway,
}

/// The listening sockets of a server.
pub(super) struct Front {
    /// Where clients find it.
    pub(super) url: String,
    /// Where commands of its own machine do.
    pub(super) local_url: String,
    address: SocketAddr,
    doors: Vec<Door>,
}

impl Front {
    /// Begins to listen.
    pub(super) async fn open(options: &ServeOptions) -> Result<Self, ServeError> {
        let address = options.listen;
        if !address.ip().is_loopback() && options.remote == Remote::Refused {
            return Err(ServeError::Remote(address));
        }
        let tls = options.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
        let (listener, address) = listen(address).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}");
        let mut front = Self { local_url: url.clone(), url, address, doors: vec![Door { listener, tls }] };
        if options.tls.is_some() && options.ledger.has_directory() {
            // Nothing says which name of the certificate a command of this machine should use.
            let (listener, address) = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
            front.local_url = format!("http://{address}");
            front.doors.push(Door { listener, tls: None });
        }
        Ok(front)
    }

    /// Refuses to serve other machines without TLS and keys, unless that was said to be intended.
    pub(super) async fn check(&self, options: &ServeOptions, ledger: &Ledger) -> Result<(), ServeError> {
        if self.address.ip().is_loopback() || options.remote == Remote::Anyway {
            return Ok(());
        }
        if options.tls.is_none() {
            return Err(ServeError::Unguarded {
                address: self.address,
                lacks: "it speaks no TLS (--tls-cert, --tls-key)",
            });
        }
        match ledger.keys().current().await {
            Ok(ring) if ring.is_closed() => Ok(()),
            Ok(_) => Err(ServeError::Unguarded {
                address: self.address,
                lacks: "the ledger has no key (`tollgate key create NAME --scope admin`)",
            }),
            Err(problem) => Err(ServeError::Keys(problem.detail)),
        }
    }

    /// The names under which it may be addressed.
    pub(super) fn hosts(&self, options: &ServeOptions) -> Hosts {
        let hosts = Hosts::new(self.address, &options.allow_hosts);
        if options.tls.is_some() { hosts.over_tls() } else { hosts }
    }

    /// The certificate that is shown, if any.
    pub(super) fn tls(&self) -> Option<Arc<Tls>> {
        self.doors.iter().find_map(|door| door.tls.clone())
    }

    /// The sockets.
    pub(super) fn into_doors(self) -> Vec<Door> {
        self.doors
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |error: io::Error| ServeError::Listen { address, message: error.to_string() };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
