//! One process with the HTTP API: either on a data directory, with its own log and views, or on a log over
//! NATS, with no store.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::{Notify, watch};
use tollgate_clock::sleep;
use tollgate_log::contract::{Durability, EventLog};
use tollgate_log::embedded::{EmbeddedLog, Options};
use tollgate_log_jetstream::{Inbox, JetStreamLog, SetupError};
use tollgate_telemetry::Exporter;
use tollgate_telemetry::settings::TelemetrySettings;

use self::front::Front;
use self::running::Said;
use crate::edge::{ConnectionLimits, Tls, TlsFiles, accept, open_files};
use crate::http::{App, Proxies, bounded, router};
use crate::jwt::Jwt;
use crate::ledger::{AlertsBy, Delivering, Ledger, LedgerOptions, SettingsOptions, Views};
use crate::nats::{AppendService, BudgetService, Drainer};
use crate::reactor::{Deliveries, Evidence, Reactors, Remediations, Ways, govern, lag, pools, prices};

mod beside;
mod error;
mod front;
mod grpc;
mod running;

pub use self::beside::{Beside, Inside, Outside};
pub use self::error::ServeError;
pub use self::front::Remote;
pub use self::grpc::{Grpc, Within};
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
    /// Whether other machines may reach the address.
    pub remote: Remote,
    /// The certificate that clients are shown; without one they speak plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The file that says whose tokens are taken beside keys; if none, only keys are.
    pub jwt: Option<PathBuf>,
    /// The proxies that say from where requests come.
    pub proxies: Proxies,
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
    /// What is served beside the API.
    pub beside: Option<Beside>,
    /// What answers calls of gRPC at the address of the API; without it they are unknown addresses.
    pub grpc: Option<Grpc>,
}

/// Where a server is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The API.
    pub url: String,
    /// What is served beside it.
    pub beside: Option<String>,
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
    /// Whether it has a data directory, in which commands of this machine find its server.
    const fn has_directory(&self) -> bool {
        matches!(self, Self::Data { .. })
    }

    /// The log on NATS, if available.
    fn nats(&self) -> Option<Arc<JetStreamLog>> {
        match self {
            Self::Data { .. } => None,
            Self::Nats { log } => Some(Arc::clone(log)),
        }
    }
}

/// Serves until `shutdown` is ready, then answers the requests in progress, commits the views and closes the
/// log. `ready` is called with the addresses once requests are accepted.
///
/// # Errors
///
/// [`ServeError`].
pub async fn serve(
    options: ServeOptions,
    ready: impl FnOnce(&Found, &Ledger),
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let front = Front::open(&options).await?;
    let nats = options.ledger.nats();
    let jwt = Jwt::open_any(options.jwt.as_deref()).await?;
    let deliveries = match &options.alerts {
        AlertsFile::Named(file) => Some(Deliveries::open(file, nats.as_ref().map(|log| log.client()))?),
        AlertsFile::None | AlertsFile::Unnamed => None,
    };
    let ways = Ways::open(options.remediation.as_deref(), options.evidence_dir.as_deref())?;
    let (ledger, data_dir) = open(&options, &front.local_url).await?;
    front.check(&options, &ledger).await?;
    if let Some(most) = options.max_lag {
        ledger.operate().bound_lag(most);
    }
    // Before the first request: if this server is killed, the next one continues with the settings it used.
    ledger.in_force().record_settings().await;
    let nats = OverNats::start(nats.as_ref(), &ledger).await?;
    let (stop, stopped) = watch::channel(false);
    let evidence = options.evidence_dir.clone().map(|dir| {
        let mark_file = data_dir.as_deref().unwrap_or(&dir).join("evidence.json");
        Evidence::new(Arc::clone(&ledger), dir, mark_file)
    });
    ledger.operate().delivers(delivering(&options.alerts, deliveries.as_ref(), &ways)).await;
    let remediations = Remediations::new(Arc::clone(&ledger), ways);
    let mut reactors = react(&ledger, evidence, deliveries, remediations, &stopped);
    export(&mut reactors, options.telemetry.clone(), &ledger, &stopped);
    let limits = options.connections.within(open_files());
    let app = App::new(Arc::clone(&ledger), front.hosts(&options), limits)
        .behind(options.proxies.clone())
        .with_tokens(jwt.clone());
    let beside = open_beside(&mut reactors, &options, &front, &app, &stopped).await;
    let running =
        data_dir.as_deref().map(|dir| Said::new(dir, &front.local_url, ledger.operate().instance()));
    let side = front.beside.as_ref().map(|side| side.url.clone());
    ready(&Found { url: front.url.clone(), beside: side }, &ledger);
    let (edge, tls) = (Arc::clone(&app.edge), front.tls());
    let router = match &options.grpc {
        Some(grpc) => grpc.beside(&app, router(app.clone()), &stopped),
        None => router(app),
    };
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
        () = reload(&options.reload, &ledger, tls.as_deref(), jwt.as_deref()) => {}
        () = say_later(running.as_ref()) => {}
        () = accept(front.into_doors(&router, beside), edge, graceful) => {}
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
    /// `None`: the log is not on NATS.
    async fn start(
        log: Option<&Arc<JetStreamLog>>,
        ledger: &Arc<Ledger>,
    ) -> Result<Option<Self>, ServeError> {
        let Some(log) = log else { return Ok(None) };
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
        Ok(Some(Self { appends, budgets, drainer }))
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
    reactors.start("pools", pools::run(Arc::clone(ledger), stopped.clone()));
    reactors.start("prices", prices::run(Arc::clone(ledger), stopped.clone()));
    reactors
}

/// Opens what is served beside the API, if anything is.
async fn open_beside(
    reactors: &mut Reactors,
    options: &ServeOptions,
    front: &Front,
    app: &App,
    stopped: &watch::Receiver<bool>,
) -> Option<Router> {
    let (beside, side) = options.beside.as_ref().zip(front.beside.as_ref())?;
    let outside = beside.open(Inside {
        api: router(app.in_process()),
        own: router(app.in_process().without_keys()),
        url: side.url.clone(),
        address: side.address,
        stopped: stopped.clone(),
    });
    let outside = outside.await;
    reactors.start("beside", outside.alongside);
    Some(bounded(app, outside.router))
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

/// Reads the config, the certificate and the keys of tokens again whenever it is notified, and the latter two now and
/// then. Never ends.
async fn reload(told: &Notify, ledger: &Ledger, tls: Option<&Tls>, jwt: Option<&Jwt>) {
    let renewed = async {
        match tls {
            Some(tls) => tls.follow().await,
            None => std::future::pending().await,
        }
    };
    let rekeyed = async {
        match jwt {
            Some(jwt) => jwt.follow().await,
            None => std::future::pending().await,
        }
    };
    let told = async {
        loop {
            told.notified().await;
            if let Some(tls) = tls {
                tls.reload();
            }
            if let Some(jwt) = jwt {
                jwt.look().await;
            }
            // What is wrong with it is in the log and in the health answer.
            let _ = ledger.in_force().reload().await;
        }
    };
    tokio::join!(renewed, rekeyed, told);
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
async fn open(options: &ServeOptions, url: &str) -> Result<(Arc<Ledger>, Option<PathBuf>), ServeError> {
    let ledger_options = |views: Views| {
        let redaction_key = options.redaction_key.clone().or_else(|| views.redaction_key());
        LedgerOptions { settings: options.settings.clone(), redaction_key, ..LedgerOptions::new(views) }
    };
    match options.ledger.clone() {
        Served::Data { dir, durability, accept_loss, pack } => {
            let lock_note = format!("tollgate serve at {url}, process {}", std::process::id());
            let log_options = Options { durability, lock_note, accept_loss, pack, ..Options::default() };
            let log = EmbeddedLog::open_or_create(&dir, log_options.clone())?;
            let opened = Ledger::open_here(log, log_options, ledger_options(Views::below(&dir))).await?;
            Ok((Arc::new(opened), Some(dir)))
        }
        Served::Nats { log } => {
            let views = Views::Nats(log.client());
            let opened = Ledger::open(log as Arc<dyn EventLog>, ledger_options(views)).await?;
            Ok((Arc::new(opened), None))
        }
    }
}
