//! Given a ledger and a clock that the test moves, when the watch runs, then it records these observations,
//! once.

use std::sync::Arc;
use std::time::Duration;

use tollgate_clock::ManualClock;
use tollgate_domain::config::{BudgetConfig, WatchConfig};
use tollgate_domain::event::{Event, EventBody, KeyRevoked, PhaseEnded, PhaseStarted, TaskOpened};
use tollgate_domain::ids::{EventId, KEYS_TASK, ProducerId, TaskId, TenantId};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_domain::time::Timestamp;
use tollgate_log::contract::{Batch, EventLog, Expected, NewEvent};
use tollgate_log::key::ContentHash;
use tollgate_log::memory::MemoryLog;
use tollgate_projection::alerts::{Alerts, AlertsRow};
use tollgate_projection::reports::Reports;
use tollgate_projection::spending::Spending;
use tollgate_projection::status::Status;
use tollgate_wire::Submitted;

use super::{Views, Watch};
use crate::projector::Projector;
use crate::query::Wait;
use crate::source::Source;
use crate::testing::{append, unreadable, usage};

const BEGIN: &str = "2026-11-21T08:00:00Z";
const LONG: Duration = Duration::from_secs(20);

struct Ledger {
    log: Arc<dyn EventLog>,
    clock: Arc<ManualClock>,
    views: Views,
    _dir: tempfile::TempDir,
}

impl Ledger {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(BEGIN.parse().unwrap()));
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
        let dir = tempfile::tempdir().unwrap();
        let views = Views {
            status: Arc::new(Source::Local(
                Projector::start(Status, dir.path(), Arc::clone(&log)).await.unwrap(),
            )),
            reports: Arc::new(Source::Local(
                Projector::start(Reports, dir.path(), Arc::clone(&log)).await.unwrap(),
            )),
            alerts: Arc::new(Source::Local(
                Projector::start(Alerts, dir.path(), Arc::clone(&log)).await.unwrap(),
            )),
            spending: Arc::new(Source::Local(
                Projector::start(Spending, dir.path(), Arc::clone(&log)).await.unwrap(),
            )),
        };
        Self { log, clock, views, _dir: dir }
    }

    fn watch(&self) -> Watch {
        let clock = Arc::clone(&self.clock) as Arc<_>;
        Watch::new(Arc::clone(&self.log), self.views.clone(), clock, WatchConfig::default)
    }

    fn at(&self, seconds: i64) {
        self.clock.set(BEGIN.parse::<Timestamp>().unwrap().plus_millis(seconds * 1000));
    }

    /// Opens a task and starts THINK.
    async fn start(&self, task: &str) {
        let metadata = TaskMetadata::default();
        let limits = Some(task_limits(&BudgetConfig::built_in(), &metadata).unwrap());
        let opened = decided(task, "open", EventBody::from(TaskOpened { metadata, limits }));
        let phase: tollgate_domain::phase::Phase = "THINK".parse().unwrap();
        let body = EventBody::from(PhaseStarted { phase, attempt: Some(1), concluded_by: None });
        self.decide(task, Sequence::ZERO, vec![opened, decided(task, "start", body)]).await;
    }

    async fn end(&self, task: &str, last: Sequence) {
        let body = EventBody::from(PhaseEnded { phase: "THINK".parse().unwrap(), attempt: Some(1) });
        self.decide(task, last, vec![decided(task, "end", body)]).await;
    }

    async fn revoke_a_key(&self) {
        let revoked = KeyRevoked { key: "ci".to_owned(), by: "root".to_owned(), reason: None };
        let event = of(TenantId::ledger(), TaskId::keys(), "revoke", EventBody::from(revoked));
        self.decide_for(TenantId::ledger(), KEYS_TASK, Sequence::ZERO, vec![event]).await;
    }

    async fn decide(&self, task: &str, last: Sequence, events: Vec<NewEvent>) {
        self.decide_for(TenantId::default_tenant(), task, last, events).await;
    }

    async fn decide_for(&self, tenant: TenantId, task: &str, last: Sequence, events: Vec<NewEvent>) {
        let partition = PartitionId::of(tenant.as_str(), task);
        let decision = Some(Expected { subject: task.to_owned(), last });
        let batch = Batch { tenant, partition, events, decision, recorded_at: None };
        self.log.append(batch).await.unwrap();
    }

    /// Waits until every view has everything in the log.
    async fn settled(&self) {
        self.settled_but_reports().await;
        let tail = self.log.tail().await.unwrap();
        let wait = Wait { at_least: Some(&tail), up_to: LONG };
        self.views.reports.ask_all(wait, &crate::queries::Marks {}).await.unwrap();
    }

    /// Waits until every view has everything in the log, except `reports`, which is stopped.
    async fn settled_but_reports(&self) {
        let tail = self.log.tail().await.unwrap();
        let wait = Wait { at_least: Some(&tail), up_to: LONG };
        self.views.status.ask_all(wait, &crate::queries::Marks {}).await.unwrap();
        self.views.alerts.ask_all(wait, &crate::queries::Marks {}).await.unwrap();
        self.views.spending.ask_all(wait, &crate::queries::Marks {}).await.unwrap();
    }

    /// A look once all views have caught up: in a test no time passes between one look and the next.
    async fn look(&self, watch: &mut Watch) -> super::Looked {
        self.settled().await;
        watch.look().await.unwrap()
    }

    /// The alerts of rules that need a clock: `rule scope #generation`, with a minus for those that ended.
    async fn alerts(&self) -> Vec<String> {
        let Source::Local(projector) = &*self.views.alerts else { panic!("local") };
        let tail = self.log.tail().await.unwrap();
        let wait = Wait { at_least: Some(&tail), up_to: LONG };
        let read = |view: &crate::view::View<Alerts>| -> Vec<String> {
            let rows = view.scan(b"a", None).map(|row| row.unwrap().1.into_owned());
            let mut alerts: Vec<_> = rows.filter_map(|row: AlertsRow| row.alert().cloned()).collect();
            alerts.sort_by_key(|alert| (alert.raised, alert.condition.clone()));
            let watched = ["silence", "stuck", "lag", "quarantine", "conflict"];
            alerts.retain(|alert| watched.contains(&alert.condition.rule.as_str()));
            let one = |alert: &tollgate_projection::alerts::Alert| {
                let sign = if alert.resolved.is_some() { "-" } else { "" };
                format!("{sign}{} {} #{}", alert.condition.rule, alert.condition.scope, alert.generation)
            };
            alerts.iter().map(one).collect()
        };
        projector.read(wait, read).await.unwrap()
    }
}

/// An event with the fields that a decision added.
fn decided(task: &str, id: &str, body: EventBody) -> NewEvent {
    of(TenantId::default_tenant(), TaskId::new(task).unwrap(), id, body)
}

fn of(tenant: TenantId, task: TaskId, id: &str, body: EventBody) -> NewEvent {
    let event = Event {
        tenant,
        task,
        producer: ProducerId::new("test").unwrap(),
        id: EventId::new(id).unwrap(),
        occurred_at: None,
        trace_parent: None,
        body: body.clone(),
    };
    let submitted = Submitted::from_event(event.clone()).unwrap();
    NewEvent {
        task: event.task,
        producer: event.producer,
        id: event.id,
        content_hash: ContentHash::of_hash(submitted.content_hash()),
        payload: submitted.encode_stored(&body).unwrap(),
    }
}

#[tokio::test]
async fn silence_is_observed_when_its_time_has_come_and_once() {
    let ledger = Ledger::new().await;
    let mut watch = ledger.watch();
    ledger.start("T-1").await;
    let looked = ledger.look(&mut watch).await;
    assert_eq!((looked.written, looked.next.unwrap().to_string().as_str()), (0, "2026-11-21T08:10:00Z"));
    ledger.at(599);
    assert_eq!(ledger.look(&mut watch).await.written, 0);
    ledger.at(600);
    assert_eq!(ledger.look(&mut watch).await.written, 1);
    ledger.at(700);
    assert_eq!(ledger.look(&mut watch).await.written, 0);
    assert_eq!(ledger.alerts().await, ["silence THINK #1"]);
    let tail = ledger.log.tail().await.unwrap().highest();
    assert_eq!(ledger.look(&mut ledger.watch()).await.written, 1, "who begins anew writes the same event");
    assert_eq!(ledger.log.tail().await.unwrap().highest(), tail, "and the log has it");
    assert_eq!(ledger.alerts().await, ["silence THINK #1"]);
}

#[tokio::test]
async fn decisions_about_keys_keep_nobody_from_watching() {
    let ledger = Ledger::new().await;
    let mut watch = ledger.watch();
    ledger.start("T-1").await;
    ledger.look(&mut watch).await;
    // It follows what is decided from now on.
    ledger.revoke_a_key().await;
    ledger.at(600);
    assert_eq!(ledger.look(&mut watch).await.written, 1);
    assert_eq!(ledger.alerts().await, ["silence THINK #1"]);
}

#[tokio::test]
async fn what_was_silent_may_fall_silent_again_and_ends_with_its_phase() {
    let ledger = Ledger::new().await;
    let mut watch = ledger.watch();
    ledger.start("T-1").await;
    ledger.at(600);
    ledger.look(&mut watch).await;
    ledger.at(660);
    append(&*ledger.log, vec![phased("T-1", "u1")]).await;
    assert_eq!(ledger.alerts().await, ["-silence THINK #1"]);
    ledger.at(1259);
    assert_eq!(ledger.look(&mut watch).await.written, 0);
    ledger.at(1260);
    assert_eq!(ledger.look(&mut watch).await.written, 1);
    // The latency limit is 135 s: stuck after ten times that.
    ledger.at(1350);
    assert_eq!(ledger.look(&mut watch).await.written, 1);
    assert_eq!(ledger.alerts().await, ["-silence THINK #1", "silence THINK #2", "stuck THINK #1"]);
    ledger.end("T-1", Sequence(1)).await;
    assert_eq!(ledger.alerts().await, ["-silence THINK #1", "-silence THINK #2", "-stuck THINK #1"]);
    ledger.at(9000);
    assert_eq!(ledger.look(&mut watch).await, super::Looked::default(), "nothing runs");
}

/// Usage of THINK.
fn phased(task: &str, id: &str) -> NewEvent {
    let sent = format!(
        r#"{{"task": "{task}", "producer": "test", "id": "{id}", "usage_recorded": {{"phase": "THINK", "tokens": {{"output": 1}}}}}}"#
    );
    let submitted = Submitted::from_json(&sent, &tollgate_wire::Defaults::default()).unwrap();
    let body = submitted.event.body.clone();
    decided(task, id, body)
}

#[tokio::test]
async fn executions_that_ran_before_the_watch_began_are_watched_too() {
    let ledger = Ledger::new().await;
    for n in 0..30 {
        append(&*ledger.log, vec![usage(&format!("I-{n}"), "u", 1)]).await;
    }
    ledger.start("T-1").await;
    ledger.start("T-2").await;
    ledger.at(600);
    assert_eq!(ledger.look(&mut ledger.watch()).await.written, 2);
}

#[tokio::test]
async fn a_clock_that_jumps_back_and_forth_raises_nothing_twice() {
    let ledger = Ledger::new().await;
    let mut watch = ledger.watch();
    ledger.start("T-1").await;
    for seconds in [0, 600, -86_400 * 365, 601, 86_400 * 365, 0, 1200] {
        ledger.at(seconds);
        ledger.look(&mut watch).await;
    }
    assert_eq!(ledger.alerts().await, ["silence THINK #1", "stuck THINK #1"]);
}

#[tokio::test]
async fn a_record_that_no_view_can_read_is_alerted_under_the_ledger() {
    let ledger = Ledger::new().await;
    let mut watch = ledger.watch();
    append(&*ledger.log, vec![unreadable("T-9", "bad")]).await;
    // Each view parks it, and reports it.
    let partition = PartitionId::of("default", "T-9");
    let mut expected: Vec<String> = ["alerts", "reports", "spending", "status"]
        .iter()
        .map(|view| format!("quarantine view {view}/{} #1", partition.number()))
        .collect();
    assert_eq!(ledger.look(&mut watch).await.written, 4);
    let mut found = ledger.alerts().await;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(ledger.look(&mut watch).await.written, 0);
    assert_eq!(ledger.look(&mut ledger.watch()).await.written, 0, "who begins anew knows of it from the log");
}

#[tokio::test]
async fn it_runs_until_it_is_told_to_stop_and_wakes_when_something_is_due() {
    let ledger = Ledger::new().await;
    ledger.start("T-1").await;
    ledger.at(600);
    ledger.settled().await;
    let position = ledger.views.alerts.position().unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(ledger.watch().run(stopped));
    // The observation moves the view: nothing else is appended.
    let moved = ledger.views.alerts.moved_from(&position, LONG);
    tokio::time::timeout(LONG, moved).await.unwrap();
    assert_eq!(ledger.alerts().await, ["silence THINK #1"]);
    stop.send(true).unwrap();
    tokio::time::timeout(LONG, running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_view_that_does_not_move_is_late_and_ends_when_it_has_caught_up() {
    let mut ledger = Ledger::new().await;
    let mut watch = ledger.watch();
    watch.look().await.unwrap();
    // The projector of `reports` ends, and is restarted later.
    let dir = tempfile::tempdir().unwrap();
    let stopped = Projector::start(Reports, dir.path(), Arc::clone(&ledger.log)).await.unwrap();
    stopped.stop().await;
    ledger.views.reports = Arc::new(Source::Local(stopped));
    let mut watch = ledger.watch();
    append(&*ledger.log, vec![usage("T-1", "u1", 1)]).await;
    // Only `reports` is late: on a busy machine, the others would be as well.
    ledger.settled_but_reports().await;
    let lag = format!("lag view reports/{} #1", PartitionId::of("default", "T-1").number());
    for (seconds, expected) in [(0, 0), (59, 0), (60, 0), (61, 1), (62, 0)] {
        ledger.at(seconds);
        assert_eq!(watch.look().await.unwrap().written, expected, "after {seconds} s");
    }
    assert_eq!(ledger.alerts().await, std::slice::from_ref(&lag));
    let begun = Projector::start(Reports, dir.path(), Arc::clone(&ledger.log)).await.unwrap();
    ledger.views.reports = Arc::new(Source::Local(begun));
    ledger.settled().await;
    assert_eq!(
        ledger.watch().look().await.unwrap().written,
        1,
        "also by one who was not there when it began"
    );
    assert_eq!(ledger.alerts().await, [format!("-{lag}")]);
}
