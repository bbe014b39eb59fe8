//! What other components ask by messages, and agents by tools: the same seven operations.

mod analytics;
mod check;
mod message;
mod operation;
mod route;
mod run;
mod said;
mod status;
pub(crate) mod tools;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::Tekton;

pub(crate) use operation::Operation;

/// The paths below a prefix.
pub(crate) fn routes(prefix: &str) -> Router<Arc<Tekton>> {
    let at = |path: &str| format!("{prefix}{path}");
    Router::new()
        .route(&at("/mcp/message"), post(message::message))
        .route(&at("/mcp/health"), get(tools::health))
        .route(&at("/mcp/capabilities"), get(tools::capabilities))
        .route(&at("/mcp/tools"), get(tools::list))
        .route(&at("/mcp/process"), post(tools::process))
        .route(&at("/mcp/tools/{tool}/execute"), post(tools::execute))
        .route(&at("/tools/{tool}/execute"), post(tools::execute))
}
