//! How a client treats a server on this machine: which connections it makes, and what it reads.

#![expect(clippy::unwrap_used, reason = "helpers of tests; a failure is to be loud")]

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tollgate_outbound::client::{Client, Connections, RequestError, Timeouts};
use tollgate_outbound::{Permits, Resolve, Target, Trust};

const NO_HEADERS: [(&str, &str); 0] = [];

/// Answers every request on every connection with the next of its answers.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, kept, answers) = (connections.clone(), heads.clone(), Arc::new(answers));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answers)));
            }
        });
        Self { address, connections, heads }
    }

    /// A client that reaches it as `server.example`, as far as `names` resolve to it.
    fn client(&self, names: Names, permits: Permits, connections: Connections) -> Client {
        let port = self.address.port();
        let permits = Permits { http: true, ports: vec![port], ..permits };
        let target = Target::parse(&format!("http://server.example:{port}/prices?v=1"), &permits).unwrap();
        let timeouts = Timeouts { connect: Duration::from_secs(20), total: Duration::from_secs(20) };
        Client::new(target, &Trust::System, Arc::new(names), timeouts, connections).unwrap()
    }
}

async fn serve(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>, answers: Arc<Vec<String>>) {
    let mut bytes = Vec::new();
    loop {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            match stream.read_buf(&mut bytes).await {
                Ok(1..) => continue,
                Ok(0) | Err(_) => return,
            }
        };
        let head = String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        let answer = {
            let mut heads = heads.lock().unwrap();
            heads.push(head);
            answers[(heads.len() - 1).min(answers.len() - 1)].clone()
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// What names resolve to, one answer after another, the last one forever; and the number of look-ups.
#[derive(Clone)]
struct Names(Arc<Mutex<Vec<&'static str>>>, Arc<AtomicUsize>);

impl Names {
    fn new(mut answers: Vec<&'static str>) -> Self {
        answers.reverse();
        Self(Arc::new(Mutex::new(answers)), Arc::default())
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        assert_eq!(name, "server.example");
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop().unwrap() } else { answers[0] };
        // The resolver's port is ignored.
        let found = vec![SocketAddr::new(answer.parse().unwrap(), 1)];
        Box::pin(async { Ok(found) })
    }
}

fn private() -> Permits {
    Permits { private: true, ..Permits::default() }
}

#[tokio::test]
async fn a_kept_connection_takes_further_requests_and_is_judged_once() {
    let server = Server::start(vec![ok("first"), ok("second")]).await;
    let names = Names::new(vec!["127.0.0.1"]);
    let client = server.client(names.clone(), private(), Connections::Kept);
    for expected in ["first", "second"] {
        let answer = client.get([("if-none-match", "\"0\"")], 10).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["etag"]), (200, &"\"1\"".parse().unwrap()));
        assert_eq!(answer.body(), expected);
    }
    assert_eq!((server.connections.load(Ordering::SeqCst), names.asked()), (1, 1));
    let heads = server.heads.lock().unwrap();
    let host = format!("host: server.example:{}\r\n", server.address.port());
    assert!(heads[0].starts_with("GET /prices?v=1 HTTP/1.1\r\n") && heads[0].contains(&host), "{}", heads[0]);
    assert!(heads[0].contains("if-none-match: \"0\"\r\n"), "{}", heads[0]);
}

#[tokio::test]
async fn a_connection_for_each_request_is_judged_for_each() {
    let server = Server::start(vec![ok("")]).await;
    let names = Names::new(vec!["127.0.0.1"]);
    let client = server.client(names.clone(), private(), Connections::OneEach);
    for _ in 0..3 {
        assert_eq!(client.post("text/plain", NO_HEADERS, "".into()).await.unwrap().status(), 200);
    }
    assert_eq!((server.connections.load(Ordering::SeqCst), names.asked()), (3, 3));
    assert!(server.heads.lock().unwrap().iter().all(|head| head.contains("connection: close\r\n")));
}

#[tokio::test]
async fn every_new_connection_is_judged_and_none_is_made_to_a_forbidden_address() {
    // A server that ends a connection after its first answer.
    let closing = ok("x").replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let server = Server::start(vec![closing]).await;
    let names = Names::new(vec!["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "127.0.0.1"]);
    let client = server.client(names.clone(), private(), Connections::Kept);
    assert!(client.get(NO_HEADERS, 10).await.is_ok());
    for what in ["link-local", "IPv4 address in IPv6"] {
        let error = client.get(NO_HEADERS, 10).await.unwrap_err();
        assert!(matches!(error, RequestError::Guarded { .. }), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(client.get(NO_HEADERS, 10).await.is_ok());
    assert_eq!((server.connections.load(Ordering::SeqCst), names.asked()), (2, 4));

    // Without the permit, no connection to this machine is ever made.
    let client = server.client(Names::new(vec!["127.0.0.1"]), Permits::default(), Connections::Kept);
    assert!(client.get(NO_HEADERS, 10).await.unwrap_err().to_string().contains("this machine"));
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_answer_is_bounded_a_redirect_is_not_followed_and_nothing_secret_is_said() {
    let elsewhere = "HTTP/1.1 302 X\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let server =
        Server::start(vec![ok("12345678901"), elsewhere.to_owned(), "garbage\r\n\r\n".to_owned()]).await;
    let client = server.client(Names::new(vec!["127.0.0.1"]), private(), Connections::OneEach);
    let error = client.get(NO_HEADERS, 10).await.unwrap_err().to_string();
    assert!(error.ends_with("the answer is larger than 10 bytes"), "{error}");
    assert_eq!(client.get(NO_HEADERS, 10).await.unwrap().status(), 302);
    let error = client.get(NO_HEADERS, 10).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("http://server.example:{}: ", server.address.port())), "{error}");
    for secret in ["prices", "v=1", "hidden"] {
        let header = client.get([("x-key", "hidden\n")], 10).await.unwrap_err();
        assert!(matches!(header, RequestError::Unsendable { .. }), "{header:?}");
        assert!(
            ![&error, &header.to_string(), &format!("{header:?}")].iter().any(|text| text.contains(secret))
        );
    }
}

#[tokio::test]
async fn an_address_in_place_of_a_name_is_judged_when_it_is_read() {
    for (address, permits, fine) in [
        ("http://127.0.0.1:443/", Permits { http: true, ..Permits::default() }, false),
        ("http://[::1]:443/", Permits { http: true, ..Permits::default() }, false),
        ("http://169.254.169.254:443/", Permits { http: true, ..private() }, false),
        ("http://127.0.0.1:443/", Permits { http: true, ..private() }, true),
    ] {
        assert_eq!(Target::parse(address, &permits).is_ok(), fine, "{address} {permits:?}");
    }
}
