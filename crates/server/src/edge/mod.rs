//! The edge of the HTTP API: which connections are accepted, how long each may keep the ledger waiting, and
//! how much memory all of them together may hold.

mod accept;
mod connections;
pub(crate) mod feed;
mod limits;
mod seat;
mod tls;
mod watched;

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;
use tollgate_wire::api::ConnectionHealth;

pub(crate) use accept::{Door, accept};
pub use connections::Connections;
pub use limits::{ConnectionLimits, open_files};
pub(crate) use seat::Seat;
pub(crate) use tls::Tls;
pub use tls::{TlsError, TlsFiles};

use self::feed::Feed;
use crate::metrics::{ConnectionMetrics, Metrics};

/// The most that all bodies being read or worked on may hold together, in bytes.
const BODY_MEMORY: usize = 64 << 20;

/// Bodies reserve memory in pieces of this many bytes.
pub(crate) const BODY_PIECE: usize = 64 << 10;

/// What the connections of one server share.
pub struct Edge {
    /// The limits for each connection.
    pub(crate) limits: ConnectionLimits,
    /// The open connections.
    pub(crate) connections: Arc<Connections>,
    /// One permit for each [`BODY_PIECE`].
    pub(crate) body_memory: Arc<Semaphore>,
    /// One permit for each client that follows a stream.
    pub(crate) streams: Arc<Semaphore>,
    /// The changes that all of those clients get.
    pub(crate) feed: Feed,
    /// The metrics about connections.
    pub(crate) metrics: ConnectionMetrics,
}

impl Edge {
    /// An edge without connections, counted in these metrics.
    #[must_use]
    pub fn new(limits: ConnectionLimits, metrics: &Metrics) -> Self {
        let metrics = metrics.connections().clone();
        metrics.limit.set(i64::try_from(limits.connections).unwrap_or(i64::MAX));
        Self {
            limits,
            connections: Arc::new(Connections::new(limits, metrics.clone())),
            body_memory: Arc::new(Semaphore::new(BODY_MEMORY / BODY_PIECE)),
            streams: Arc::new(Semaphore::new(limits.streams)),
            feed: Feed::default(),
            metrics,
        }
    }

    /// Who is connected.
    pub(crate) fn health(&self) -> ConnectionHealth {
        let shown = |gauge: &Gauge| u64::try_from(gauge.get()).unwrap_or(0);
        ConnectionHealth {
            open: shown(&self.metrics.open),
            limit: self.limits.connections as u64,
            refused: self.metrics.refused.get(),
            streams: shown(&self.metrics.streams),
            streams_limit: self.limits.streams as u64,
        }
    }
}
