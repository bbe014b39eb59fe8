//! The producer's clock, and the source of its ids: what the tracker takes from outside, so that tests can give it.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_domain::time::Timestamp;
use uuid::Uuid;

/// Where events get the time from at which they happened.
pub trait Clock: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the client's one home of the wall clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros())
            .ok()
            .and_then(|micros| Timestamp::from_micros(micros).ok())
            .unwrap_or_default()
    }
}

/// Where event ids and the jitter of retries come from.
#[derive(Clone)]
pub struct Random(Arc<dyn Fn() -> u128 + Send + Sync>);

impl Random {
    /// A source of one's own. Two calls of two producers must never give the same number: it becomes an event id.
    #[must_use]
    pub fn new(source: impl Fn() -> u128 + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// The id of a new event.
    pub(crate) fn id(&self) -> String {
        Uuid::from_u128((self.0)()).simple().to_string()
    }

    /// A number for jitter.
    pub(crate) fn number(&self) -> u64 {
        // The low bits are the random ones of a UUID.
        (self.0)() as u64
    }
}

impl Default for Random {
    /// UUIDs of version 7: ids of one producer sort by time.
    fn default() -> Self {
        Self::new(|| Uuid::now_v7().as_u128())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
