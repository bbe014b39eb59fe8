//! What bodies may be: JSON in UTF-8, plain or gzipped, and within the size limit after decompression.

use std::io::Write;

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use serde_json::{Value, json};

use crate::support::Service;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

async fn send(service: &Service, kind: &str, encoding: &str, body: Vec<u8>) -> (u16, Value) {
    let mut request =
        Request::post("/v1/events").header("host", "localhost:7070").header("content-type", kind);
    if !encoding.is_empty() {
        request = request.header("content-encoding", encoding);
    }
    let (status, text) = service.send(request.body(Body::from(body)).unwrap()).await;
    (status.as_u16(), serde_json::from_str(&text).unwrap())
}

fn opening(title: &str) -> String {
    json!({"producer": "ci", "events": [{"id": "o1", "task": "T-1", "task_opened": {"title": title}}]})
        .to_string()
}

#[tokio::test]
async fn a_body_may_be_zipped_and_is_bounded_when_it_is_not() {
    let service = Service::new().await;
    let zipped = gzip(&opening("parser"));
    let (status, answer) = send(&service, "application/json", "gzip", zipped.clone()).await;
    assert_eq!(status, 201, "{answer}");
    let half = zipped[..zipped.len() / 2].to_vec();
    // 2 GiB of white space would be 2 MiB of gzip: it is only decompressed up to the size limit of a body.
    let bomb = gzip(&" ".repeat(8 << 20));
    for (encoding, body, status, part) in [
        ("gzip", half, 400, "not whole gzip"),
        ("gzip", opening("x").into_bytes(), 400, "not whole gzip"),
        ("gzip", bomb, 413, "once it is unzipped"),
        ("br", zipped, 415, "content-encoding `br`"),
        ("", vec![b' '; (1 << 20) + 1], 413, "at most 1048576 bytes"),
        ("", b"{\"events\": \"\xff\"}".to_vec(), 400, "not UTF-8: see byte 12"),
        (
            "",
            br#"["ci", [{"id": "o1", "task": "T-1", "task_opened": {}}]]"#.to_vec(),
            400,
            "must be a JSON object",
        ),
    ] {
        let (found, problem) = send(&service, "application/json", encoding, body).await;
        assert_eq!(found, status, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{part}: {problem}");
    }
    let latin = "application/json; charset=iso-8859-1";
    assert_eq!(send(&service, latin, "", opening("x").into_bytes()).await.0, 415);
}

#[tokio::test]
async fn times_and_numbers_have_one_form() {
    let service = Service::new().await;
    service.open("T-1").await;
    let usage = |at: &str, output: Value| {
        json!([{"id": "u1", "task": "T-1", "occurred_at": at,
            "usage_recorded": {"model": "gpt-5", "tokens": {"output": output}}}])
    };
    for (events, part) in [
        (usage("2024-01-01 00:00:00Z", json!(1)), "must be RFC 3339"),
        (usage("2024-01-01T00:00:00Z", json!("-0")), "zero has no sign"),
        (usage("2024-01-01T00:00:00Z", json!("-00")), "zero has no sign"),
        (usage("2024-01-01T00:00:00Z", json!("-1")), "from 0 to"),
    ] {
        let (status, answer) = service.append(events).await;
        assert_ne!(status, 201, "{part}");
        assert!(answer.to_string().contains(part), "{part}: {answer}");
    }
    assert_eq!(service.append(usage("2024-01-01T00:00:00Z", json!("0"))).await.0, 201);
}

#[tokio::test]
async fn a_task_whose_letters_are_not_composed_is_another_and_its_producer_is_warned() {
    let service = Service::new().await;
    for (task, warned) in [("caf\u{e9}", false), ("cafe\u{301}", true)] {
        let opened = json!([{"id": "o1", "task": task, "task_opened": {}}]);
        let (status, answer) = service.append(opened).await;
        assert_eq!(status, 201, "each is a task of its own: {answer}");
        let warnings = answer["outcomes"][0]["warnings"].to_string();
        assert_eq!(warnings.contains("normal form C"), warned, "{warnings}");
    }
}
