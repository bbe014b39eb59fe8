//! What another door of this process keeps to, whatever it answers: the limits of bodies and of clients that follow.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;

use super::body::collect;
use super::{App, Refusal};
use crate::edge::Seat;
use crate::problem::{CROWDED, INTERNAL};

/// Holds a router to the limits of the API.
pub(crate) fn bounded(app: &App, router: Router) -> Router {
    router.layer(from_fn_with_state(app.clone(), bound)).layer(CatchPanicLayer::custom(|_| {
        Refusal(INTERNAL.with("a handler panicked; the log is as it was, see the server's own log"))
            .into_response()
    }))
}

/// Reads the body within its time and memory, and gives whoever follows a seat.
async fn bound(State(app): State<App>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let (body, memory) = match collect(body, &app.edge).await {
        Ok(read) => read,
        Err(problem) => return Refusal(problem).into_response(),
    };
    let mut response = next.run(Request::from_parts(head, Body::from(body))).await;
    drop(memory);
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        match Seat::take(&app.edge) {
            Some(seat) => {
                response.extensions_mut().insert(Arc::new(seat));
            }
            None => {
                return Refusal(CROWDED.with(format!(
                    "the limit on clients that follow ({}) is reached; try again later, or raise --max-streams",
                    app.edge.limits.streams
                )))
                .into_response();
            }
        }
    }
    response
}
