//! What people and reactors do to a ledger: health, rebuilding views, and what follows from looking at it.

mod accesses;
mod alerts;
mod anchors;
mod bills;
mod breaker;
mod deliveries;
mod delivering;
mod figures;
mod inbox;
mod lag;
mod quarantine;
mod remediation;
mod reprice;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_domain::event::EventBody;
use tollgate_domain::position::{PartitionId, Position};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{Durability, EventLog, LogServer};
use tollgate_log::embedded::Anchor;
use tollgate_projection::fold::Projection;
use tollgate_projector::queries::{MarkOf, Marks};
use tollgate_projector::{Digest, FOREIGN, Query, Rebuilt, Source, Wait};
use tollgate_wire::api::{
    ConfigResponse, Health, HealthCheck, HealthStatus, LogServerHealth, PositionResponse, RebuildResponse,
    ViewHealth,
};

pub use accesses::{AccessQuery, Reading};
pub use anchors::stored_anchors;
pub use delivering::{AlertsBy, Delivering, ReadFile};
pub(crate) use remediation::RemediationState;

use super::ask::Queries;
use super::breaker::Breaker;
use super::gate::BlockedTasks;
pub(crate) use super::gate::Name;
use super::in_force::InForce;
use super::own::{about_itself, append_one, of_append_one};
use super::write::{Notes, Writer};
use super::{Settings, Shared, ViewSources};
use crate::problem::{Answer, INTERNAL, NOT_FOUND, of_read, of_rebuild};

/// The views, by name.
pub const VIEWS: [&str; 4] = ["status", "reports", "alerts", "spending"];

/// How long to wait for the log before it counts as unavailable: as long as for views.
const LOG_ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// The check that reports which config is in force, and what is wrong with it.
const CONFIG_CHECK: &str = "config";

/// The check that reports which prices are.
const PRICES_CHECK: &str = "prices";

/// What people and reactors do.
pub struct Operations {
    /// Identifies this run: no two runs have the same id.
    instance: String,
    log: Arc<dyn EventLog>,
    views: ViewSources,
    ask: Arc<Queries>,
    write: Arc<Writer>,
    breaker: Arc<Breaker>,
    in_force: Arc<InForce>,
    blocked: Arc<BlockedTasks>,
    reads: Notes,
    /// Why some evidence is not being written, if so.
    evidence_fails: Mutex<Option<String>>,
    /// Why alerts of policies may be missing; `None`: they were all looked at.
    policies_unwatched: Mutex<Option<String>>,
    /// How what the ledger raises gets delivered, if it is served.
    delivering: Mutex<delivering::Known>,
    lags: lag::Lags,
}

impl Operations {
    pub(super) fn new(
        shared: &Shared,
        views: &ViewSources,
        ask: &Arc<Queries>,
        write: &Arc<Writer>,
        in_force: &Arc<InForce>,
        blocked: &Arc<BlockedTasks>,
        instance: String,
    ) -> Self {
        Self {
            instance,
            log: Arc::clone(&shared.log),
            views: views.clone(),
            ask: Arc::clone(ask),
            write: Arc::clone(write),
            breaker: Arc::clone(&shared.breaker),
            in_force: Arc::clone(in_force),
            blocked: Arc::clone(blocked),
            reads: Notes::start(Arc::clone(&shared.log), "a read of a report"),
            evidence_fails: Mutex::default(),
            policies_unwatched: Mutex::default(),
            delivering: Mutex::default(),
            lags: lag::Lags::default(),
        }
    }

    /// Identifies this run: no two runs have the same id.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// Appends what has been noted so far.
    pub(super) async fn stop(&self) {
        self.reads.stop().await;
    }

    /// Appends an event that the ledger writes about itself.
    async fn append_own(&self, id: &str, at: Option<Timestamp>, body: EventBody) -> Answer<()> {
        let submitted = about_itself(id, at, body).map_err(|error| INTERNAL.with(error))?;
        append_one(&*self.log, &submitted).await.map(|_| ()).map_err(|error| of_append_one(&error))
    }

    /// Where the log ends.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn position(&self) -> Answer<PositionResponse> {
        let epoch = self.log.epoch();
        let tail = self.log.tail().await.map_err(|error| of_read(&error))?;
        Ok(PositionResponse {
            position: tail.to_string(),
            epoch: epoch.id.simple().to_string(),
            created_at: epoch.created_at.to_string(),
            durability: self.log.durability().to_string(),
            instance: self.instance().to_owned(),
        })
    }

    /// Reports to health why some evidence is not being written; `None`: all of it is.
    pub(crate) fn evidence_fails(&self, why: Option<String>) {
        *self.evidence_fails.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Reports to health why alerts of policies and allocations may be missing; `None`: all were looked at.
    pub(crate) fn policies_unwatched(&self, why: Option<String>) {
        *self.policies_unwatched.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Whether everything works.
    pub async fn health(&self) -> Health {
        let failed = self.log.failed().or_else(|| self.log.degraded());
        let settings = self.ask.settings();
        let (end, views, delivery) = tokio::join!(
            tokio::time::timeout(LOG_ANSWERS_WITHIN, self.log.tail()),
            self.view_health(),
            self.delivery_checks()
        );
        let failed = failed.or_else(|| match end {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("does not answer, waited {} s", LOG_ANSWERS_WITHIN.as_secs())),
        });
        let server = self.log.server();
        let mut checks = vec![log_check(failed, self.log.durability(), server.as_ref())];
        checks.extend(settings_checks(&settings, self.ask.now()));
        let evidence = self.evidence_fails.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let unwatched = self.policies_unwatched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let updates = self.in_force.check_of_updates();
        let degraded = evidence.is_some()
            || unwatched.is_some()
            || updates.as_ref().is_some_and(|updates| !updates.ok)
            || views.iter().any(|view| !view.quarantined.is_empty());
        checks.extend(views.iter().map(check_of));
        let of_settings = [CONFIG_CHECK, PRICES_CHECK];
        let failing = checks.iter().any(|check| !check.ok && !of_settings.contains(&check.name.as_str()));
        // Everything works, though not as intended: whatever polls health must keep polling.
        let degraded =
            degraded || settings.problems().next().is_some() || delivery.iter().any(|check| !check.ok);
        let status = match (failing, degraded) {
            (true, _) => HealthStatus::Failing,
            (false, true) => HealthStatus::Degraded,
            (false, false) => HealthStatus::Ok,
        };
        checks.extend(delivery);
        checks.extend(updates);
        let failed = |name: &str, detail| HealthCheck { name: name.to_owned(), ok: false, detail };
        checks.extend(evidence.map(|detail| failed("evidence", detail)));
        checks.extend(unwatched.map(|detail| failed("policy_alerts", detail)));
        Health {
            time_zone_database: tollgate_domain::zone::database_version().to_owned(),
            status,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            checks,
            views,
            log_server: server.map(of_server),
            connections: None,
        }
    }

    /// Every view.
    async fn view_health(&self) -> Vec<ViewHealth> {
        let (status, reports, alerts, spending) = tokio::join!(
            self.views.status.health(),
            self.views.reports.health(),
            self.views.alerts.health(),
            self.views.spending.health()
        );
        let mut views: Vec<ViewHealth> = [status, reports, alerts, spending].into_iter().flatten().collect();
        for view in &mut views {
            view.lag_growth = self.lags.growth(view);
        }
        views
    }

    /// The config in force, and the prices.
    #[must_use]
    pub fn config(&self) -> ConfigResponse {
        let settings = self.ask.settings();
        ConfigResponse {
            yaml: settings.config.to_yaml(),
            config_hash: settings.config_hash.clone(),
            rollout: settings.config.rollout,
            origin: settings.config_origin,
            source: settings.config_source.clone(),
            since: settings.config_since.map(|since| since.to_string()),
            price_version: settings.prices.version().to_owned(),
            prices_source: settings.prices_source.clone(),
            prices_as_of: settings.prices.as_of().map(|day| day.to_string()),
            prices_age_days: settings.prices.age_in_days(self.ask.now()),
            warnings: settings.warnings(self.ask.now()),
        }
    }

    /// Builds a view a second time, alongside the live one, and compares them.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn rebuild(&self, view: &str) -> Answer<RebuildResponse> {
        match view {
            "status" => rebuild(&self.views.status).await,
            "reports" => rebuild(&self.views.reports).await,
            "alerts" => rebuild(&self.views.alerts).await,
            "spending" => rebuild(&self.views.spending).await,
            _ => {
                Err(NOT_FOUND.with(format!("rebuilding view `{view}`: must be one of {}", VIEWS.join(", "))))
            }
        }
    }

    /// What the views remember about the log, for `log verify` to compare with.
    pub async fn anchors(&self) -> Vec<Anchor> {
        let mut anchors = anchors_of(&self.views.status, "status").await;
        anchors.extend(anchors_of(&self.views.reports, "reports").await);
        anchors.extend(anchors_of(&self.views.alerts, "alerts").await);
        anchors.extend(anchors_of(&self.views.spending, "spending").await);
        anchors
    }
}

/// Which config and which prices are in force, with what people should know about them.
fn settings_checks(settings: &Settings, now: Timestamp) -> [HealthCheck; 2] {
    let config: Vec<String> = std::iter::once(settings.config_line()).chain(settings.warnings(now)).collect();
    let ok = settings.problems().next().is_none();
    [
        HealthCheck { name: CONFIG_CHECK.to_owned(), ok, detail: config.join("; ") },
        HealthCheck {
            name: PRICES_CHECK.to_owned(),
            ok: settings.prices_problem.is_none(),
            detail: settings.prices_line(now),
        },
    ]
}

/// All parts of a view as one: rows and records are summed, digests are listed side by side.
async fn rebuild<P: Projection + Clone>(source: &Source<P>) -> Answer<RebuildResponse> {
    let parts = source.rebuild().await.map_err(|error| of_rebuild(&error))?;
    let digests = |digest: fn(&Rebuilt) -> Digest| {
        parts.iter().map(|part| digest(part).to_string()).collect::<Vec<_>>().join(" ")
    };
    let identical = parts.iter().all(Rebuilt::identical);
    let mut as_of: Option<Position> = None;
    for part in &parts {
        match &mut as_of {
            Some(as_of) => as_of.merge(&part.as_of),
            None => as_of = Some(part.as_of.clone()),
        }
    }
    Ok(RebuildResponse {
        view: P::NAME.to_owned(),
        identical,
        rows: parts.iter().map(|part| part.rows).sum(),
        records: parts.iter().map(|part| part.records).sum(),
        digest: digests(|part| part.digest),
        live_digest: (!identical).then(|| digests(|part| part.live)),
        as_of: as_of.map(|as_of| as_of.to_string()).unwrap_or_default(),
    })
}

async fn anchors_of<P: Projection + Clone>(source: &Source<P>, name: &str) -> Vec<Anchor>
where
    Marks: Query<P, Answer = Vec<MarkOf>>,
{
    let wait = Wait { at_least: None, up_to: Duration::from_secs(2) };
    // A view that does not answer has nothing to compare with; its health says why.
    let Ok((parts, _)) = source.ask_all(wait, &Marks::default()).await else { return Vec::new() };
    let anchor = |mark: MarkOf| {
        Some(Anchor {
            source: format!("view {name}"),
            partition: PartitionId::new(mark.partition)?,
            sequence: mark.sequence,
            chain: mark.chain(),
        })
    };
    parts.into_iter().flatten().filter_map(anchor).collect()
}

fn of_server(server: LogServer) -> LogServerHealth {
    let LogServer { software, replicas, sync, not_promised } = server;
    LogServerHealth { software, replicas: replicas as u64, sync, not_promised }
}

fn log_check(failed: Option<String>, durability: Durability, server: Option<&LogServer>) -> HealthCheck {
    let server = server.map(|server| format!("; {server}")).unwrap_or_default();
    HealthCheck {
        name: "log".to_owned(),
        ok: failed.is_none(),
        detail: failed.unwrap_or_else(|| format!("accepting appends, durability {durability}{server}")),
    }
}

/// The state of a view.
fn check_of(view: &ViewHealth) -> HealthCheck {
    let foreign = view.quarantined.iter().find(|waits| waits.task == FOREIGN);
    let waits = view.quarantined.len() - usize::from(foreign.is_some());
    let foreign = foreign.map(|found| {
        let (number, first, what) = (found.waiting, found.sequence, &found.error);
        format!("; {number} foreign messages in the ledger's stream are skipped, the first is record {first}: {what}")
    });
    HealthCheck {
        name: match view.partitions.as_str() {
            "0-15" => format!("view {}", view.view),
            part => format!("view {} of partitions {part}", view.view),
        },
        ok: view.running && view.in_memory.is_none(),
        detail: match (&view.note, waits) {
            (Some(note), _) if !view.running => note.clone(),
            _ if view.in_memory.is_some() => view.in_memory.clone().unwrap_or_default(),
            (_, 0) => behind(view),
            (_, tasks) => format!("{}; events of {tasks} tasks could not be read", behind(view)),
        } + foreign.as_deref().unwrap_or_default(),
    }
}

/// How far a view is behind, and how fast it falls further behind.
fn behind(view: &ViewHealth) -> String {
    let growing = view.lag_growth.filter(|growth| *growth > 0 && view.lag_records > 0);
    let growing = growing.map(|growth| format!(", {growth} more every second")).unwrap_or_default();
    format!("{} records behind{growing}", view.lag_records)
}
