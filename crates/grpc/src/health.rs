//! Whether the ledger serves, for whoever watches over servers: `grpc.health.v1`. It needs no key, as the API's does
//! not.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use http::Method;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tollgate_clock::sleep;
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::caller::Caller;
use crate::door::{Door, caller};
use crate::{MAX_MESSAGE_BYTES, reflection, served, status};

/// How often those who watch are looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How many may watch at once: nobody asks them for a key.
const WATCHERS: usize = 64;

/// The service.
pub(crate) fn routes(door: &Door) -> Router {
    let watchers = Arc::new(Semaphore::new(WATCHERS));
    let service = HealthServer::new(Checked { door: door.clone(), watchers });
    served(Router::new(), service.max_decoding_message_size(MAX_MESSAGE_BYTES))
}

struct Checked {
    door: Door,
    watchers: Arc<Semaphore>,
}

#[async_trait]
impl Health for Checked {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let caller = caller(request.extensions())?;
        let service = request.into_inner().service;
        if !is_known(&service) {
            return Err(status::unknown_service(&service));
        }
        Ok(Response::new(said(state(&self.door, &caller).await?)))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller(request.extensions())?;
        let known = is_known(&request.into_inner().service);
        let turn =
            Arc::clone(&self.watchers).try_acquire_owned().map_err(|_| status::crowded("watching health"))?;
        let watcher = Watcher { door: self.door.clone(), caller, known, last: None, _turn: turn };
        let states = unfold(Some(watcher), |watcher| async {
            let mut watcher = watcher?;
            match watcher.next().await {
                Ok(state) => Some((Ok(said(state)), Some(watcher))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(states.boxed()))
    }
}

/// A client that watches.
struct Watcher {
    door: Door,
    caller: Caller,
    /// Whether there is the service that it asks about.
    known: bool,
    last: Option<ServingStatus>,
    _turn: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next state that is another one.
    async fn next(&mut self) -> Result<ServingStatus, Status> {
        let mut stopped = self.door.stopped.clone();
        loop {
            let state = if self.known {
                state(&self.door, &self.caller).await?
            } else {
                ServingStatus::ServiceUnknown
            };
            if self.last.replace(state) != Some(state) {
                return Ok(state);
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                // An error means that the server is gone already.
                _ = stopped.wait_for(|stop| *stop) => return Err(status::ended("the server stops: watch again")),
            }
        }
    }
}

/// Whether there is a service of this name. None: the server as a whole.
fn is_known(service: &str) -> bool {
    service.is_empty() || reflection::services().any(|known| known == service)
}

/// Whether the ledger serves, as the API says.
async fn state(door: &Door, caller: &Caller) -> Result<ServingStatus, Status> {
    let told = door.tell(caller.request(Method::GET, "/v1/ready")?).await;
    // Only what keeps a caller out says nothing about the ledger.
    if told.head.status.is_client_error() {
        return Err(told.refusal().await);
    }
    Ok(if told.head.status.is_success() { ServingStatus::Serving } else { ServingStatus::NotServing })
}

fn said(state: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: state.into() }
}
