//! One socket: what its client says, and what it is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tollgate_clock::{Stopwatch, sleep};

use super::follow::Follow;
use super::topic::{Topic, frame};
use crate::app::Tekton;
use crate::fields::Fields;
use crate::json::{Json, object};

/// How often a socket is told how the budget stands, at most.
const BUDGET_EVERY: Duration = Duration::from_secs(1);

/// How long to wait after the ledger did not answer.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Types that only the server sends: a client that sends one is told nothing.
const OF_THE_SERVER: [&str; 6] =
    ["budget_update", "alert", "allocation_update", "price_update", "policy_update", "error"];

struct Socket {
    app: Arc<Tekton>,
    topics: BTreeSet<Topic>,
    admitted: bool,
}

/// What a message of the client leads to.
#[derive(Debug, Default)]
struct Reply {
    frames: Vec<String>,
    /// Whether to tell how the budget stands.
    budget: bool,
}

/// Serves a socket to its end.
pub(super) async fn serve(app: Arc<Tekton>, mut socket: WebSocket, topic: Topic, admitted: bool) {
    let greeting = object! { "message" => "Connected to Budget WebSocket Server" };
    let connected = frame("budget_update", topic.as_str(), greeting, app.now());
    let Ok(mut follow) = Follow::begin(Arc::clone(&app)).await else { return };
    if socket.send(Message::Text(connected.into())).await.is_err() {
        return;
    }
    let topics = if admitted { BTreeSet::from([topic]) } else { BTreeSet::new() };
    let mut state = Socket { app, topics, admitted };
    // Whether the budget may stand differently, and when it was told last.
    let (mut changed, mut told): (bool, Option<Stopwatch>) = (false, None);
    loop {
        let wait = told.as_ref().map_or(Duration::ZERO, |told| BUDGET_EVERY.saturating_sub(told.elapsed()));
        let mut frames = Vec::new();
        tokio::select! {
            received = socket.recv() => {
                let Some(Ok(message)) = received else { return };
                let text = match &message {
                    Message::Text(text) => text.as_bytes(),
                    Message::Binary(bytes) => bytes,
                    Message::Close(_) => return,
                    Message::Ping(_) | Message::Pong(_) => continue,
                };
                let reply = state.answer(text);
                frames = reply.frames;
                if reply.budget {
                    frames.extend(follow.budget().await);
                }
            }
            () = sleep(wait), if changed => {
                frames.extend(follow.budget().await);
                (changed, told) = (false, Some(Stopwatch::start()));
            }
            page = follow.next() => match page {
                Ok(page) => {
                    let news = follow.read(&page);
                    changed |= news.budget && state.topics.contains(&Topic::Budget);
                    frames = follow.messages(&news, &state.topics).await.unwrap_or_default();
                }
                Err(error) => {
                    tracing::debug!(%error, "a socket cannot follow the ledger; trying again");
                    sleep(AGAIN_AFTER).await;
                }
            },
        }
        for frame in frames {
            if socket.send(Message::Text(frame.into())).await.is_err() {
                return;
            }
        }
    }
}

impl Socket {
    fn error(&self, text: &str) -> Reply {
        let frames = vec![frame("error", "error", object! { "error" => text }, self.app.now())];
        Reply { frames, budget: false }
    }

    /// What a client is answered.
    fn answer(&mut self, text: &[u8]) -> Reply {
        let Ok(mut read) = Fields::of_body(text) else { return self.error("Invalid JSON") };
        let Some(kind) = read.filled("type") else { return self.error("Invalid message: no type") };
        let named = read.filled("topic");
        let mut payload = read.within("payload");
        let say = |kind: &str, topic: &str, payload: Json| Reply {
            frames: vec![frame(kind, topic, payload, self.app.now())],
            budget: false,
        };
        match kind.as_str() {
            "subscription" | "unsubscription" => {
                let name =
                    payload.filled("topic").or(named).unwrap_or_else(|| Topic::Budget.as_str().to_owned());
                let told = object! { "success" => self.admitted, "topic" => &name };
                let mut reply = say(&kind, &name, told);
                if let Some(topic) = Topic::of_name(&name).filter(|_| self.admitted) {
                    if kind == "subscription" {
                        self.topics.insert(topic);
                        reply.budget = topic == Topic::Budget;
                    } else {
                        self.topics.remove(&topic);
                    }
                }
                reply
            }
            "authentication" => {
                let key = payload.filled("api_key");
                let success = key.is_some() && self.app.options.admits(key.as_deref());
                self.admitted |= success;
                say(&kind, "authentication", object! { "success" => success })
            }
            "heartbeat" => {
                say(&kind, named.as_deref().unwrap_or("heartbeat"), object! { "timestamp" => self.app.now() })
            }
            other if OF_THE_SERVER.contains(&other) => Reply::default(),
            other => self.error(&format!("Unknown message type: {other}")),
        }
    }
}
