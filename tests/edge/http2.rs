//! HTTP/2 on plain connections: clients of gRPC on the same machine begin with it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tollgate_tests::{Place, Server};

/// How long a test waits for what has to happen, however busy the machine is.
const AT_LAST: Duration = Duration::from_secs(120);

fn address(server: &Server) -> &str {
    server.url.trim_start_matches("http://")
}

async fn connect(server: &Server) -> SendRequest<Full<Bytes>> {
    let socket = tokio::net::TcpStream::connect(address(server)).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A message of gRPC, in its frame.
fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat().into()
}

async fn call(
    sender: &mut SendRequest<Full<Bytes>>,
    server: &Server,
    path: &str,
    timeout: &str,
) -> Response<Incoming> {
    let request = Request::post(format!("{}{path}", server.url))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(Full::new(framed(&[])))
        .unwrap();
    sender.send_request(request).await.unwrap()
}

#[tokio::test]
async fn a_plain_connection_speaks_what_its_client_begins_with() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let mut sender = connect(&server).await;
    let asked = || Request::get(format!("{}/v1/health", server.url)).body(Full::default()).unwrap();
    let answer = sender.send_request(asked()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    // A call on the same connection: what it is worth is said after its answer.
    let answer = call(&mut sender, &server, "/grpc.health.v1.Health/Check", "60S").await;
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    let read = answer.into_body().collect().await.unwrap();
    assert_eq!(read.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(read.to_bytes(), framed(&[0x08, 0x01]), "SERVING");
    // The older protocol, at the same port.
    let (status, _) = tollgate_tests::request(&server.url, "GET", "/v1/health", "").unwrap();
    assert_eq!(status, 200);
    // A request of HTTP/1 is no call, whatever it says.
    let mut old = TcpStream::connect(address(&server)).unwrap();
    old.write_all(
        b"POST /grpc.health.v1.Health/Check HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/grpc\r\n\
          content-length: 0\r\n\r\n",
    )
    .unwrap();
    let mut told = String::new();
    old.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 404"), "{told}");
}

#[test]
fn half_of_a_preface_is_not_waited_for_longer_than_a_head() {
    let place = Place::new();
    let line = "--data d serve --listen 127.0.0.1:0 --head-timeout 1";
    let server = Server::of(&place, &line.split(' ').collect::<Vec<_>>());
    let mut half = TcpStream::connect(address(&server)).unwrap();
    half.set_read_timeout(Some(AT_LAST)).unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n").unwrap();
    let mut rest = Vec::new();
    let read = half.read_to_end(&mut rest);
    assert!(read.is_ok_and(|read| read == 0), "{rest:?}");
}

/// A server that stops ends what is followed, and does not wait for it.
#[tokio::test]
async fn those_who_follow_are_told_when_the_server_stops() {
    let place = Place::new();
    let server = Server::start(&place, "d");
    let mut sender = connect(&server).await;
    let mut following = Vec::new();
    for path in ["/tollgate.api.v1.Alerts/Watch", "/grpc.health.v1.Health/Watch"] {
        following.push(call(&mut sender, &server, path, "600S").await.into_body());
    }
    // It has begun.
    assert!(following[1].frame().await.unwrap().unwrap().is_data());
    server.signal("TERM");
    for body in following {
        let read = body.collect().await.unwrap();
        let trailers = read.trailers().unwrap();
        assert_eq!(
            (&trailers["grpc-status"], &trailers["tollgate-code"]),
            (&"14".parse().unwrap(), &"stream_ended".parse().unwrap())
        );
    }
    assert!(server.terminate().success());
}
