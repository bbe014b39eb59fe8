//! Metrics to an OpenTelemetry collector, by OTLP over HTTP: one snapshot at a time, a few tries, then it is
//! dropped. Counts continue from the start of the process, so that the next snapshot includes what a dropped
//! one held.
//!
//! [`settings`] says where to send metrics and how often, [`page`] turns what `/metrics` shows into metrics,
//! [`otlp`] is their wire format.

pub mod otlp;
pub mod page;
pub mod settings;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use prost::Message;
use tokio::sync::watch::Receiver;
use tokio::time::timeout;
use tollgate_clock::{Backoff, Clock, SystemClock};
use tollgate_domain::time::Timestamp;

use crate::otlp::{ExportRequest, KeyValue, Resource, ResourceMetrics, Scope, ScopeMetrics};
use crate::page::Times;
use crate::settings::{Protocol, TelemetrySettings};
use tollgate_outbound::client::{Client, Connections, Timeouts};
use tollgate_outbound::guard::SystemResolver;
use tollgate_outbound::retry_after;
use tollgate_outbound::tls::TlsError;

/// How often sending a snapshot is retried before it is dropped.
pub const RETRIES: u32 = 3;

/// The longest wait that a collector may ask for: a later snapshot is worth more than an old one.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What happened to a snapshot, or to one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// The collector has it.
    Sent,
    /// A try failed; there will be another.
    Retried,
    /// It was given up.
    Dropped,
}

/// Sends snapshots to a collector.
pub struct Exporter {
    settings: TelemetrySettings,
    client: Client,
    started: Timestamp,
    /// Snapshots dropped since the last one that was sent.
    dropped: u64,
}

/// Why a try failed.
struct Failed {
    reason: String,
    /// Whether it should be tried again, and after which wait if the collector asked for one.
    again: Option<Option<Duration>>,
}

impl Exporter {
    /// Sends to the address in the settings. Counting starts now.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if there is no certificate authority to trust.
    pub fn new(settings: TelemetrySettings) -> Result<Self, TlsError> {
        let timeouts = Timeouts { connect: settings.timeout, total: settings.timeout };
        let target = settings.target.clone();
        let resolver = Arc::new(SystemResolver);
        // Exports are further apart than an idle connection is kept.
        let client = Client::new(target, &settings.trust, resolver, timeouts, Connections::OneEach)?;
        Ok(Self { settings, client, started: SystemClock.now(), dropped: 0 })
    }

    /// Takes what `/metrics` shows at every interval and sends it, until it is told to stop. `told` is called
    /// with the result.
    pub async fn run<F: Future<Output = String> + Send>(
        mut self,
        mut stop: Receiver<bool>,
        page: impl Fn() -> F + Send,
        told: impl Fn(Export) + Send + Sync,
    ) {
        tracing::info!(collector = %self.settings.target, "metrics are exported");
        while timeout(self.settings.interval, stop.wait_for(|stop| *stop)).await.is_err() {
            let body = tokio::select! {
                page = page() => self.body(&page),
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Some(sent) = self.send(body, &mut stop, &told).await else { return };
            self.ended(sent, &told);
        }
    }

    /// Tries until it is sent, or given up with the last reason; `None` if told to stop.
    async fn send(
        &self,
        body: Bytes,
        stop: &mut Receiver<bool>,
        told: &(impl Fn(Export) + Send + Sync),
    ) -> Option<Result<(), String>> {
        let backoff = Backoff { first: self.settings.backoff, longest: Duration::MAX };
        let mut retries = 0;
        loop {
            let tried = tokio::select! {
                tried = self.attempt(body.clone()) => tried,
                _ = stop.wait_for(|stop| *stop) => return None,
            };
            let Err(Failed { reason, again }) = tried else { return Some(Ok(())) };
            let Some(asked) = again.filter(|_| retries < RETRIES) else { return Some(Err(reason)) };
            retries += 1;
            let wait = asked.map_or_else(|| backoff.doubled(retries), |asked| asked.min(MAX_RETRY_AFTER));
            told(Export::Retried);
            if timeout(wait, stop.wait_for(|stop| *stop)).await.is_ok() {
                return None;
            }
        }
    }

    /// Logs what happened to a snapshot; for an outage, its beginning and its end.
    fn ended(&mut self, sent: Result<(), String>, told: &impl Fn(Export)) {
        match sent {
            Ok(()) => {
                if self.dropped > 0 {
                    tracing::info!(dropped = self.dropped, "metrics are exported again");
                }
                self.dropped = 0;
                told(Export::Sent);
            }
            Err(reason) => {
                if self.dropped == 0 {
                    tracing::warn!(
                        reason,
                        "metrics could not be exported and are dropped until the collector takes them; the ledger goes on"
                    );
                }
                self.dropped += 1;
                told(Export::Dropped);
            }
        }
    }

    async fn attempt(&self, body: Bytes) -> Result<(), Failed> {
        let kind = match self.settings.protocol {
            Protocol::Protobuf => "application/x-protobuf",
            Protocol::Json => "application/json",
        };
        let headers = self.settings.headers.iter().map(|(name, value)| (name, value));
        let response = self.client.post(kind, headers, body).await;
        let response = response.map_err(|error| Failed { reason: error.to_string(), again: Some(None) })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("{}: status {}", self.settings.target, status.as_u16());
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|asked| retry_after(asked, SystemClock.now()));
        // Those that the specification allows to be retried; any other error would only recur.
        let again = matches!(status.as_u16(), 429 | 502 | 503 | 504).then_some(asked);
        Err(Failed { reason, again })
    }

    fn body(&self, page: &str) -> Bytes {
        let nanos = |at: Timestamp| u64::try_from(at.micros()).unwrap_or_default().saturating_mul(1000);
        let times = Times { start: nanos(self.started), now: nanos(SystemClock.now()) };
        let own = [("telemetry.sdk.name", "tollgate"), ("service.version", env!("CARGO_PKG_VERSION"))];
        let said = self.settings.resource.iter().map(|(name, value)| KeyValue::new(name, value));
        let attributes = said.chain(own.map(|(name, value)| KeyValue::new(name, value))).collect();
        let scope = Scope { name: "tollgate".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics: page::metrics(page, times) }];
        let resource = Some(Resource { attributes });
        let request = ExportRequest { resource_metrics: vec![ResourceMetrics { resource, scope_metrics }] };
        match self.settings.protocol {
            Protocol::Protobuf => request.encode_to_vec().into(),
            // Numbers and texts: nothing in it can fail to serialize.
            Protocol::Json => serde_json::to_vec(&request).unwrap_or_default().into(),
        }
    }
}
