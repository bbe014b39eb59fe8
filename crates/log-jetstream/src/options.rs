//! How to reach a log, and what is required of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use tokio::sync::watch;
use tollgate_clock::{Clock, SystemClock};
use tollgate_domain::printable::with_causes;
use tollgate_log::contract::Durability;

use crate::address::{self, Addresses};
use crate::credentials::{Credentials, Tls};
use crate::error::ConnectError;
use crate::topology::STREAM;

/// A connection that leads nowhere (because a machine in between has forgotten it) is given up when the third
/// ping in a row is not answered: after 6 s. Otherwise this would go unnoticed.
const PING_EVERY: Duration = Duration::from_secs(2);

/// The most messages that may wait in a subscription of this client: those of a reader's request, and some
/// spare room. The library's default of 65,536 messages of a record each would be 16 GiB.
const SUBSCRIPTION_MESSAGES: usize = 1024;

/// How to reach a log, and what is required of it.
#[derive(Clone)]
pub struct Options {
    /// `nats://host:port`, or several, joined by commas. A user and password, or a token, may precede the
    /// host, with `%`-escapes for characters that have a meaning in an address.
    pub url: String,
    /// Who this client is.
    pub credentials: Credentials,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// Prefix of the subjects for answers to this client. A prefix of its own, together with permissions on
    /// the server, keeps others from reading them.
    pub inbox_prefix: String,
    /// The client's name, as listed by the server.
    pub client_name: String,
    /// The stream of the ledger.
    pub stream: String,
    /// What an acknowledgement must guarantee, if more than `page_cache`.
    pub durability: Durability,
    /// The operator's declaration that the server does what `durability` requires, if that cannot be verified
    /// from here.
    pub declared: bool,
    /// The server's monitoring address, `http://host:8222`: evidence for `fsync`. For a cluster, all of them,
    /// joined by commas.
    pub monitor: Option<String>,
    /// The server's store directory, if it is on this machine: evidence for `fsync`.
    pub store_dir: Option<PathBuf>,
    /// How long a connection or a request to the server may take.
    pub request_timeout: Duration,
    /// How long one try of an append waits for its acknowledgement.
    pub ack_timeout: Duration,
    /// How long an append is retried before its outcome counts as unknown.
    pub append_timeout: Duration,
    /// The most bytes of records that may wait for an acknowledgement; beyond that, appends are refused as
    /// overloaded.
    pub max_waiting_bytes: usize,
    /// The most records in flight at once. More than the server answers in one go gains nothing.
    pub max_in_flight: usize,
    /// How many of the last records are read on start for their event ids.
    pub known_records: u64,
    /// Whether to read what others append, for the ids: an event that another process appended in another
    /// batch is then answered as a duplicate at once. Reading everything costs the server about as much as
    /// storing it; without it, such an event is in the stream twice and is counted once, because of each
    /// projector's id index.
    pub follow_ids: bool,
    /// Where the time of an append comes from.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// Options for the default stream of the server at this address.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: Credentials::None,
            tls: Tls::default(),
            inbox_prefix: "_INBOX".to_owned(),
            client_name: "tollgate".to_owned(),
            stream: STREAM.to_owned(),
            durability: Durability::PageCache,
            declared: false,
            monitor: None,
            store_dir: None,
            request_timeout: Duration::from_secs(5),
            ack_timeout: Duration::from_secs(5),
            append_timeout: Duration::from_secs(15),
            max_waiting_bytes: 32 << 20,
            max_in_flight: 256,
            known_records: 4096,
            follow_ids: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// Connects. The number counts connections: it increases with each new one.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn client(&self) -> Result<(async_nats::Client, watch::Receiver<u64>), ConnectError> {
        let unreachable = |reason| ConnectError::Unreachable { url: self.shown_url(), reason };
        let (connections, count) = watch::channel(0);
        let connections = Arc::new(connections);
        let options = ConnectOptions::new()
            .name(&self.client_name)
            .custom_inbox_prefix(&self.inbox_prefix)
            .connection_timeout(self.request_timeout)
            .request_timeout(Some(self.request_timeout))
            .ping_interval(PING_EVERY)
            .subscription_capacity(SUBSCRIPTION_MESSAGES)
            .event_callback(move |event| {
                let connections = Arc::clone(&connections);
                async move {
                    tracing::debug!(%event, "nats connection");
                    if matches!(event, async_nats::Event::Connected) {
                        connections.send_modify(|count| *count += 1);
                    }
                    // Nobody else hears of a subscription that is not permitted.
                    if let async_nats::Event::ServerError(error) = &event {
                        tracing::warn!(%error, "the NATS server refused something; permissions: docs/reference/nats.md");
                    }
                }
            });
        let Addresses { servers, credentials } = address::read(&self.url)?;
        let options = self.tls.apply(self.credentials.clone().or(credentials)?.apply(options)?)?;
        let client = options.connect(servers).await.map_err(|error| unreachable(with_causes(&error)))?;
        Ok((client, count))
    }

    /// The address without a password.
    #[must_use]
    pub fn shown_url(&self) -> String {
        let addresses = self.url.split(',').map(|address| address::without_user(address.trim()));
        addresses.collect::<Vec<_>>().join(",")
    }

    /// Where the log is, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}/{}", self.shown_url(), self.stream)
    }
}
