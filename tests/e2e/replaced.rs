//! Servers that are replaced while a command runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use tollgate_client::{DecidedBy, Ended, FlushError, SpoolOptions, TrackerBuilder, Usage};
use tollgate_domain::tokens::TokenCounts;
use tollgate_tests::{Place, Server, session};

/// An address at which a different server answers after the first append.
struct Address {
    url: String,
    target: Arc<Mutex<String>>,
    appended: Receiver<()>,
    go_on: Sender<()>,
}

impl Address {
    fn of(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new(server.url.clone()));
        let (tell, appended) = channel();
        let (go_on, wait) = channel();
        let (current, wait) = (Arc::clone(&target), Arc::new(Mutex::new(wait)));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (current, tell, wait) = (Arc::clone(&current), tell.clone(), Arc::clone(&wait));
                std::thread::spawn(move || carry(client, &current, &tell, &wait));
            }
        });
        Self { url, target, appended, go_on }
    }

    /// Waits for the answer to the first append, and leads to another server from then on.
    fn replace(&self, replace: impl FnOnce() -> Server) -> Server {
        self.appended.recv().unwrap();
        let other = replace();
        self.leads_to(&other);
        self.go_on.send(()).unwrap();
        other
    }

    fn leads_to(&self, server: &Server) {
        self.target.lock().unwrap().clone_from(&server.url);
    }
}

/// Forwards the requests of a connection, each over a separate one, and waits after the first append.
fn carry(client: TcpStream, target: &Mutex<String>, appended: &Sender<()>, go_on: &Mutex<Receiver<()>>) {
    let mut answers = client.try_clone().unwrap();
    let mut requests = BufReader::new(client);
    let mut replaced = false;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head += &line;
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).unwrap();
        let address = target.lock().unwrap().clone();
        let mut server = TcpStream::connect(&address["http://".len()..]).unwrap();
        server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
        server.write_all(&body).unwrap();
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).unwrap();
        // The client's connection stays open.
        let text = String::from_utf8(answer).unwrap().replace("connection: close\r\n", "");
        if head.starts_with("POST /v1/events ") && !replaced {
            replaced = true;
            appended.send(()).unwrap();
            go_on.lock().unwrap().recv().unwrap();
        }
        if answers.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// An import whose server is replaced by that of another directory after its first request. Returns its exit
/// code and its messages.
fn import(place: &Place, by_data: bool, replace_by: &str) -> (i32, String) {
    place.write("s/session.jsonl", &session("S", &[[10, 0, 1, 0]; 1_200]));
    let server = Server::start(place, "a");
    let address = Address::of(&server);
    let found = place.path("a/server.json");
    let text = std::fs::read_to_string(&found).unwrap();
    std::fs::write(&found, text.replace(server.url.as_str(), &address.url)).unwrap();
    let ledger = if by_data { ["--data", "a"] } else { ["--server", &address.url] };
    let mut command = place.command(&[&ledger[..], &["import", "codex", "s"]].concat());
    let import = command.stdout(Stdio::piped()).stderr(Stdio::piped()).start();
    let next = address.replace(|| {
        server.kill();
        Server::start(place, replace_by)
    });
    let ended = import.wait_with_output();
    drop(next);
    let told = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (ended.status.code().unwrap(), told)
}

#[test]
fn a_server_of_another_ledger_gets_nothing_of_an_import_that_runs() {
    for by_data in [true, false] {
        let place = Place::new();
        let (code, told) = import(&place, by_data, "b");
        assert!(
            code == 1 && told.contains("the request is addressed to ledger"),
            "{by_data}: {code}: {told}"
        );
        assert!(told.contains("import again"), "{told}");
        assert_eq!((place.totals("a").0, place.totals("b").0), (500, 0), "{by_data}");
    }
}

#[test]
fn an_import_goes_on_with_the_next_server_of_its_ledger() {
    for by_data in [true, false] {
        let place = Place::new();
        let (code, told) = import(&place, by_data, "a");
        assert_eq!((code, place.totals("a").0), (0, 1_200), "{by_data}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_ledger_gets_nothing_of_a_tracker() {
    let place = Place::new();
    let server = Server::start(&place, "a");
    let address = Address::of(&server);
    let tracker = TrackerBuilder::to_server(&address.url, "p").spool(SpoolOptions::new(place.path("spool")));
    let tracker = tracker.start().unwrap();
    let report = || {
        let tokens = TokenCounts { output: 1, ..TokenCounts::default() };
        tracker.report_usage("T", Usage::of("PLAN", "m", tokens)).unwrap();
    };
    report();
    let first = tracker.clone();
    let first = tokio::spawn(async move { first.flush().await });
    let other = tokio::task::block_in_place(|| {
        address.replace(|| {
            server.kill();
            Server::start(&place, "b")
        })
    });
    first.await.unwrap().unwrap();
    report();
    let Err(FlushError::Away { reason, .. }) = tracker.flush().await else {
        panic!("another ledger takes it")
    };
    assert!(
        reason.contains("the request is addressed to ledger") && reason.contains("421 other_ledger"),
        "{reason}"
    );
    let answer = tracker.gate("T", "PLAN").await.unwrap();
    assert!(matches!(answer.decided_by, DecidedBy::Policy { .. }), "{answer:?}");
    // The next server of the ledger gets what was waiting.
    let next = Server::start(&place, "a");
    address.leads_to(&next);
    // A try that began before may still end at the other ledger: then it was kept, not lost.
    while tracker.flush().await.is_err() {}
    assert!(matches!(tracker.close().await, Ok(Ended::Delivered { .. })));
    drop((next, other));
    assert_eq!((place.totals("a").0, place.totals("b").0), (2, 0));
}
