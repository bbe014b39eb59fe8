//! Appending, one request a call or many on a stream.

use std::time::Duration;

use axum::body::Body;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use prost::Message;
use tollgate_clock::{Stopwatch, sleep};
use tollgate_wire::proto::{AppendReply, AppendRequest};
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::address::Address;
use crate::caller::Caller;
use crate::door::{Door, caller, named, retry_after};
use crate::proto::events_server::Events;
use crate::proto::{PositionQuery, PositionResponse};
use crate::{Seat, status};

/// Requests and answers of this kind are in protobuf.
const PROTOBUF: &str = "application/x-protobuf";

/// How long a stream waits for a ledger that takes nothing more just now. Its client waits with it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits where the ledger does not say.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[async_trait]
impl Events for Door {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendReply>, Status> {
        let (_, extensions, events) = request.into_parts();
        match append(self, &caller(&extensions)?, &events).await {
            Ok((reply, headers)) => Ok(named(reply, &headers)),
            Err(refused) => Err(refused.status),
        }
    }

    type AppendStreamStream = BoxStream<'static, Result<AppendReply, Status>>;

    async fn append_stream(
        &self,
        request: Request<Streaming<AppendRequest>>,
    ) -> Result<Response<Self::AppendStreamStream>, Status> {
        let caller = caller(request.extensions())?;
        // Whoever has no key gets no place. What a key may append is known with each request.
        let told = self.ask(caller.request(Method::GET, "/v1/position")?).await?;
        let seat = self.seat("a stream of appends")?;
        let producer = Producer { door: self.clone(), caller, requests: request.into_inner(), _seat: seat };
        let replies = unfold(Some(producer), |producer| async {
            let mut producer = producer?;
            match producer.next().await {
                Ok(None) => None,
                Ok(Some(reply)) => Some((Ok(reply), Some(producer))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(named(replies.boxed(), &told.head.headers))
    }

    async fn get_position(
        &self,
        request: Request<PositionQuery>,
    ) -> Result<Response<PositionResponse>, Status> {
        self.call(request, Address::Get("/v1/position")).await
    }
}

/// A producer that streams.
struct Producer {
    door: Door,
    caller: Caller,
    requests: Streaming<AppendRequest>,
    _seat: Seat,
}

impl Producer {
    /// The reply to its next request; `None`: it has sent all of them.
    async fn next(&mut self) -> Result<Option<AppendReply>, Status> {
        let mut stopped = self.door.stopped.clone();
        let request = tokio::select! {
            request = self.requests.message() => request.map_err(status::in_own_words)?,
            // An error means that the server is gone already.
            _ = stopped.wait_for(|stop| *stop) => {
                return Err(status::ended("the server stops: connect again, and send what was not answered, with the same ids"));
            }
        };
        let Some(request) = request else { return Ok(None) };
        let waited = Stopwatch::start();
        loop {
            let refused = match append(&self.door, &self.caller, &request).await {
                Ok((reply, _)) => return Ok(Some(reply)),
                Err(refused) => refused,
            };
            let again = refused.retry_after.unwrap_or(AGAIN_AFTER);
            // Nothing more is read meanwhile, and the client cannot send more than what is on its way.
            let is_full = matches!(
                status::stable_code(&refused.status),
                Some("rate_limited" | "overloaded" | "crowded")
            );
            if !is_full || waited.elapsed().saturating_add(again) > PATIENCE {
                return Err(refused.status);
            }
            sleep(again).await;
        }
    }
}

/// Why events were not appended.
struct Refused {
    status: Status,
    retry_after: Option<Duration>,
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self { status, retry_after: None }
    }
}

/// Appends events. A reply has an outcome for each of them.
async fn append(
    door: &Door,
    caller: &Caller,
    events: &AppendRequest,
) -> Result<(AppendReply, HeaderMap), Refused> {
    let mut request = caller.request(Method::POST, "/v1/events")?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    *request.body_mut() = Body::from(events.encode_to_vec());
    let told = door.tell(request).await;
    let retry_after = retry_after(&told.head.headers);
    if told.head.headers.get(CONTENT_TYPE).is_none_or(|kind| kind != PROTOBUF) {
        return Err(Refused { status: told.refusal().await, retry_after });
    }
    let headers = told.head.headers.clone();
    let reply = AppendReply::decode(told.read().await?).map_err(|error| {
        status::internal(&format!("the API's answer is not what the schema says: {error}"))
    })?;
    match &reply.problem {
        // A rule refused some: which, the outcomes say.
        Some(problem) if !matches!(problem.status, 409 | 422) || reply.outcomes.is_empty() => {
            Err(Refused { status: status::of_reply(problem, &reply.position, retry_after), retry_after })
        }
        Some(_) | None => Ok((reply, headers)),
    }
}
