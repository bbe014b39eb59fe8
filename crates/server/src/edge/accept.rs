//! Accepting connections: the accept loop, and the life of each connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::future::{BoxFuture, join_all};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tollgate_clock::sleep;
use tower::ServiceExt;

use super::Edge;
use super::connections::Place;
use super::seat::Seat;
use super::tls::{HTTP_2, Tls};
use super::watched::{Answer, Watched};
use crate::metrics::Cut;
use crate::problem::CROWDED;

/// The largest request head, and the most that a connection buffers, in bytes.
const MAX_BUFFER_BYTES: usize = 64 << 10;

/// The same of HTTP/2.
const MAX_HEAD_BYTES: u32 = 64 << 10;

/// How long to stop accepting after the system ran out of descriptors or memory for a connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How many connections at once are answered with `503`; any beyond that are closed without an answer.
const REFUSALS_AT_ONCE: usize = 32;

/// How long a client has to read its refusal.
const REFUSAL_WITHIN: Duration = Duration::from_secs(1);

/// How many requests of one HTTP/2 connection are worked on at once.
const MAX_STREAMS: u32 = 64;

/// Where connections come from.
pub(crate) struct Door {
    /// The listening socket.
    pub(crate) listener: TcpListener,
    /// The certificate that clients are shown; `None`: they speak plain HTTP.
    pub(crate) tls: Option<Arc<Tls>>,
    /// What answers there.
    pub(crate) router: Router,
}

/// Accepts connections until `shutdown` is ready, then returns once the requests in progress are answered.
pub(crate) async fn accept(doors: Vec<Door>, edge: Arc<Edge>, shutdown: impl Future<Output = ()>) {
    let (stop, stopped) = watch::channel(false);
    let taking = async {
        let taking = doors.iter().map(|door| take(door, &edge, &stopped));
        tokio::select! {
            _ = join_all(taking) => {}
            () = shutdown => {}
        }
        // New clients must not end up in a queue that is no longer served.
        drop(doors);
        let _ = stop.send(true);
        edge.connections.ended().await;
    };
    tokio::select! {
        () = taking => {}
        () = sweep(&edge) => {}
    }
}

/// Never ends.
async fn sweep(edge: &Edge) {
    loop {
        sleep(edge.connections.look_every()).await;
        edge.connections.sweep();
    }
}

/// Never ends: whatever fails, the next connection may succeed.
async fn take(door: &Door, edge: &Arc<Edge>, stopped: &watch::Receiver<bool>) {
    let refusals = Arc::new(Semaphore::new(REFUSALS_AT_ONCE));
    let mut failing = false;
    loop {
        match door.listener.accept().await {
            Ok((socket, from)) => {
                failing = false;
                match edge.connections.place().await {
                    Some(place) => {
                        let (router, stopped) = (door.router.clone(), stopped.clone());
                        let (edge, tls) = (Arc::clone(edge), door.tls.clone());
                        let guest = Guest { from, place: Arc::new(place), router, stopped };
                        tokio::spawn(async move { serve(socket, tls, guest, &edge).await });
                    }
                    // A client that expects a certificate could not read why.
                    None if door.tls.is_some() => {
                        edge.metrics.refused.inc();
                    }
                    None => refuse(socket, edge, &refusals),
                }
            }
            // The client went away before the connection was accepted.
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "no connection can be taken; trying again");
                }
                failing = true;
                edge.metrics.accept_errors.inc();
                edge.connections.close_most_idle();
                sleep(BACK_OFF).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A connection that was taken.
struct Guest {
    from: SocketAddr,
    place: Arc<Place>,
    router: Router,
    stopped: watch::Receiver<bool>,
}

/// The life of a connection.
async fn serve(socket: TcpStream, tls: Option<Arc<Tls>>, mut guest: Guest, edge: &Edge) {
    // Without `TCP_NODELAY` answers only go out a little later.
    let _ = socket.set_nodelay(true);
    let connection = Arc::clone(&guest.place.connection);
    let socket = Watched::new(socket, Arc::clone(&guest.place));
    let cut = match tls {
        None => of_http_1(socket, &mut guest).await,
        Some(tls) => {
            let acceptor = tls.acceptor();
            let shown = tokio::select! {
                shown = acceptor.accept(socket) => Ok(shown),
                cut = connection.to_be_cut() => Err(cut),
                _ = guest.stopped.wait_for(|stop| *stop) => return,
            };
            match shown {
                Ok(Ok(socket)) if socket.get_ref().1.alpn_protocol() == Some(HTTP_2) => {
                    of_http_2(socket, &mut guest).await
                }
                Ok(Ok(socket)) => of_http_1(socket, &mut guest).await,
                Ok(Err(error)) => {
                    tracing::debug!(from = %guest.from, %error, "no TLS");
                    return;
                }
                Err(cut) => Some(cut),
            }
        }
    };
    if let Some(cut) = cut {
        edge.metrics.cut(cut);
        tracing::debug!(from = %guest.from, reason = cut.as_str(), "connection closed");
    }
}

async fn of_http_1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    socket: S,
    guest: &mut Guest,
) -> Option<Cut> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_BUFFER_BYTES);
    let answering = answering(guest);
    let served = builder.serve_connection(TokioIo::new(socket), service_fn(answering)).with_upgrades();
    live(pin!(served), http1::UpgradeableConnection::graceful_shutdown, guest).await
}

async fn of_http_2<S: AsyncRead + AsyncWrite + Unpin>(socket: S, guest: &mut Guest) -> Option<Cut> {
    guest.place.connection.multiplexed();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD_BYTES);
    let answering = answering(guest);
    let served = builder.serve_connection(TokioIo::new(socket), service_fn(answering));
    live(pin!(served), http2::Connection::graceful_shutdown, guest).await
}

/// Answers each request of a connection.
fn answering(
    guest: &Guest,
) -> impl Fn(Request<Incoming>) -> BoxFuture<'static, Result<Response<Answer>, Infallible>> + use<> {
    let (router, from) = (guest.router.clone(), guest.from);
    let connection = Arc::clone(&guest.place.connection);
    move |request| {
        let asked = connection.asked();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        let (answer, connection) = (router.clone().oneshot(request), Arc::clone(&connection));
        Box::pin(async move {
            let answer = answer.await?;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                connection.upgraded(answer.extensions().get::<Arc<Seat>>().cloned());
            }
            Ok(answer.map(|body| Answer { body, _asked: asked }))
        })
    }
}

/// Serves a connection until it ends, or is to be closed: then, why. Once the server stops, only what is under way is
/// answered.
async fn live<C: Future>(mut served: Pin<&mut C>, finish: fn(Pin<&mut C>), guest: &mut Guest) -> Option<Cut> {
    let connection = &guest.place.connection;
    tokio::select! {
        // A client that breaks off its connection knows that it did.
        _ = served.as_mut() => return None,
        cut = connection.to_be_cut() => return Some(cut),
        _ = guest.stopped.wait_for(|stop| *stop) => {}
    }
    if connection.is_quiet() {
        return None;
    }
    finish(served.as_mut());
    tokio::select! {
        _ = served => None,
        cut = connection.to_be_cut() => Some(cut),
    }
}

/// Answers that there are too many connections.
fn refuse(mut socket: TcpStream, edge: &Edge, refusals: &Arc<Semaphore>) {
    edge.metrics.refused.inc();
    let Ok(permit) = Arc::clone(refusals).try_acquire_owned() else { return };
    let answer = refusal(edge.limits.connections);
    tokio::spawn(async move {
        let refused = async {
            socket.write_all(answer.as_bytes()).await?;
            socket.shutdown().await?;
            // Read what the client is still sending: closing earlier would cost it the answer.
            let mut rest = [0; 1024];
            while socket.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        // A client that does not read its answer goes without.
        let _ = tokio::time::timeout(REFUSAL_WITHIN, refused).await;
        drop(permit);
    });
}

fn refusal(limit: usize) -> String {
    let detail = format!(
        "all {limit} connections that this server takes are in use; try again, or raise --max-connections and the limit of open files"
    );
    // A problem holds only strings and numbers.
    let body = serde_json::to_string(&CROWDED.with(detail)).unwrap_or_default();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nretry-after: 1\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
}
