//! The metrics about connections.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters and gauges for connections. Clones share their counts.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    pub(crate) open: Gauge,
    pub(crate) limit: Gauge,
    pub(crate) streams: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) refused: Counter,
    pub(crate) accept_errors: Counter,
    cut: Family<CutLabel, Counter>,
}

/// Why the server closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A request's head, or the first byte, did not arrive in time.
    Head,
    /// No further request arrived in time.
    Idle,
    /// The client read nothing of its answer.
    Stalled,
    /// It gave way to another connection while it kept the server waiting.
    Crowded,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CutLabel {
    reason: &'static str,
}

impl Cut {
    /// The reason in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Crowded => "crowded",
        }
    }
}

impl ConnectionMetrics {
    /// Counts a connection that the server closed.
    pub(crate) fn cut(&self, cut: Cut) {
        self.cut.get_or_create(&CutLabel { reason: cut.as_str() }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("http_connections_open", "Connections that are open", self.open.clone());
        registry.register(
            "http_connections_limit",
            "Connections that may be open at once",
            self.limit.clone(),
        );
        registry.register(
            "http_streams_open",
            "Clients that follow server-sent events",
            self.streams.clone(),
        );
        registry.register("http_connections_accepted", "Connections that were taken", self.accepted.clone());
        registry.register(
            "http_connections_refused",
            "Connections that were turned away because all were in use",
            self.refused.clone(),
        );
        registry.register(
            "http_connections_closed",
            "Connections that the server closed because they kept it waiting, by reason",
            self.cut.clone(),
        );
        registry.register(
            "http_accept_errors",
            "Times the system had no descriptor or no memory for a connection",
            self.accept_errors.clone(),
        );
    }
}
