//! One process with the HTTP API: either on a data directory, with its own log and views, or on a log over
//! NATS, with no store.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tollgate_clock::sleep;
use tollgate_log::contract::{Durability, EventLog};
use tollgate_log::embedded::{EmbeddedLog, OpenError, Options};
use tollgate_log_jetstream::{Inbox, JetStreamLog, SetupError};
use tollgate_telemetry::Exporter;
use tollgate_telemetry::settings::TelemetrySettings;

use self::running::Said;
use crate::edge::{ConnectionLimits, accept, open_files};
use crate::http::{App, Hosts, router};
use crate::ledger::{AlertsBy, Delivering, Ledger, LedgerError, LedgerOptions, SettingsOptions, Views};
use crate::nats::{AppendService, BudgetService, Drainer};
use crate::reactor::{
    AlertsError, Deliveries, Evidence, Reactors, RemediationError, Remediations, Ways, govern, lag, prices,
};

mod running;

pub use self::running::Running;

/// How long requests in progress may take after the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What to serve, and where.
#[derive(Clone)]
pub struct ServeOptions {
    /// The ledger.
    pub ledger: Served,
    /// The address to listen on; port 0: any free one.
    pub listen: SocketAddr,
    /// Whether it is intended that other machines can reach the address.
    pub allow_remote: bool,
    /// Additional names under which requests may address it.
    pub allow_hosts: Vec<String>,
    /// Config and prices.
    pub settings: SettingsOptions,
    /// Where evidence files go; if nowhere, none are written.
    pub evidence_dir: Option<PathBuf>,
    /// Where the pseudonym key is; in the data directory if no path is given.
    pub redaction_key: Option<PathBuf>,
    /// Where alerts go.
    pub alerts: AlertsFile,
    /// How remediations are opened, in addition to the task in the ledger; if not set, in a file next to the
    /// evidence.
    pub remediation: Option<PathBuf>,
    /// Where metrics are exported to; if nowhere, they are only shown.
    pub telemetry: Option<TelemetrySettings>,
    /// The most records that a view may be behind before events are refused; any number if not set.
    pub max_lag: Option<u64>,
    /// What clients may demand of it by being connected.
    pub connections: ConnectionLimits,
    /// When notified, the config is read again.
    pub reload: Arc<Notify>,
    /// What is served beside the API, over it.
    pub beside: Option<Beside>,
}

/// Another door of the same process: it is given the API, to ask in process, and runs until it is told to stop.
#[derive(Clone)]
pub struct Beside(Arc<dyn Fn(Router, watch::Receiver<bool>) -> BoxFuture<'static, ()> + Send + Sync>);

impl Beside {
    /// A door that is opened once the ledger is.
    pub fn new<F>(open: impl Fn(Router, watch::Receiver<bool>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |api, stopped| Box::pin(open(api, stopped))))
    }
}

/// Which file says where alerts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertsFile {
    /// This one.
    Named(PathBuf),
    /// None: they are not delivered from here, and that is intended.
    None,
    /// Not specified: they are not delivered, and if they were before, health says so.
    Unnamed,
}

/// Which ledger is served.
#[derive(Clone)]
pub enum Served {
    /// That of a data directory, with log and views in this process.
    Data {
        /// The directory, which is created if missing.
        dir: PathBuf,
        /// What an acknowledgement is worth.
        durability: Durability,
        /// Whether a log that ends before what something next to it remembers continues without what is lost.
        accept_loss: bool,
        /// Whether segments of the log that are full are packed in the background.
        pack: bool,
    },
    /// One whose log, inbox and projectors are reached over NATS.
    Nats {
        /// The log. Projectors are queried over its connection.
        log: Arc<JetStreamLog>,
    },
}

impl Served {
    /// The log on NATS, if available.
    fn nats(&self) -> Option<Arc<JetStreamLog>> {
        match self {
            Self::Data { .. } => None,
            Self::Nats { log } => Some(Arc::clone(log)),
        }
    }
}

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Other machines can reach the address, and that was not said to be intended.
    #[error(
        "listening on {0}: other machines reach that address, and the API has no authentication yet; listen on 127.0.0.1, or \
         use --allow-remote if the network itself is closed"
    )]
    Remote(SocketAddr),
    /// The address cannot be listened on.
    #[error("listening on {address}: {message}; stop what holds it, or choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's message.
        message: String,
    },
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Alerts cannot be delivered.
    #[error(transparent)]
    Alerts(#[from] AlertsError),
    /// Remediations cannot be opened.
    #[error(transparent)]
    Remediation(#[from] RemediationError),
    /// The NATS server does not accept the subscriptions.
    #[error("serving over NATS: {0}")]
    Nats(String),
    /// Serving failed.
    #[error("serving: {0}")]
    Io(#[from] io::Error),
}

/// Serves until `shutdown` is ready, then answers the requests in progress, commits the views and closes the
/// log. `ready` is called with the address once requests are accepted.
///
/// # Errors
///
/// [`ServeError`].
pub async fn serve(
    options: ServeOptions,
    ready: impl FnOnce(&str, &Ledger),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    if !options.listen.ip().is_loopback() && !options.allow_remote {
        return Err(ServeError::Remote(options.listen));
    }
    let listen_error =
        |error: io::Error| ServeError::Listen { address: options.listen, message: error.to_string() };
    let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let url = format!("http://{address}");
    let nats = options.ledger.nats();
    let deliveries = match &options.alerts {
        AlertsFile::Named(file) => Some(Deliveries::open(file, nats.as_ref().map(|log| log.client()))?),
        AlertsFile::None | AlertsFile::Unnamed => None,
    };
    let ways = Ways::open(options.remediation.as_deref(), options.evidence_dir.as_deref())?;
    let (ledger, data_dir) = open(options.ledger, options.settings, options.redaction_key, &url).await?;
    if let Some(most) = options.max_lag {
        ledger.operate().bound_lag(most);
    }
    // Before the first request: if this server is killed, the next one continues with the settings it used.
    ledger.in_force().record_settings().await;
    let nats = match &nats {
        Some(log) => Some(OverNats::start(log, &ledger).await?),
        None => None,
    };
    let (stop, stopped) = watch::channel(false);
    let evidence = options.evidence_dir.map(|dir| {
        let mark_file = data_dir.as_deref().unwrap_or(&dir).join("evidence.json");
        Evidence::new(Arc::clone(&ledger), dir, mark_file)
    });
    ledger.operate().delivers(delivering(&options.alerts, deliveries.as_ref(), &ways)).await;
    let remediations = Remediations::new(Arc::clone(&ledger), ways);
    let mut reactors = react(&ledger, evidence, deliveries, remediations, &stopped);
    export(&mut reactors, options.telemetry, &ledger, &stopped);
    open_beside(&mut reactors, options.beside, &ledger, options.connections, &stopped);
    let running = data_dir.as_deref().map(|dir| Said::new(dir, &url, ledger.operate().instance()));
    ready(&url, &ledger);
    let hosts = Hosts::new(address, &options.allow_hosts);
    let app = App::new(Arc::clone(&ledger), hosts, options.connections.within(open_files()));
    let (edge, router) = (Arc::clone(&app.edge), router(app));
    let (begun, waits) = (stop.clone(), Arc::clone(&ledger));
    let graceful = async move {
        shutdown.await;
        waits.close_waits();
        // Nothing is listening any more: there is nothing to notify.
        let _ = begun.send(true);
    };
    let mut overdue = stopped;
    let grace = async move {
        // An error means that the sender is gone, along with the server.
        let _ = overdue.wait_for(|stop| *stop).await;
        sleep(GRACE).await;
    };
    tokio::select! {
        () = reload(&options.reload, &ledger) => {}
        () = say_later(running.as_ref()) => {}
        () = accept(listener, router, edge, graceful) => {}
        () = grace => {
            tracing::warn!("requests still run after {} s and are cut off; their senders ask again", GRACE.as_secs());
        }
    }
    let _ = stop.send(true);
    reactors.ended().await;
    if let Some(nats) = nats {
        nats.stop().await;
    }
    ledger.stop().await;
    if let Some(said) = running {
        said.take_back();
    }
    Ok(())
}

/// The entry points over NATS.
struct OverNats {
    appends: AppendService,
    budgets: BudgetService,
    drainer: Option<Drainer>,
}

impl OverNats {
    async fn start(log: &JetStreamLog, ledger: &Arc<Ledger>) -> Result<Self, ServeError> {
        let appends = AppendService::start(&log.client(), Arc::clone(ledger)).await;
        let appends = appends.map_err(|error| ServeError::Nats(error.to_string()))?;
        let budgets = BudgetService::start(&log.client(), ledger).await;
        let budgets = budgets.map_err(|error| ServeError::Nats(error.to_string()))?;
        let drainer = match Inbox::open(log).await {
            Ok(inbox) => Some(Drainer::start(inbox, Arc::clone(ledger))),
            Err(SetupError::Missing { stream }) => {
                tracing::warn!(stream, "there is no inbox to drain; `tollgate log init` makes it");
                None
            }
            Err(error) => return Err(ServeError::Nats(error.to_string())),
        };
        Ok(Self { appends, budgets, drainer })
    }

    async fn stop(self) {
        self.appends.stop().await;
        self.budgets.stop().await;
        if let Some(drainer) = self.drainer {
            drainer.stop().await;
        }
    }
}

/// Starts what acts alongside the API.
fn react(
    ledger: &Arc<Ledger>,
    evidence: Option<Evidence>,
    deliveries: Option<Deliveries>,
    remediations: Remediations,
    stopped: &watch::Receiver<bool>,
) -> Reactors {
    let mut reactors = Reactors::default();
    if let Some(evidence) = evidence {
        reactors.start("evidence", evidence.run(stopped.clone()));
    }
    if let Some(deliveries) = deliveries {
        reactors.start("deliveries", deliveries.run(Arc::clone(ledger), stopped.clone()));
    }
    reactors.start("remediations", remediations.run(stopped.clone()));
    reactors.start("lag", lag::run(Arc::clone(ledger), stopped.clone()));
    reactors.start("watch", ledger.watch().run(stopped.clone()));
    reactors.start("govern", govern::run(Arc::clone(ledger), stopped.clone()));
    reactors.start("prices", prices::run(Arc::clone(ledger), stopped.clone()));
    reactors
}

/// Opens what is served beside the API, if anything is.
fn open_beside(
    reactors: &mut Reactors,
    beside: Option<Beside>,
    ledger: &Arc<Ledger>,
    limits: ConnectionLimits,
    stopped: &watch::Receiver<bool>,
) {
    if let Some(Beside(open)) = beside {
        let api = router(App::new(Arc::clone(ledger), Hosts::default(), limits));
        reactors.start("beside", open(api, stopped.clone()));
    }
}

/// Starts exporting metrics, if they go anywhere. If that is impossible, the ledger serves without it.
fn export(
    reactors: &mut Reactors,
    settings: Option<TelemetrySettings>,
    ledger: &Arc<Ledger>,
    stopped: &watch::Receiver<bool>,
) {
    let Some(settings) = settings else { return };
    let exporter = match Exporter::new(settings) {
        Ok(exporter) => exporter,
        Err(error) => {
            tracing::warn!(%error, "metrics are not exported");
            return;
        }
    };
    let (shown, counted) = (Arc::clone(ledger), Arc::clone(ledger));
    let page = move || {
        let ledger = Arc::clone(&shown);
        async move { ledger.metrics().render(&ledger.operate().health().await, ledger.operate().reads_lost()) }
    };
    let told = move |export| counted.metrics().exported(export);
    reactors.start("telemetry", exporter.run(stopped.clone(), page, told));
}

/// Reads the config again whenever it is notified. Never ends.
async fn reload(told: &Notify, ledger: &Ledger) {
    loop {
        told.notified().await;
        // What is wrong with it is in the log and in the health answer.
        let _ = ledger.in_force().reload().await;
    }
}

/// How what the ledger raises gets delivered.
fn delivering(file: &AlertsFile, deliveries: Option<&Deliveries>, ways: &Ways) -> Delivering {
    let alerts = match (file, deliveries) {
        (_, Some(deliveries)) => AlertsBy::File(deliveries.file().clone()),
        (AlertsFile::None, None) => AlertsBy::Nobody,
        (AlertsFile::Named(_) | AlertsFile::Unnamed, None) => AlertsBy::Unnamed,
    };
    Delivering { alerts, remediation: ways.file().cloned() }
}

/// Announces where the server is as soon as possible, if that failed at first. Never ends.
async fn say_later(said: Option<&Said>) {
    if let Some(said) = said {
        said.later().await;
    }
    std::future::pending().await
}

/// Opens the ledger; returns it with its own directory, if it has one.
async fn open(
    served: Served,
    settings: SettingsOptions,
    redaction_key: Option<PathBuf>,
    url: &str,
) -> Result<(Arc<Ledger>, Option<PathBuf>), ServeError> {
    let options = |views: Views| {
        let redaction_key = redaction_key.or_else(|| views.redaction_key());
        LedgerOptions { settings, redaction_key, ..LedgerOptions::new(views) }
    };
    match served {
        Served::Data { dir, durability, accept_loss, pack } => {
            let lock_note = format!("tollgate serve at {url}, process {}", std::process::id());
            let log_options = Options { durability, lock_note, accept_loss, pack, ..Options::default() };
            let log = EmbeddedLog::open_or_create(&dir, log_options.clone())?;
            let ledger = Ledger::open_here(log, log_options, options(Views::below(&dir))).await?;
            Ok((Arc::new(ledger), Some(dir)))
        }
        Served::Nats { log } => {
            let views = Views::Nats(log.client());
            Ok((Arc::new(Ledger::open(log as Arc<dyn EventLog>, options(views)).await?), None))
        }
    }
}
