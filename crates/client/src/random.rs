//! The source of event ids and of jitter: the tracker's external input, so that tests can supply it.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Where event ids and the jitter of retries come from.
#[derive(Clone)]
pub struct Random(Arc<dyn Fn() -> u128 + Send + Sync>);

impl Random {
    /// A custom source. Two calls of two producers must never return the same number: it becomes an event id.
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
