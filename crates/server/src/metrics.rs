//! What the service counts, in the text format of Prometheus.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tollgate_domain::gate::Verdict;
use tollgate_wire::api::{EventOutcome, Health, Outcome};

/// Upper bounds of request durations, in seconds.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
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

/// Counters and gauges of one process. Task ids are never labels.
pub struct Metrics {
    registry: Registry,
    events: Family<OutcomeLabel, Counter>,
    decisions: Family<VerdictLabel, Counter>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram>,
    lag: Family<ViewLabel, Gauge>,
    running: Family<ViewLabel, Gauge>,
    rows: Family<ViewLabel, Gauge>,
    waiting_tasks: Family<ViewLabel, Gauge>,
    log_takes_appends: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("tollgate"),
            events: Family::default(),
            decisions: Family::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            lag: Family::default(),
            running: Family::default(),
            rows: Family::default(),
            waiting_tasks: Family::default(),
            log_takes_appends: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("events", "Events answered, by outcome", metrics.events.clone());
        registry.register("gate_decisions", "Decisions of the gate, by verdict", metrics.decisions.clone());
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request to its answer",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register("view_lag_records", "Records a view has not folded yet", metrics.lag.clone());
        registry.register("view_running", "1 while the view's projector runs", metrics.running.clone());
        registry.register("view_rows", "Committed rows of a view", metrics.rows.clone());
        registry.register(
            "view_waiting_tasks",
            "Tasks of which an event could not be read",
            metrics.waiting_tasks.clone(),
        );
        registry.register(
            "log_takes_appends",
            "1 while the log takes appends",
            metrics.log_takes_appends.clone(),
        );
        metrics
    }
}

impl Metrics {
    pub(crate) fn appended(&self, outcomes: &[EventOutcome]) {
        for answer in outcomes {
            let outcome = match answer.outcome {
                Outcome::Appended => "appended",
                Outcome::Duplicate => "duplicate",
                Outcome::Conflict => "conflict",
                Outcome::Refused => "refused",
            };
            self.events.get_or_create(&OutcomeLabel { outcome }).inc();
        }
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

    /// Everything, with the gauges of a health as of now.
    #[must_use]
    pub fn render(&self, health: &Health) -> String {
        for view in &health.views {
            let label = ViewLabel { view: view.view.clone() };
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            self.lag.get_or_create(&label).set(number(view.lag_records));
            self.running.get_or_create(&label).set(view.running.into());
            self.rows.get_or_create(&label).set(number(view.rows));
            self.waiting_tasks.get_or_create(&label).set(number(view.quarantined.len() as u64));
        }
        let log = health.checks.iter().find(|check| check.name == "log");
        self.log_takes_appends.set(log.is_some_and(|log| log.ok).into());
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# metrics could not be written: {error}\n"),
        }
    }
}
