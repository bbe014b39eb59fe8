//! The port beside the API, which stands in for another system's service, keeps to the limits of the server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tollgate_tests::{Place, Server, request};

/// How long a test waits for what has to happen, however busy the machine is.
const AT_LAST: Duration = Duration::from_secs(120);

/// A server with these flags, and the address of the port beside it.
fn start(place: &Place, flags: &[&str]) -> (Server, String) {
    let own = ["--data", "data", "serve", "--listen", "127.0.0.1:0"];
    let beside = ["--compat", "tekton", "--tekton-listen", "127.0.0.1:0"];
    let mut server = Server::of(place, &[&own[..], &beside, flags].concat());
    let port = server.line().trim().rsplit("http://").next().unwrap().to_owned();
    (server, port)
}

fn with(port: &str, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(port).unwrap();
    stream.set_read_timeout(Some(AT_LAST)).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    stream
}

/// What comes until the server closes or resets the connection.
fn to_the_end(mut stream: TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    match stream.read_to_end(&mut read) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server neither answers nor closes: {error}"),
    }
    read
}

/// A WebSocket, or why there is none: the head of the answer.
fn socket(port: &str) -> (TcpStream, String) {
    let asked = "GET /ws/budget/updates HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut stream = with(port, asked);
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    (stream, String::from_utf8(head).unwrap())
}

fn metric(server: &Server, name: &str) -> u64 {
    let (_, page) = request(&server.url, "GET", "/metrics", "").unwrap();
    let line = page.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("{name}:\n{page}")).rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn what_does_not_come_is_not_waited_for() {
    let place = Place::new();
    let (server, port) =
        start(&place, &["--head-timeout", "1", "--idle-timeout", "1", "--body-timeout", "1"]);
    let half_body = "POST /api/budgets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{\"name\"";
    let streams = [
        ("", ""),
        ("GET /api/budgets HTTP/1.1\r\nhos", ""),
        (half_body, "HTTP/1.1 408 "),
        ("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 200 "),
    ]
    .map(|(sent, told)| (with(&port, sent), told));
    for (stream, told) in streams {
        let heard = String::from_utf8(to_the_end(stream)).unwrap();
        assert!(heard.starts_with(told) && told.is_empty() == heard.is_empty(), "{told}: {heard}");
    }
    let large =
        format!("POST /api/budgets HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 2 << 20);
    let mut stream = with(&port, &large);
    // The server may have closed it before all is sent.
    let _ = stream.write_all(&vec![b' '; 2 << 20]);
    let mut told = [0; 12];
    if stream.read_exact(&mut told).is_ok() {
        assert_eq!(&told, b"HTTP/1.1 413");
    }
    assert_eq!(crate::connections::counted_closed(&server, "head", 2), 2);
}

#[test]
fn sockets_have_seats_and_places_until_they_end_and_are_told_when_the_server_stops() {
    let place = Place::new();
    // Half of the connections may follow.
    let (server, port) =
        start(&place, &["--max-connections", "4", "--head-timeout", "1", "--idle-timeout", "1"]);
    let (first, told) = socket(&port);
    assert!(told.starts_with("HTTP/1.1 101 "), "{told}");
    let (second, told) = socket(&port);
    assert!(told.starts_with("HTTP/1.1 101 "), "{told}");
    let (_, told) = socket(&port);
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert_eq!(metric(&server, "tollgate_http_streams_open"), 2);
    assert!(metric(&server, "tollgate_http_connections_open") >= 3, "two sockets, and who asks");
    // One that ends makes room, whatever else the server does.
    drop(second);
    let (_third, _) = std::iter::repeat_with(|| socket(&port))
        .take(10_000)
        .find(|(_, told)| told.starts_with("HTTP/1.1 101 "))
        .expect("a seat is free again");
    assert!(server.terminate().success());
    let heard = to_the_end(first);
    let close = b"\x03\xe9the port closes";
    assert!(heard.ends_with(close), "{}", String::from_utf8_lossy(&heard));
}

#[test]
fn a_socket_that_takes_nothing_is_closed() {
    let place = Place::new();
    let (server, port) = start(&place, &["--stalled-timeout", "1"]);
    let (mut stream, told) = socket(&port);
    assert!(told.starts_with("HTTP/1.1 101 "), "{told}");
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    // Each is answered, and no answer is read: no buffer in between can hold them all. The mask is zero.
    let said = format!(r#"{{"type":"{}"}}"#, "x".repeat(100));
    let frame = [&[0x81, 0x80 | u8::try_from(said.len()).unwrap(), 0, 0, 0, 0], said.as_bytes()].concat();
    let frames = frame.repeat(1_000);
    let (mut sent, mut waits) = (0, 0);
    let closed = loop {
        match stream.write(&frames[sent % frames.len()..]) {
            Ok(more) => sent += more,
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                waits += 1;
                if waits > 1_200 {
                    break false;
                }
            }
            Err(_) => break true,
        }
    };
    assert!(closed, "the connection is still open");
    assert_eq!(crate::connections::counted_closed(&server, "stalled", 1), 1);
    assert!(server.terminate().success());
}
