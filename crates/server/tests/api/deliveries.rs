//! Querying what was delivered, and requesting another delivery.

use serde_json::json;

use crate::support::{Service, usage};

#[tokio::test]
async fn a_resend_is_noted_once_under_its_id_and_refused_where_there_is_nothing_to_tell() {
    let service = Service::new().await;
    service.open("T-1").await;
    service.append(json!([usage("T-1", "u", "", 100_000)])).await;
    let (_, list) = service.get("/v1/alerts?at_least=tail").await;
    let id = list["alerts"][0]["id"].as_str().unwrap();
    let path = format!("/v1/alerts/{id}/resend");
    let asked = json!({"by": "dana", "reason": "lost", "id": "r1"});
    let (status, first) = service.post(&path, asked.clone()).await;
    assert_eq!((status.as_u16(), &first["change"]), (202, &json!("raised")), "{first}");
    let (status, again) = service.post(&path, asked).await;
    assert_eq!((status.as_u16(), &again), (202, &first), "a retry");
    let unknown = "/v1/alerts/0123/resend";
    for (path, body, status, code) in [
        (&*path, json!({"by": "dana", "reason": "another", "id": "r1"}), 409, "conflict"),
        (&*path, json!({"by": "", "reason": "x"}), 400, "invalid"),
        (&*path, json!({"by": "x"}), 400, "invalid"),
        (&*path, json!({"by": "x", "reason": "x", "change": "digest"}), 400, "invalid"),
        (&*path, json!({"by": "x", "reason": "x", "change": "resolved"}), 400, "invalid"),
        (&*path, json!({"by": "x", "reason": "x", "endpoint": "nobody"}), 400, "invalid"),
        (&*path, json!({"by": "x", "reason": "x", "to": "pager"}), 400, "invalid"),
        (unknown, json!({"by": "x", "reason": "x"}), 404, "alert_unknown"),
    ] {
        let (got, problem) = service.post(path, body.clone()).await;
        assert_eq!((got.as_u16(), &problem["code"]), (status, &json!(code)), "{body}: {problem}");
    }
}

#[tokio::test]
async fn deliveries_are_listed_by_state_and_limit() {
    let service = Service::new().await;
    let (status, list) = service.get("/v1/alerts/deliveries?state=all&limit=1000&at_least=tail").await;
    assert_eq!((status.as_u16(), &list["deliveries"], &list["more"]), (200, &json!([]), &json!(0)), "{list}");
    for query in ["state=delivered", "limit=0", "limit=1001", "endpoints=x"] {
        let (status, problem) = service.get(&format!("/v1/alerts/deliveries?{query}")).await;
        assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("invalid")), "{query}: {problem}");
    }
}
