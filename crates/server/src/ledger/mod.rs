//! The ledger: one log, its views, and the rules between them.

mod accesses;
mod alerts;
mod append;
mod breaker;
mod corrections;
mod decide;
mod deliveries;
mod delivering;
mod facts;
mod gate;
mod govern;
mod history;
mod inbox;
mod known;
mod loss;
mod notes;
mod operate;
mod outcomes;
mod period;
mod plan;
mod quarantine;
mod query;
mod recorded;
mod redaction;
mod reload;
mod remediation;
mod settings;
mod spelling;
mod standing;
mod totals;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell, watch};
use tollgate_clock::{Clock, SystemClock};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{DedupScope, EventLog, Partitions};
use tollgate_log::embedded::OpenError;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::fold::Projection;
use tollgate_projection::reports::Reports;
use tollgate_projection::status::Status;
use tollgate_projector::nats::Remote;
use tollgate_projector::reactor::{self as watched, LogOutbox, Watch};
use tollgate_projector::{Asker, Projector, ReadPool, Source, ViewError};
use uuid::Uuid;

pub use accesses::{AccessQuery, Reading};
pub use alerts::AlertQuery;
pub use append::{MAX_REQUEST_EVENTS, ReadEvent};
pub use deliveries::DeliveryQuery;
pub use delivering::{AlertsBy, Delivering, ReadFile};
pub use history::LogQuery;
pub use operate::VIEWS;
pub use outcomes::Appended;
pub use period::PeriodQuery;
pub use query::{ListQuery, Read, limits_of};
pub(crate) use remediation::{Name, RemediationState};
pub use settings::{BUILT_IN, Origin, Settings, SettingsError, SettingsOptions};
pub use totals::TotalsQuery;

use self::notes::Notes;
use crate::metrics::Metrics;
use crate::problem::{Answer, of_busy};

/// The file of the key of pseudonyms in a data directory.
const REDACTION_KEY: &str = "redaction.key";

pub(crate) use tollgate_domain::ids::LEDGER_PRODUCER as OWN_PRODUCER;

/// A running ledger. All its methods may be called at the same time.
pub struct Ledger {
    /// Which run this is: no two have the same.
    instance: String,
    log: Arc<dyn EventLog>,
    status: Arc<Source<Status>>,
    reports: Arc<Source<Reports>>,
    alerts: Arc<Source<Alerts>>,
    /// Shared with reactors, which outlive no server but hold no ledger.
    settings: Arc<RwLock<Arc<Settings>>>,
    /// What the operator named.
    named: settings::Named,
    /// Where the config is read from; `None`: nobody named one.
    config_file: Option<PathBuf>,
    /// The settings that the log had last when it was opened, or when that became known.
    recorded: RwLock<Arc<recorded::Recorded>>,
    /// The record up to which it is known which settings the log has last.
    settings_seen: AtomicU64,
    reloading: Mutex<()>,
    blocked: remediation::BlockedTasks,
    settings_recorded: OnceCell<()>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    readers: ReadPool,
    breaker: breaker::Breaker,
    reads: Notes,
    /// Commands that were refused because who sent them does not know the phase.
    out_of_step: Notes,
    known: known::KnownTasks,
    /// Held while corrections are appended: each is bounded by what those before it left.
    correcting: Mutex<()>,
    /// Why some evidence is not written, if so.
    evidence_fails: std::sync::Mutex<Option<String>>,
    /// How what it raises leaves it, where it is served.
    delivering: std::sync::Mutex<delivering::Known>,
    /// Where the key of pseudonyms is; `None`: nowhere, nothing can be redacted.
    redaction_key: Option<PathBuf>,
    /// Whether questions that wait for something new are to be answered now.
    closing: watch::Sender<bool>,
}

/// How a ledger is opened.
#[derive(Clone)]
pub struct LedgerOptions {
    /// Who folds its views.
    pub views: Views,
    /// Config and prices.
    pub settings: SettingsOptions,
    /// What the present is: for running executions, and for what the ledger records itself.
    pub clock: Arc<dyn Clock>,
    /// Where the key of pseudonyms is, made when it is first needed; `None`: nothing can be redacted.
    pub redaction_key: Option<PathBuf>,
}

/// Who folds the views of a ledger.
#[derive(Clone)]
pub enum Views {
    /// This process, into stores below a directory.
    Here(PathBuf),
    /// Projectors in processes of their own, which answer over NATS.
    Nats(async_nats::Client),
}

impl Views {
    /// This process, into the stores of a data directory.
    #[must_use]
    pub fn below(data_dir: &Path) -> Self {
        Self::Here(data_dir.join("views"))
    }

    /// Where the key of pseudonyms is, unless one is named: in the data directory.
    #[must_use]
    pub fn redaction_key(&self) -> Option<PathBuf> {
        match self {
            Self::Here(views) => Some(views.parent()?.join(REDACTION_KEY)),
            Self::Nats(_) => None,
        }
    }
}

impl LedgerOptions {
    /// The built-in config and prices, the machine's clock.
    #[must_use]
    pub fn new(views: Views) -> Self {
        let redaction_key = views.redaction_key();
        Self { views, settings: SettingsOptions::default(), clock: Arc::new(SystemClock), redaction_key }
    }
}

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The log could not be opened again.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// A view could not be opened.
    #[error("opening the views: {0}")]
    View(#[from] ViewError),
    /// The config or the price book cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl Ledger {
    /// Opens the views of a log and begins to follow it. A config and a price book that the log does not hold yet are
    /// recorded.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub async fn open(log: Arc<dyn EventLog>, options: LedgerOptions) -> Result<Self, LedgerError> {
        let named = settings::read(&options.settings)?;
        let epoch = log.epoch().id;
        let readers = ReadPool::default();
        let (status, reports, alerts) = match &options.views {
            Views::Here(dir) => (
                Source::Local(start(Status, dir, &log, &readers).await?),
                Source::Local(start(Reports, dir, &log, &readers).await?),
                Source::Local(start(Alerts, dir, &log, &readers).await?),
            ),
            Views::Nats(client) => (
                Source::Remote(Remote::new(client.clone(), epoch, readers.clone())),
                Source::Remote(Remote::new(client.clone(), epoch, readers.clone())),
                Source::Remote(Remote::new(client.clone(), epoch, readers.clone())),
            ),
        };
        let recorded = recorded::recorded(&log, &reports).await;
        let settings = Arc::new(RwLock::new(Arc::new(recorded::choose(&named, &recorded))));
        let (status, reports, alerts) = (Arc::new(status), Arc::new(reports), Arc::new(alerts));
        let (clock, metrics, closing) = (options.clock, Metrics::default(), watch::Sender::new(false));
        let reads = Notes::start(Arc::clone(&log), "a read of a report");
        let out_of_step = Notes::start(Arc::clone(&log), "a refusal of a phase");
        let ledger = Self {
            instance: Uuid::now_v7().simple().to_string(),
            log,
            status,
            reports,
            alerts,
            settings,
            named,
            config_file: options.settings.config,
            recorded: RwLock::new(Arc::new(recorded)),
            settings_seen: AtomicU64::new(0),
            reloading: Mutex::new(()),
            blocked: remediation::BlockedTasks::default(),
            settings_recorded: OnceCell::new(),
            clock,
            metrics,
            readers,
            breaker: breaker::Breaker::default(),
            reads,
            out_of_step,
            known: known::KnownTasks::default(),
            correcting: Mutex::new(()),
            evidence_fails: std::sync::Mutex::default(),
            delivering: std::sync::Mutex::default(),
            redaction_key: options.redaction_key,
            closing,
        };
        // Over NATS a command that only asks appends nothing: they are recorded before the first append.
        if ledger.log.dedup() == DedupScope::Life {
            ledger.record_settings().await;
        }
        Ok(ledger)
    }

    /// Answers all questions that wait for something new: they would keep a server from stopping.
    pub fn close_waits(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until something is ready, or the time is over, or the ledger closes; `None`: it is not.
    pub(crate) async fn wait_up_to<T>(&self, up_to: Duration, ready: impl Future<Output = T>) -> Option<T> {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            ready = tokio::time::timeout(up_to, ready) => ready.ok(),
            // The sender lives as long as the ledger.
            _ = closing.wait_for(|closing| *closing) => None,
        }
    }

    /// Whether it closes.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Commits the views. Appends and questions that still run get their answers first or an error.
    pub async fn stop(&self) {
        self.reads.stop().await;
        self.out_of_step.stop().await;
        self.status.stop().await;
        self.reports.stop().await;
        self.alerts.stop().await;
    }

    /// Which run this is: no two have the same.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    /// What is undelivered of its alerts, and what was done about it.
    #[must_use]
    pub fn outbox(&self) -> LogOutbox {
        LogOutbox::new(Arc::clone(&self.alerts), Arc::clone(&self.log), Arc::clone(&self.clock))
    }

    /// Config and prices in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Watches its tasks and views: what only passing time shows, is written into the log.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let views = watched::Views {
            status: Arc::clone(&self.status),
            reports: Arc::clone(&self.reports),
            alerts: Arc::clone(&self.alerts),
        };
        let settings = Arc::clone(&self.settings);
        let config = move || settings.read().unwrap_or_else(PoisonError::into_inner).config.alerts.clone();
        Watch::new(Arc::clone(&self.log), views, Arc::clone(&self.clock), config)
    }

    /// What it counts.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Where answers over many rows are made.
    #[must_use]
    pub const fn readers(&self) -> &ReadPool {
        &self.readers
    }

    /// Adds up and writes what was read for a reader: not on the threads that serve appends and gates, it may be much.
    pub(crate) async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        self.readers.run(Asker::Served, make).await.map_err(of_busy)
    }

    /// What the present is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn status(&self) -> &Source<Status> {
        &self.status
    }

    pub(crate) fn reports(&self) -> &Source<Reports> {
        &self.reports
    }
}

async fn start<P: Projection + Clone>(
    projection: P,
    dir: &Path,
    log: &Arc<dyn EventLog>,
    readers: &ReadPool,
) -> Result<Projector<P>, ViewError> {
    let all = Partitions::ALL;
    let started =
        Projector::start_with(projection, dir, Arc::clone(log), all, false, readers.clone()).await?;
    match started.refused() {
        Some(error) => Err(error.clone()),
        None => Ok(started),
    }
}

/// The name of an event that the ledger writes about itself.
pub(crate) fn own_name(id: String) -> Option<(TenantId, TaskId, ProducerId, EventId)> {
    Some((TenantId::ledger(), TaskId::ledger(), ProducerId::new(OWN_PRODUCER).ok()?, EventId::new(id).ok()?))
}
