//! Appending by a request over NATS: the same request, the same answer as over HTTP.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::service::{Request, Service, ServiceExt};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tollgate_wire::api::{AppendRequest, AppendResponse};

use crate::fit;
use crate::intake::{append_request, from_json, from_protobuf, gates_of, to_protobuf};
use crate::ledger::Ledger;
use crate::nats::{CONTENT_TYPE, PROTOBUF, is_protobuf};
use crate::problem::Answer;

/// The subject that requests are sent to.
pub const APPEND_SUBJECT: &str = "tollgate.v1.append";

/// The name of the service, as `nats micro` shows it.
const SERVICE: &str = "tollgate-append";

/// The version of the request and its answer.
const VERSION: &str = "1.0.0";

/// How many requests are carried out at once; more wait at the NATS server.
const AT_ONCE: usize = 256;

/// Accepts appends over NATS until it is stopped. Servers of one ledger share the requests.
pub struct AppendService {
    service: Service,
    answering: JoinHandle<()>,
}

impl AppendService {
    /// Starts accepting requests.
    ///
    /// # Errors
    ///
    /// If the NATS server does not accept the subscription.
    pub async fn start(client: &async_nats::Client, ledger: Arc<Ledger>) -> Result<Self, async_nats::Error> {
        let service = client
            .service_builder()
            .description("appends events to a tollgate ledger")
            .start(SERVICE, VERSION)
            .await?;
        let mut endpoint = service.endpoint_builder().name("append").add(APPEND_SUBJECT).await?;
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let answering = tokio::spawn(async move {
            let mut running = JoinSet::new();
            while let Some(request) = endpoint.next().await {
                while running.try_join_next().is_some() {}
                let Ok(permit) = Arc::clone(&at_once).acquire_owned().await else { return };
                let ledger = Arc::clone(&ledger);
                running.spawn(async move {
                    respond(&ledger, request).await;
                    drop(permit);
                });
            }
            running.join_all().await;
        });
        Ok(Self { service, answering })
    }

    /// Stops accepting requests, and answers those in progress.
    pub async fn stop(self) {
        if let Err(error) = self.service.stop().await {
            tracing::warn!(%error, "the append service did not stop as it should");
        }
        if self.answering.await.is_err() {
            tracing::error!("the append service panicked");
        }
    }
}

async fn respond(ledger: &Ledger, request: Request) {
    let kind = request.message.headers.as_ref().and_then(|headers| headers.get(CONTENT_TYPE));
    let protobuf = kind.is_some_and(|kind| is_protobuf(kind.as_str()));
    let answer = append(ledger, &request.message.payload, protobuf).await;
    let mut headers = HeaderMap::new();
    if let Err(problem) = &answer {
        headers.insert("Nats-Service-Error", problem.title.as_str());
        headers.insert("Nats-Service-Error-Code", problem.status.to_string());
    }
    let body = if protobuf {
        headers.insert(CONTENT_TYPE, PROTOBUF);
        to_protobuf(&answer)
    } else {
        headers.insert(CONTENT_TYPE, "application/json");
        match &answer {
            Ok((response, _)) => serde_json::to_vec(response).unwrap_or_default(),
            Err(problem) => serde_json::to_vec(problem).unwrap_or_default(),
        }
    };
    if let Err(error) = request.respond_with_headers(Ok(Bytes::from(body)), headers).await {
        tracing::warn!(%error, "an append was carried out, and its answer could not be sent; its producer asks again");
    }
}

async fn append(ledger: &Ledger, payload: &[u8], protobuf: bool) -> Answer<(AppendResponse, bool)> {
    let (events, gates) = if protobuf {
        (from_protobuf(payload)?, Vec::new())
    } else {
        let request: AppendRequest = fit::read("the request", payload)?;
        (from_json(&request)?, gates_of(&request)?)
    };
    append_request(ledger, events, &gates).await
}
