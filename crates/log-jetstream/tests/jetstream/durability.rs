//! What an acknowledgement guarantees: requested, proven, declared, contradicted.

use std::path::Path;

use async_nats::jetstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tollgate_log::conformance::{batch, event};
use tollgate_log::contract::{Durability, EventLog, Hints};
use tollgate_log_jetstream::durability::{DurabilityError, DurabilityEvidence, StoreSync};
use tollgate_log_jetstream::{ConnectError, JetStreamLog, Options};
use tollgate_test_process::{Program, temporary};

use crate::support::{NatsServer, init, setup, within};

async fn refused(options: Options) -> DurabilityError {
    match within(JetStreamLog::connect(options)).await {
        Err(ConnectError::Durability(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(log) => panic!("it starts: {:?}", log.evidence()),
    }
}

fn fsync(server: &NatsServer) -> Options {
    Options { durability: Durability::Fsync, ..server.options() }
}

#[tokio::test]
async fn a_stock_server_is_page_cache_and_more_needs_a_word() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let log = JetStreamLog::connect(server.options()).await.unwrap();
    assert_eq!((log.durability(), log.evidence()), (Durability::PageCache, &DurabilityEvidence::Stock));
    let error = refused(fsync(&server)).await;
    assert!(!error.contradicted, "{error}");
    assert!(error.to_string().contains("nothing shows it"), "{error}");
    let log = JetStreamLog::connect(Options { declared: true, ..fsync(&server) }).await.unwrap();
    let receipt = log.append(batch(vec![event("T-1", "a", "x")])).await.unwrap();
    assert_eq!((receipt.durability, log.evidence()), (Durability::Fsync, &DurabilityEvidence::Declared));
    assert!(log.durability_known_by().contains("declared"));
}

#[tokio::test]
async fn one_replica_is_never_replicated() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    for declared in [false, true] {
        let asked = Durability::Replicated;
        let error = refused(Options { durability: asked, declared, ..server.options() }).await;
        assert!(error.contradicted && error.to_string().contains("one replica"), "{error}");
    }
}

/// A monitoring port that reports this for the server with that id.
async fn monitor(id: &str, version: &str, config: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let said =
        format!("{{\"server_id\":\"{id}\",\"version\":\"{version}\",\"jetstream\":{{\"config\":{config}}}}}");
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(connection.read_u8().await.unwrap());
            }
            assert!(request.starts_with(b"GET /varz "));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{said}", said.len());
            connection.write_all(head.as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_monitoring_port_shows_or_contradicts() {
    let Some(server) = NatsServer::start() else { return };
    init(&server.options()).await;
    let id = server.options().client().await.unwrap().0.server_info().server_id;
    let always = r#"{"store_dir":"/js","sync_interval":120000000000,"sync_always":true}"#;
    let not = r#"{"store_dir":"/js","sync_interval":120000000000}"#;
    let with = async |id: &str, version: &str, config: &str| Options {
        monitor: Some(monitor(id, version, config).await),
        ..fsync(&server)
    };
    let log = JetStreamLog::connect(with(&id, "2.10.29", always).await).await.unwrap();
    assert!(matches!(log.evidence(), DurabilityEvidence::Monitor(_)), "{}", log.evidence());
    let contradicting = [
        (with(&id, "2.12.1", not).await, "does not sync before it acknowledges"),
        (with("ANOTHER", "2.12.1", always).await, "another server"),
    ];
    for (options, expected) in contradicting {
        for declared in [false, true] {
            let error = refused(Options { declared, ..options.clone() }).await;
            assert!(error.contradicted && error.to_string().contains(expected), "{error}");
        }
    }
    // The server itself. Before 2.10 it has no such setting, so it neither proves nor contradicts.
    let real = Options { monitor: Some(server.monitor()), ..fsync(&server) };
    let version = server.options().client().await.unwrap().0.server_info().version;
    let error = refused(real.clone()).await;
    assert_eq!(error.contradicted, !version.starts_with("2.9."), "{version}: {error}");
    if !error.contradicted {
        assert!(error.to_string().contains(&version), "{error}");
        let log = JetStreamLog::connect(Options { declared: true, ..real }).await.unwrap();
        assert_eq!(log.evidence(), &DurabilityEvidence::Declared);
    }
    let nobody = Options { monitor: Some("http://127.0.0.1:1".to_owned()), ..fsync(&server) };
    let error = refused(nobody).await;
    assert!(!error.contradicted && error.to_string().contains("cannot be read"), "{error}");
}

/// Sets or clears the attribute; returns `false`, with a loud message, if the file system does not have it or
/// permission is missing.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn attribute(change: &str, path: &Path) -> bool {
    let done = Program::new("chattr").args(["-R", change]).arg(path).try_output();
    let fine = done.is_ok_and(|output| output.status.success());
    if !fine {
        eprintln!("SKIPPED: chattr {change} does not work on {}", path.display());
    }
    fine
}

#[tokio::test]
async fn a_store_directory_shows_or_contradicts() {
    let Some(mut server) = NatsServer::start() else { return };
    init(&server.options()).await;
    server.kill();
    if !attribute("+S", &server.store()) {
        return;
    }
    server.restart();
    let options =
        Options { store_dir: Some(server.store()), monitor: Some(server.monitor()), ..fsync(&server) };
    let log = JetStreamLog::connect(options.clone()).await.unwrap();
    assert!(
        matches!(log.evidence(), DurabilityEvidence::Store { by: StoreSync::Attribute, .. }),
        "{}",
        log.evidence()
    );
    for number in 0..50 {
        log.append(batch(vec![event("T-1", &format!("e{number}"), &"x".repeat(3_000))])).await.unwrap();
    }
    drop(log);
    // Files created since then have it too; the monitoring port is not needed.
    JetStreamLog::connect(Options { monitor: None, ..options.clone() }).await.unwrap();
    let elsewhere = temporary();
    let other = Options { store_dir: Some(elsewhere.path().to_owned()), ..options.clone() };
    for other in [other.clone(), Options { monitor: None, ..other }] {
        let error = refused(Options { declared: true, ..other }).await;
        assert!(error.contradicted && error.to_string().contains("not the store"), "{error}");
    }
    // From 2.10 on a server itself reports how often it syncs, so the directory is not checked.
    let gone = Options { store_dir: Some(elsewhere.path().join("gone")), monitor: None, ..options.clone() };
    assert!(!refused(gone).await.contradicted);
    // One file of the stream without it is enough.
    let blocks = server.store().join("jetstream/$G/streams/TOLLGATE/msgs");
    assert!(attribute("-S", &blocks));
    let error = refused(Options { declared: true, ..options.clone() }).await;
    assert!(error.contradicted && error.to_string().contains("chattr -R +S"), "{error}");
    assert!(attribute("+S", &blocks));
    // Files of other streams are not checked.
    let context: jetstream::Context = server.context().await;
    let config = tollgate_log_jetstream::Setup { stream: "OTHER".to_owned(), ..setup() }.config();
    let config = jetstream::stream::Config { subjects: vec!["other".to_owned()], ..config };
    context.create_stream(config).await.unwrap();
    assert!(attribute("-S", &server.store().join("jetstream/$G/streams/OTHER")));
    JetStreamLog::connect(options).await.unwrap();
}
