//! Alerts: asked for, and followed.

use std::collections::VecDeque;

use axum::body::BodyDataStream;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tonic::{Request, Response, Status, async_trait};

use crate::address::Address;
use crate::door::{Door, caller, named};
use crate::proto::alerts_server::Alerts;
use crate::proto::{AlertChangeView, AlertList, AlertsQuery, WatchRequest};
use crate::sse::Reader;
use crate::status;

#[async_trait]
impl Alerts for Door {
    async fn list(&self, request: Request<AlertsQuery>) -> Result<Response<AlertList>, Status> {
        self.call(request, Address::Get("/v1/alerts")).await
    }

    type WatchStream = BoxStream<'static, Result<AlertChangeView, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (_, extensions, asked) = request.into_parts();
        let caller = caller(&extensions)?;
        // The API gives those who follow a place, and ends what they get.
        let told = self.ask(Address::Get("/v1/alerts/stream").request(&caller, &asked)?).await?;
        let headers = told.head.headers;
        let follower = Follower {
            events: told.body.into_data_stream(),
            reader: Reader::default(),
            read: VecDeque::new(),
        };
        let changes = unfold(Some(follower), |follower| async {
            let mut follower = follower?;
            match follower.next().await {
                Ok(change) => Some((Ok(change), Some(follower))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(named(changes.boxed(), &headers))
    }
}

/// A client that follows.
struct Follower {
    events: BodyDataStream,
    reader: Reader,
    read: VecDeque<Vec<u8>>,
}

impl Follower {
    async fn next(&mut self) -> Result<AlertChangeView, Status> {
        loop {
            if let Some(json) = self.read.pop_front() {
                return serde_json::from_slice(&json).map_err(|error| {
                    status::internal(&format!("a change is not what the schema says: {error}"))
                });
            }
            match self.events.next().await {
                Some(Ok(piece)) => self.read.extend(self.reader.read(&piece)),
                Some(Err(_)) | None => {
                    return Err(status::ended(
                        "the changes ended here: the server stops, the key opens nothing any more, or they were read too \
                         slowly; watch again from the last sequence that was seen",
                    ));
                }
            }
        }
    }
}
