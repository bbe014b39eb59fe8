//! A ledger on NATS, as its operators run it: nats-server, projectors, servers, each a separate process. And
//! a client that knows nothing but the NATS protocol.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{ChildStdout, Stdio};
use std::time::Duration;

use serde_json::Value;
use tollgate_test_process::Process;
use tollgate_test_process::nats::version;

use crate::{Place, Server};

/// The longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A nats-server with its own store. It can be killed and restarted on the same port.
pub struct NatsServer(tollgate_test_process::nats::NatsServer);

impl NatsServer {
    /// Starts one; `None`, with a loud message, if nats-server is not installed.
    #[must_use]
    pub fn start(place: &Place) -> Option<Self> {
        version()?;
        let store = place.path("nats");
        place.write("nats.conf", &format!("jetstream {{ store_dir: \"{}\" }}\n", store.display()));
        let mut server = Self(tollgate_test_process::nats::NatsServer::new(place.path("nats.conf")));
        server.restart();
        Some(server)
    }

    /// Restarts it, on the same port with the same store.
    pub fn restart(&mut self) {
        self.0.start();
    }

    /// Kills it with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// A connection that knows nothing but the protocol.
    #[must_use]
    pub fn connect(&self) -> RawClient {
        RawClient::connect(&self.0.address())
    }
}

/// A projector. It is killed when dropped.
pub struct ProjectorProcess {
    _process: Process,
    _stdout: BufReader<ChildStdout>,
}

/// A ledger on its own nats-server, with a projector for each view.
pub struct Cluster {
    /// The projectors.
    pub projectors: Vec<ProjectorProcess>,
    /// The nats-server.
    pub nats: NatsServer,
    /// Where its files are.
    pub place: Place,
}

impl Cluster {
    /// Starts it; `None`, with a loud message, if nats-server is not installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        let place = Place::new();
        let nats = NatsServer::start(&place)?;
        let _ = place.ok(&format!("log init --max-bytes 256MiB --log {}", nats.url()));
        let mut cluster = Self { projectors: Vec::new(), nats, place };
        for view in ["status", "reports", "alerts", "spending"] {
            let projector = cluster.projector(&["projector", view, "--data", view]);
            cluster.projectors.push(projector);
        }
        Some(cluster)
    }

    /// Starts a projector and waits until it answers.
    #[must_use]
    pub fn projector(&self, args: &[&str]) -> ProjectorProcess {
        self.projector_at(&self.nats.url(), args)
    }

    /// The same over a different route to the nats-server.
    #[must_use]
    pub fn projector_at(&self, url: &str, args: &[&str]) -> ProjectorProcess {
        projector(&self.place, url, args)
    }

    /// Starts a server of the ledger.
    #[must_use]
    pub fn serve(&self) -> Server {
        Server::of(&self.place, &["--log", &self.nats.url(), "serve", "--listen", "127.0.0.1:0"])
    }

    /// A command's answer as JSON; it accesses the log itself.
    #[must_use]
    pub fn json(&self, line: &str) -> Value {
        self.place.json(&format!("--log {} {line}", self.nats.url()))
    }
}

/// Starts a projector of the log at an address and waits until it answers.
#[must_use]
pub fn projector(place: &Place, url: &str, args: &[&str]) -> ProjectorProcess {
    let mut command = place.command(args);
    command.args(["--log", url]).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut process = command.start();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert!(first.contains("answers on"), "the projector did not start: {args:?}: {first}");
    ProjectorProcess { _process: process, _stdout: stdout }
}

/// Headers of a message.
pub type Headers = BTreeMap<String, String>;

/// A client that knows nothing but the NATS protocol: lines of text over TCP.
pub struct RawClient {
    stream: BufReader<TcpStream>,
    inbox: String,
}

impl RawClient {
    /// Connects.
    #[must_use]
    pub fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let port = stream.local_addr().unwrap().port();
        let mut client = Self {
            stream: BufReader::new(stream),
            inbox: format!("_INBOX.raw.{}.{port}", std::process::id()),
        };
        assert!(client.line().starts_with("INFO "));
        let hello = r#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"none","version":"0","protocol":1}"#;
        let inbox = client.inbox.clone();
        client.send(format!("{hello}\r\nSUB {inbox} 1\r\nPING\r\n").as_bytes());
        while client.line() != "PONG" {}
        client
    }

    /// Subscribes to a subject; its messages arrive as [`Self::message`].
    pub fn subscribe(&mut self, subject: &str) {
        self.send(format!("SUB {subject} 2\r\nPING\r\n").as_bytes());
        while self.line() != "PONG" {}
    }

    /// Publishes a message and waits for the answer: its headers and its payload.
    pub fn request(&mut self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> (Headers, Vec<u8>) {
        let reply = self.inbox.clone();
        self.publish(subject, &reply, headers, payload);
        self.message()
    }

    /// Publishes a message; `reply` is the subject for an answer, or empty if none is wanted.
    pub fn publish(&mut self, subject: &str, reply: &str, headers: &[(&str, &str)], payload: &[u8]) {
        let mut bytes = Vec::new();
        if headers.is_empty() {
            write!(bytes, "PUB {subject} {reply} {}\r\n", payload.len()).unwrap();
        } else {
            let mut head = "NATS/1.0\r\n".to_owned();
            headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
            head += "\r\n";
            write!(bytes, "HPUB {subject} {reply} {} {}\r\n{head}", head.len(), head.len() + payload.len())
                .unwrap();
        }
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        self.send(&bytes);
    }

    /// Waits for the next message to this client. Its reply subject is in the header `Reply`.
    pub fn message(&mut self) -> (Headers, Vec<u8>) {
        loop {
            let line = self.line();
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |nth: usize| words[words.len() - nth].parse::<usize>().unwrap();
            let (head, all) = match words[0] {
                "PING" => {
                    self.send(b"PONG\r\n");
                    continue;
                }
                // Newer servers send updates about themselves at any time.
                "INFO" => continue,
                "MSG" => (0, number(1)),
                "HMSG" => (number(2), number(1)),
                _ => panic!("{line}"),
            };
            let mut bytes = vec![0; all + 2];
            self.stream.read_exact(&mut bytes).unwrap();
            bytes.truncate(all);
            let payload = bytes.split_off(head);
            let text = String::from_utf8(bytes).unwrap();
            let mut headers = Headers::new();
            let sizes = if words[0] == "MSG" { 1 } else { 2 };
            if let Some(reply) = words.get(3..words.len() - sizes).and_then(<[&str]>::first) {
                headers.insert("Reply".to_owned(), (*reply).to_owned());
            }
            let mut lines = text.lines();
            // `NATS/1.0 503`: there are no subscribers.
            if let Some(status) = lines.next().and_then(|first| first.strip_prefix("NATS/1.0 ")) {
                headers.insert("Status".to_owned(), status.to_owned());
            }
            headers.extend(
                lines
                    .filter_map(|line| line.split_once(':'))
                    .map(|(name, value)| (name.to_owned(), value.trim().to_owned())),
            );
            return (headers, payload);
        }
    }

    /// Checks that no message arrives for this long.
    pub fn silent_for(&mut self, time: Duration) {
        self.stream.get_ref().set_read_timeout(Some(time)).unwrap();
        // From time to time the server asks whether this client is there.
        while self.stream.fill_buf().is_ok() {
            let line = self.line();
            if !line.starts_with("INFO ") {
                assert_eq!(line, "PING");
                self.send(b"PONG\r\n");
            }
        }
        self.stream.get_ref().set_read_timeout(Some(LIMIT)).unwrap();
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stream.read_line(&mut line).unwrap() > 0, "the server closed the connection");
        line.trim_end().to_owned()
    }
}
