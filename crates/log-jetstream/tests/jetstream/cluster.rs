//! A cluster of three servers with a replica of the stream on each, some of which are killed, cut off or
//! wiped.

use async_nats::jetstream;
use async_nats::jetstream::stream::{Config, Info};
use tollgate_domain::position::Sequence;
use tollgate_log::conformance::{batch, decision, event};
use tollgate_log::contract::{AppendError, EventLog, Hints};
use tollgate_log_jetstream::{ConnectError, JetStreamLog, Options, Setup};
use tollgate_test_process::nats::{is_at_least, version};
use tollgate_test_process::nats_cluster::{NatsCluster, SERVERS};

use crate::load::{Load, connect, replicated, settled};
use crate::support::{setup, within};

/// The first version that maintains replicas the way a ledger needs.
const REPLICAS: (u32, u32) = (2, 12);

/// The stream of a ledger with three replicas.
pub(crate) fn three() -> Setup {
    Setup { replicas: 3, ..setup() }
}

/// A cluster that maintains replicas; `None`, with a message, if the server is not installed or too old for
/// them.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn with_replicas() -> Option<NatsCluster> {
    let version = version()?;
    if !is_at_least(&version, REPLICAS) {
        eprintln!(
            "SKIPPED: nats-server {version} is refused with replicas; `tools/test` runs this with a newer one too"
        );
        return None;
    }
    NatsCluster::start()
}

/// The same, with the streams of a ledger.
async fn cluster() -> Option<NatsCluster> {
    let cluster = with_replicas()?;
    make(&cluster, &three()).await;
    Some(cluster)
}

/// Creates the streams as soon as the servers have found each other.
pub(crate) async fn make(cluster: &NatsCluster, setup: &Setup) {
    let options = replicated(cluster.urls_from(0));
    within(async {
        while setup.init_at(&options).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn context(cluster: &NatsCluster, at: usize) -> jetstream::Context {
    let client = within(async {
        loop {
            if let Ok((client, _)) = replicated(cluster.urls_from(at)).client().await {
                return client;
            }
        }
    });
    jetstream::new(client.await)
}

/// What the leader reports about the stream, as soon as the report fits.
async fn info(cluster: &NatsCluster, at: usize, fits: impl Fn(&Info) -> bool) -> Info {
    let context = context(cluster, at).await;
    within(async {
        loop {
            if let Ok(stream) = context.get_stream("TOLLGATE").await
                && fits(stream.cached_info())
            {
                return stream.cached_info().clone();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

fn leader_of(info: &Info) -> Option<usize> {
    info.cluster.as_ref()?.leader.as_deref().map(NatsCluster::number)
}

/// Which server leads the stream.
pub(crate) async fn leader(cluster: &NatsCluster, asked_at: usize) -> usize {
    leader_of(&info(cluster, asked_at, |info| leader_of(info).is_some()).await).unwrap()
}

/// Waits until every replica has everything that the leader has.
async fn wait_for_replicas(cluster: &NatsCluster) {
    info(cluster, 0, |info| {
        let Some(cluster) = &info.cluster else { return false };
        cluster.replicas.len() == SERVERS - 1
            && cluster
                .replicas
                .iter()
                .all(|replica| replica.current && !replica.offline && replica.lag.unwrap_or(0) == 0)
    })
    .await;
}

fn logs(cluster: &NatsCluster) -> Vec<Options> {
    (0..SERVERS).map(|first| replicated(cluster.urls_from(first))).collect()
}

async fn fresh(cluster: &NatsCluster, first: usize) -> JetStreamLog {
    connect(&replicated(cluster.urls_from(first))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_killed_and_appends_go_on() {
    let Some(mut cluster) = cluster().await else { return };
    let epoch = fresh(&cluster, 0).await.epoch();
    let mut load = Load::start(logs(&cluster)).await;
    load.more(100).await;
    // The leader each time, so another server must take over.
    for _ in 0..3 {
        let killed = leader(&cluster, 0).await;
        cluster.kill(killed);
        load.more(200).await;
        assert_ne!(leader(&cluster, killed + 1).await, killed);
        cluster.restart(killed);
        wait_for_replicas(&cluster).await;
        load.more(50).await;
    }
    let acknowledged = load.stop().await;
    for first in 0..SERVERS {
        let log = fresh(&cluster, first).await;
        assert_eq!(log.epoch(), epoch);
        acknowledged.check(&log, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_are_killed_and_nothing_is_acknowledged_until_one_is_back() {
    let Some(mut cluster) = cluster().await else { return };
    let mut load = Load::start(logs(&cluster)).await;
    load.more(100).await;
    let first = leader(&cluster, 0).await;
    let (left, second) = ((first + 1) % SERVERS, (first + 2) % SERVERS);
    cluster.kill(first);
    cluster.kill(second);
    let log = replicated(cluster.url(left));
    // Some of those in flight may still be acknowledged; after that, nothing is.
    let waiting = load.count();
    let client = log.client().await.unwrap().0;
    let publish = jetstream::new(client).publish("tollgate.v1.ev.0.probe", "".into()).await.unwrap();
    assert!(publish.await.is_err(), "one of three acknowledges");
    let most = waiting + SERVERS as u64 + 1;
    assert!(load.count() <= most, "{} are acknowledged by one of three, there were {waiting}", load.count());
    cluster.restart(second);
    load.more(100).await;
    cluster.restart(first);
    wait_for_replicas(&cluster).await;
    load.more(50).await;
    let acknowledged = load.stop().await;
    acknowledged.check(&fresh(&cluster, first).await, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_decides_nothing() {
    let Some(cluster) = cluster().await else { return };
    let mut load = Load::start(logs(&cluster)).await;
    load.more(100).await;
    let alone = leader(&cluster, 0).await;
    let at_leader = within(JetStreamLog::connect(replicated(cluster.url(alone)))).await.unwrap();
    let beside = within(JetStreamLog::connect(replicated(cluster.url(alone)))).await.unwrap();
    let others = connect(&replicated(cluster.url((alone + 1) % SERVERS))).await;
    let opened = settled(&at_leader, &decision(0, vec![event("T-cut", "first", "x")])).await.unwrap();
    let last = opened.position.highest().0;
    let before = cluster.cuts(alone);
    cluster.cut_off(alone);
    // Both sides decide about the same subject. The old leader accepts it, cannot get it confirmed, and
    // therefore refuses others.
    let here = decision(last, vec![event("T-cut", "here", "x")]);
    let there = decision(last, vec![event("T-cut", "there", "x")]);
    let error = at_leader.append(here.clone()).await.unwrap_err();
    assert!(matches!(error, AppendError::Unknown { .. }), "{error}");
    let error = beside.append(decision(last, vec![event("T-cut", "beside", "x")])).await.unwrap_err();
    assert!(matches!(error, AppendError::Unknown { .. }), "nobody has won: {error}");
    let won = within(settled(&others, &there)).await.unwrap().position.highest();
    // The old leader does not know what the others know, and does not claim that it is not there.
    assert!(within(others.record_at(won)).await.unwrap().is_some());
    for unknown in [within(at_leader.record_at(won)).await.err(), within(at_leader.tail()).await.err()] {
        assert!(unknown.is_some(), "a server that was cut off answers for all");
    }
    assert!(cluster.cuts(alone) > before, "nothing was cut");
    cluster.join_again(alone);
    let error = within(settled(&at_leader, &here)).await.unwrap_err();
    assert!(
        matches!(error, AppendError::WrongExpected { actual, .. } if actual == won),
        "{error}, {won} has won"
    );
    wait_for_replicas(&cluster).await;
    load.more(50).await;
    let acknowledged = load.stop().await;
    for first in 0..SERVERS {
        acknowledged.check(&fresh(&cluster, first).await, &["T-cut/first", "T-cut/there"]).await;
    }
}

/// The old one of two leaders has not heard of the decision that the next one follows: it refuses, although
/// there is no other decision.
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_a_leader_cannot_know_is_open_until_it_can() {
    let Some(cluster) = cluster().await else { return };
    let alone = leader(&cluster, 0).await;
    let at_leader = within(JetStreamLog::connect(replicated(cluster.url(alone)))).await.unwrap();
    let others = connect(&replicated(cluster.url((alone + 1) % SERVERS))).await;
    // The old leader knows an earlier decision about one subject, and none about the other.
    let first = settled(&at_leader, &decision(0, vec![event("T-1", "first", "x")])).await.unwrap();
    let first = first.position.highest().0;
    let before = cluster.cuts(alone);
    cluster.cut_off(alone);
    let mut next = Vec::new();
    for (task, last) in [("T-1", first), ("T-2", 0)] {
        let there = decision(last, vec![event(task, "there", "x")]);
        let won = within(settled(&others, &there)).await.unwrap().position.highest();
        next.push(decision(won.0, vec![event(task, "next", "x")]));
    }
    for next in &next {
        let error = at_leader.append(next.clone()).await.unwrap_err();
        assert!(matches!(error, AppendError::Unknown { .. }), "nobody has decided otherwise: {error}");
    }
    assert!(cluster.cuts(alone) > before, "nothing was cut");
    cluster.join_again(alone);
    let mut last = Vec::new();
    for next in &next {
        last.push(within(settled(&at_leader, next)).await.unwrap().position.highest());
    }
    // A sequence that no process can have seen is refused for good: in the place of something else, or beyond
    // the end of the stream.
    wait_for_replicas(&cluster).await;
    let fact = settled(&at_leader, &batch(vec![event("T-3", "fact", "x")])).await.unwrap().position.highest();
    for (task, last) in ["T-1", "T-2"].into_iter().zip(last) {
        for wrong in [fact.0, fact.0 + 90] {
            let wrong = decision(wrong, vec![event(task, "wrong", "x")]);
            let error = within(settled(&at_leader, &wrong)).await.unwrap_err();
            assert!(
                matches!(error, AppendError::WrongExpected { actual, .. } if actual == last),
                "{error}, {last} is the last"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_is_no_source() {
    let Some(cluster) = cluster().await else { return };
    let leader = leader(&cluster, 0).await;
    let (behind, other) = ((leader + 1) % SERVERS, (leader + 2) % SERVERS);
    let at_replica = within(JetStreamLog::connect(replicated(cluster.url(behind)))).await.unwrap();
    let log = within(JetStreamLog::connect(replicated(cluster.url(other)))).await.unwrap();
    let mut last = Sequence::ZERO;
    for number in 0..10 {
        let sent = batch(vec![event("T-1", &format!("e{number}"), "x")]);
        last = settled(&log, &sent).await.unwrap().position.highest();
    }
    within(async { while !at_replica.record_at(last).await.is_ok_and(|found| found.is_some()) {} }).await;
    cluster.cut_off(behind);
    let sent = batch(vec![event("T-1", "later", "x")]);
    let later = within(settled(&log, &sent)).await.unwrap().position.highest();
    for _ in 0..3 {
        let found = within(at_replica.record_at(later)).await;
        assert!(found.is_err(), "record {later} is acknowledged, a replica that is cut off says: {found:?}");
        assert!(within(at_replica.tail_of(sent.partition)).await.is_err());
    }
    cluster.join_again(behind);
    within(async { while !at_replica.record_at(later).await.is_ok_and(|found| found.is_some()) {} }).await;
    // A server that comes back may call for another leader.
    within(async { while at_replica.tail_of(sent.partition).await.ok() != Some(later) {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_version_cannot_promise_is_said_or_refused() {
    let Some(cluster) = NatsCluster::start() else { return };
    let version = version().unwrap();
    make(&cluster, &setup()).await;
    let stock = Options::new(cluster.urls_from(0));
    let log = connect(&stock).await;
    let said = log.server();
    assert_eq!((said.software, said.replicas), (format!("nats-server {version}"), 1));
    let says = |what: &str| said.not_promised.iter().any(|said| said.contains(what));
    assert!(says("the only copy") && says("a power cut"), "{:?}", said.not_promised);
    assert_eq!(says("no setting for that"), !is_at_least(&version, (2, 10)), "{:?}", said.not_promised);
    // A single copy in a cluster is exact on every version.
    log.append(decision(0, vec![event("T-1", "a", "x")])).await.unwrap();
    let lost = log.append(decision(0, vec![event("T-1", "b", "x")])).await.unwrap_err();
    assert!(matches!(lost, AppendError::WrongExpected { actual: Sequence(1), .. }), "{lost}");
    // Three may not be, and asking for them is an error before anything is created.
    let other = Setup { stream: "OTHER".to_owned(), ..three() };
    let asked = other.init_at(&stock).await.unwrap_err();
    let raised = Config { num_replicas: 3, ..setup().config() };
    let context = context(&cluster, 0).await;
    within(async { while context.update_stream(raised.clone()).await.is_err() {} }).await;
    if is_at_least(&version, REPLICAS) {
        assert!(matches!(asked, ConnectError::Setup(_)), "the subjects are taken: {asked}");
        wait_for_replicas(&cluster).await;
        let said = connect(&replicated(cluster.urls_from(0))).await.server();
        assert_eq!(said.replicas, 3);
        assert!(said.not_promised.iter().any(|said| said.contains("more than one server")), "{said:?}");
    } else {
        let opened = within(async {
            loop {
                match JetStreamLog::connect(stock.clone()).await {
                    Err(error @ ConnectError::Unsupported { .. }) => return error,
                    // The leader has yet to hear of its replicas.
                    Err(_) => tokio::task::yield_now().await,
                    Ok(_) => panic!("it is opened with replicas"),
                }
            }
        });
        for error in [asked, opened.await] {
            let fits = matches!(error, ConnectError::Unsupported { .. });
            assert!(fits && error.to_string().contains("which need 2.12 or newer"), "{error}");
        }
        assert!(context.get_stream("OTHER").await.is_err());
        // The log that was already open reports it too.
        within(async { while log.tail().await.is_ok() {} }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_wiped_is_filled_again_and_can_stand_in() {
    let Some(mut cluster) = cluster().await else { return };
    let epoch = fresh(&cluster, 0).await.epoch();
    let mut load = Load::start(logs(&cluster)).await;
    load.more(100).await;
    // Each of them in turn, the leader too: in the end nothing of what was stored first is where it was.
    for wiped in 0..SERVERS {
        cluster.kill(wiped);
        cluster.wipe(wiped);
        load.more(50).await;
        cluster.restart(wiped);
        wait_for_replicas(&cluster).await;
        load.more(50).await;
    }
    let acknowledged = load.stop().await;
    let log = fresh(&cluster, 0).await;
    assert_eq!(log.epoch(), epoch);
    acknowledged.check(&log, &[]).await;
}
