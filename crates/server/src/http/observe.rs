//! Counting requests, the time to their answers, and how long readers are served.

use std::future::poll_fn;
use std::pin::{Pin, pin};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, stream};
use tollgate_clock::Stopwatch;
use tollgate_projector::ReadPool;

use super::App;

pub(crate) async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let took = Stopwatch::start();
    let method = request.method().clone();
    // The route's pattern, never the path: that would be one series per task.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let running = next.run(request);
    let response =
        if method.is_safe() { served(app.ledger.ask().readers(), running).await } else { running.await };
    app.ledger.metrics().answered(&route, method.as_str(), response.status().as_u16(), took.elapsed());
    response
}

/// Runs a handler that answers a reader. A reader counts as being served while it works, not while it waits.
async fn served(readers: &ReadPool, running: impl Future<Output = Response>) -> Response {
    let mut running = pin!(running);
    let response = poll_fn(|context| {
        let _serving = readers.serve();
        running.as_mut().poll(context)
    })
    .await;
    // The other answers are already complete.
    let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if !is_stream {
        return response;
    }
    let readers = readers.clone();
    response.map(|body| {
        let mut events = Box::pin(body.into_data_stream());
        Body::from_stream(stream::poll_fn(move |context| {
            let _serving = readers.serve();
            Pin::new(&mut events).poll_next(context)
        }))
    })
}
