//! Edge cases of telemetry: a collector that refuses, hangs and recovers, and a ledger that is unaffected.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::ground::{EVIDENCE, Ground, over_each_log};

over_each_log!(ec18_a_collector_that_is_down_disturbs_nothing, ec18_metrics_arrive_as_json_too);

/// Longest wait for something that is certain to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a collector does with requests.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Answers with this status, and with this header line.
    Answers(u16, &'static str),
    /// Never answers.
    Hangs,
}

/// A request, and the status it was answered with; 0: it was not answered.
#[derive(Clone)]
struct Taken {
    status: u16,
    head: String,
    body: Vec<u8>,
}

struct State {
    mood: Mood,
    taken: Vec<Taken>,
    hung: Vec<TcpStream>,
}

/// A collector, as an exporter sees it.
struct Collector {
    url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Collector {
    fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State { mood, taken: Vec::new(), hung: Vec::new() };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || take(stream.unwrap(), &shared));
            }
        });
        Self { url, state }
    }

    fn becomes(&self, mood: Mood) {
        self.state.0.lock().unwrap().mood = mood;
    }

    /// Waits until enough matching requests have arrived; returns them.
    #[track_caller]
    fn wait_for(&self, count: usize, is_such: impl Fn(&Taken) -> bool) -> Vec<Taken> {
        let such = |state: &State| state.taken.iter().filter(|taken| is_such(taken)).cloned().collect();
        let (state, changed) = &*self.state;
        let mut left = state.lock().unwrap();
        loop {
            let found: Vec<Taken> = such(&left);
            if found.len() >= count {
                return found;
            }
            let (again, waited) = changed.wait_timeout(left, PATIENCE).unwrap();
            left = again;
            assert!(!waited.timed_out(), "{} of {count} such requests came", found.len());
        }
    }
}

/// Reads one request, and answers it or not.
fn take(mut stream: TcpStream, shared: &(Mutex<State>, Condvar)) {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    let end = loop {
        let Ok(count @ 1..) = stream.read(&mut part) else { return };
        text.extend_from_slice(&part[..count]);
        if let Some(at) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = String::from_utf8(text[..end].to_vec()).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = text[end..].to_vec();
    let mut rest = vec![0; length.trim().parse::<usize>().unwrap() - body.len()];
    if stream.read_exact(&mut rest).is_err() {
        return;
    }
    body.extend(rest);
    let mut state = shared.0.lock().unwrap();
    let status = match state.mood {
        Mood::Answers(status, header) => {
            // An exporter that is already gone tries again.
            let _ = write!(stream, "HTTP/1.1 {status} -\r\ncontent-length: 0\r\n{header}\r\n");
            status
        }
        Mood::Hangs => {
            state.hung.push(stream);
            0
        }
    };
    state.taken.push(Taken { status, head, body });
    shared.1.notify_all();
}

/// A value of a protobuf message; a nested message or string is given as its bytes.
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// Reads a protobuf message as far as its bytes can tell: the exporter's own types are not trusted.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            number |= u64::from(first & 0x7f) << shift;
            shift += 7;
            if first & 0x80 == 0 {
                return number;
            }
        }
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => {
                let (eight, rest) = bytes.split_at(8);
                bytes = rest;
                Field::Number(u64::from_le_bytes(eight.try_into().unwrap()))
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)).unwrap();
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(value.to_vec())
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

/// The messages and strings at a path of field numbers; each level may have several.
fn at(message: &[u8], path: &[u64]) -> Vec<Vec<u8>> {
    let Some((first, rest)) = path.split_first() else { return vec![message.to_vec()] };
    let here = fields(message).into_iter().filter(|(number, _)| number == first);
    here.flat_map(|(_, field)| match field {
        Field::Bytes(bytes) => at(&bytes, rest),
        Field::Number(number) => vec![number.to_le_bytes().to_vec()],
    })
    .collect()
}

fn texts(message: &[u8], path: &[u64]) -> Vec<String> {
    at(message, path).into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
}

/// The points of a counter in a protobuf request: values of the label `outcome`, and their counts. By the
/// numbers of `metrics.proto`: resource_metrics 1, scope_metrics 2, metrics 2, sum 7, data_points 1,
/// attributes 7, as_int 6.
fn counted(body: &[u8], name: &str) -> Vec<(String, u64)> {
    let metrics = at(body, &[1, 2, 2]);
    let Some(metric) = metrics.iter().find(|metric| texts(metric, &[1]) == [name]) else { return Vec::new() };
    assert_eq!(
        (at(metric, &[7, 2]), at(metric, &[7, 3])),
        (vec![2u64.to_le_bytes().to_vec()], vec![1u64.to_le_bytes().to_vec()])
    );
    let point = |point: &Vec<u8>| {
        assert_eq!(texts(point, &[7, 1]), ["outcome"]);
        let value = at(point, &[6]).remove(0);
        (texts(point, &[7, 2, 1]).remove(0), u64::from_le_bytes(value.try_into().unwrap()))
    };
    at(metric, &[7, 1]).iter().map(point).collect()
}

/// A counter on the page.
fn shown(ground: &Ground, name: &str) -> u64 {
    let page = ground.get("/metrics").1;
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("{name}: {page}")).parse().unwrap()
}

fn works(ground: &Ground, task: &str) {
    let _ = ground.ok(&format!("task open {task}"));
    let _ = ground.ok(&format!("phase start {task} PLAN"));
    let usage = |number| {
        json!({"task": task, "producer": "test", "id": format!("u-{number}"),
            "usage_recorded": {"phase": "PLAN", "tokens": {"output": 7}}})
    };
    let answer = ground.append(&[usage(1), usage(2)]);
    assert_eq!(answer["outcomes"][1]["outcome"], "appended", "{answer}");
    assert_eq!(ground.gate(task, "THINK")["verdict"], "allow");
}

fn ec18_a_collector_that_is_down_disturbs_nothing(ground: &mut Ground) {
    // Rule: 3 retries with backoff, then dropped with a warning; the ledger continues, and what was counted
    // is not lost.
    let collector = Collector::start(Mood::Answers(503, ""));
    ground.stop();
    ground.start_within(
        EVIDENCE,
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=s%20ecret"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
            ("TOLLGATE_OTLP_BACKOFF_MS", "5"),
        ],
    );
    // It refuses: a snapshot is tried four times, then comes a new one.
    let tried = collector.wait_for(5, |taken| taken.status == 503);
    assert!(tried[..4].windows(2).all(|two| two[0].body == two[1].body), "one snapshot");
    assert!(tried[3].body != tried[4].body, "another one");
    assert!(shown(ground, "tollgate_telemetry_retries_total") >= 3);
    assert!(shown(ground, "tollgate_telemetry_dropped_total") >= 1);
    works(ground, "T-refused");
    // A permanent error is not retried.
    collector.becomes(Mood::Answers(400, ""));
    let tried = collector.wait_for(4, |taken| taken.status == 400);
    assert!(tried.windows(2).all(|two| two[0].body != two[1].body));
    // It hangs.
    collector.becomes(Mood::Hangs);
    collector.wait_for(1, |taken| taken.status == 0);
    works(ground, "T-hung");
    // It is back: what was counted meanwhile arrives.
    collector.becomes(Mood::Answers(200, ""));
    let appended = shown(ground, "tollgate_events_total{outcome=\"appended\"}");
    assert!(appended >= 8, "{appended}");
    let expected = ("appended".to_owned(), appended);
    let taken = collector.wait_for(1, |taken| {
        taken.status == 200 && counted(&taken.body, "tollgate_events").contains(&expected)
    });
    let (head, body) = (&taken[0].head, &taken[0].body);
    assert!(head.starts_with("post /v1/metrics http/1.1\r\n"), "{head}");
    for line in ["content-type: application/x-protobuf\r\n", "x-key: s ecret\r\n"] {
        assert!(head.contains(line), "{head}");
    }
    let names = texts(body, &[1, 1, 1, 1]);
    assert!(names.contains(&"service.name".to_owned()), "{names:?}");
    let values = texts(body, &[1, 1, 1, 2, 1]);
    assert!(values.contains(&"tollgate".to_owned()) && values.contains(&"test".to_owned()), "{values:?}");
    let names = texts(body, &[1, 2, 2, 1]);
    for name in
        ["tollgate_http_request_duration_seconds", "tollgate_view_running", "tollgate_telemetry_dropped"]
    {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
    assert!(!String::from_utf8_lossy(body).contains("T-hung"), "no task is named");
    // A server that stops waits for no collector; one warning covered all of this.
    collector.becomes(Mood::Hangs);
    let before = collector.state.0.lock().unwrap().hung.len();
    collector.wait_for(before + 1, |taken| taken.status == 0);
    let told = ground.end();
    assert_eq!(told.matches("metrics could not be exported and are dropped").count(), 1, "{told}");
    assert!(!told.contains("ecret"), "{told}");
}

fn ec18_metrics_arrive_as_json_too(ground: &mut Ground) {
    // A collector says how long to wait before the next try.
    let collector = Collector::start(Mood::Answers(429, "retry-after: 0\r\n"));
    ground.stop();
    ground.start_within(
        EVIDENCE,
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &format!("{}/own/path", collector.url)),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_SERVICE_NAME", "ledger"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
            // If that counted, this test would never end.
            ("TOLLGATE_OTLP_BACKOFF_MS", "86400000"),
        ],
    );
    works(ground, "T-1");
    collector.wait_for(5, |taken| taken.status == 429);
    collector.becomes(Mood::Answers(200, ""));
    let appended = shown(ground, "tollgate_events_total{outcome=\"appended\"}").to_string();
    let metrics = |body: &[u8]| -> Value {
        let request: Value = serde_json::from_slice(body).unwrap();
        request["resourceMetrics"][0].clone()
    };
    let events = |body: &[u8]| {
        let metrics = metrics(body)["scopeMetrics"][0]["metrics"].as_array().unwrap().clone();
        let found = metrics.into_iter().find(|metric| metric["name"] == "tollgate_events");
        found.map_or(Value::Null, |metric| metric["sum"]["dataPoints"][0]["asInt"].clone())
    };
    let is_it = |taken: &Taken| taken.status == 200 && events(&taken.body) == json!(appended);
    let taken = collector.wait_for(1, is_it);
    assert!(taken[0].head.starts_with("post /own/path http/1.1\r\n"), "{}", taken[0].head);
    let service = &metrics(&taken[0].body)["resource"]["attributes"][0];
    assert_eq!(*service, json!({"key": "service.name", "value": {"stringValue": "ledger"}}));
    // Unusable settings are reported, and do not keep anyone from serving.
    ground.stop();
    ground.start_within(
        EVIDENCE,
        &[],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://x"), ("OTEL_METRIC_EXPORT_INTERVAL", "50")],
    );
    works(ground, "T-2");
    let told = ground.end();
    assert!(told.contains("metrics are not exported: OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://x"), "{told}");
}
