//! Servers update the prices by themselves: one of them, as often as the file of sources says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tokio::sync::Barrier;
use tollgate_clock::ManualClock;
use tollgate_log::contract::{AppendError, Batch, BoxFuture, EventLog, Receipt};
use tollgate_log::memory::MemoryLog;

use crate::support::{LogWith, Nats, Service, at};

const EVERY_DAY: &str =
    "update_every_s: 86400\nsources:\n  - {id: a, kind: litellm, file: a.json, trust: 0.9}\n";

/// How often a view may be behind before that is a failure: each time it had seconds.
const STALE_AT_MOST: usize = 30;

/// Servers that begin an update wait for each other, and something may go wrong.
struct Updates {
    begin: Barrier,
    /// What an update decides is refused, once.
    refuses: AtomicBool,
    /// That an update begins is stored, and its answer is lost, once.
    loses: AtomicBool,
}

type Log = LogWith<Arc<Updates>>;

impl Updates {
    fn of(servers: usize) -> Arc<Self> {
        let (refuses, loses) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { begin: Barrier::new(servers), refuses, loses })
    }
}

fn append<'a, L: EventLog>(
    log: &'a L,
    updates: &'a Arc<Updates>,
    batch: Batch,
) -> BoxFuture<'a, Result<Receipt, AppendError>> {
    Box::pin(async move {
        let of = |prefix: &str| batch.events.iter().any(|event| event.id.as_str().starts_with(prefix));
        let (begins, decides) = (of("price-update:"), of("price-"));
        let failed = || Err(AppendError::Unavailable { reason: "a test".to_owned() });
        if begins {
            updates.begin.wait().await;
        } else if decides && updates.refuses.swap(false, Ordering::SeqCst) {
            return failed();
        }
        let receipt = log.append(batch).await;
        if begins && updates.loses.swap(false, Ordering::SeqCst) { failed() } else { receipt }
    })
}

/// So many servers of one log that are all told to update, and their clock. Those that find an update due begin it
/// at the same time.
async fn servers(count: usize) -> (Vec<Service>, Arc<ManualClock>, Arc<Log>) {
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let log = MemoryLog::new(Arc::clone(&clock) as Arc<_>);
    let log = Arc::new(Log { log, append, state: Updates::of(count) });
    let mut servers = Vec::new();
    for _ in 0..count {
        servers.push(server(Arc::clone(&log) as Arc<_>, &clock).await);
    }
    (servers, clock, log)
}

async fn server(log: Arc<dyn EventLog>, clock: &Arc<ManualClock>) -> Service {
    let server = Service::by_clock(log, tempfile::tempdir().unwrap(), None, Arc::clone(clock)).await;
    server.write("prices.yaml", EVERY_DAY);
    server
}

fn list(input: &str) -> String {
    format!(
        r#"{{"acme/m": {{"litellm_provider": "acme", "mode": "chat", "input_cost_per_token": {input}e-6, "output_cost_per_token": 2e-6}}}}"#
    )
}

/// How many prices came into force by a look; `None`: this server made no update. On a machine with much to do a view
/// may be behind: the next look tries again.
async fn look(service: &Service) -> Option<usize> {
    for _ in 0..STALE_AT_MOST {
        match service.ledger.in_force().update_prices_when_due().await {
            Err(problem) if problem.code == "stale" => {}
            done => return done.unwrap().map(|report| report.applied.len()),
        }
    }
    panic!("the view was behind {STALE_AT_MOST} times")
}

/// The check of the updates, if health has one.
async fn check(service: &Service) -> Option<(String, bool, String)> {
    let health = service.get("/v1/health").await.1;
    let checks = health["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "price_updates")?;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Some((text(&health["status"]), check["ok"].as_bool().unwrap(), text(&check["detail"])))
}

async fn alerts(service: &Service, state: &str) -> Vec<String> {
    let path = format!("/v1/alerts?rule=price_source&state={state}&at_least=tail");
    let alerts = service.get(&path).await.1;
    let messages = alerts["alerts"].as_array().unwrap().iter();
    messages.map(|alert| alert["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nothing_is_updated_unless_the_file_says_so() {
    let service = Service::new().await;
    assert_eq!(look(&service).await, None);
    service.write("prices.yaml", EVERY_DAY.split_once('\n').unwrap().1);
    service.write("a.json", &list("1"));
    assert_eq!((look(&service).await, check(&service).await), (None, None));
    service.write("prices.yaml", EVERY_DAY);
    assert_eq!(look(&service).await, Some(1));
    let told = "every 86400 s, last begun at 2026-11-20T10:00:00Z".to_owned();
    assert_eq!(check(&service).await, Some(("ok".to_owned(), true, told)));
    let sources = service.get("/v1/prices/sources").await.1;
    assert_eq!(
        (sources["update_every_s"].as_u64(), sources["update_begun_at"].as_str()),
        (Some(86_400), Some("2026-11-20T10:00:00Z"))
    );
}

#[tokio::test]
async fn one_of_two_servers_makes_each_update() {
    let (servers, clock, _) = servers(2).await;
    one_makes_each_update(&servers, &clock).await;
}

/// Each by its own connection: both publish that it begins at the same moment, under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_servers_on_jetstream_makes_each_update() {
    let Some(nats) = Nats::start().await else { return };
    let clock = Arc::new(ManualClock::at(at("2026-11-20T10:00:00Z")));
    let updates = Updates::of(2);
    let mut servers = Vec::new();
    for _ in 0..2 {
        let log = LogWith { log: nats.log(&clock).await, append, state: Arc::clone(&updates) };
        servers.push(server(Arc::new(log), &clock).await);
    }
    one_makes_each_update(&servers, &clock).await;
}

async fn one_makes_each_update(servers: &[Service], clock: &ManualClock) {
    for (now, input, updates) in [
        ("2026-11-20T10:00:00Z", "1", true),
        ("2026-11-20T10:01:00Z", "1", false),
        ("2026-11-21T09:59:59Z", "1.1", false),
        ("2026-11-21T10:00:00Z", "1.1", true),
        // A clock that is turned back brings nothing forward.
        ("2026-11-20T12:00:00Z", "1.2", false),
        ("2026-11-23T00:00:00Z", "1.2", true),
        ("2026-11-23T10:00:00Z", "1.3", false),
    ] {
        clock.set(at(now));
        servers.iter().for_each(|server| server.write("a.json", &list(input)));
        let (one, other) = tokio::join!(look(&servers[0]), look(&servers[1]));
        let made: Vec<usize> = one.into_iter().chain(other).collect();
        assert_eq!(made, if updates { vec![1] } else { vec![] }, "{now}");
        let again = [look(&servers[1]).await, look(&servers[0]).await];
        assert_eq!(again, [None, None], "{now}");
    }
    let history = servers[1].get("/v1/prices/history").await.1;
    assert_eq!(history["entries"][0]["changes"].as_array().map(Vec::len), Some(3), "{history}");
}

#[tokio::test]
async fn a_source_that_fails_is_in_health_and_an_alert_until_it_is_used_again() {
    let service = Service::new().await;
    service.write("prices.yaml", EVERY_DAY);
    assert_eq!(look(&service).await, Some(0));
    let (status, ok, detail) = check(&service).await.unwrap();
    assert_eq!((status.as_str(), ok), ("degraded", false));
    assert!(detail.starts_with("the list of the source a is not used: reading "), "{detail}");
    let raised = alerts(&service, "raised").await;
    assert!(raised[0].starts_with("The list of prices of the source a is not used: reading "), "{raised:?}");

    service.write("a.json", &list("1"));
    service.clock.set(at("2026-11-21T10:00:00Z"));
    assert_eq!(look(&service).await, Some(1));
    assert!(check(&service).await.unwrap().1);
    assert_eq!((alerts(&service, "raised").await.len(), alerts(&service, "resolved").await.len()), (0, 1));
}

#[tokio::test]
async fn a_source_that_nobody_names_any_more_raises_no_alert() {
    let service = Service::new().await;
    service.write("prices.yaml", EVERY_DAY);
    assert_eq!(look(&service).await, Some(0));
    assert_eq!(alerts(&service, "raised").await.len(), 1);
    service.write("prices.yaml", &EVERY_DAY.replace("id: a", "id: b"));
    service.write("a.json", &list("1"));
    service.clock.set(at("2026-11-21T10:00:00Z"));
    assert_eq!(look(&service).await, Some(1));
    assert_eq!((alerts(&service, "raised").await.len(), alerts(&service, "resolved").await.len()), (0, 1));
    assert!(check(&service).await.unwrap().1);
}

#[tokio::test]
async fn a_broken_file_of_sources_is_told_by_health_and_tried_again() {
    let service = Service::new().await;
    service.write("prices.yaml", "update_every_s: soon\nsources: []\n");
    let problem = service.ledger.in_force().update_prices_when_due().await.unwrap_err();
    assert_eq!(problem.code, "price_sources");
    let (status, ok, detail) = check(&service).await.unwrap();
    assert_eq!((status.as_str(), ok), ("degraded", false));
    assert!(detail.contains("update_every_s: `soon`: must be"), "{detail}");
    service.write("prices.yaml", EVERY_DAY);
    service.write("a.json", &list("1"));
    assert_eq!(look(&service).await, Some(1));
    assert!(check(&service).await.unwrap().1);
}

#[tokio::test]
async fn the_server_that_began_an_update_that_failed_tries_again_and_no_other() {
    let (servers, clock, log) = servers(2).await;
    servers.iter().for_each(|server| server.write("a.json", &list("1")));
    log.state.refuses.store(true, Ordering::SeqCst);
    let update = |nth: usize| servers[nth].ledger.in_force().update_prices_when_due();
    let (one, other) = tokio::join!(update(0), update(1));
    let failed = usize::from(other.is_err());
    assert!(one.is_err() != other.is_err(), "one of them began it: {one:?} {other:?}");
    assert_eq!(
        check(&servers[failed]).await.map(|(status, ok, _)| (status, ok)),
        Some(("degraded".to_owned(), false))
    );
    clock.set(at("2026-11-20T10:01:00Z"));
    assert_eq!((look(&servers[1 - failed]).await, look(&servers[failed]).await), (None, Some(1)));
    assert!(check(&servers[failed]).await.unwrap().1);
    assert_eq!(look(&servers[failed]).await, None);
}

/// It may be this server's: it makes the update, and does not wait for the next one to be due.
#[tokio::test]
async fn an_update_whose_begin_is_in_the_log_without_an_answer_is_made() {
    let (servers, clock, log) = servers(1).await;
    servers[0].write("a.json", &list("1"));
    log.state.loses.store(true, Ordering::SeqCst);
    assert!(servers[0].ledger.in_force().update_prices_when_due().await.is_err());
    clock.set(at("2026-11-20T10:01:00Z"));
    assert_eq!((look(&servers[0]).await, look(&servers[0]).await), (Some(1), None));
}
