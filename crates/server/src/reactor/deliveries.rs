//! Delivery of alerts: the endpoints of `alerts.yaml`, and the ledger's outbox.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::sync::watch;
use tollgate_clock::SystemTimer;
use tollgate_deliver::BoxFuture;
use tollgate_deliver::bus::{MESSAGE_ID, Publish};
use tollgate_deliver::channel::Channel;
use tollgate_deliver::config::{AlertsConfig, Endpoint, InvalidConfig};
use tollgate_deliver::connect::ChannelError;
use tollgate_deliver::runner::deliver;

use crate::ledger::{Ledger, ReadFile};

/// Why alerts cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    /// The file cannot be read.
    #[error("alerts config {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's message.
        reason: String,
    },
    /// Its content violates rules.
    #[error("alerts config {}: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All problems.
        reason: InvalidConfig,
    },
    /// An endpoint cannot be set up.
    #[error("alerts config {}: {reason}", path.display())]
    Endpoint {
        /// The file.
        path: PathBuf,
        /// Which, and why.
        reason: ChannelError,
    },
}

/// Delivers the alerts of a ledger.
pub struct Deliveries {
    file: ReadFile,
    endpoints: Vec<(Endpoint, Arc<dyn Channel>)>,
}

impl Deliveries {
    /// Reads and checks the config, and the secrets and certificates that it names. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`AlertsError`] with everything that is wrong with the file; it contains nothing secret.
    pub fn open(file: &Path, nats: Option<async_nats::Client>) -> Result<Self, AlertsError> {
        let path = file.to_owned();
        let text = match tollgate_files::read_settings(file) {
            Ok(text) => text,
            Err(error) => return Err(AlertsError::Unreadable { path, reason: error.to_string() }),
        };
        let dir = file.parent().unwrap_or(Path::new(""));
        let config = match AlertsConfig::from_yaml(&text, dir) {
            Ok(config) => config,
            Err(reason) => return Err(AlertsError::Invalid { path, reason }),
        };
        let mut endpoints = Vec::with_capacity(config.endpoints.len());
        for endpoint in config.endpoints {
            match endpoint.channel(nats.clone().map(Nats)) {
                Ok(channel) => endpoints.push((endpoint, channel)),
                Err(reason) => return Err(AlertsError::Endpoint { path, reason }),
            }
        }
        Ok(Self { file: ReadFile::new(file, &text, endpoints.len()), endpoints })
    }

    /// The file as it was read.
    #[must_use]
    pub const fn file(&self) -> &ReadFile {
        &self.file
    }

    /// Delivers until it is told to stop; attempts in progress are ended and noted.
    pub async fn run(self, ledger: Arc<Ledger>, stop: watch::Receiver<bool>) {
        let outbox = Arc::new(ledger.outbox());
        deliver(self.endpoints, outbox, Arc::new(SystemTimer), stop).await;
    }
}

/// The ledger's NATS server as a bus.
struct Nats(async_nats::Client);

impl Publish for Nats {
    fn publish<'a>(
        &'a self,
        subject: &'a str,
        id: &'a str,
        body: Bytes,
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let mut headers = HeaderMap::new();
            headers.insert(MESSAGE_ID, id);
            let subject = subject.to_owned();
            let published = self.0.publish_with_headers(subject, headers, body).await;
            published.map_err(|error| error.to_string())?;
            // The server has it once the connection is flushed.
            self.0.flush().await.map_err(|error| error.to_string())
        })
    }
}
