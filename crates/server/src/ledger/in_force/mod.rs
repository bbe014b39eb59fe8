//! Config and prices in force: chosen at the start, recorded in the log, changed while the ledger runs.

mod automatic;
mod decided;
mod follow;
mod once;
mod price_decisions;
mod price_update;
mod record;
mod recorded;
mod reload;
mod set_answer;
mod set_rates;

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};

use tokio::sync::{Mutex, OnceCell};
use tollgate_log::contract::EventLog;
use tollgate_projection::reports::Reports;
use tollgate_projector::Source;

use self::automatic::Automatic;
use self::decided::Decided;
pub use self::price_update::named_sources;
use self::recorded::Recorded;
use super::ask::Queries;
use super::settings::{Named, SharedSettings};
use super::{Shared, ViewSources};

/// The files that an operator names.
pub(super) struct Files {
    /// The config; `None`: none was named.
    pub(super) config: Option<PathBuf>,
    /// The sources of prices; `None`: none can be.
    pub(super) price_sources: Option<PathBuf>,
}

/// Puts config and prices in force, and keeps the log's account of it.
pub struct InForce {
    log: Arc<dyn EventLog>,
    reports: Arc<Source<Reports>>,
    ask: Arc<Queries>,
    settings: SharedSettings,
    /// What the operator named.
    named: Named,
    /// Where the config is read from; `None`: none was named.
    config_file: Option<PathBuf>,
    /// Where the sources of prices are named; `None`: nowhere.
    price_sources: Option<PathBuf>,
    /// One update at a time.
    updating: Mutex<()>,
    /// Updates of prices that servers make by themselves.
    automatic: std::sync::Mutex<Automatic>,
    /// The settings that were last in the log when it was opened, or when that became known.
    recorded: RwLock<Arc<Recorded>>,
    /// What is known to be decided about prices.
    decided: RwLock<Decided>,
    /// The record up to which it is known which settings are last in the log.
    settings_seen: AtomicU64,
    reloading: Mutex<()>,
    settings_recorded: OnceCell<()>,
}

impl InForce {
    /// Chooses what is in force at the start: what is named, otherwise what is last in the log.
    pub(super) async fn chosen(
        named: &Named,
        log: &Arc<dyn EventLog>,
        reports: &Source<Reports>,
    ) -> (SharedSettings, Recorded) {
        let recorded = recorded::recorded(log, reports, None).await;
        let settings = recorded::choose(named, &recorded);
        (SharedSettings::of(settings), recorded)
    }

    pub(super) fn new(
        shared: &Shared,
        ask: &Arc<Queries>,
        views: &ViewSources,
        named: Named,
        files: Files,
        recorded: Recorded,
    ) -> Self {
        Self {
            log: Arc::clone(&shared.log),
            reports: Arc::clone(&views.reports),
            ask: Arc::clone(ask),
            settings: ask.shared_settings(),
            named,
            config_file: files.config,
            price_sources: files.price_sources,
            updating: Mutex::default(),
            automatic: std::sync::Mutex::default(),
            decided: RwLock::default(),
            recorded: RwLock::new(Arc::new(recorded)),
            settings_seen: AtomicU64::new(0),
            reloading: Mutex::new(()),
            settings_recorded: OnceCell::new(),
        }
    }
}
