//! What a client may demand of the server just by being connected.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// What a client may demand of the server just by being connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections open at once. [`ConnectionLimits::within`] lowers it to what the process's descriptors
    /// allow.
    pub connections: usize,
    /// Clients that may follow server-sent events at once.
    pub streams: usize,
    /// How long a request's head may take; also how long a new connection may take to send its first byte.
    pub head: Duration,
    /// How long a body may take; every 16 KiB that have arrived earn it one more second.
    pub body: Duration,
    /// How long a connection is kept after an answer.
    pub idle: Duration,
    /// How long an answer may wait for its client to read some of it.
    pub stalled: Duration,
}

/// How many bytes of a body earn it one more second.
pub(crate) const BODY_BYTES_A_SECOND: usize = 16 << 10;

/// The minimum number of descriptors that connections never take: for the log, the id index, views,
/// deliveries.
const RESERVED: u64 = 64;

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            streams: 256,
            head: Duration::from_secs(15),
            body: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            stalled: Duration::from_secs(30),
        }
    }
}

impl ConnectionLimits {
    /// Limits the connections to what a process with this many descriptors can have: a quarter of them, and
    /// at least 64, stay reserved for the log. Streams get at most half of the connections.
    #[must_use]
    pub fn within(self, open_files: Option<u64>) -> Self {
        let most = open_files.map_or(u64::MAX, |files| files.saturating_sub(RESERVED.max(files / 4)).max(1));
        let connections = self.connections.min(usize::try_from(most).unwrap_or(usize::MAX)).max(1);
        Self { connections, streams: self.streams.min(connections.div_ceil(2)), ..self }
    }

    /// How long a body may take in total when this many bytes of it have arrived.
    pub(crate) fn body_within(&self, bytes: usize) -> Duration {
        self.body + Duration::from_secs((bytes / BODY_BYTES_A_SECOND) as u64)
    }
}

/// How many descriptors this process may have open, if there is a limit.
#[must_use]
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_the_log() {
        let asked = ConnectionLimits::default();
        for (files, connections, streams) in [
            (None, 1024, 256),
            (Some(1 << 20), 1024, 256),
            (Some(1024), 768, 256),
            (Some(256), 192, 96),
            (Some(128), 64, 32),
            (Some(20), 1, 1),
        ] {
            let limits = asked.within(files);
            assert_eq!((limits.connections, limits.streams), (connections, streams), "{files:?}");
        }
    }
}
