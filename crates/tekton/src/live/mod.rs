//! WebSockets: topics that pages and components subscribe to, fed from the log.

mod follow;
mod socket;
mod topic;

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::topic::Topic;
use crate::app::Tekton;
use crate::door::Caller;
use crate::fault::Fault;

/// The largest message that a client may send, in bytes.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// The paths of sockets.
pub(crate) fn routes() -> Router<Arc<Tekton>> {
    Router::new().route("/ws", get(nowhere)).route("/ws/budget/{what}", get(open))
}

/// There is no socket here.
async fn nowhere() -> Fault {
    Fault::of(
        StatusCode::FORBIDDEN,
        "no socket here: connect to /ws/budget/updates, alerts, allocations or prices",
    )
}

async fn open(
    Caller(app): Caller,
    Path(what): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Some(topic) = Topic::of_path(&what) else {
        return nowhere().await.into_response();
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Fault::bad(rejection.body_text()).into_response(),
    };
    let upgrade = upgrade.max_message_size(MAX_MESSAGE_BYTES);
    upgrade.on_upgrade(move |socket| socket::serve(app, socket, topic))
}
