//! What the service counts, in the text formats of Prometheus.

mod connections;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tollgate_domain::gate::Verdict;
use tollgate_domain::position::PartitionId;
use tollgate_log::contract::Partitions;
use tollgate_telemetry::Export;
use tollgate_wire::api::{EventOutcome, Health, ViewHealth};

pub use connections::{ConnectionMetrics, Cut};
pub use text::TextFormat;

/// Upper bounds of request durations, in seconds.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    verdict: &'static str,
    stale: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ViewLabel {
    view: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabel {
    view: String,
    partition: u8,
}

/// Counters and gauges of one process. Task ids are never labels.
pub struct Metrics {
    registry: Registry,
    events: Family<OutcomeLabel, Counter>,
    refusals: Family<CodeLabel, Counter>,
    decisions: Family<VerdictLabel, Counter>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
    lag: Family<ViewLabel, Gauge>,
    partition_lag: Family<PartitionLabel, Gauge>,
    running: Family<ViewLabel, Gauge>,
    rows: Family<ViewLabel, Gauge>,
    waiting_tasks: Family<ViewLabel, Gauge>,
    log_takes_appends: Gauge,
    drained: Family<OutcomeLabel, Counter>,
    inbox_waiting: Gauge,
    remediations_waiting: Gauge,
    reads_lost: Counter,
    change_reads: Counter,
    telemetry_sent: Counter,
    telemetry_retries: Counter,
    telemetry_dropped: Counter,
    connections: ConnectionMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tollgate"),
            events: Family::default(),
            refusals: Family::default(),
            decisions: Family::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            lag: Family::default(),
            partition_lag: Family::default(),
            running: Family::default(),
            rows: Family::default(),
            waiting_tasks: Family::default(),
            log_takes_appends: Gauge::default(),
            drained: Family::default(),
            inbox_waiting: Gauge::default(),
            remediations_waiting: Gauge::default(),
            reads_lost: Counter::default(),
            change_reads: Counter::default(),
            telemetry_sent: Counter::default(),
            telemetry_retries: Counter::default(),
            telemetry_dropped: Counter::default(),
            connections: ConnectionMetrics::default(),
        };
        metrics.register_beside();
        metrics.connections.register(&mut metrics.registry);
        let registry = &mut metrics.registry;
        registry.register("events", "Events answered, by outcome", metrics.events.clone());
        registry.register("refusals", "Events refused, by the code of the rule", metrics.refusals.clone());
        registry.register("gate_decisions", "Decisions of the gate, by verdict", metrics.decisions.clone());
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request to its answer",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register("view_lag_records", "Records a view has not folded yet", metrics.lag.clone());
        registry.register(
            "view_partition_lag_records",
            "Upper bound on the records of a partition that a view has not folded yet",
            metrics.partition_lag.clone(),
        );
        registry.register("view_running", "1 while the view's projector runs", metrics.running.clone());
        registry.register("view_rows", "Committed rows of a view", metrics.rows.clone());
        registry.register(
            "view_waiting_tasks",
            "Tasks with an event that could not be read",
            metrics.waiting_tasks.clone(),
        );
        registry.register(
            "log_takes_appends",
            "1 while the log accepts appends",
            metrics.log_takes_appends.clone(),
        );
        metrics
    }
}

/// A view over all its parts.
#[derive(Default)]
struct Whole {
    stopped: bool,
    lag: u64,
    rows: u64,
    waiting: u64,
}

impl Metrics {
    /// What works alongside the answers: the inbox, reactors, telemetry.
    fn register_beside(&mut self) {
        let (sent, retries, dropped) =
            (&self.telemetry_sent, &self.telemetry_retries, &self.telemetry_dropped);
        let registry = &mut self.registry;
        registry.register(
            "inbox_messages",
            "Messages of the inbox that this process drained, by what became of them",
            self.drained.clone(),
        );
        registry.register(
            "inbox_waiting_messages",
            "Messages that waited in the inbox when this process last took some",
            self.inbox_waiting.clone(),
        );
        registry.register(
            "remediations_waiting",
            "Blocked tasks whose remediation this process has not opened yet",
            self.remediations_waiting.clone(),
        );
        registry.register(
            "report_reads_lost",
            "Reads of reports that could not be recorded",
            self.reads_lost.clone(),
        );
        registry.register(
            "alert_change_reads",
            "Times the view of alerts was read for its changes",
            self.change_reads.clone(),
        );
        registry.register("telemetry_sent", "Snapshots that the collector took", sent.clone());
        registry.register("telemetry_retries", "Tries to export a snapshot again", retries.clone());
        registry.register("telemetry_dropped", "Snapshots that could not be exported", dropped.clone());
    }

    /// Counts a read of the changes of alerts.
    pub(crate) fn changes_read(&self) {
        self.change_reads.inc();
    }

    /// The metrics about connections.
    #[must_use]
    pub fn connections(&self) -> &ConnectionMetrics {
        &self.connections
    }

    /// Counts the outcome of a snapshot.
    pub(crate) fn exported(&self, export: Export) {
        let counter = match export {
            Export::Sent => &self.telemetry_sent,
            Export::Retried => &self.telemetry_retries,
            Export::Dropped => &self.telemetry_dropped,
        };
        counter.inc();
    }

    /// Sets the gauges of views: a view is running if all its parts are, and is as far behind as the last of
    /// them.
    fn show(&self, parts: &[ViewHealth]) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let mut views: BTreeMap<&str, Whole> = BTreeMap::new();
        for part in parts {
            let whole = views.entry(&part.view).or_default();
            whole.stopped |= !part.running;
            whole.lag = whole.lag.max(part.lag_records);
            whole.rows += part.rows;
            whole.waiting += part.quarantined.len() as u64;
            let partitions: Partitions = part.partitions.parse().unwrap_or(Partitions::NONE);
            for partition in partitions.iter().map(PartitionId::number) {
                let lag = part.partition_lag_records.get(&partition).copied().unwrap_or_default();
                let label = PartitionLabel { view: part.view.clone(), partition };
                self.partition_lag.get_or_create(&label).set(number(lag));
            }
        }
        for (view, whole) in views {
            let label = ViewLabel { view: view.to_owned() };
            self.lag.get_or_create(&label).set(number(whole.lag));
            self.running.get_or_create(&label).set((!whole.stopped).into());
            self.rows.get_or_create(&label).set(number(whole.rows));
            self.waiting_tasks.get_or_create(&label).set(number(whole.waiting));
        }
    }

    pub(crate) fn appended(&self, outcomes: &[EventOutcome]) {
        for answer in outcomes {
            self.events.get_or_create(&OutcomeLabel { outcome: answer.outcome.as_str() }).inc();
            // Codes are those of the rules: there are few of them, and producers cannot make up their own.
            if let Some(code) = &answer.code {
                self.refusals.get_or_create(&CodeLabel { code: code.clone() }).inc();
            }
        }
    }

    /// Counts the inbox's messages, and shows how many are waiting after them.
    pub(crate) fn drained(&self, ends: impl Iterator<Item = &'static str>, waiting: u64) {
        for outcome in ends {
            self.drained.get_or_create(&OutcomeLabel { outcome }).inc();
        }
        self.inbox_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Shows how many remediations have yet to be opened.
    pub(crate) fn remediations_waiting(&self, waiting: usize) {
        self.remediations_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    pub(crate) fn decided(&self, verdict: Verdict, stale: bool) {
        let label = VerdictLabel { verdict: verdict.as_str(), stale: stale.to_string() };
        self.decisions.get_or_create(&label).inc();
    }

    pub(crate) fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let (route, method) = (route.to_owned(), method.to_owned());
        self.durations.get_or_create(&RouteLabel { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { route, method, status }).inc();
    }

    /// Everything, with the gauges of a current health answer, and how many reads of reports are not in the
    /// log.
    #[must_use]
    pub fn render(&self, health: &Health, reads_lost: u64) -> String {
        self.reads_lost.inner().store(reads_lost, Ordering::Relaxed);
        self.show(&health.views);
        let log = health.checks.iter().find(|check| check.name == "log");
        self.log_takes_appends.set(log.is_some_and(|log| log.ok).into());
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# metrics could not be written: {error}\n"),
        }
    }
}
