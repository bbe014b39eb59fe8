//! A request that is meant for a different ledger is refused, whatever it asks.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tollgate_wire::api::LEDGER_HEADER;

use crate::support::Service;

#[tokio::test]
async fn a_request_for_another_ledger_changes_and_reads_nothing() {
    let service = Service::new().await;
    service.open("T-1").await;
    let send = async |method: &str, path: &str, meant: &str, body: &Value| {
        let request = Request::builder().method(method).uri(path).header("host", "localhost:7070");
        let request = request.header("content-type", "application/json").header(LEDGER_HEADER, meant);
        service.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let (_, position) = service.get("/v1/position").await;
    let (epoch, instance) = (position["epoch"].as_str().unwrap(), position["instance"].as_str().unwrap());
    let own = format!("{epoch}/{instance}");
    let request = Request::get("/v1/limits").header("host", "localhost:7070").body(Body::empty()).unwrap();
    assert_eq!(service.headers(request).await[LEDGER_HEADER], own);
    let usage = json!({"producer": "ci", "events": [crate::support::usage("T-1", "u1", "", 5)]});
    let (end, other_run) = (position["position"].clone(), format!("{epoch}/another"));
    for meant in ["another", "another/run", &other_run, ""] {
        for (method, path) in
            [("POST", "/v1/events"), ("GET", "/v1/tasks/T-1"), ("GET", "/v1/log"), ("GET", "/metrics")]
        {
            let (status, text) = send(method, path, meant, &usage).await;
            assert!(
                status == 421 && text.contains("other_ledger"),
                "{meant}: {method} {path}: {status}: {text}"
            );
        }
        assert_eq!(service.get("/v1/position").await.1["position"], end, "{meant}");
    }
    assert_eq!(send("POST", "/v1/events", epoch, &usage).await.0, 201);
    assert_eq!(send("GET", "/v1/tasks/T-1?at_least=tail", &own, &usage).await.0, 200);
}
