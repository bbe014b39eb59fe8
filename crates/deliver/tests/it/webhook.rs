//! One attempt at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tollgate_deliver::message::Message;
use tollgate_deliver::schedule::Answer;
use tollgate_deliver::webhook::Webhook;
use tollgate_outbound::client::Timeouts;
use tollgate_outbound::guard::SystemResolver;
use tollgate_outbound::target::{Permits, Target};
use tollgate_outbound::tls::Trust;

use crate::support::receiver::{Receiver, Reply};
use crate::support::{Resolved, change, fixture, permits, signer, start, webhook, webhook_to};

fn message() -> Message {
    Message::of_change("pager", change(1))
}

fn failed(status: u16) -> Answer {
    Answer::Failed { status: Some(status), error: format!("status {status}") }
}

#[tokio::test]
async fn a_request_is_what_the_standard_says() {
    let receiver = Receiver::start(|_, _| Reply::Status(204)).await;
    let answer = webhook(receiver.address).attempt(&message(), start()).await;
    assert_eq!(answer, Answer::Delivered { status: Some(204) });
    let [request] = &receiver.requests()[..] else { panic!("one request") };
    assert_eq!(request.line, "POST /hook HTTP/1.1");
    assert_eq!(request.body, message().body());
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter(|(name, _)| *name != "webhook-signature")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let (host, length) = (receiver.address.to_string(), message().body().len().to_string());
    let agent = format!("tollgate/{}", env!("CARGO_PKG_VERSION"));
    let id = message().id;
    let expected = [
        ("connection", "close"),
        ("content-length", &length),
        ("content-type", "application/json"),
        ("host", &host),
        ("user-agent", &agent),
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", "1795255200"),
    ];
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn only_2xx_is_delivered() {
    let throttled = |status, asked_s: Option<u64>| Answer::Throttled {
        status,
        retry_after: asked_s.map(Duration::from_secs),
    };
    let table: Vec<(Reply, Answer)> = vec![
        (Reply::Status(200), Answer::Delivered { status: Some(200) }),
        (Reply::Status(299), Answer::Delivered { status: Some(299) }),
        (Reply::With(202, "x: y"), Answer::Delivered { status: Some(202) }),
        (
            Reply::Raw("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            Answer::Delivered { status: Some(200) },
        ),
        (Reply::Status(400), failed(400)),
        (Reply::Status(404), failed(404)),
        (Reply::Status(500), failed(500)),
        (Reply::Status(501), failed(501)),
        (Reply::Status(410), Answer::Gone),
        (Reply::Status(429), throttled(429, None)),
        (Reply::With(429, "retry-after: 30"), throttled(429, Some(30))),
        (Reply::With(503, "Retry-After: Sat, 21 Nov 2026 10:00:07 GMT"), throttled(503, Some(7))),
        (Reply::With(502, "retry-after: soon"), throttled(502, None)),
        (Reply::With(504, "retry-after: 999999999"), throttled(504, Some(86_400))),
    ];
    let replies: Vec<Reply> = table.iter().map(|(reply, _)| reply.clone()).collect();
    let receiver = Receiver::start(move |nth, _| replies[nth].clone()).await;
    let webhook = webhook(receiver.address);
    for (reply, expected) in table {
        assert_eq!(webhook.attempt(&message(), start()).await, expected, "{reply:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = Receiver::start(|_, _| Reply::Status(200)).await;
    let location: &'static str = format!("location: http://{}/", elsewhere.address).leak();
    let codes = [301, 302, 303, 307, 308];
    let receiver = Receiver::start(move |nth, _| Reply::With(codes[nth], location)).await;
    for code in codes {
        let answer = webhook(receiver.address).attempt(&message(), start()).await;
        let Answer::Failed { status, error } = answer else { panic!("{answer:?}") };
        assert_eq!(status, Some(code));
        assert!(error.contains("redirects are not followed"), "{error}");
    }
    assert_eq!(elsewhere.connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn receivers_that_do_not_answer_properly_have_failed() {
    let table = [
        (Reply::Raw(""), "no answer|connection|message"),
        (Reply::Raw("hello\r\n\r\n"), "invalid"),
        (Reply::Raw("HTTP/1.1 99999 X\r\n\r\n"), "invalid"),
        (Reply::Never, "no answer within 300 ms"),
    ];
    let replies = table.clone();
    let receiver = Receiver::start(move |nth, _| replies[nth].0.clone()).await;
    let short = Timeouts { connect: Duration::from_secs(5), total: Duration::from_millis(300) };
    let webhook = webhook(receiver.address).with_timeouts(short);
    for (reply, words) in table {
        let answer = webhook.attempt(&message(), start()).await;
        let Answer::Failed { status: None, error } = answer else { panic!("{reply:?}: {answer:?}") };
        assert!(words.split('|').any(|word| error.contains(word)), "{reply:?}: {error}");
        assert!(!error.contains("hook"), "the path may be secret: {error}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let webhook = webhook(receiver.address);
    drop(receiver);
    // The port is free again once the receiver's task has ended.
    let answer = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let answer = webhook.attempt(&message(), start()).await;
            if answer.error().is_some_and(|error| error.contains("refused")) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(matches!(answer.await.unwrap(), Answer::Failed { status: None, .. }));
}

#[tokio::test]
async fn an_answer_without_end_is_not_waited_for() {
    let receiver = Receiver::start(|_, _| Reply::Endless).await;
    let answered = webhook(receiver.address).attempt(&message(), start()).await;
    assert_eq!(answered, Answer::Delivered { status: Some(200) });
    // 64 KiB, plus what the system's buffers in between hold.
    let taken = receiver.taken.load(Ordering::Relaxed);
    assert!(taken < 16 << 20, "{taken} bytes were taken");
}

#[tokio::test]
async fn tls_checks_who_answers() {
    let receiver = Receiver::start_tls(|_, _| Reply::Status(200)).await;
    let port = receiver.address.port();
    let ours = || Trust::File(fixture("ca.pem"));
    let others = || Trust::File(fixture("receiver.pem"));
    for (host, trust, expected) in [
        ("receiver.example", ours(), ""),
        ("other.example", ours(), "not valid for name"),
        ("127.0.0.1", ours(), "not valid for name"),
        ("receiver.example", others(), "certificate"),
    ] {
        let target = Target::parse(&format!("https://{host}:{port}/hook"), &permits(port)).unwrap();
        let answer = webhook_to(target, trust, "127.0.0.1").attempt(&message(), start()).await;
        let error = answer.error().unwrap_or_default();
        assert!(error.contains(expected) && error.is_empty() == expected.is_empty(), "{host}: {error}");
    }
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1, "nothing is sent to who is not trusted");
    assert_eq!(requests[0].headers["host"], format!("receiver.example:{port}"));
}

#[tokio::test]
async fn tls_is_not_spoken_to_who_does_not() {
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let port = receiver.address.port();
    let target = Target::parse(&format!("https://receiver.example:{port}/"), &permits(port)).unwrap();
    let short = Timeouts { connect: Duration::from_millis(500), total: Duration::from_secs(5) };
    let webhook = webhook_to(target, Trust::File(fixture("ca.pem")), "127.0.0.1").with_timeouts(short);
    let error = webhook.attempt(&message(), start()).await.error().unwrap();
    assert!(error.contains("TLS") || error.contains("no connection"), "{error}");
    assert_eq!(receiver.requests(), []);
}

/// Names that resolve to internal addresses, at the first attempt or a later one: no connection is made.
#[tokio::test]
async fn a_name_that_leads_inwards_is_not_connected_to() {
    let receiver = Receiver::start(|_, _| Reply::Status(200)).await;
    let port = receiver.address.port();
    let public = Permits { http: true, ports: vec![port], ..Permits::default() };
    for name in
        ["localhost", "127.0.0.1.nip.example", "rebound.example", "metadata.internal", "ip6-localhost"]
    {
        let target = Target::parse(&format!("http://{name}:{port}/"), &public).unwrap();
        for addresses in [
            vec!["127.0.0.1"],
            vec!["::1"],
            vec!["::ffff:127.0.0.1"],
            vec!["0.0.0.0"],
            vec!["93.184.215.14", "127.0.0.1"],
            vec!["169.254.169.254"],
        ] {
            let resolver = Arc::new(Resolved(addresses));
            let webhook = Webhook::new(target.clone(), signer(), &Trust::System, resolver).unwrap();
            for _attempt in 0..3 {
                let error = webhook.attempt(&message(), start()).await.error().unwrap();
                assert!(error.contains("which no webhook may reach"), "{name}: {error}");
            }
        }
    }
    let target = Target::parse(&format!("http://localhost:{port}/"), &public).unwrap();
    let webhook = Webhook::new(target, signer(), &Trust::System, Arc::new(SystemResolver)).unwrap();
    assert!(webhook.attempt(&message(), start()).await.error().unwrap().contains("this machine"));
    assert_eq!(receiver.connections.load(Ordering::Relaxed), 0);
}
