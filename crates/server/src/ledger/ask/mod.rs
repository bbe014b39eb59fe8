//! Queries to a ledger. Nothing is appended here.

mod alerts;
mod bills;
mod budgets;
mod decided;
mod deliveries;
mod dimensions;
mod figures;
mod history;
mod money;
mod period;
mod price_decisions;
mod prices;
mod quarantine;
mod query;
mod redaction;
mod spent;
mod task_answer;
mod totals;
mod usage;
mod usage_records;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tollgate_clock::Clock;
use tollgate_domain::position::PARTITIONS;
use tollgate_domain::time::Timestamp;
use tollgate_projection::alerts::Alerts;
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_projector::{Asker, ReadPool, Source};

pub use alerts::AlertQuery;
pub use bills::BillQuery;
pub(in crate::ledger) use decided::{Decidable, KnownTasks};
pub use deliveries::DeliveryQuery;
pub use history::LogQuery;
pub use money::{ExportQuery, FocusQuery};
pub use period::PeriodQuery;
pub use price_decisions::DecidedQuery;
pub use prices::{PricesQuery, QuoteQuery, prices_of, quote_of};
pub(in crate::ledger) use query::names;
pub use query::{ListQuery, Read, limits_of};
pub(in crate::ledger) use task_answer::{Ask, TaskAnswer, Through};
pub use totals::TotalsQuery;
pub use usage::SummaryQuery;
pub use usage_records::UsageQuery;

use super::breaker::Breaker;
use super::log_reader::LogReader;
use super::settings::{Settings, SharedSettings};
use super::{Shared, ViewSources};
use crate::metrics::Metrics;
use crate::problem::{Answer, of_busy};

/// How long a decision waits for the view to see what was decided before.
pub(in crate::ledger) const VIEW_WAIT: Duration = Duration::from_secs(5);

/// The queries that a ledger answers.
pub struct Queries {
    log: LogReader,
    status: Arc<Source<Status>>,
    reports: Arc<Source<Reports>>,
    alerts: Arc<Source<Alerts>>,
    spending: Arc<Source<Spending>>,
    /// Held while sums are read that were not kept, by tenant: who asks for the same waits for them.
    filling: [tokio::sync::Mutex<()>; PARTITIONS],
    settings: SharedSettings,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    readers: ReadPool,
    breaker: Arc<Breaker>,
    known: Arc<KnownTasks>,
    /// Where the pseudonym key is; `None`: there is none, so nothing can be redacted.
    redaction_key: Option<PathBuf>,
    /// Whether queries that wait for something new must be answered now.
    closing: watch::Sender<bool>,
}

impl Queries {
    pub(super) fn new(
        shared: &Shared,
        views: &ViewSources,
        settings: SharedSettings,
        clock: Arc<dyn Clock>,
        redaction_key: Option<PathBuf>,
    ) -> Self {
        let (shared, views) = (shared.clone(), views.clone());
        Self {
            log: LogReader::new(shared.log),
            status: views.status,
            reports: views.reports,
            alerts: views.alerts,
            spending: views.spending,
            filling: Default::default(),
            settings,
            clock,
            metrics: shared.metrics,
            readers: shared.readers,
            breaker: shared.breaker,
            known: shared.known,
            redaction_key,
            closing: watch::Sender::new(false),
        }
    }

    /// Config and prices in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.get()
    }

    /// The source of the current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where answers over many rows are computed.
    #[must_use]
    pub const fn readers(&self) -> &ReadPool {
        &self.readers
    }

    /// Waits until something is ready, or time is up, or the ledger is closing; `None`: it is not ready.
    pub(crate) async fn wait_up_to<T>(&self, up_to: Duration, ready: impl Future<Output = T>) -> Option<T> {
        let mut closing = self.closing.subscribe();
        tokio::select! {
            ready = tokio::time::timeout(up_to, ready) => ready.ok(),
            // The sender lives as long as the ledger.
            _ = closing.wait_for(|closing| *closing) => None,
        }
    }

    /// Whether the ledger is closing.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Adds up and serializes what was read for a reader: not on the threads that serve appends and gates,
    /// because it may be a lot.
    pub(crate) async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        self.readers.run(Asker::Served, make).await.map_err(of_busy)
    }

    pub(super) fn close_waits(&self) {
        self.closing.send_replace(true);
    }

    pub(super) const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(super) fn shared_settings(&self) -> SharedSettings {
        self.settings.clone()
    }

    pub(super) fn status(&self) -> &Source<Status> {
        &self.status
    }

    pub(in crate::ledger) fn reports(&self) -> &Source<Reports> {
        &self.reports
    }
}
