//! A ledger in memory with the port before it, and clients of both kinds.

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tollgate_client::{BoxFuture, Client, HttpTransport, Transport, TransportError};
use tollgate_clock::ManualClock;
use tollgate_log::memory::MemoryLog;
use tollgate_server::edge::ConnectionLimits;
use tollgate_server::http::{App, Hosts, router};
use tollgate_server::ledger::Views;
use tollgate_server::{Ledger, LedgerOptions};
use tollgate_tekton::{Options, Tekton};

/// When tests begin: a Friday.
pub(crate) const NOW: &str = "2026-11-20T10:00:00Z";

/// The port, the ledger behind it, and the clock of both.
pub(crate) struct Port {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) app: Arc<Tekton>,
    /// What whoever runs the ledger may do.
    pub(crate) own: Client,
    /// Tells the port that it is about to close.
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) address: String,
    http: HttpTransport,
    _dir: TempDir,
}

/// An answer: its status, headers and text.
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Told {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

/// The ledger's own API, in this process.
struct InProcess(Router);

impl Transport for InProcess {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        use axum::body::{Body, to_bytes};
        use tower_service::Service;
        let mut router = self.0.clone();
        Box::pin(async move {
            let answer = router.call(request.map(Body::from)).await.unwrap();
            let (head, body) = answer.into_parts();
            Ok(http::Response::from_parts(head, to_bytes(body, usize::MAX).await.unwrap()))
        })
    }
}

impl Port {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With other options.
    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
        let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = LedgerOptions::new(Views::below(dir.path()));
        ledger.clock = Arc::clone(&clock) as Arc<_>;
        let ledger = Arc::new(Ledger::open(log, ledger).await.unwrap());
        let api = App::new(Arc::clone(&ledger), Hosts::default(), ConnectionLimits::default());
        let own = router(api.in_process().without_keys());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut options = Options::new(address.port());
        change(&mut options);
        let (client, own) = [router(api), own].map(|api| Client::new(Arc::new(InProcess(api)))).into();
        let (stop, stopped) = watch::channel(false);
        let app = Tekton::new(&client, None, Arc::clone(&clock) as Arc<_>, options, stopped);
        app.ship_prices(&own).await.unwrap();
        let served = tollgate_tekton::router(Arc::clone(&app));
        tokio::spawn(async move { axum::serve(listener, served).await });
        let http = HttpTransport::new(&format!("http://{address}")).unwrap();
        Self { ledger, clock, app, own, stop, address: address.to_string(), http, _dir: dir }
    }

    /// Sends a request with headers.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Told {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.http.send(request.body(Bytes::from(body.to_owned())).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        Told { status: head.status, headers: head.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let told = self.send("GET", path, &[("content-type", "application/json")], "").await;
        (told.status.as_u16(), told.json())
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let told = self.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await;
        (told.status.as_u16(), told.json())
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        let told = self.send("PUT", path, &[("content-type", "application/json")], &body.to_string()).await;
        (told.status.as_u16(), told.json())
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        let told = self.send("DELETE", path, &[], "").await;
        (told.status.as_u16(), told.json())
    }

    /// Makes a key of the ledger, after that of an administrator; returns its secret.
    pub(crate) async fn key(&self, name: &str, scopes: &[&str], tenants: &[&str]) -> String {
        if !self.own.keys().await.unwrap().required {
            let first = serde_json::json!({"key": "root", "scopes": ["admin"]});
            self.own.create_key(&serde_json::from_value(first).unwrap()).await.unwrap();
        }
        let request = serde_json::json!({"key": name, "scopes": scopes, "tenants": tenants});
        let made = self.own.create_key(&serde_json::from_value(request).unwrap()).await.unwrap();
        made.secret.unwrap().0
    }

    /// Ends a key.
    pub(crate) async fn revoke(&self, name: &str) {
        self.own.revoke_key(name, &tollgate_wire::api::KeyRevokeRequest::default()).await.unwrap();
    }

    /// A budget with its default policies; returns its id.
    pub(crate) async fn budget(&self, name: &str) -> String {
        let (status, made) = self.post("/api/budgets", serde_json::json!({ "name": name })).await;
        assert_eq!(status, 201, "{made}");
        made["budget_id"].as_str().unwrap().to_owned()
    }

    /// A socket.
    pub(crate) async fn socket(&self, path: &str) -> Socket {
        self.socket_with(path, None).await
    }

    /// A socket of a client that sends a key.
    pub(crate) async fn socket_with(&self, path: &str, key: Option<&str>) -> Socket {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        if let Some(key) = key {
            request.headers_mut().insert("x-api-key", key.parse().unwrap());
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        Socket(socket)
    }
}

/// A client of a socket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Why the server ends the socket: the code and the reason.
    pub(crate) async fn end(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(Some(frame)) = self.0.next().await.unwrap().unwrap() {
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    /// The next message of a type.
    pub(crate) async fn hear_of(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear().await;
            if heard["type"] == kind {
                return heard;
            }
        }
    }
}

/// The names of an object's members.
pub(crate) fn members(json: &Value) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Asserts that an object has exactly these members, in any order.
#[track_caller]
pub(crate) fn has_exactly(json: &Value, names: &str) {
    let mut found = members(json);
    let mut wanted: Vec<&str> = names.split_whitespace().collect();
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted, "{json}");
}
