//! Configuring and starting a tracker.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tollgate_clock::{Backoff, Clock, SystemClock};
use tollgate_domain::ids::{InvalidId, ProducerId, TenantId};

use super::gate::OnUnreachable;
use super::outcome::Trouble;
use super::queue::{Batching, QueueBound, Shared};
use super::sender::{End, Sender};
use super::{Inner, Tracker};
use crate::client::{Client, InvalidKey};
use crate::http::{HttpTransport, InvalidUrl, Timeouts};
use crate::one_ledger::OneLedger;
use crate::random::Random;
use crate::spool::{Spool, SpoolError, SpoolOptions};
use crate::transport::Transport;

/// The most events that the ledger accepts in one request.
const MAX_REQUEST_EVENTS: usize = 500;

/// The most bytes of events in one request, half of what the ledger accepts: this leaves room for what JSON
/// adds.
const MAX_REQUEST_BYTES: usize = 512 << 10;

/// Where the ledger is.
enum Target {
    Server(String),
    Transport(Arc<dyn Transport>),
}

/// Configures and starts a tracker. Only the producer and the ledger's location are required.
pub struct TrackerBuilder {
    target: Target,
    producer: String,
    tenant: Option<String>,
    key: Option<String>,
    authorities: Option<PathBuf>,
    spool: Option<SpoolOptions>,
    batching: Batching,
    bound: QueueBound,
    on_unreachable: OnUnreachable,
    gate_patience: Duration,
    timeouts: Timeouts,
    backoff: Backoff,
    clock: Arc<dyn Clock>,
    random: Random,
    on_trouble: Box<dyn Fn(&Trouble) + Send + Sync>,
}

/// Why a tracker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Producer or tenant breaks its rule.
    #[error(transparent)]
    Name(#[from] InvalidId),
    /// The server's address cannot be used.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The key cannot be sent.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A number is out of range.
    #[error("{field} {value}: {rule}")]
    Setting {
        /// Which one.
        field: &'static str,
        /// The given value.
        value: usize,
        /// Its rule.
        rule: &'static str,
    },
    /// There is no tokio runtime to send with.
    #[error("starting a tracker: must be called within a tokio runtime, with its timers and I/O enabled")]
    NoRuntime,
}

impl TrackerBuilder {
    /// A tracker for a server at `http://host:port` or `https://host:port`. `producer` is the name under which events
    /// are appended; it stays the same across restarts, and two processes with the same name must not generate the
    /// same ids.
    #[must_use]
    pub fn to_server(url: impl Into<String>, producer: impl Into<String>) -> Self {
        Self::new(Target::Server(url.into()), producer.into())
    }

    /// A tracker over a custom transport.
    #[must_use]
    pub fn over(transport: Arc<dyn Transport>, producer: impl Into<String>) -> Self {
        Self::new(Target::Transport(transport), producer.into())
    }

    fn new(target: Target, producer: String) -> Self {
        Self {
            target,
            producer,
            tenant: None,
            key: None,
            authorities: None,
            spool: None,
            batching: Batching::default(),
            bound: QueueBound::default(),
            on_unreachable: OnUnreachable::default(),
            gate_patience: Duration::from_secs(10),
            timeouts: Timeouts { connect: Duration::from_secs(2), answer: Duration::from_secs(15) },
            backoff: Backoff::default(),
            clock: Arc::new(SystemClock),
            random: Random::default(),
            on_trouble: Box::new(|_| {}),
        }
    }

    /// Owner of the tasks. Default: `default`.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// The key of this producer, if the ledger requires keys.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Trusts only certificates signed by an authority in this PEM file. Default: those that the system trusts.
    #[must_use]
    pub fn authorities(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// Where events wait while the ledger is away: a directory used by this tracker alone. Without one they
    /// wait in memory, up to the queue's bound, and are lost with the process.
    #[must_use]
    pub fn spool(mut self, spool: SpoolOptions) -> Self {
        self.spool = Some(spool);
        self
    }

    /// How events are combined into requests.
    #[must_use]
    pub const fn batching(mut self, batching: Batching) -> Self {
        self.batching = batching;
        self
    }

    /// How many events may wait in memory.
    #[must_use]
    pub const fn queue_bound(mut self, bound: QueueBound) -> Self {
        self.bound = bound;
        self
    }

    /// What [`Tracker::gate`] answers if the ledger cannot be reached. Default: `Open`.
    #[must_use]
    pub const fn on_unreachable(mut self, policy: OnUnreachable) -> Self {
        self.on_unreachable = policy;
        self
    }

    /// How long [`Tracker::gate`] may take before the policy answers. Default: 10 s.
    #[must_use]
    pub const fn gate_patience(mut self, patience: Duration) -> Self {
        self.gate_patience = patience;
        self
    }

    /// Timeouts of requests to a server. Default: 2 s to connect and 15 s for an answer.
    #[must_use]
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// How the waits between tries grow.
    #[must_use]
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The clock that stamps events. Default: the machine's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where event ids come from. Default: UUIDs of version 7.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    /// Sets a callback for every event that did not get into the log and never will by itself. It is called
    /// from the sending task and must not block.
    #[must_use]
    pub fn on_trouble(mut self, tell: impl Fn(&Trouble) + Send + Sync + 'static) -> Self {
        self.on_trouble = Box::new(tell);
        self
    }

    /// Starts the tracker on the current tokio runtime. What an earlier tracker left in the spool is
    /// delivered first.
    ///
    /// # Errors
    ///
    /// [`StartError`]: a setting breaks its rule, or the spool cannot be used.
    pub fn start(self) -> Result<Tracker, StartError> {
        let producer = ProducerId::new(self.producer)?;
        let tenant = self.tenant.map(TenantId::new).transpose()?.unwrap_or_else(TenantId::default_tenant);
        within("events of a batch", self.batching.max_events, MAX_REQUEST_EVENTS, "must be 1 to 500")?;
        within("bytes of a batch", self.batching.max_bytes, MAX_REQUEST_BYTES, "must be 1 to 524288")?;
        within("events of the queue", self.bound.max_events, usize::MAX, "must be 1 or more")?;
        let transport: Arc<dyn Transport> = match self.target {
            Target::Transport(transport) => transport,
            Target::Server(url) => {
                Arc::new(HttpTransport::trusting(&url, self.authorities.as_deref(), self.timeouts)?)
            }
        };
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let spool = self.spool.as_ref().map(Spool::open).transpose()?;
        let one_ledger = Arc::new(match spool.as_ref().and_then(Spool::ledger) {
            Some(epoch) => OneLedger::known(transport, epoch.clone()),
            None => OneLedger::new(transport),
        });
        let mut client =
            Client::new(Arc::clone(&one_ledger) as _).of_tenant(Some(tenant.as_str().to_owned()));
        if let Some(key) = &self.key {
            client = client.with_key(key)?;
        }
        let shared = Arc::new(Shared::new(self.bound, self.batching, spool.is_some(), self.on_trouble));
        if let Some(spool) = &spool {
            shared.state().spool_bytes = spool.bytes();
            tell_of_spool(spool);
        }
        runtime.spawn(
            Sender {
                shared: Arc::clone(&shared),
                client: client.clone(),
                one_ledger,
                spool: spool.map(|spool| Arc::new(Mutex::new(spool))),
                backoff: self.backoff,
                random: self.random.clone(),
                at_most: self.batching.max_events,
                spool_failed: false,
                _end: End(Arc::clone(&shared)),
            }
            .run(),
        );
        let inner = Inner {
            shared,
            client,
            producer,
            tenant,
            clock: self.clock,
            random: self.random,
            backoff: self.backoff,
            on_unreachable: self.on_unreachable,
            gate_patience: self.gate_patience,
        };
        Ok(Tracker { inner: Arc::new(inner) })
    }
}

impl fmt::Debug for TrackerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackerBuilder")
            .field("producer", &self.producer)
            .field("tenant", &self.tenant)
            .field("spool", &self.spool)
            .field("batching", &self.batching)
            .finish_non_exhaustive()
    }
}

fn tell_of_spool(spool: &Spool) {
    if spool.cut() > 0 {
        tracing::warn!(
            bytes = spool.cut(),
            "cut the end of the spool: an event was being written when its process ended"
        );
    }
    if spool.bytes() > 0 {
        tracing::info!(
            bytes = spool.bytes(),
            "the spool holds events of an earlier process, they are delivered first"
        );
    }
}

const fn within(
    field: &'static str,
    value: usize,
    most: usize,
    rule: &'static str,
) -> Result<(), StartError> {
    if value == 0 || value > most { Err(StartError::Setting { field, value, rule }) } else { Ok(()) }
}
