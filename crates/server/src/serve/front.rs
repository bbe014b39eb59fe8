//! Where a server listens: for its clients and, if those speak TLS, for commands on its own machine too.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
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
    sockets: Vec<Socket>,
    /// Where what is served beside the API is found.
    pub(super) beside: Option<Side>,
}

/// A socket that listens.
struct Socket {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
}

/// The socket of what is served beside the API.
pub(super) struct Side {
    pub(super) url: String,
    pub(super) address: SocketAddr,
    socket: Socket,
}

impl Front {
    /// Begins to listen.
    pub(super) async fn open(options: &ServeOptions) -> Result<Self, ServeError> {
        let beside = options.beside.as_ref();
        for address in [options.listen].into_iter().chain(beside.map(|beside| beside.listen)) {
            if !address.ip().is_loopback() && options.remote == Remote::Refused {
                return Err(ServeError::Remote(address));
            }
        }
        let tls = options.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
        let (listener, address) = listen(options.listen, "--listen").await?;
        let url = url(tls.is_some(), address);
        let mut sockets = vec![Socket { listener, tls: tls.clone() }];
        let mut local_url = url.clone();
        if tls.is_some() && options.ledger.has_directory() {
            // Nothing says which name of the certificate a command of this machine should use.
            let (listener, address) = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "--listen").await?;
            local_url = self::url(false, address);
            sockets.push(Socket { listener, tls: None });
        }
        let beside = match beside {
            Some(beside) => {
                let (listener, address) = listen(beside.listen, beside.flag).await?;
                // Its clients on this machine were written for plain HTTP.
                let tls = tls.filter(|_| !address.ip().is_loopback());
                let url = self::url(tls.is_some(), address);
                Some(Side { url, address, socket: Socket { listener, tls } })
            }
            None => None,
        };
        Ok(Self { url, local_url, address, sockets, beside })
    }

    /// Refuses to serve other machines without TLS and keys or tokens, unless that was said to be intended.
    pub(super) async fn check(&self, options: &ServeOptions, ledger: &Ledger) -> Result<(), ServeError> {
        let needs_keys = options.beside.as_ref().filter(|beside| beside.needs_keys);
        let addresses = [Some(self.address), self.beside.as_ref().map(|side| side.address)];
        let mut remote = addresses.into_iter().flatten().filter(|address| !address.ip().is_loopback());
        let remote = remote.next().filter(|_| options.remote != Remote::Anyway);
        if remote.is_none() && needs_keys.is_none() {
            return Ok(());
        }
        if let Some(address) = remote
            && options.tls.is_none()
        {
            return Err(ServeError::Unguarded { address, lacks: "it speaks no TLS (--tls-cert, --tls-key)" });
        }
        if options.jwt.is_some() {
            return Ok(());
        }
        match ledger.keys().current().await {
            Ok(ring) if ring.is_closed() => Ok(()),
            Ok(_) => Err(match remote {
                Some(address) => ServeError::Unguarded {
                    address,
                    lacks: "the ledger has no key (`tollgate key create NAME --scope admin`)",
                },
                None => ServeError::NoKeys,
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
        self.sockets.iter().find_map(|socket| socket.tls.clone())
    }

    /// The doors, each with what answers there.
    pub(super) fn into_doors(self, api: &Router, beside: Option<Router>) -> Vec<Door> {
        let door = |socket: Socket, router| Door { listener: socket.listener, tls: socket.tls, router };
        let own = self.sockets.into_iter().map(|socket| door(socket, api.clone()));
        let beside = self.beside.zip(beside).map(|(side, router)| door(side.socket, router));
        own.chain(beside).collect()
    }
}

fn url(is_tls: bool, address: SocketAddr) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

async fn listen(address: SocketAddr, flag: &'static str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |error: io::Error| ServeError::Listen { address, flag, message: error.to_string() };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
