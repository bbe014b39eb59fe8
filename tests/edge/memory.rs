//! The memory that any number of clients may take from a server (fault F19).

use std::io::{Read, Write};
use std::net::TcpStream;

use tollgate_tests::{Place, Server};

const KIB_A_MIB: u64 = 1 << 10;

/// How often all of them try to send before the test gives up.
const MOST_ROUNDS: usize = 20_000;

#[test]
fn halves_of_requests_take_no_more_than_connections_and_bodies_may() {
    let place = Place::new();
    let server = Server::start(&place, "data");
    let Some(before) = server.peak_memory_kib() else { return };
    let length = 1 << 20;
    let half = vec![b'x'; length - 1];
    let head = |nth: usize| {
        if nth < 300 {
            format!(
                "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            )
        } else {
            "GET /v1/position HTTP/1.1\r\nhost: localhost\r\nx: ".to_owned()
        }
    };
    let mut clients: Vec<(TcpStream, usize)> = (0..400)
        .map(|nth| {
            let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
            stream.write_all(head(nth).as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            (stream, 0)
        })
        .collect();
    // Until this many have been turned away, all others are being read.
    let (mut turned_away, mut rounds) = (0, 0);
    while turned_away < 200 {
        rounds += 1;
        assert!(rounds < MOST_ROUNDS, "{turned_away} of 300 bodies of 1 MiB were turned away");
        clients.retain_mut(|(stream, done)| {
            // A client that was answered or closed sends nothing more.
            while let Ok(bytes @ 1..) = stream.write(&half[*done..]) {
                *done += bytes;
            }
            let mut answer = [0; 12];
            let Ok(12) = stream.read(&mut answer) else { return true };
            turned_away += usize::from(&answer == b"HTTP/1.1 503");
            false
        });
        // It is served meanwhile, whoever else is sending.
        let (status, _) = tollgate_tests::request(&server.url, "GET", "/v1/position", "").unwrap();
        assert_eq!(status, 200);
    }
    let grown = server.peak_memory_kib().unwrap().saturating_sub(before) / KIB_A_MIB;
    // 64 MiB of bodies, in buffers of up to twice that, and what each connection itself buffers.
    assert!(grown <= 320, "{grown} MiB for 400 clients");
}
