//! A transport that answers by a script, and a tiny server on a real socket.

pub(crate) mod ledger;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tollgate_client::{BoxFuture, Transport, TransportError};

/// A request as a test sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method, path and query.
    pub(crate) endpoint: String,
    /// The host it was sent to, by its header.
    pub(crate) host: Option<String>,
    /// The key it came with.
    pub(crate) authorization: Option<String>,
    /// Its body.
    pub(crate) body: Bytes,
    /// Where the server listens; empty without one.
    pub(crate) listens_on: String,
}

impl Seen {
    fn new(request: &Request<Bytes>, listens_on: String) -> Self {
        let header =
            |name: &str| request.headers().get(name).and_then(|it| it.to_str().ok()).map(str::to_owned);
        Self {
            endpoint: format!("{} {}", request.method(), request.uri()),
            host: header("host"),
            authorization: header("authorization"),
            body: request.body().clone(),
            listens_on,
        }
    }
}

/// A small answer.
pub(crate) fn answer(status: u16, kind: &str, body: &str) -> Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Response::builder().status(status).header("content-type", kind).body(body).unwrap()
}

type Script = dyn Fn(&Seen) -> Response<Bytes> + Send + Sync;

/// A transport that answers by a script.
pub(crate) struct Scripted {
    script: Box<Script>,
    requests: Mutex<Vec<Seen>>,
}

impl Scripted {
    pub(crate) fn answering(script: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { script: Box::new(script), requests: Mutex::default() })
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.requests.lock().unwrap().clone()
    }
}

impl Transport for Scripted {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let seen = Seen::new(&request, String::new());
            let answer = (self.script)(&seen);
            self.requests.lock().unwrap().push(seen);
            Ok(answer)
        })
    }
}

/// A server that ends with the test's runtime.
pub(crate) struct Server {
    address: SocketAddr,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Serves a script on its own socket.
pub(crate) async fn serve(script: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let script = script.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let script = script.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let seen = Seen::new(&Request::from_parts(head, body), address.to_string());
                    Ok::<_, hyper::Error>(script(&seen).map(Full::new))
                }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    Server { address }
}

/// An address that nothing listens on.
pub(crate) async fn closed_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A server that accepts connections and never answers.
pub(crate) async fn mute() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = listener.accept().await {
            held.push(connection);
        }
    });
    address
}
