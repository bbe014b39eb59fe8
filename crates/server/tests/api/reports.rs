//! Reports of a task: what they say in addition to the figures.

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use serde_json::{Value, json};

use crate::support::{Service, usage};

#[tokio::test]
async fn an_explanation_is_recorded_and_shown() {
    let service = Service::new().await;
    service.open("T-1").await;
    service.post("/v1/tasks/T-1/phases", json!({"id": "s", "producer": "bot", "phase": "PLAN"})).await;
    service.append(json!([usage("T-1", "u", "PLAN", 9000)])).await;
    let (_, report) = service.get("/v1/tasks/T-1/report?at_least=tail").await;
    assert_eq!((&report["unexplained"], &report["explanations"]), (&json!(["PLAN"]), &json!([])), "{report}");
    let path = "/v1/tasks/T-1/phases/plan/explanation";
    let (status, problem) = service.post(path, json!({"producer": "bot", "author": "grace"})).await;
    assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some("id")), "{problem}");
    let said = json!({"id": "x", "producer": "bot", "author": "grace", "explanation": "three formats"});
    for status in [201, 200] {
        let (found, answer) = service.post(path, said.clone()).await;
        assert_eq!(found, status, "{answer}");
    }
    let (_, report) = service.get("/v1/tasks/T-1/report?at_least=tail").await;
    let given = &report["explanations"][0];
    assert_eq!(
        (&given["author"], &given["explanation"]),
        (&json!("grace"), &json!("three formats")),
        "{report}"
    );
    assert_eq!((&report["unexplained"], report["explanations"].as_array().unwrap().len()), (&json!([]), 1));
}

#[tokio::test]
async fn a_task_is_compared_with_the_completed_ones_of_its_class() {
    let service = Service::new().await;
    for (task, tokens) in [("T-1", 100), ("T-2", 301), ("T-3", 900)] {
        service.open(task).await;
        service
            .post(&format!("/v1/tasks/{task}/phases"), json!({"id": "s", "producer": "bot", "phase": "PLAN"}))
            .await;
        service.append(json!([usage(task, "u", "PLAN", tokens)])).await;
        service
            .post(&format!("/v1/tasks/{task}/phases/PLAN/end"), json!({"id": "e", "producer": "bot"}))
            .await;
        let close = json!({"id": "c", "producer": "bot", "outcome": "completed"});
        service.post(&format!("/v1/tasks/{task}/close"), close).await;
    }
    let (_, report) = service.get("/v1/tasks/T-3/report?at_least=tail").await;
    let whole = json!({"tokens_used": 900, "tasks": 2, "average_tokens": 200, "percent": 449});
    assert_eq!(report["class"]["whole"], whole, "{report}");
    assert_eq!(report["class"]["phases"][0]["average_tokens"], 200, "{report}");
}

/// Reads something as some reader from some address.
async fn read_as(service: &Service, path: &str, reader: &str, from: &str) -> (u16, String) {
    let mut request = Request::get(path).header("host", "localhost:7070").header("tollgate-reader", reader);
    if !from.is_empty() {
        let address: std::net::SocketAddr = from.parse().unwrap();
        request = request.extension(ConnectInfo(address));
    }
    let (status, text) = service.send(request.body(Body::empty()).unwrap()).await;
    (status.as_u16(), text)
}

#[tokio::test]
async fn each_form_of_a_report_and_no_other() {
    let service = Service::new().await;
    let hostile = "T<script>alert(1)</script>";
    service.open(hostile).await;
    let path = "/v1/tasks/T%3Cscript%3Ealert(1)%3C%2Fscript%3E/report";
    for (form, begins) in [
        ("md", "> Verdict: within limits"),
        ("html", "<!doctype html>"),
        ("csv", "tenant,task_id,phase,attempt,"),
        ("json", "{\"tenant\":\"default\""),
    ] {
        let (status, text) =
            read_as(&service, &format!("{path}?format={form}&at_least=tail"), "ada", "").await;
        assert!(status == 200 && text.starts_with(begins), "{form}: {text}");
        assert!(form == "json" || !text.contains("<script"), "{form}: {text}");
    }
    let (status, problem) = service.get(&format!("{path}?format=pdf")).await;
    assert_eq!((status.as_u16(), problem["field"].as_str()), (400, Some("format")), "{problem}");
    let request = Request::get(format!("{path}?format=html")).body(Body::empty()).unwrap();
    let headers = service.headers(request).await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-store");
}

#[tokio::test]
async fn each_read_is_recorded_with_who_what_and_how() {
    let service = Service::new().await;
    service.open("T-1").await;
    read_as(&service, "/v1/tasks/T-1/report?format=html&at_least=tail", "ada", "192.0.2.7:4711").await;
    read_as(&service, "/v1/tasks/T-1/explain?redact=true", "grace", "[::ffff:192.0.2.8]:1").await;
    // Not counted as reads: totals, which name no task; a task that does not exist; a request that showed
    // nothing.
    service.get("/v1/report").await;
    read_as(&service, "/v1/tasks/T-404/report", "eve", "").await;
    read_as(&service, "/v1/tasks/T-1/report?format=pdf", "eve", "").await;
    let (_, list) = service.get("/v1/report/accesses?at_least=tail").await;
    let reads: Vec<_> = list["accesses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|read| {
            let text = |name: &str| read[name].as_str().unwrap_or("-").to_owned();
            let names = ["tenant", "report", "task", "reader", "address", "format"];
            format!("{} {}", names.map(text).join(" "), read["redacted"])
        })
        .collect();
    assert_eq!(
        reads,
        ["default story T-1 grace 192.0.2.8 text true", "default task T-1 ada 192.0.2.7 html false",]
    );
    let (_, list) = service.get("/v1/report/accesses?tenant=default&reader=ada&limit=1").await;
    assert_eq!((list["accesses"].as_array().unwrap().len(), &list["more"]), (1, &json!(false)), "{list}");
    let (status, problem) = read_as(&service, "/v1/tasks/T-1/report", "a\u{301}\tb", "").await;
    assert_eq!(status, 400, "{problem}");
    let (status, _) = service.get("/v1/report/accesses?limit=1001").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn unusual_reads_raise_alerts_and_no_read_waits_for_the_log() {
    let service = Service::new().await;
    service.open("T-1").await;
    for from in ["192.0.2.7:1", "192.0.2.9:1"] {
        read_as(&service, "/v1/tasks/T-1/report?at_least=tail", "ada", from).await;
    }
    service.get("/v1/report/accesses").await;
    let (_, alerts) = service.get("/v1/alerts?rule=access&at_least=tail").await;
    let alert = &alerts["alerts"][0];
    let found = (alert["scope"].as_str(), alert["task"].as_str(), alert["severity"].as_str());
    assert_eq!(found, (Some("reader ada"), Some("_ledger"), Some("warning")), "{alerts}");
}

#[tokio::test]
async fn a_log_that_fails_keeps_nobody_from_reading() {
    let (service, disk) = Service::on_a_disk().await;
    service.open("T-1").await;
    service.get("/v1/tasks/T-1?at_least=tail").await;
    disk.set_room(Some(0));
    // What was preallocated is used up first.
    for _ in 0..100 {
        let (status, text) = read_as(&service, "/v1/tasks/T-1/report?format=md", "ada", "").await;
        assert_eq!(status, 200, "{text}");
    }
    service.get("/v1/report/accesses?wait_ms=5000").await;
    let (_, metrics) = read_as(&service, "/metrics", "ada", "").await;
    let lost = metrics.lines().find_map(|line| line.strip_prefix("tollgate_report_reads_lost_total "));
    let lost: u64 = lost.expect("a metric").parse().unwrap();
    assert!((1..=100).contains(&lost), "{lost}");
}

#[tokio::test]
async fn a_redacted_report_names_nobody_in_any_form() {
    let service = Service::new().await;
    let open = json!({"id": "canary-id", "task": "canary-task", "producer": "canary-producer", "tenant": "canary-tenant",
        "author": "canary-author", "title": "canary-title", "justification": "canary-why", "importance": "critical",
        "tags": ["canary-tag"], "labels": {"canary-label": "canary-value"}});
    let (status, answer) = service.post("/v1/tasks?tenant=canary-tenant", open).await;
    assert_eq!(status, 201, "{answer}");
    let says = json!({"id": "x", "producer": "canary-producer", "author": "canary-author", "explanation": "canary-text"});
    service.post("/v1/tasks/canary-task/phases/PLAN/explanation?tenant=canary-tenant", says).await;
    let grant = json!({"id": "o", "producer": "p", "approver": "canary-approver", "reason": "canary-reason",
        "block": {"advance": "VERIFY"}});
    service.post("/v1/tasks/canary-task/overrides?tenant=canary-tenant", grant).await;
    let redacted = "tenant=canary-tenant&redact=true&at_least=tail";
    let mut names = Vec::new();
    for what in
        ["report?format=json&", "report?format=md&", "report?format=html&", "report?format=csv&", "explain?"]
    {
        let (status, text) =
            read_as(&service, &format!("/v1/tasks/canary-task/{what}{redacted}"), "ada", "").await;
        assert_eq!(status, 200, "{text}");
        assert!(!text.to_lowercase().contains("canary"), "{what}: {text}");
        names.extend(text.split_once("task-").map(|(_, rest)| rest.chars().take(12).collect::<String>()));
    }
    // A CSV row is one execution, and there is none. If the task is named, it has one name.
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.windows(2).all(|pair| pair[0] == pair[1]), "{names:?}");
    let (_, open): (_, Value) = service.get("/v1/tasks/canary-task/report?tenant=canary-tenant").await;
    assert!(open.to_string().matches("canary").count() > 5, "{open}");
}
