//! Clients that keep the server waiting: by sending nothing, by sending half, or by reading nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tollgate_test_process::Program;
use tollgate_tests::{Place, Server};

/// How long a test waits for what has to happen, however busy the machine is.
const AT_LAST: Duration = Duration::from_secs(120);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(AT_LAST)).unwrap();
    stream
}

/// A client that has sent this much.
fn with(server: &Server, sent: &str) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all(sent.as_bytes()).unwrap();
    stream
}

/// Reads until the server closes or resets the connection.
fn to_the_end(mut stream: TcpStream) -> String {
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(some) => read.extend_from_slice(&piece[..some]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the server neither answers nor closes: {error}"),
        }
    }
    String::from_utf8(read).unwrap()
}

/// Status and body of a request on a separate connection.
fn ask(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    let answer = to_the_end(with(server, &format!("{head}{body}")));
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status.unwrap_or_else(|| panic!("no answer: {answer}")), body.to_owned())
}

/// A metric's value.
fn metric(server: &Server, name: &str) -> u64 {
    let (_, page) = ask(server, "GET", "/metrics", "");
    let line = page.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("{name}:\n{page}")).rsplit(' ').next().unwrap().parse().unwrap()
}

/// How many connections were closed for a reason, once they are so many: whose connection it was may know before it is
/// counted.
pub(crate) fn counted_closed(server: &Server, reason: &str, least: u64) -> u64 {
    let name = format!("tollgate_http_connections_closed_total{{reason=\"{reason}\"}} ");
    loop {
        let (_, page) = ask(server, "GET", "/metrics", "");
        let counted = page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
        if let Some(counted) = counted.filter(|counted| *counted >= least) {
            return counted;
        }
    }
}

/// A server that may open this many files, with these additional flags.
fn with_few_files(place: &Place, files: u32, flags: &str) -> Server {
    let binary = tollgate_tests::binary();
    let script = format!(
        "ulimit -n {files}; exec {} --data data serve --listen 127.0.0.1:0 {flags}",
        binary.display()
    );
    let mut command = Program::bare("/bin/sh");
    command.args(["-c", &script]).current_dir(place.path(""));
    Server::run(command)
}

#[test]
fn idle_connections_beyond_the_descriptors_keep_nobody_from_being_served() {
    let place = Place::new();
    let server = with_few_files(&place, 128, "");
    let idle: Vec<TcpStream> = (0..200).map(|_| connect(&server)).collect();
    // Meanwhile the log begins new segments and runs, so it opens files.
    for nth in 0..40 {
        let text = "x".repeat(2_000);
        let events: Vec<Value> = (0..100)
            .map(|event| {
                serde_json::json!({"task": format!("T-{nth}-{event}"), "id": format!("{nth}-{event}"),
                    "task_opened": {"title": text}})
            })
            .collect();
        let body = serde_json::json!({"producer": "ci", "events": events}).to_string();
        let (status, answer) = ask(&server, "POST", "/v1/events", &body);
        assert_eq!(status, 201, "{answer}");
    }
    let (status, health) = ask(&server, "GET", "/v1/health", "");
    assert_eq!(status, 200, "{health}");
    let health: Value = serde_json::from_str(&health).unwrap();
    let connections = &health["connections"];
    assert_eq!(connections["limit"], 64, "half of the descriptors of so small a process stay for the log");
    assert!(connections["open"].as_u64().unwrap() <= 64, "{connections}");
    assert!(counted_closed(&server, "crowded", 136) >= 136);
    drop(idle);
}

#[test]
fn what_does_not_come_is_not_waited_for() {
    let place = Place::new();
    let flags = ["--data", "data", "serve", "--listen", "127.0.0.1:0"];
    let times = ["--head-timeout", "1", "--idle-timeout", "1", "--body-timeout", "1"];
    let server = Server::of(&place, &[&flags[..], &times].concat());
    let half_body = "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                     content-length: 100000\r\n\r\n{\"events\"";
    let (nothing, half_head) = (connect(&server), with(&server, "GET /v1/position HTTP/1.1\r\nhos"));
    let half_body = with(&server, half_body);
    let kept = with(&server, "GET /v1/position HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(ask(&server, "GET", "/v1/position", "").0, 200, "others are served meanwhile");
    assert_eq!(to_the_end(nothing), "");
    assert_eq!(to_the_end(half_head), "");
    let told = to_the_end(half_body);
    assert!(told.starts_with("HTTP/1.1 408 ") && told.contains("of the body 9 bytes came in 1 s"), "{told}");
    let answered = to_the_end(kept);
    assert!(answered.starts_with("HTTP/1.1 200 "), "{answered}");
    assert_eq!(counted_closed(&server, "head", 2), 2);
    assert_eq!(counted_closed(&server, "idle", 1), 1);
}

#[test]
fn where_requests_are_worked_on_in_all_connections_a_further_one_is_turned_away() {
    let place = Place::new();
    let flags = ["--data", "data", "serve", "--listen", "127.0.0.1:0", "--max-connections", "2"];
    let server = Server::of(&place, &flags);
    let mut stream = with(&server, "GET /v1/alerts/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    // Streams get half of the connections.
    let (status, refused) = ask(&server, "GET", "/v1/alerts/stream", "");
    assert_eq!(status, 503, "{refused}");
    assert!(refused.contains("the limit on clients following alerts (1) is reached"), "{refused}");
    // One whose head has not been read yet gives way to the next: then another one is waiting.
    let wait = "GET /v1/alerts/changes?wait_ms=60000 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let refused = (0..1_000).find_map(|_| {
        let waits = with(&server, wait);
        let (status, body) = ask(&server, "GET", "/v1/position", "");
        (status == 503).then_some((waits, body))
    });
    let (_waits, refused) = refused.expect("requests are worked on in both connections");
    assert!(refused.contains("all 2 connections"), "{refused}");
    drop(stream);
    let served = std::iter::repeat_with(|| ask(&server, "GET", "/v1/position", ""));
    assert!(served.take(10_000).any(|(status, _)| status == 200), "a place is free again");
    assert!(metric(&server, "tollgate_http_connections_refused_total") >= 1);
}

#[test]
fn who_takes_nothing_of_an_answer_is_closed() {
    let place = Place::new();
    let flags = ["--data", "data", "serve", "--listen", "127.0.0.1:0", "--stalled-timeout", "1"];
    let server = Server::of(&place, &flags);
    // Its answer is sent again and again, and never read: no buffer in between can hold them all.
    let mut stream = connect(&server);
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let request = "GET /v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    let closed = std::iter::repeat_with(|| stream.write_all(request.as_bytes()))
        .filter_map(Result::err)
        .take(1_200)
        .any(|error| !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
    assert!(closed, "the connection is still open");
    assert_eq!(counted_closed(&server, "stalled", 1), 1);
}

#[test]
fn what_runs_is_answered_before_the_server_ends() {
    let place = Place::new();
    let server = Server::start(&place, "data");
    let (idle, half) = (connect(&server), with(&server, "GET /v1/position HTTP/1.1\r\nhos"));
    let mut stream = with(&server, "GET /v1/alerts/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    while metric(&server, "tollgate_http_connections_open") < 4 {}
    assert!(server.terminate().success());
    let rest = to_the_end(stream);
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "the stream has a proper end: {rest}");
    assert_eq!((to_the_end(idle), to_the_end(half)), (String::new(), String::new()));
}
