//! A ledger in memory with both doors before it.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, Version};
use prost_reflect::DescriptorPool;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tollgate_clock::ManualClock;
use tollgate_grpc::Ground;
use tollgate_log::memory::MemoryLog;
use tollgate_server::edge::ConnectionLimits;
use tollgate_server::http::{App, Hosts, router};
use tollgate_server::jwt::Jwt;
use tollgate_server::ledger::Views;
use tollgate_server::{Grpc, Ledger, LedgerOptions, Within};
use tollgate_wire::proto;
use tower::ServiceExt;

/// A ledger, and how it is called.
pub(crate) struct Service {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) calls: Calls,
    /// Tells streams that the server stops.
    pub(crate) stop: watch::Sender<bool>,
    _dir: TempDir,
}

/// A channel to the ledger, in this process.
#[derive(Clone)]
pub(crate) struct Calls {
    router: Router,
    key: String,
}

impl tower_service::Service<Request<tonic::body::Body>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let mut request = request.map(Body::new);
        *request.version_mut() = Version::HTTP_2;
        if !self.key.is_empty() {
            request.headers_mut().insert(AUTHORIZATION, bearer(&self.key));
        }
        Box::pin(self.router.clone().oneshot(request))
    }
}

fn bearer(key: &str) -> HeaderValue {
    format!("Bearer {key}").parse().unwrap()
}

impl Calls {
    /// The same with a key.
    pub(crate) fn with(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A call as bytes: the answer's head, and its body with what comes after it.
    pub(crate) async fn raw(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> tonic::Status {
        let mut request =
            Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut channel = self.clone();
        let request = request.body(tonic::body::Body::new(http_body_util::Full::from(body))).unwrap();
        let answer = tower_service::Service::call(&mut channel, request).await.unwrap();
        assert_eq!(answer.status(), 200, "gRPC says what failed in its own headers");
        if let Some(status) = tonic::Status::from_header_map(answer.headers()) {
            return status;
        }
        let read = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap();
        tonic::Status::from_header_map(read.trailers().unwrap()).unwrap()
    }
}

impl Service {
    pub(crate) async fn new() -> Self {
        Self::with(ConnectionLimits::default()).await
    }

    /// With limits for connections.
    pub(crate) async fn with(limits: ConnectionLimits) -> Self {
        Self::made(limits, None).await
    }

    /// Whose server takes the tokens of an issuer.
    pub(crate) async fn with_tokens(jwt: Arc<Jwt>) -> Self {
        Self::made(ConnectionLimits::default(), Some(jwt)).await
    }

    async fn made(limits: ConnectionLimits, jwt: Option<Arc<Jwt>>) -> Self {
        let clock = Arc::new(ManualClock::at("2026-11-20T10:00:00Z".parse().unwrap()));
        let log = Arc::new(MemoryLog::new(Arc::clone(&clock) as Arc<_>));
        let dir = tempfile::tempdir().unwrap();
        let mut options = LedgerOptions::new(Views::below(dir.path()));
        options.clock = Arc::clone(&clock) as Arc<_>;
        let ledger = Arc::new(Ledger::open(log, options).await.unwrap());
        let hosts = Hosts::new("127.0.0.1:7070".parse().unwrap(), &[]);
        let app = App::new(Arc::clone(&ledger), hosts, limits).with_tokens(jwt);
        let (stop, stopped) = watch::channel(false);
        let grpc = Grpc::new(|within| {
            let Within { api, bounded, seat, stopped } = within;
            tollgate_grpc::router(&Ground { api, bounded, seat, stopped })
        });
        let router = grpc.beside(&app, router(app.clone()), &stopped);
        Self { ledger, calls: Calls { router, key: String::new() }, stop, _dir: dir }
    }

    /// A request over HTTP, with a key unless that is empty.
    pub(crate) async fn http(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if !key.is_empty() {
            request = request.header(AUTHORIZATION, bearer(key));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.calls.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let read = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&read).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.http("GET", path, "", &Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.http("POST", path, "", &body).await;
        assert!(status < 300, "{path}: {answer}");
        answer
    }

    /// Makes a key with another one; returns its secret.
    pub(crate) async fn make_key(&self, with: &str, body: &Value) -> String {
        let (status, made) = self.http("POST", "/v1/keys", with, body).await;
        assert_eq!(status, 201, "{made}");
        made["secret"].as_str().unwrap().to_owned()
    }

    /// Makes the first key, which may do everything.
    pub(crate) async fn close(&self) -> String {
        self.make_key("", &json!({"key": "root", "scopes": ["admin"]})).await
    }
}

/// A request to append events of producer `p`.
pub(crate) fn events(events: Vec<proto::Event>) -> proto::AppendRequest {
    proto::AppendRequest { producer: "p".to_owned(), events, ..proto::AppendRequest::default() }
}

/// A task is opened.
pub(crate) fn opened(id: &str, task: &str) -> proto::Event {
    event(id, task, proto::event::Body::TaskOpened(Box::default()))
}

/// A call of a model used so much output.
pub(crate) fn used(id: &str, task: &str, phase: &str, output: u64) -> proto::Event {
    let tokens = proto::TokenCounts { output, ..proto::TokenCounts::default() };
    let usage = proto::UsageRecorded {
        phase: phase.to_owned(),
        model: "gpt-5".to_owned(),
        tokens: Some(tokens),
        ..proto::UsageRecorded::default()
    };
    event(id, task, proto::event::Body::UsageRecorded(usage))
}

/// A phase begins.
pub(crate) fn started(id: &str, task: &str, phase: &str) -> proto::Event {
    let phase = proto::PhaseStarted { phase: phase.to_owned(), ..proto::PhaseStarted::default() };
    event(id, task, proto::event::Body::PhaseStarted(phase))
}

fn event(id: &str, task: &str, body: proto::event::Body) -> proto::Event {
    proto::Event { id: id.to_owned(), task: task.to_owned(), body: Some(body), ..proto::Event::default() }
}

/// The schema that the services have.
pub(crate) fn schema() -> DescriptorPool {
    DescriptorPool::decode(tollgate_grpc::DESCRIPTORS).unwrap()
}

/// The stable code of a status, from its trailer.
pub(crate) fn code(status: &tonic::Status) -> &str {
    status.metadata().get("tollgate-code").map(|code| code.to_str().unwrap()).unwrap_or_default()
}

impl Calls {
    /// A request over HTTP in protobuf.
    pub(crate) async fn protobuf(&self, path: &str, body: Vec<u8>) -> (u16, http::HeaderMap, bytes::Bytes) {
        let request = Request::post(path)
            .header("content-type", "application/x-protobuf")
            .header(AUTHORIZATION, bearer(&self.key))
            .body(Body::from(body))
            .unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        (head.status.as_u16(), head.headers, to_bytes(body, usize::MAX).await.unwrap())
    }
}
