//! Asking the API on behalf of a caller.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tollgate_wire::api::{LEDGER_HEADER, Problem};
use tonic::{Extensions, Request, Response, Status};
use tower::ServiceExt;

use crate::address::Address;
use crate::caller::Caller;
use crate::{Ground, Seat, status};

/// What every service asks.
#[derive(Clone)]
pub(crate) struct Door {
    api: Router,
    seat: Arc<dyn Fn() -> Option<Seat> + Send + Sync>,
    pub(crate) stopped: watch::Receiver<bool>,
}

/// An answer of the API.
pub(crate) struct Told {
    pub(crate) head: http::response::Parts,
    pub(crate) body: Body,
}

impl Door {
    pub(crate) fn new(ground: &Ground) -> Self {
        Self { api: ground.api.clone(), seat: Arc::clone(&ground.seat), stopped: ground.stopped.clone() }
    }

    /// Asks what a call asks, and answers with what the API does.
    ///
    /// # Errors
    ///
    /// The problem of the API.
    pub(crate) async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        request: Request<Q>,
        address: Address,
    ) -> Result<Response<A>, Status> {
        let (_, extensions, asked) = request.into_parts();
        let caller = caller(&extensions)?;
        let told = self.ask(address.request(&caller, &asked)?).await?;
        let headers = told.head.headers.clone();
        let body = told.read().await?;
        let answer = serde_json::from_slice(&body).map_err(|error| {
            status::internal(&format!("the API's answer is not what the schema says: {error}"))
        })?;
        Ok(named(answer, &headers))
    }

    /// The API's answer to a request.
    ///
    /// # Errors
    ///
    /// It is a problem.
    pub(crate) async fn ask(&self, request: http::Request<Body>) -> Result<Told, Status> {
        let told = self.tell(request).await;
        if told.head.status.is_success() { Ok(told) } else { Err(told.refusal().await) }
    }

    /// The API's answer to a request, whatever it is.
    pub(crate) async fn tell(&self, request: http::Request<Body>) -> Told {
        let answered = self.api.clone().oneshot(request).await;
        let (head, body) = match answered {
            Ok(answer) => answer.into_parts(),
            Err(never) => match never {},
        };
        Told { head, body }
    }

    /// A place among those who follow.
    ///
    /// # Errors
    ///
    /// All are taken.
    pub(crate) fn seat(&self, what: &str) -> Result<Seat, Status> {
        (self.seat)().ok_or_else(|| status::crowded(what))
    }
}

impl Told {
    /// The body.
    pub(crate) async fn read(self) -> Result<Bytes, Status> {
        // It was made in this process, within the API's own limits.
        let read = to_bytes(self.body, usize::MAX).await;
        read.map_err(|error| status::internal(&format!("the API's answer broke off: {error}")))
    }

    /// Why the API refuses.
    pub(crate) async fn refusal(self) -> Status {
        let (code, retry_after) = (self.head.status, retry_after(&self.head.headers));
        match self.read().await {
            Ok(body) => match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) => status::of_problem(&problem, retry_after),
                Err(_) => status::internal(&format!("the API answered with {code}")),
            },
            Err(status) => status,
        }
    }
}

/// When to come again.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Who sent a call.
pub(crate) fn caller(extensions: &Extensions) -> Result<Caller, Status> {
    extensions.get::<Caller>().cloned().ok_or_else(|| status::internal("a call came past the door"))
}

/// An answer that names its ledger, as the API's does.
pub(crate) fn named<A>(answer: A, headers: &HeaderMap) -> Response<A> {
    let mut response = Response::new(answer);
    let name = HeaderName::from_static(LEDGER_HEADER);
    if let Some(ledger) = headers.get(&name).and_then(|ledger| ledger.to_str().ok()?.parse().ok()) {
        response.metadata_mut().insert(LEDGER_HEADER, ledger);
    }
    response
}
