//! A ledger in a few lines: ids, conflicts, refusals, and all the ways in which it can be away.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tollgate_client::{BoxFuture, Transport, TransportError};
use tollgate_wire::api::LEDGER_HEADER;

use super::answer;

/// How the ledger responds to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Works.
    Up,
    /// No connection.
    Down,
    /// Accepts the request, but the answer is lost.
    LosesAnswer,
    /// Answers with this status, without outcomes.
    Says(u16),
}

#[derive(Default)]
pub(crate) struct State {
    /// Events by id, in log order.
    pub(crate) log: Vec<Value>,
    by_id: BTreeMap<String, Value>,
    /// Ids in each append request, in order.
    pub(crate) requests: Vec<Vec<String>>,
    /// Bodies of gate requests.
    pub(crate) gates: Vec<Value>,
    /// Whether it decides gate requests that come with events; otherwise it does not know them.
    pub(crate) decides_along: bool,
    /// Gate requests that came with events, per append request.
    pub(crate) along: Vec<Vec<Value>>,
    /// Ids that a rule refuses.
    pub(crate) refuses: HashSet<String>,
    /// Starts of each task and phase.
    attempts: BTreeMap<String, u64>,
    /// The epoch that it names in answers; a request for another one is refused. `None` if it does not know
    /// epochs.
    pub(crate) epoch: Option<&'static str>,
    moods: VecDeque<Mood>,
    always: Option<Mood>,
}

/// A transport to it.
#[derive(Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    asked: Notify,
}

impl Ledger {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Sets the mood from now on.
    pub(crate) fn becomes(&self, mood: Mood) {
        self.state().always = Some(mood);
    }

    /// Sets the moods of the next requests; after them the old one applies.
    pub(crate) fn next(&self, moods: &[Mood]) {
        self.state().moods.extend(moods);
    }

    /// Ids in log order.
    pub(crate) fn ids(&self) -> String {
        let state = self.state();
        let ids: Vec<&str> = state.log.iter().filter_map(|event| event["id"].as_str()).collect();
        ids.join(" ")
    }

    /// Waits until this many append requests have arrived.
    pub(crate) async fn after_requests(&self, count: usize) {
        while self.state().requests.len() < count {
            self.asked.notified().await;
        }
    }

    fn meet(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, String> {
        let epoch = self.state().epoch;
        let meant = request.headers().get(LEDGER_HEADER).map(|meant| meant.to_str().unwrap());
        let mut answer = match (epoch, meant) {
            (Some(own), Some(meant)) if own != meant => problem(421, "other_ledger", &Value::Null),
            _ => self.answer(request)?,
        };
        if let Some(epoch) = epoch {
            answer.headers_mut().insert(LEDGER_HEADER, format!("{epoch}/run").parse().unwrap());
        }
        Ok(answer)
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, String> {
        let mut state = self.state();
        let is_append = request.uri().path() == "/v1/events";
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        if is_append {
            let ids = body["events"].as_array().unwrap().iter().map(|event| text(&event["id"])).collect();
            state.requests.push(ids);
            state.along.push(body["gates"].as_array().cloned().unwrap_or_default());
        } else {
            state.gates.push(body.clone());
        }
        let mood = state.moods.pop_front().or(state.always).unwrap_or(Mood::Up);
        let work = |state: &mut State| if is_append { state.append(&body) } else { gate(&body) };
        match mood {
            Mood::Down => Err("connection refused".to_owned()),
            Mood::Up => Ok(work(&mut state)),
            Mood::LosesAnswer => {
                work(&mut state);
                Err("connection reset".to_owned())
            }
            Mood::Says(status) => Ok(problem(status, "said", &Value::Null)),
        }
    }
}

impl State {
    fn append(&mut self, request: &Value) -> Response<Bytes> {
        let events = request["events"].as_array().unwrap();
        let conflicts =
            |event: &Value| self.by_id.get(&text(&event["id"])).is_some_and(|known| known != event);
        let guilty = |event: &Value| self.refuses.contains(&text(&event["id"])) || conflicts(event);
        let bad: BTreeSet<String> =
            events.iter().filter(|event| guilty(event)).map(|event| text(&event["task"])).collect();
        let mut outcomes = Vec::new();
        let mut new = Vec::new();
        for event in events {
            let id = text(&event["id"]);
            let outcome = if conflicts(event) {
                json!({"id": id, "outcome": "conflict", "code": "conflict", "detail": "taken"})
            } else if guilty(event) {
                json!({"id": id, "outcome": "refused", "code": "phase_mismatch", "detail": "not now"})
            } else if bad.contains(&text(&event["task"])) {
                json!({"id": id, "outcome": "refused", "code": "refused_with", "detail": "with another"})
            } else if self.by_id.contains_key(&id) {
                json!({"id": id, "outcome": "duplicate", "sequence": 1})
            } else {
                new.push(event.clone());
                json!({"id": id, "outcome": "appended", "sequence": 1})
            };
            outcomes.push(outcome);
        }
        for event in new {
            let nth = outcomes.iter().position(|outcome| outcome["id"] == event["id"]).unwrap();
            if let Some(phase) = event["phase_started"]["phase"].as_str() {
                let attempt = self.attempts.entry(format!("{} {phase}", event["task"])).or_default();
                *attempt += 1;
                outcomes[nth]["attempt"] = (*attempt).into();
            }
            self.by_id.insert(text(&event["id"]), event.clone());
            self.log.push(event);
        }
        if bad.is_empty() {
            let position = self.position();
            let mut body =
                json!({"outcomes": outcomes, "position": position, "durability": "fsync", "dedup": "life"});
            if let (true, Some(asked)) = (self.decides_along, request.get("gates").and_then(Value::as_array))
            {
                body["gates"] = asked.iter().map(|asked| along(asked, &position)).collect();
            }
            return answer(201, "application/json", &body.to_string());
        }
        problem(422, "refused", &json!({"outcomes": outcomes, "position": self.position()}))
    }

    fn position(&self) -> String {
        format!("00000000000000000000000000000007@0:{}", self.log.len())
    }
}

impl Transport for Ledger {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let met = self.meet(&request);
            self.asked.notify_one();
            let (method, url) = (request.method().to_string(), request.uri().to_string());
            met.map_err(|reason| TransportError { method, url, reason })
        })
    }
}

fn gate(body: &Value) -> Response<Bytes> {
    let answered = decided(body, body["at_least"].as_str().unwrap_or("none"));
    answer(200, "application/json", &answered.to_string())
}

/// The view of one task is late: nothing is decided.
fn along(asked: &Value, as_of: &str) -> Value {
    if asked["task"] == "LATE" { Value::Null } else { decided(asked, as_of) }
}

fn decided(asked: &Value, as_of: &str) -> Value {
    json!({"tenant": "default", "task": "T", "advance_to": asked["advance_to"], "verdict": "block", "ruled": "block",
        "reasons": [], "requirements": [], "config_hash": "c", "stale": false, "report": "r", "as_of": as_of})
}

fn problem(status: u16, code: &str, more: &Value) -> Response<Bytes> {
    let mut problem = json!({"type": "about:tollgate/x", "title": "t", "status": status, "detail": "so it is",
        "code": code, "retryable": status >= 429});
    for (name, value) in more.as_object().into_iter().flatten() {
        problem[name] = value.clone();
    }
    let mut answer = answer(status, "application/problem+json", &problem.to_string());
    if status == 429 {
        answer.headers_mut().insert("retry-after", "60".parse().unwrap());
    }
    answer
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
