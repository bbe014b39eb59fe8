//! The ledger: one log, its views, and the rules between them.

mod ask;
mod breaker;
mod budgets;
mod gate;
mod in_force;
mod keyed;
mod keys;
mod log_reader;
mod loss;
mod operate;
mod own;
mod settings;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_clock::{Clock, SystemClock};
pub(crate) use tollgate_domain::ids::LEDGER_PRODUCER as OWN_PRODUCER;
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{EventLog, Partitions};
use tollgate_log::embedded::OpenError;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::fold::Projection;
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_projector::nats::Remote;
use tollgate_projector::reactor::{self as watched, LogOutbox, Watch};
use tollgate_projector::{Projector, ReadPool, Source, ViewError};
use uuid::Uuid;

pub use ask::{
    AlertQuery, BillQuery, DecidedQuery, DeliveryQuery, ExportQuery, FocusQuery, ListQuery, LogQuery,
    PeriodQuery, PricesQuery, Queries, QuoteQuery, Read, SummaryQuery, TotalsQuery, UsageQuery, limits_of,
    prices_of, quote_of,
};
pub use budgets::{BudgetDecisions, PolicyPage};
pub use gate::Gate;
pub use in_force::{InForce, named_sources};
pub(crate) use keyed::key_rule;
pub use keys::{Keys, Made, MadeBy};
pub use operate::{AccessQuery, AlertsBy, Delivering, Operations, ReadFile, Reading, VIEWS, stored_anchors};
pub(crate) use operate::{Name, RemediationState};
pub use settings::{BUILT_IN, Settings, SettingsError, SettingsOptions};
pub use write::{Appended, MAX_REQUEST_EVENTS, ReadEvent, Writer};

use self::ask::KnownTasks;
use self::breaker::Breaker;
use self::gate::BlockedTasks;
use self::in_force::Files;
use crate::metrics::Metrics;
use crate::problem::Answer;

/// The file in a data directory that holds the pseudonym key.
const REDACTION_KEY: &str = "redaction.key";

/// The file in a data directory that names the sources of prices.
pub const PRICE_SOURCES: &str = "prices.yaml";

/// A running ledger, in parts. Each is given what it may touch, and knows those before it: queries, what is
/// in force, appends, the gate, and what people and reactors do. All methods may be called concurrently.
pub struct Ledger {
    log: Arc<dyn EventLog>,
    views: ViewSources,
    ask: Arc<Queries>,
    keys: Keys,
    in_force: Arc<InForce>,
    write: Arc<Writer>,
    budgets: BudgetDecisions,
    gate: Gate,
    operate: Operations,
}

/// The views of a ledger, folded here or elsewhere.
#[derive(Clone)]
struct ViewSources {
    status: Arc<Source<Status>>,
    reports: Arc<Source<Reports>>,
    alerts: Arc<Source<Alerts>>,
    spending: Arc<Source<Spending>>,
}

/// What all parts know.
#[derive(Clone)]
struct Shared {
    log: Arc<dyn EventLog>,
    metrics: Arc<Metrics>,
    breaker: Arc<Breaker>,
    readers: ReadPool,
    /// Tasks as of this process's last decision about them.
    known: Arc<KnownTasks>,
}

/// How a ledger is opened.
#[derive(Clone)]
pub struct LedgerOptions {
    /// Who folds its views.
    pub views: Views,
    /// Config and prices.
    pub settings: SettingsOptions,
    /// The source of the current time: for running executions, and for what the ledger itself records.
    pub clock: Arc<dyn Clock>,
    /// Where the pseudonym key is, which is created when first needed; `None`: nothing can be redacted.
    pub redaction_key: Option<PathBuf>,
}

/// The directory of the stores of views, in a data directory.
const VIEWS_DIR: &str = "views";

/// Who folds the views of a ledger.
#[derive(Clone)]
pub enum Views {
    /// This process, into stores under a directory.
    Here(PathBuf),
    /// Projectors in separate processes, which answer over NATS.
    Nats(async_nats::Client),
}

impl Views {
    /// This process, into the stores of a data directory.
    #[must_use]
    pub fn below(data_dir: &Path) -> Self {
        Self::Here(data_dir.join(VIEWS_DIR))
    }

    /// Where the pseudonym key is, unless one is named: in the data directory.
    #[must_use]
    pub fn redaction_key(&self) -> Option<PathBuf> {
        match self {
            Self::Here(views) => Some(views.parent()?.join(REDACTION_KEY)),
            Self::Nats(_) => None,
        }
    }
}

impl LedgerOptions {
    /// The file that names the sources of prices: the one that is named, or that of the data directory.
    fn price_sources(&self) -> Option<PathBuf> {
        let own = || match &self.views {
            Views::Here(views) => Some(views.parent()?.join(PRICE_SOURCES)),
            Views::Nats(_) => None,
        };
        self.settings.price_sources.clone().or_else(own)
    }

    /// The built-in config and prices, and the machine's clock.
    #[must_use]
    pub fn new(views: Views) -> Self {
        let redaction_key = views.redaction_key();
        Self { views, settings: SettingsOptions::default(), clock: Arc::new(SystemClock), redaction_key }
    }
}

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The log could not be reopened.
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
    /// Opens the views of a log and begins to follow it. Config and prices are recorded in the log before the
    /// first append, or when [`InForce::record`] is called: a ledger that only answers queries puts nothing
    /// in force for others.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub async fn open(log: Arc<dyn EventLog>, options: LedgerOptions) -> Result<Self, LedgerError> {
        let named = settings::read(&options.settings)?;
        let price_sources = options.price_sources();
        let shared = Shared {
            log: Arc::clone(&log),
            metrics: Arc::default(),
            breaker: Arc::default(),
            readers: ReadPool::default(),
            known: Arc::default(),
        };
        let views = ViewSources::open(&options.views, &shared).await?;
        let (settings, recorded) = InForce::chosen(&named, &log, &views.reports).await;
        let ask = Arc::new(Queries::new(&shared, &views, settings, options.clock, options.redaction_key));
        let keys = Keys::new(&shared, &ask);
        let files = Files { config: options.settings.config, price_sources };
        let in_force = InForce::new(&shared, &ask, &views, named, files, recorded);
        let in_force = Arc::new(in_force);
        let write = Arc::new(Writer::new(&shared, &ask, &in_force));
        let budgets = BudgetDecisions::new(&shared, &ask, &in_force);
        let blocked = Arc::new(BlockedTasks::default());
        let gate = Gate::new(&shared, &ask, &in_force, &write, &blocked, &budgets);
        let instance = Uuid::now_v7().simple().to_string();
        let operate = Operations::new(&shared, &views, &ask, &write, &in_force, &blocked, instance);
        Ok(Self { log, views, ask, keys, in_force, write, budgets, gate, operate })
    }

    /// The queries.
    #[must_use]
    pub fn ask(&self) -> &Queries {
        &self.ask
    }

    /// Who may ask for what over HTTP.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Config and prices in force.
    #[must_use]
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// The appends.
    #[must_use]
    pub fn write(&self) -> &Writer {
        &self.write
    }

    /// Decisions about money.
    #[must_use]
    pub const fn budgets(&self) -> &BudgetDecisions {
        &self.budgets
    }

    /// Whether a task may go on.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What people and reactors do.
    #[must_use]
    pub const fn operate(&self) -> &Operations {
        &self.operate
    }

    /// Records which levels of policies were reached or left, and of which allocations more was used than was
    /// allocated, as [`BudgetDecisions::observe_levels`] does, and tells health if that could not be found out.
    ///
    /// # Errors
    ///
    /// The problem with a view or the log. What was not recorded is the next time.
    pub async fn look_at_policies(&self) -> Answer<usize> {
        let observed = self.budgets.observe_levels().await;
        self.operate.policies_unwatched(observed.as_ref().err().map(|problem| problem.detail.clone()));
        observed
    }

    /// Answers all queries that wait for something new: they would keep a server from stopping.
    pub fn close_waits(&self) {
        self.ask.close_waits();
    }

    /// Commits the views. Appends and queries that are still running first get their answer or an error.
    pub async fn stop(&self) {
        self.operate.stop().await;
        self.write.stop().await;
        self.budgets.stop();
        self.views.clone().stop().await;
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    /// The undelivered changes of its alerts, and what was done about them.
    #[must_use]
    pub fn outbox(&self) -> LogOutbox {
        LogOutbox::new(Arc::clone(&self.views.alerts), Arc::clone(self.log()), Arc::clone(self.ask.clock()))
    }

    /// Config and prices in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.ask.settings()
    }

    /// Watches its tasks and views: what only the passing of time reveals is written to the log.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let ViewSources { status, reports, alerts, spending } = self.views.clone();
        let settings = self.ask.shared_settings();
        let config = move || settings.get().config.alerts.clone();
        let views = watched::Views { status, reports, alerts, spending };
        Watch::new(Arc::clone(self.log()), views, Arc::clone(self.ask.clock()), config)
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        self.ask.metrics()
    }

    /// The source of the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ask.now()
    }
}

impl ViewSources {
    async fn open(views: &Views, shared: &Shared) -> Result<Self, ViewError> {
        let (log, readers) = (&shared.log, &shared.readers);
        Ok(match views {
            Views::Here(dir) => {
                // All of them at once. Each is waited for, also where another failed: then no store stays open.
                let (status, reports, alerts, spending) = tokio::join!(
                    start(Status, dir, log, readers),
                    start(Reports, dir, log, readers),
                    start(Alerts, dir, log, readers),
                    start(Spending, dir, log, readers),
                );
                Self {
                    status: Arc::new(Source::Local(status?)),
                    reports: Arc::new(Source::Local(reports?)),
                    alerts: Arc::new(Source::Local(alerts?)),
                    spending: Arc::new(Source::Local(spending?)),
                }
            }
            Views::Nats(client) => {
                let epoch = log.epoch().id;
                Self {
                    status: Arc::new(Source::Remote(Remote::new(client.clone(), epoch, readers.clone()))),
                    reports: Arc::new(Source::Remote(Remote::new(client.clone(), epoch, readers.clone()))),
                    alerts: Arc::new(Source::Remote(Remote::new(client.clone(), epoch, readers.clone()))),
                    spending: Arc::new(Source::Remote(Remote::new(client.clone(), epoch, readers.clone()))),
                }
            }
        })
    }

    /// Commits the views, all of them at once.
    async fn stop(self) {
        let Self { status, reports, alerts, spending } = self;
        let stopped = tokio::join!(
            tokio::spawn(async move { status.stop().await }),
            tokio::spawn(async move { reports.stop().await }),
            tokio::spawn(async move { alerts.stop().await }),
            tokio::spawn(async move { spending.stop().await }),
        );
        for stopped in [stopped.0, stopped.1, stopped.2, stopped.3] {
            if let Err(error) = stopped {
                tracing::error!(%error, "a view was not stopped");
            }
        }
    }
}

/// Opens a view on a task of its own: opening reads files.
fn start<P: Projection + Clone>(
    projection: P,
    dir: &Path,
    log: &Arc<dyn EventLog>,
    readers: &ReadPool,
) -> impl Future<Output = Result<Projector<P>, ViewError>> + use<P> {
    let (dir, log, readers) = (dir.to_owned(), Arc::clone(log), readers.clone());
    let starting = tokio::spawn(async move {
        Projector::start_with(projection, &dir, log, Partitions::ALL, false, readers).await
    });
    async move {
        let started = starting.await.map_err(|error| ViewError::Thread(error.to_string()))??;
        match started.refused() {
            Some(error) => Err(error.clone()),
            None => Ok(started),
        }
    }
}
