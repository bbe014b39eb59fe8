//! Appending over HTTP to the binary as its operators run it, beside the embedded log in the same round.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use serde_json::value::RawValue;
use tollgate_client::{Client, HttpTransport, Transport};
use tollgate_wire::api::AppendRequest;
use tollgate_wire::proto;

use crate::cpu::seconds_of;
use crate::driver::{Append, Shape, Times, drive};
use crate::ledger::Ledger;
use crate::output::progress;
use crate::place::Place;
use crate::process::{Process, beside_this};
use crate::stats::{Samples, percentile};
use crate::work::{Event, text};

/// Producers × events of a request.
const SHAPES: [Shape; 3] = [
    Shape { producers: 16, batch: 1 },
    Shape { producers: 16, batch: 64 },
    Shape { producers: 16, batch: 500 },
];

/// One round: each shape over HTTP and on the embedded log, in turns. Without the binary it is skipped.
pub(crate) fn round(place: &Place, round: usize, times: Times, figures: &mut Samples, ratios: &mut Samples) {
    let binary = match beside_this() {
        Ok(binary) => binary,
        Err(reason) => return progress(&format!("skipped: {reason}")),
    };
    for shape in SHAPES {
        let [mut over_http, mut embedded] = [0.0, 0.0];
        let json = |transport| Requests(Client::new(Arc::new(transport)));
        for turn in 0..2 {
            let dir = place.fresh("http");
            if (turn + round).is_multiple_of(2) {
                over_http = served(&binary, dir.path(), (shape, times), json, (&shape.to_string(), figures));
            } else {
                embedded = drive(&Arc::new(Ledger::open(dir.path())), shape, times).events_per_second;
            }
            place.clear(dir);
        }
        ratios.add(format!("http_{shape}_vs_embedded"), over_http / embedded);
        if shape.batch > 1 {
            let (dir, name) = (place.fresh("http"), format!("{shape}_protobuf"));
            let packed = served(&binary, dir.path(), (shape, times), Packed, (&name, figures));
            place.clear(dir);
            ratios.add(format!("http_{name}_vs_embedded"), packed / embedded);
        }
    }
}

/// Events a second that producers append through the binary in one of its forms, and what it took.
fn served<A: Append>(
    binary: &Path,
    dir: &Path,
    (shape, times): (Shape, Times),
    form: impl FnOnce(HttpTransport) -> A,
    (name, figures): (&str, &mut Samples),
) -> f64 {
    let data = dir.join("data").display().to_string();
    let server = Process::start(binary, &["--data", &data, "serve", "--listen", "127.0.0.1:0"]);
    let transport = HttpTransport::new(&server.url()).expect("an address");
    let client = Arc::new(form(transport));
    let run = drive(&client, shape, times);
    let rate = run.events_per_second;
    figures.add(format!("http_{name}_events_per_second"), rate);
    for percent in [50, 99] {
        let latency = percentile(&run.latencies, percent) as f64 / 1e3;
        figures.add(format!("http_{name}_batch_p{percent}_microseconds"), latency);
    }
    let cpu = seconds_of(server.id());
    figures
        .add(format!("http_{name}_server_processor_seconds_per_million"), cpu * 1e6 / (rate * run.seconds));
    rate
}

/// Usage as a producer reports it, of the same ids and tasks as on the other logs.
pub(crate) struct Requests(Client);

impl Requests {
    pub(crate) const fn new(client: Client) -> Self {
        Self(client)
    }
}

impl Append for Requests {
    async fn append(&self, batch: Vec<Event>) {
        let events = batch.iter().map(usage).collect();
        let request =
            AppendRequest { tenant: None, producer: Some("bench".to_owned()), events, gates: Vec::new() };
        let answer = self.0.append(&request).await.expect("an append");
        assert_eq!(answer.outcomes.len(), batch.len(), "each event has its outcome");
    }
}

/// The same in protobuf.
struct Packed(HttpTransport);

impl Append for Packed {
    async fn append(&self, batch: Vec<Event>) {
        let events = batch.iter().map(packed).collect();
        let body = proto::AppendRequest { tenant: String::new(), producer: "bench".to_owned(), events };
        let request = http::Request::post("/v1/events").header("content-type", "application/x-protobuf");
        let request = request.body(Bytes::from(body.encode_to_vec())).expect("a request");
        let answer = self.0.send(request).await.expect("an append");
        assert!(answer.status().is_success(), "{}", answer.status());
        let reply = proto::AppendReply::decode(answer.into_body()).expect("a reply");
        assert_eq!(reply.outcomes.len(), batch.len(), "each event has its outcome");
    }
}

fn packed(event: &Event) -> proto::Event {
    let number = u64::from(event.body[0]);
    let tokens = proto::TokenCounts {
        input_uncached: 1_000 + number,
        cached_input: 2_000,
        output: 100 + number,
        ..proto::TokenCounts::default()
    };
    let usage = proto::UsageRecorded {
        phase: "PLAN".to_owned(),
        provider: "openai".to_owned(),
        model: "gpt-5".to_owned(),
        tokens: Some(tokens),
        ..proto::UsageRecorded::default()
    };
    proto::Event {
        task: format!("task-{}", event.task),
        id: text(&event.id).to_owned(),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_795_249_810, nanos: 500_000_000 }),
        body: Some(proto::event::Body::UsageRecorded(usage)),
        ..proto::Event::default()
    }
}

/// Written as text: what producers do to make their JSON is not measured, and shares the cores.
fn usage(event: &Event) -> Box<RawValue> {
    let (task, id, number) = (event.task, text(&event.id), u64::from(event.body[0]));
    let (input, output) = (1_000 + number, 100 + number);
    let usage = format!(
        r#"{{"task":"task-{task}","id":"{id}","occurred_at":"2026-11-21T08:30:10.5Z","usage_recorded":{{"phase":"PLAN","provider":"openai","model":"gpt-5","tokens":{{"input_uncached":{input},"cached_input":2000,"output":{output}}}}}}}"#
    );
    RawValue::from_string(usage).expect("JSON")
}
