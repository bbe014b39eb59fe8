//! Counting requests and the time to their answers.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tollgate_log::clock::Stopwatch;

use super::App;

pub(crate) async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let took = Stopwatch::start();
    let method = request.method().as_str().to_owned();
    // The route's pattern, never the address: that would be a series per task.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    app.ledger.metrics().answered(&route, &method, response.status().as_u16(), took.elapsed());
    response
}
