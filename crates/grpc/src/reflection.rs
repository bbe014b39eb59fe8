//! The schema, for clients that ask for it: `grpc.reflection.v1` and, for older ones, `v1alpha`. Any key may, as any
//! may have the API's document.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::Method;
use http_body_util::BodyExt;
use tonic::server::NamedService;
use tonic_reflection::server::Builder;

use crate::caller::Caller;
use crate::door::Door;
use crate::proto::alerts_server::AlertsServer;
use crate::proto::budgets_server::BudgetsServer;
use crate::proto::events_server::EventsServer;
use crate::proto::gate_server::GateServer;
use crate::proto::reports_server::ReportsServer;
use crate::proto::tasks_server::TasksServer;
use crate::proto::usage_server::UsageServer;
use crate::{DESCRIPTORS, served, status};

/// The names of the services.
pub(crate) fn services() -> impl Iterator<Item = &'static str> {
    [
        AlertsServer::<Door>::NAME,
        BudgetsServer::<Door>::NAME,
        EventsServer::<Door>::NAME,
        GateServer::<Door>::NAME,
        ReportsServer::<Door>::NAME,
        TasksServer::<Door>::NAME,
        UsageServer::<Door>::NAME,
    ]
    .into_iter()
}

/// Both versions of the service.
pub(crate) fn routes(door: &Door) -> Router {
    let schema = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut router = Router::new();
    // The schema was made with this program: a test asks for it.
    if let Ok(service) = schema().build_v1() {
        router = served(router, service);
    }
    if let Ok(service) = schema().build_v1alpha() {
        router = served(router, service);
    }
    router.route_layer(from_fn_with_state(door.clone(), admit))
}

/// Lets in whoever has a key, as long as there is a place for them.
async fn admit(State(door): State<Door>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned().unwrap_or_default();
    let asked = match caller.request(Method::GET, "/v1/position") {
        Ok(asked) => asked,
        Err(status) => return status::answer(status),
    };
    if let Err(status) = door.ask(asked).await {
        return status::answer(status);
    }
    let seat = match door.seat("asking for the schema") {
        Ok(seat) => seat,
        Err(status) => return status::answer(status),
    };
    // The place is theirs until the last of the answer.
    next.run(request).await.map(|body| {
        axum::body::Body::new(body.map_frame(move |frame| {
            let _ = &seat;
            frame
        }))
    })
}
