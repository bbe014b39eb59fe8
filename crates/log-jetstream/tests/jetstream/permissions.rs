//! The configuration from the reference page, unchanged: each user can do its work and nothing else.

use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, jetstream};
use futures_util::StreamExt;
use tollgate_domain::ids::TenantId;
use tollgate_domain::position::{PartitionId, Sequence};
use tollgate_log::conformance::{batch, decision, event, named};
use tollgate_log::contract::{AppendOutcome, EventLog, Hints, Partitions};
use tollgate_log_jetstream::{Credentials, Inbox, JetStreamLog, Options};

use crate::support::{NatsServer, PASSWORDS, all_ids, init, within};

/// The configuration from the reference page.
fn configuration() -> String {
    let page = include_str!("../../../../docs/reference/nats.md");
    let (_, section) = page.split_once("## Users and permissions").unwrap();
    let (_, block) = section.split_once("```text\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// How a user of it connects.
fn user(server: &NatsServer, user: &str) -> Options {
    let of_user = |(name, _): &&(&str, &str)| **name == format!("{}_PASSWORD", user.to_uppercase());
    let (_, password) = PASSWORDS.iter().find(of_user).unwrap();
    let password = (*password).to_owned().into();
    Options {
        credentials: Credentials::Password { user: user.to_owned(), password },
        inbox_prefix: format!("_INBOX_{user}"),
        request_timeout: Duration::from_secs(2),
        ..server.options()
    }
}

async fn client(server: &NatsServer, name: &str) -> Client {
    user(server, name).client().await.unwrap().0
}

#[tokio::test]
async fn each_user_can_do_its_work() {
    let Some(server) = NatsServer::start_with(|_| configuration()) else { return };
    init(&user(&server, "admin")).await;
    init(&user(&server, "admin")).await;

    let log = JetStreamLog::connect(user(&server, "server")).await.unwrap();
    within(log.append(batch(vec![event("T-1", "a", "x")]))).await.unwrap();
    let receipt = within(log.append(decision(0, vec![event("T/2", "open", "x")]))).await.unwrap();
    assert_eq!(receipt.outcomes, [AppendOutcome::Appended(Sequence(2))]);
    // What only the server knows: a duplicate, and a different decision.
    let forgetful = Options { known_records: 0, ..user(&server, "server") };
    let forgetful = JetStreamLog::connect(forgetful).await.unwrap();
    let again = within(forgetful.append(batch(vec![event("T-1", "a", "x")]))).await.unwrap();
    assert_eq!(again.outcomes, [AppendOutcome::Duplicate(Sequence(1))]);
    within(forgetful.append(decision(0, vec![event("T/2", "other", "x")]))).await.unwrap_err();
    assert!(log.find(vec![named("T-1", "a")]).await.unwrap()[0].is_some());
    let done = within(log.append_in_order(vec![batch(vec![event("T-1", "b", "x")])])).await;
    assert_eq!((done.receipts.len(), done.stopped), (1, None));

    let projector = JetStreamLog::connect(user(&server, "projector")).await.unwrap();
    assert_eq!(within(all_ids(&projector)).await, ["T-1/a", "T/2/open", "T-1/b"]);
    assert_eq!(within(projector.tail()).await.unwrap().highest(), Sequence(3));
    assert!(within(projector.record_at(Sequence(2))).await.unwrap().is_some());
    let mut reader = projector.read_from(Partitions::ALL, Sequence(3)).await.unwrap();
    let waiting = tokio::spawn(async move { reader.next().await.unwrap()[0].sequence });
    within(log.append(batch(vec![event("T-1", "c", "x")]))).await.unwrap();
    assert_eq!(within(waiting).await.unwrap(), Sequence(4));

    let producer = jetstream::new(client(&server, "producer").await);
    let sent = producer.publish("tollgate.v1.in.default.T-1", "payload".into()).await.unwrap();
    within(std::future::IntoFuture::into_future(sent)).await.unwrap();
    let mut inbox = Inbox::open(&log).await.unwrap();
    let messages = within(inbox.next()).await;
    messages[0].later(Duration::from_millis(10)).await.unwrap();
    let messages = within(inbox.next()).await;
    assert_eq!((messages[0].task.as_str(), messages[0].deliveries), ("T-1", 2));
    within(messages[0].ack()).await.unwrap();

    // Queries and requests, with their answers.
    for (from, to, subject) in [
        ("server", "projector", "tollgate.v1.view.status.7"),
        ("producer", "server", "tollgate.v1.append"),
        ("producer", "server", "tollgate.v1.budget.allocate"),
    ] {
        let [from, to] = [client(&server, from).await, client(&server, to).await];
        let mut asked = to.subscribe(subject).await.unwrap();
        to.flush().await.unwrap();
        let answering = tokio::spawn(async move {
            let question = asked.next().await.unwrap();
            to.publish(question.reply.unwrap(), "answer".into()).await.unwrap();
            to.flush().await.unwrap();
        });
        // After a flush the data is sent, which does not mean that the server has read it.
        let answer = within(async {
            loop {
                match from.request(subject, "question".into()).await {
                    Err(error) if error.kind() == RequestErrorKind::NoResponders => {
                        tokio::task::yield_now().await
                    }
                    answered => return answered.unwrap(),
                }
            }
        });
        let answer = answer.await;
        assert_eq!(answer.payload, "answer");
        answering.await.unwrap();
    }
}

/// By this question a server knows which keys of the API there are.
#[tokio::test]
async fn a_server_may_ask_for_the_next_decision_about_a_subject() {
    let Some(server) = NatsServer::start_with(|_| configuration()) else { return };
    init(&user(&server, "admin")).await;
    let log = JetStreamLog::connect(user(&server, "server")).await.unwrap();
    // Each is followed by what is no decision.
    for (last, id) in [(0, "a"), (1, "b")] {
        within(log.append(decision(last, vec![event("T-1", id, "x")]))).await.unwrap();
        within(log.append(batch(vec![event("T-1", &format!("fact-{id}"), "x")]))).await.unwrap();
    }
    let (tenant, partition) = (TenantId::default_tenant(), PartitionId::of("default", "T-1"));
    for (subject, after, expected) in [
        ("T-1", 0, Some(Sequence(1))),
        ("T-1", 1, Some(Sequence(3))),
        ("T-1", 2, Some(Sequence(3))),
        ("T-1", 3, None),
        ("T-2", 0, None),
    ] {
        let found = within(log.decision_after(partition, &tenant, subject, Sequence(after))).await.unwrap();
        assert_eq!(found.map(|(at, _)| at), expected, "{subject} after {after}");
    }
}

/// What a user attempts.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Publish,
    Listen,
}

/// Whether the server refuses it.
async fn is_refused(server: &NatsServer, name: &str, attempt: Attempt, subject: &'static str) -> bool {
    const NEVER_ALLOWED: &str = "never.allowed";
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let of_user = |(variable, _): &&(&str, &str)| **variable == format!("{}_PASSWORD", name.to_uppercase());
    let (_, password) = PASSWORDS.iter().find(of_user).unwrap();
    let client = async_nats::ConnectOptions::new()
        .user_and_password(name.to_owned(), (*password).to_owned())
        .event_callback(move |event| {
            if let async_nats::Event::ServerError(error) = event {
                said.send(error.to_string().to_lowercase()).unwrap();
            }
            async {}
        })
        .connect(server.url())
        .await
        .unwrap();
    match attempt {
        Attempt::Publish => client.publish(subject, "{}".into()).await.unwrap(),
        Attempt::Listen => drop(client.subscribe(subject).await.unwrap()),
    }
    // The server answers in order: its response to the attempt comes before its response to this.
    client.publish(NEVER_ALLOWED, "".into()).await.unwrap();
    let mut refused = false;
    loop {
        let said = within(heard.recv()).await.unwrap();
        assert!(said.contains("permissions violation"), "{said}");
        if said.contains(NEVER_ALLOWED) {
            return refused;
        }
        refused |= said.contains(&subject.to_lowercase());
    }
}

#[tokio::test]
async fn what_is_not_its_work_is_refused() {
    let Some(server) = NatsServer::start_with(|_| configuration()) else { return };
    init(&user(&server, "admin")).await;
    let log = JetStreamLog::connect(user(&server, "server")).await.unwrap();
    within(log.append(batch(vec![event("T-1", "a", "x")]))).await.unwrap();
    let publishing = [
        ("server", "tollgate.v1.view.status.1", false),
        ("server", "$JS.API.STREAM.DELETE.TOLLGATE", true),
        ("server", "$JS.API.STREAM.PURGE.TOLLGATE", true),
        ("server", "$JS.API.STREAM.UPDATE.TOLLGATE", true),
        ("server", "$JS.API.STREAM.MSG.DELETE.TOLLGATE", true),
        ("server", "$JS.API.CONSUMER.DELETE.TOLLGATE_IN.drain", true),
        ("server", "_INBOX_producer.x", true),
        ("projector", "tollgate.v1.ev.0.default", true),
        ("projector", "tollgate.v1.dec.0.default.T-1", true),
        ("projector", "tollgate.v1.in.default.T-1", true),
        ("projector", "$JS.API.CONSUMER.MSG.NEXT.TOLLGATE_IN.drain", true),
        ("projector", "$JS.API.STREAM.DELETE.TOLLGATE", true),
        ("producer", "tollgate.v1.in.default.T-1", false),
        ("producer", "tollgate.v1.in.acme.T-1", true),
        ("producer", "tollgate.v1.ev.0.default", true),
        ("producer", "tollgate.v1.dec.0.default.T-1", true),
        // A decision about keys of the API.
        ("producer", "tollgate.v1.dec.12._ledger._keys", true),
        ("projector", "tollgate.v1.dec.12._ledger._keys", true),
        ("producer", "$JS.API.DIRECT.GET.TOLLGATE", true),
        ("producer", "$JS.API.CONSUMER.CREATE.TOLLGATE", true),
        ("admin", "$JS.API.STREAM.DELETE.TOLLGATE", true),
        ("admin", "tollgate.v1.ev.0.default", true),
    ];
    for (name, subject, refused) in publishing {
        let found = is_refused(&server, name, Attempt::Publish, subject).await;
        assert_eq!(found, refused, "{name} publishes {subject}");
    }
    let listening = [
        ("projector", "tollgate.v1.view.status.1", false),
        ("server", "tollgate.v1.append", false),
        ("server", "tollgate.v1.ev.>", true),
        ("projector", "tollgate.v1.ev.>", true),
        ("projector", "_INBOX_server.>", true),
        ("server", "_INBOX_producer.>", true),
        ("producer", "tollgate.v1.append", true),
        ("producer", "_INBOX.>", true),
        ("producer", ">", true),
    ];
    for (name, subject, refused) in listening {
        let found = is_refused(&server, name, Attempt::Listen, subject).await;
        assert_eq!(found, refused, "{name} listens to {subject}");
    }
    assert_eq!(within(all_ids(&log)).await, ["T-1/a"]);
}
