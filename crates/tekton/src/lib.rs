//! Tekton's budget component, answered by a ledger: its REST paths under both prefixes, component messages, tools,
//! WebSockets, and its registration with the registry. Clients of that component move here by another host and port.
//!
//! Nothing is kept here: what a request does is a decision or a fact in the ledger's log, made through the ledger's
//! own API
//! ([`tollgate_client::Client`]), in the same process or over HTTP. What only Tekton knows of a budget, an allocation
//! or
//! usage is kept in labels that nothing is counted by.
//!
//! [`paths::PATHS`] lists what is answered. **Invariant:** a number in an answer has the digits that the ledger has
//! ([`json`]).

mod act;
mod app;
mod ask;
mod assistant;
mod commands;
mod door;
mod fault;
mod fields;
mod json;
mod live;
mod mcp;
mod names;
mod number;
mod options;
pub mod paths;
pub mod registry;
mod rest;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;

pub use app::Tekton;
pub use options::{Capability, Options, UnknownCapability};

/// The largest body of a request, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Everything that the component answers.
pub fn router(app: Arc<Tekton>) -> Router {
    Router::new()
        .merge(rest::roots())
        .merge(rest::discovery())
        .merge(rest::routes("/api"))
        .merge(rest::routes("/api/v1"))
        .merge(mcp::routes("/api"))
        .merge(mcp::routes("/api/v1"))
        .merge(live::routes())
        .fallback(rest::nothing)
        .method_not_allowed_fallback(rest::no_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app), door::check))
        .with_state(app)
}
