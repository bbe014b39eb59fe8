//! Accepting connections: the accept loop, and the life of each connection.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tollgate_clock::sleep;
use tower::ServiceExt;

use super::Edge;
use super::connections::Place;
use super::watched::{Answer, Watched};
use crate::problem::CROWDED;

/// The largest request head, and the most that a connection buffers, in bytes.
const MAX_BUFFER_BYTES: usize = 64 << 10;

/// How long to stop accepting after the system ran out of descriptors or memory for a connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How many connections at once are answered with `503`; any beyond that are closed without an answer.
const REFUSALS_AT_ONCE: usize = 32;

/// How long a client has to read its refusal.
const REFUSAL_WITHIN: Duration = Duration::from_secs(1);

/// Accepts connections until `shutdown` is ready, then returns once the requests in progress are answered.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    edge: Arc<Edge>,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopped) = watch::channel(false);
    let taking = async {
        tokio::select! {
            () = take(&listener, &router, &edge, &stopped) => {}
            () = shutdown => {}
        }
        // New clients must not end up in a queue that is no longer served.
        drop(listener);
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
async fn take(listener: &TcpListener, router: &Router, edge: &Arc<Edge>, stopped: &watch::Receiver<bool>) {
    let refusals = Arc::new(Semaphore::new(REFUSALS_AT_ONCE));
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((socket, from)) => {
                failing = false;
                match edge.connections.place().await {
                    Some(place) => {
                        let (router, stopped) = (router.clone(), stopped.clone());
                        let edge = Arc::clone(edge);
                        tokio::spawn(async move { serve(socket, from, place, router, &edge, stopped).await });
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

/// The life of a connection.
async fn serve(
    socket: TcpStream,
    from: SocketAddr,
    place: Place,
    router: Router,
    edge: &Edge,
    mut stopped: watch::Receiver<bool>,
) {
    // Without `TCP_NODELAY` answers only go out a little later.
    let _ = socket.set_nodelay(true);
    let connection = Arc::clone(&place.connection);
    let asked = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        asked.asked();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        let (answer, connection) = (router.clone().oneshot(request), Arc::clone(&asked));
        async move {
            let answer: Result<Response<Body>, Infallible> = answer.await;
            answer.map(|answer| answer.map(|body| Answer { body, connection }))
        }
    });
    let socket = TokioIo::new(Watched { socket, connection: Arc::clone(&connection) });
    let mut served =
        pin!(http1::Builder::new().max_buf_size(MAX_BUFFER_BYTES).serve_connection(socket, service));
    let cut = tokio::select! {
        // A client that breaks off its connection knows that it did.
        _ = served.as_mut() => return,
        cut = connection.to_be_cut() => Some(cut),
        _ = stopped.wait_for(|stop| *stop) => None,
    };
    let cut = match cut {
        Some(cut) => cut,
        None if connection.is_quiet() => return,
        None => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                _ = served => return,
                cut = connection.to_be_cut() => cut,
            }
        }
    };
    edge.metrics.cut(cut);
    tracing::debug!(%from, reason = cut.as_str(), "connection closed");
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
