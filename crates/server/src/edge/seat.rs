//! Places for clients that follow: streams of events, and WebSockets.

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::OwnedSemaphorePermit;

use super::Edge;

/// A place among the clients that may follow at once; freed when dropped.
pub(crate) struct Seat {
    taken: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// Takes one. `None`: all are taken.
    pub(crate) fn take(edge: &Edge) -> Option<Self> {
        let permit = Arc::clone(&edge.streams).try_acquire_owned().ok()?;
        let taken = edge.metrics.streams.clone();
        taken.inc();
        Some(Self { taken, _permit: permit })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.dec();
    }
}
