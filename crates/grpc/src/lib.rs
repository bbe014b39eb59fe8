//! The ledger's API over gRPC: the services of `proto/tollgate/api/v1`, with health (`grpc.health.v1`) and reflection.
//!
//! Nothing is decided here. Each call is one request to the ledger's HTTP API in the same process, with the caller's
//! own headers, so that keys, tenants, rates and answers are the same at both doors; of a stream, each message is one
//! request. [`router`] is served at the address of the API, for requests in `application/grpc`.
//!
//! **Invariant:** what is answered has every field that the API answers with ([`proto`] beside the OpenAPI document:
//! `tests/grpc/schema.rs`).

#![warn(missing_docs)]

mod address;
mod alerts;
mod caller;
mod deadline;
mod door;
mod events;
mod health;
mod reflection;
mod services;
mod sse;
mod status;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::response::Response;
use tokio::sync::watch;
use tonic::server::NamedService;

pub use self::status::code_of;

use self::door::Door;
use self::proto::alerts_server::AlertsServer;
use self::proto::budgets_server::BudgetsServer;
use self::proto::events_server::EventsServer;
use self::proto::gate_server::GateServer;
use self::proto::reports_server::ReportsServer;
use self::proto::tasks_server::TasksServer;
use self::proto::usage_server::UsageServer;

/// The generated types of `proto/tollgate/api/v1`.
#[allow(
    missing_docs,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    reason = "generated"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/tollgate.api.v1.rs"));
}

/// The schema of all services, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The largest message of a request, in bytes: as large as a body of the HTTP API.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// The largest message of a stream of requests, in bytes. Its parts are held while the rest is on its way.
pub const MAX_STREAMED_BYTES: usize = 256 << 10;

/// A place among the clients that may follow at once; freed when dropped.
pub type Seat = Box<dyn Any + Send + Sync>;

/// What the services are made of.
#[derive(Clone)]
pub struct Ground {
    /// The API as any client has it: it checks keys, hosts and rates.
    pub api: Router,
    /// Holds a router to the limits of bodies: their size, time and memory.
    pub bounded: Arc<dyn Fn(Router) -> Router + Send + Sync>,
    /// A place for a client that follows; `None`: all are taken.
    pub seat: Arc<dyn Fn() -> Option<Seat> + Send + Sync>,
    /// Becomes true when the server stops.
    pub stopped: watch::Receiver<bool>,
}

/// Everything that is answered over gRPC.
pub fn router(ground: &Ground) -> Router {
    let door = Door::new(ground);
    // A stream of requests is read message by message, any other request as a whole.
    let streams =
        served(Router::new(), EventsServer::new(door.clone()).max_decoding_message_size(MAX_STREAMED_BYTES))
            .merge(reflection::routes(&door));
    let whole = Router::new()
        .route_service(
            "/tollgate.api.v1.Events/Append",
            EventsServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .merge(health::routes(&door));
    let whole = served(whole, GateServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES));
    let whole = served(whole, BudgetsServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES));
    let whole = served(whole, AlertsServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES));
    let whole = served(whole, TasksServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES));
    let whole = served(whole, ReportsServer::new(door.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES));
    let whole = served(whole, UsageServer::new(door).max_decoding_message_size(MAX_MESSAGE_BYTES));
    (ground.bounded)(whole)
        .merge(streams)
        .fallback(async |uri: http::Uri| -> Response {
            status::answer(status::unimplemented(format!(
                "`{}`: no such method; ask for reflection, or see proto/tollgate/api/v1",
                uri.path()
            )))
        })
        .layer(from_fn(deadline::keep))
        .layer(from_fn(caller::note))
}

/// Adds a service under its name.
fn served<S>(router: Router, service: S) -> Router
where
    S: NamedService
        + tower::Service<
            http::Request<axum::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    router.route_service(&format!("/{}/{{*method}}", S::NAME), service)
}
