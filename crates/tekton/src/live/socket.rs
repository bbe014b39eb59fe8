//! One socket: what its client says, and what it is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tollgate_client::ClientError;
use tollgate_clock::{Stopwatch, sleep};
use tollgate_wire::api::LogPage;

use super::follow::Follow;
use super::topic::{Topic, frame};
use crate::app::Tekton;
use crate::fault::Handled;
use crate::fields::Fields;
use crate::json::{Json, object};

/// How often a socket is told how the budget stands, at most.
const BUDGET_EVERY: Duration = Duration::from_secs(1);

/// How long to wait after the ledger did not answer.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How long a socket may be open before it has shown a key, where the ledger asks for one.
const KEY_WITHIN: Duration = Duration::from_secs(30);

/// How often a client is asked whether it is there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How long a client may be silent.
const SILENT_FOR: Duration = Duration::from_secs(90);

/// Types that only the server sends: a client that sends one is told nothing.
const OF_THE_SERVER: [&str; 6] =
    ["budget_update", "alert", "allocation_update", "price_update", "policy_update", "error"];

struct Socket {
    app: Arc<Tekton>,
    topics: BTreeSet<Topic>,
    /// How far it has followed the ledger; `None`: the ledger asks for a key that it has not shown.
    follow: Option<Follow>,
    /// Whether the ledger has not answered: it is asked again after a while.
    failed: bool,
    /// Whether the budget may stand differently, and when that was told last.
    changed: bool,
    told: Option<Stopwatch>,
    opened: Stopwatch,
    heard: Stopwatch,
    pinged: Stopwatch,
}

/// Why a socket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client ended it, or is not there.
    Gone,
    /// This port is about to close.
    Stopped,
    /// The ledger asks for a key that it has not shown, or for another one.
    NoKey,
}

/// What happens next.
enum Next {
    Received(Option<Message>),
    Page(Box<Result<LogPage, ClientError>>),
    BudgetIsDue,
    PingIsDue,
    KeyIsOverdue,
}

/// What a message of the client leads to.
#[derive(Debug, Default)]
struct Reply {
    frames: Vec<String>,
    /// Whether to tell how the budget stands.
    budget: bool,
}

/// Serves a socket to its end.
pub(super) async fn serve(app: Arc<Tekton>, mut socket: WebSocket, topic: Topic) {
    let greeting = object! { "message" => "Connected to Budget WebSocket Server" };
    let connected = frame("budget_update", topic.as_str(), greeting, app.now());
    let mut stopped = app.stopped.clone();
    let follow = match Follow::begin(Arc::clone(&app)).await {
        Ok(follow) => Some(follow),
        Err(fault) if fault.is_about_the_key() => None,
        Err(_) => return,
    };
    if socket.send(Message::Text(connected.into())).await.is_err() {
        return;
    }
    let mut state = Socket::new(app, topic, follow);
    let end = tokio::select! {
        end = state.run(&mut socket) => end,
        // An error means that the sender is gone, along with the server.
        _ = stopped.wait_for(|stop| *stop) => End::Stopped,
    };
    let (code, reason) = match end {
        End::Gone => return,
        End::Stopped => (close_code::AWAY, "the port closes"),
        End::NoKey => (close_code::POLICY, "Authentication required"),
    };
    // Whoever does not read it sees that the connection ends.
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}

impl Socket {
    fn new(app: Arc<Tekton>, topic: Topic, follow: Option<Follow>) -> Self {
        Self {
            app,
            topics: BTreeSet::from([topic]),
            follow,
            failed: false,
            changed: false,
            told: None,
            opened: Stopwatch::start(),
            heard: Stopwatch::start(),
            pinged: Stopwatch::start(),
        }
    }

    async fn run(&mut self, socket: &mut WebSocket) -> End {
        loop {
            let done = match self.next(socket).await {
                Next::Received(None | Some(Message::Close(_))) => return End::Gone,
                Next::Received(Some(message)) => {
                    self.heard = Stopwatch::start();
                    match message {
                        Message::Text(text) => self.answered(text.as_bytes()).await,
                        Message::Binary(bytes) => self.answered(&bytes).await,
                        Message::Close(_) | Message::Ping(_) | Message::Pong(_) => Ok(Vec::new()),
                    }
                }
                Next::Page(page) => self.news(*page).await,
                Next::BudgetIsDue => {
                    (self.changed, self.told) = (false, Some(Stopwatch::start()));
                    self.budget().await
                }
                Next::PingIsDue => {
                    self.pinged = Stopwatch::start();
                    let ping = Message::Ping(Bytes::new());
                    if self.heard.elapsed() > SILENT_FOR || socket.send(ping).await.is_err() {
                        return End::Gone;
                    }
                    Ok(Vec::new())
                }
                Next::KeyIsOverdue => return End::NoKey,
            };
            self.failed = done.is_err();
            let frames = match done {
                Ok(frames) => frames,
                Err(fault) if fault.is_unauthorized() => return End::NoKey,
                Err(fault) => {
                    tracing::debug!(fault.text, "a socket cannot follow the ledger; trying again");
                    continue;
                }
            };
            for frame in frames {
                if socket.send(Message::Text(frame.into())).await.is_err() {
                    return End::Gone;
                }
            }
        }
    }

    /// Nothing is lost of what is not next.
    async fn next(&self, socket: &mut WebSocket) -> Next {
        let left = |stopwatch: &Stopwatch, within: Duration| within.saturating_sub(stopwatch.elapsed());
        let due = self.told.as_ref().map_or(Duration::ZERO, |told| left(told, BUDGET_EVERY));
        let page = async {
            let Some(follow) = &self.follow else { return std::future::pending().await };
            if self.failed {
                sleep(AGAIN_AFTER).await;
            }
            follow.next().await
        };
        tokio::select! {
            received = socket.recv() => Next::Received(received.and_then(Result::ok)),
            page = page => Next::Page(Box::new(page)),
            () = sleep(due), if self.changed => Next::BudgetIsDue,
            () = sleep(left(&self.pinged, PING_EVERY)) => Next::PingIsDue,
            () = sleep(left(&self.opened, KEY_WITHIN)), if self.follow.is_none() => Next::KeyIsOverdue,
        }
    }

    async fn news(&mut self, page: Result<LogPage, ClientError>) -> Handled<Vec<String>> {
        let Some(follow) = &mut self.follow else { return Ok(Vec::new()) };
        let news = follow.read(&page?);
        self.changed |= news.budget && self.topics.contains(&Topic::Budget);
        follow.messages(&news, &self.topics).await
    }

    async fn budget(&self) -> Handled<Vec<String>> {
        match &self.follow {
            Some(follow) => Ok(vec![follow.budget().await?]),
            None => Ok(Vec::new()),
        }
    }

    async fn answered(&mut self, text: &[u8]) -> Handled<Vec<String>> {
        let Ok(read) = Fields::of_body(text) else { return Ok(self.error("Invalid JSON").frames) };
        let mut reply = self.answer(read).await?;
        if reply.budget {
            reply.frames.extend(self.budget().await?);
        }
        Ok(reply.frames)
    }

    fn error(&self, text: &str) -> Reply {
        let frames = vec![frame("error", "error", object! { "error" => text }, self.app.now())];
        Reply { frames, budget: false }
    }

    fn say(&self, kind: &str, topic: &str, payload: Json) -> Reply {
        Reply { frames: vec![frame(kind, topic, payload, self.app.now())], budget: false }
    }

    /// What a client is answered.
    async fn answer(&mut self, mut read: Fields) -> Handled<Reply> {
        let Some(kind) = read.filled("type") else { return Ok(self.error("Invalid message: no type")) };
        let named = read.filled("topic");
        let mut payload = read.within("payload");
        Ok(match kind.as_str() {
            "subscription" | "unsubscription" => {
                let name =
                    payload.filled("topic").or(named).unwrap_or_else(|| Topic::Budget.as_str().to_owned());
                let is_admitted = self.follow.is_some();
                let mut reply =
                    self.say(&kind, &name, object! { "success" => is_admitted, "topic" => &name });
                if let Some(topic) = Topic::of_name(&name).filter(|_| is_admitted) {
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
                let success = match payload.filled("api_key") {
                    Some(key) => self.shown(&key).await?,
                    None => false,
                };
                self.say(&kind, "authentication", object! { "success" => success })
            }
            "heartbeat" => self.say(
                &kind,
                named.as_deref().unwrap_or("heartbeat"),
                object! { "timestamp" => self.app.now() },
            ),
            other if OF_THE_SERVER.contains(&other) => Reply::default(),
            other => self.error(&format!("Unknown message type: {other}")),
        })
    }

    /// Whether the ledger takes a key, which is the socket's own from then on.
    async fn shown(&mut self, key: &str) -> Handled<bool> {
        let caller = match self.app.of_caller(key) {
            Ok(caller) => caller,
            Err(fault) if fault.is_about_the_key() => return Ok(false),
            Err(fault) => return Err(fault),
        };
        match Follow::begin(Arc::clone(&caller)).await {
            Ok(follow) => {
                (self.app, self.follow) = (caller, Some(follow));
                Ok(true)
            }
            Err(fault) if fault.is_about_the_key() => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}
