//! Following alerts as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use tokio::sync::broadcast;
use tollgate_wire::api::Problem;

use super::access::Grant;
use super::alerts::ChangesQuery;
use super::extract::Params;
use super::{App, Handled};
use crate::edge::Seat;
use crate::edge::feed::{Missed, Page};
use crate::problem::{Answer, CROWDED, INVALID};

/// Follow alerts as server-sent events
///
/// Event `raised`, `acknowledged` or `resolved`, its data an `AlertChangeView`, its id the record. A client
/// that comes back sends the last id it saw (`Last-Event-ID`, as browsers do, or `after`) and misses nothing;
/// of that record it may see a change again. So does one that was dropped because it took its events too
/// slowly.
#[utoipa::path(get, path = "/v1/alerts/stream", tag = "alerts", params(ChangesQuery), responses(
    (status = 200, description = "A stream of changes", body = String, content_type = "text/event-stream"),
    (status = 503, description = "Too many clients are already following", body = Problem),
))]
pub(crate) async fn stream(
    State(app): State<App>,
    Params(query): Params<ChangesQuery>,
    grant: Grant,
    headers: HeaderMap,
) -> Handled<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let after = match headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default()) {
        // The record's other changes may not have arrived yet: the whole record is sent again.
        Some(id) => match id.parse::<u64>() {
            Ok(id) => id.saturating_sub(1),
            Err(_) => {
                return Err(INVALID
                    .of_field("last-event-id", id, "must be the id of an earlier event")
                    .into());
            }
        },
        None => query.after.unwrap_or(0),
    };
    let seat = seat(&app)?;
    let client = Client { app, grant, after, waiting: None, live: None, _seat: seat };
    let events = unfold(client, |mut client| async { client.next().await.map(|event| (Ok(event), client)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// A client that follows.
struct Client {
    app: App,
    /// With which key it came.
    grant: Grant,
    /// It has all changes up to this record.
    after: u64,
    waiting: Option<(Page, usize)>,
    live: Option<broadcast::Receiver<Page>>,
    _seat: Seat,
}

impl Client {
    /// The next change; `None` when the ledger closes or cannot answer, the client is too slow, or its key opens
    /// nothing any more: it then reconnects.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((page, place)) = self.waiting.take() {
                let change = page.get(place)?;
                if place + 1 < page.len() {
                    self.waiting = Some((Arc::clone(&page), place + 1));
                }
                return Some(
                    Event::default().id(change.sequence.to_string()).event(&change.kind).data(&change.json),
                );
            }
            let page = match &mut self.live {
                Some(live) => live.recv().await.ok()?,
                None => {
                    if self.app.ledger.ask().is_closing() {
                        return None;
                    }
                    match self.app.edge.feed.missed(&self.app.ledger, self.after).await.ok()? {
                        Missed::Page(page) => page,
                        Missed::None(live) => {
                            self.live = Some(live);
                            continue;
                        }
                    }
                }
            };
            if !self.grant.still_holds(&self.app.ledger).await {
                return None;
            }
            self.take(page);
        }
    }

    fn take(&mut self, page: Page) {
        let seen = page.partition_point(|change| change.sequence <= self.after);
        self.after = page.last().map_or(self.after, |last| last.sequence.max(self.after));
        if seen < page.len() {
            self.waiting = Some((page, seen));
        }
    }
}

fn seat(app: &App) -> Answer<Seat> {
    Seat::take(&app.edge).ok_or_else(|| {
        CROWDED.with(format!(
            "the limit on clients following alerts ({}) is reached; try again later, ask /v1/alerts/changes instead, or raise \
             --max-streams",
            app.edge.limits.streams
        ))
    })
}
