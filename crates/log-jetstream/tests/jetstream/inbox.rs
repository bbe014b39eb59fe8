//! The inbox: each message goes to one drainer, and stays until it is done.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::{self, stream};
use tollgate_domain::ids::TenantId;
use tollgate_log_jetstream::topology::{TASK_HEADER, inbox_subject};
use tollgate_log_jetstream::{Inbox, InboxMessage, JetStreamLog, SetupError};

use crate::support::{NatsServer, init, setup, within};

async fn open(server: &NatsServer) -> (JetStreamLog, Inbox) {
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    let inbox = Inbox::open(&log).await.unwrap();
    (log, inbox)
}

async fn publish(context: &jetstream::Context, task: &str, payload: &str) {
    let subject = inbox_subject(&TenantId::default_tenant(), task).unwrap();
    context.publish(subject, payload.to_owned().into()).await.unwrap().await.unwrap();
}

fn payload(message: &InboxMessage) -> String {
    String::from_utf8(message.payload.to_vec()).unwrap()
}

async fn left(context: &jetstream::Context) -> u64 {
    context.get_stream("TOLLGATE_IN").await.unwrap().cached_info().state.messages
}

#[tokio::test]
async fn a_message_comes_with_all_that_is_known_of_it_and_goes_when_dealt_with() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let context = server.context().await;
    let (_log, mut inbox) = open(&server).await;
    publish(&context, "T-1", "one").await;
    let mut headers = HeaderMap::new();
    headers.insert(TASK_HEADER, "a task/with any name");
    headers.append("Mine", "first");
    headers.append("Mine", "second");
    let sent = context.publish_with_headers("tollgate.v1.in.acme.task", headers, "two".into()).await.unwrap();
    sent.await.unwrap();
    let mut messages = Vec::new();
    while messages.len() < 2 {
        messages.extend(within(inbox.next()).await);
    }
    let of =
        |nth: usize| (messages[nth].tenant.as_str(), messages[nth].task.as_str(), messages[nth].sequence);
    assert_eq!(of(0), ("default", "T-1", 1));
    assert_eq!(of(1), ("acme", "a task/with any name", 2));
    assert_eq!((payload(&messages[0]).as_str(), payload(&messages[1]).as_str()), ("one", "two"));
    assert_eq!(messages[1].headers["Mine"], "first");
    for message in &messages {
        assert_eq!(message.deliveries, 1);
        let stored = context.get_stream("TOLLGATE_IN").await.unwrap().get_raw_message(message.sequence).await;
        let micros = stored.unwrap().time.unix_timestamp_nanos() / 1000;
        assert_eq!(i128::from(message.received_at.micros()), micros, "the time is that of the nats-server");
    }
    messages[0].ack().await.unwrap();
    assert_eq!(left(&context).await, 1);
    // After it is given back, it is redelivered.
    messages[1].later(Duration::from_millis(50)).await.unwrap();
    let again = within(inbox.next()).await;
    assert_eq!((again[0].sequence, again[0].deliveries), (2, 2));
    again[0].ack().await.unwrap();
    assert_eq!(left(&context).await, 0);
}

#[test]
fn a_subject_is_made_of_tokens_only() {
    let tenant = TenantId::default_tenant();
    assert_eq!(inbox_subject(&tenant, "T-1_a").as_deref(), Some("tollgate.v1.in.default.T-1_a"));
    for wrong in ["", "a.b", "*", ">", "a b", "ä"] {
        assert_eq!(inbox_subject(&tenant, wrong), None, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_drainers_share_the_work() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let context = server.context().await;
    let (left_to_do, done) = tokio::sync::watch::channel(0);
    let drainers: Vec<_> = [open(&server).await, open(&server).await]
        .into_iter()
        .map(|(log, mut inbox)| {
            let (left_to_do, mut done) = (left_to_do.clone(), done.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let messages = tokio::select! {
                        messages = inbox.next() => messages,
                        _ = done.wait_for(|done| *done == 400) => break,
                    };
                    for message in messages {
                        message.ack().await.unwrap();
                        taken.push(payload(&message));
                        left_to_do.send_modify(|done| *done += 1);
                    }
                }
                drop(log);
                taken
            })
        })
        .collect();
    for number in 0..400 {
        publish(&context, "T-1", &number.to_string()).await;
    }
    let mut all = BTreeSet::new();
    for drainer in drainers {
        let taken = within(drainer).await.unwrap();
        assert!(taken.len() > 20, "both take a part: {}", taken.len());
        for payload in taken {
            assert!(all.insert(payload.clone()), "{payload} came to both");
        }
    }
    assert_eq!((all.len(), left(&context).await), (400, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drainer_that_dies_and_a_server_that_is_killed_lose_nothing() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let context = server.context().await;
    // The time after which a message goes to another drainer is the operator's choice; the test does not wait
    // a minute.
    let quick = pull::Config {
        durable_name: Some("drain".to_owned()),
        ack_wait: Duration::from_millis(500),
        ..pull::Config::default()
    };
    let inbox_stream = context.get_stream("TOLLGATE_IN").await.unwrap();
    inbox_stream.delete_consumer("drain").await.unwrap();
    let _: PullConsumer = inbox_stream.create_consumer(quick).await.unwrap();
    for number in 0..100 {
        publish(&context, "T-1", &number.to_string()).await;
    }
    let (log, mut inbox) = open(&server).await;
    let taken = within(inbox.next()).await;
    assert!(!taken.is_empty());
    let first: BTreeSet<String> = taken.iter().map(payload).collect();
    // The drainer dies with what it took.
    drop((taken, inbox, log));
    let (_log, mut inbox) = open(&server).await;
    let mut all = BTreeSet::new();
    let mut killed = false;
    // A server that is killed may have forgotten what it heard last: that is redelivered, and processed
    // again.
    while all.len() < 100 || left(&context).await > 0 {
        for message in within(inbox.next()).await {
            if message.ack().await.is_ok() {
                all.insert(payload(&message));
            }
        }
        if all.len() >= 40 && !killed {
            killed = true;
            server.restart();
        }
    }
    assert!(killed && all.is_superset(&first), "what the first one took came again");
}

#[tokio::test]
async fn a_call_that_is_dropped_loses_nothing() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let context = server.context().await;
    let (_log, mut inbox) = open(&server).await;
    let mut seen = Vec::new();
    for number in 0..20 {
        assert!(
            tokio::time::timeout(Duration::from_millis(5), inbox.next()).await.is_err(),
            "nothing is there"
        );
        publish(&context, "T-1", &number.to_string()).await;
        for message in within(inbox.next()).await {
            assert_eq!(message.deliveries, 1, "it was not given to a call that is gone");
            message.ack().await.unwrap();
            seen.push(payload(&message));
        }
    }
    assert_eq!(seen, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_inbox_refuses_and_keeps_what_it_has() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let context = server.context().await;
    let config = stream::Config { max_bytes: 100_000, ..setup().inbox_config() };
    context.update_stream(config).await.unwrap();
    let mut kept = 0;
    let refused = loop {
        let sent = context.publish("tollgate.v1.in.default.T-1", "x".repeat(10_000).into()).await.unwrap();
        match sent.await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100, "it never fills");
    };
    assert!(refused.to_string().contains("maximum bytes"), "{refused}");
    assert_eq!(left(&context).await, kept);
}

#[tokio::test]
async fn an_inbox_that_differs_is_refused() {
    let Some(server) = NatsServer::start() else { return };
    let context = server.context().await;
    let log_config = setup().config();
    context.create_stream(log_config).await.unwrap();
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    let missing = Inbox::open(&log).await.err().unwrap();
    assert!(matches!(&missing, SetupError::Missing { stream } if stream == "TOLLGATE_IN"), "{missing}");
    let wrong =
        stream::Config { retention: stream::RetentionPolicy::Limits, max_bytes: 7, ..setup().inbox_config() };
    context.create_stream(wrong).await.unwrap();
    let error = setup().init(&context).await.unwrap_err();
    assert!(error.to_string().contains("TOLLGATE_IN: retention is Limits"), "{error}");
    assert!(error.to_string().contains("max_bytes is 7"), "{error}");
    context.delete_stream("TOLLGATE_IN").await.unwrap();
    setup().init(&context).await.unwrap();
    setup().init(&context).await.unwrap();
    Inbox::open(&log).await.unwrap();
    // A consumer that gives up on a message after some tries would lose it.
    let inbox = context.get_stream("TOLLGATE_IN").await.unwrap();
    inbox.delete_consumer("drain").await.unwrap();
    let wrong = pull::Config { durable_name: Some("drain".to_owned()), max_deliver: 3, ..Default::default() };
    let _: PullConsumer = inbox.create_consumer(wrong).await.unwrap();
    for error in [Inbox::open(&log).await.err().unwrap(), setup().init(&context).await.unwrap_err()] {
        assert!(error.to_string().contains("consumer max_deliver is 3, needed is -1"), "{error}");
    }
}
