//! Calls of gRPC, answered at the address of the API by whoever translates them to its requests.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Version;
use axum::http::header::CONTENT_TYPE;
use tokio::sync::watch;
use tower::{ServiceExt, service_fn};

use crate::edge::Seat;
use crate::http::{App, bounded};

/// What answers calls of gRPC.
#[derive(Clone)]
pub struct Grpc {
    open: Arc<dyn Fn(Within) -> Router + Send + Sync>,
}

/// What it has to answer with.
pub struct Within {
    /// The API as any client has it, with all that it checks.
    pub api: Router,
    /// Holds a router to the limits of bodies.
    pub bounded: Arc<dyn Fn(Router) -> Router + Send + Sync>,
    /// A place among the clients that follow, until it is dropped; `None`: all are taken.
    pub seat: Arc<dyn Fn() -> Option<Box<dyn Any + Send + Sync>> + Send + Sync>,
    /// Becomes true when the server stops.
    pub stopped: watch::Receiver<bool>,
}

impl Grpc {
    /// By what a function makes.
    pub fn new(open: impl Fn(Within) -> Router + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open) }
    }

    /// Both at one address: calls of gRPC, and everything else for the API.
    pub fn beside(&self, app: &App, api: Router, stopped: &watch::Receiver<bool>) -> Router {
        let (held, edge) = (app.clone(), Arc::clone(&app.edge));
        let within = Within {
            api: api.clone(),
            bounded: Arc::new(move |router| bounded(&held, router)),
            seat: Arc::new(move || {
                Seat::take(&edge).map(|seat| Box::new(seat) as Box<dyn Any + Send + Sync>)
            }),
            stopped: stopped.clone(),
        };
        let calls = (self.open)(within);
        Router::new().fallback_service(service_fn(move |request: Request| {
            let router = if is_call(&request) { calls.clone() } else { api.clone() };
            router.oneshot(request)
        }))
    }
}

/// Whether a request is a call of gRPC. It needs HTTP/2: how it ends is said after its body.
fn is_call(request: &Request) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let rest = kind.strip_prefix("application/grpc");
    request.version() == Version::HTTP_2
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}
