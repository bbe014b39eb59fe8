//! What a key may name, how it is sent, and what is said of one that opens nothing.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::support::{Service, at};

fn usage(id: &str, more: Value) -> Value {
    let mut usage = json!({"model": "gpt-5", "tokens": {"output": 1}});
    usage.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"id": id, "task": "T-1", "usage_recorded": usage})
}

#[tokio::test]
async fn without_a_key_everybody_is_answered_and_with_one_nobody_but_health() {
    let service = Service::new().await;
    assert_eq!(service.get("/v1/tasks").await.0, 200);
    let (_, list) = service.get("/v1/keys").await;
    assert_eq!(list, json!({"keys": [], "required": false}));
    let root = service.close().await;
    for path in ["/v1/tasks", "/v1/keys", "/metrics", "/v1/openapi.json", "/v1/nowhere", "/"] {
        let (status, problem) = service.get(path).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (401, Some("unauthenticated")), "{path}");
    }
    for path in ["/v1/health", "/v1/ready"] {
        assert_eq!(service.get(path).await.0, 200, "{path}");
    }
    let with_root = async |path: &str| service.ask_with(&root, "GET", path, &Value::Null).await.0;
    assert_eq!((with_root("/v1/tasks").await.as_u16(), with_root("/v1/nowhere").await.as_u16()), (200, 404));
    assert_eq!(service.ask_with(&root, "DELETE", "/v1/tasks", &Value::Null).await.0, 405);
    assert_eq!(service.ask_with(&root, "HEAD", "/v1/tasks", &Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_refusal_says_how_a_key_is_sent_and_never_what_was() {
    let service = Service::new().await;
    let root = service.close().await;
    let (most, last) = root.split_at(root.len() - 1);
    let mistyped = format!("{most}{}", if last == "0" { "1" } else { "0" });
    for (header, part) in [
        (String::new(), "Authorization: Bearer KEY"),
        (format!("Basic {root}"), "no bearer token"),
        (format!("Bearer {mistyped}"), "checksum"),
        (format!("Bearer {}", &root[..20]), "`tg_` followed by 38"),
        ("Bearer tg_00000000000000000000000000000000q3msqq".to_owned(), "no such key"),
    ] {
        let mut request = Request::get("/v1/tasks").header("host", "localhost:7070");
        if !header.is_empty() {
            request = request.header("authorization", &header);
        }
        let answer = service.answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), 401, "{header}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"tollgate\"");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let text = axum::body::to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains(part), "{text}");
        assert!(!text.contains(&root[3..20]), "{text}");
    }
    for header in [format!("Bearer {root}"), format!("bearer  {root} ")] {
        let request = Request::get("/v1/tasks").header("host", "localhost:7070");
        let request = request.header("authorization", &header).body(Body::empty()).unwrap();
        assert_eq!(service.send(request).await.0, 200, "{header}");
    }
    let twice = Request::get("/v1/tasks").header("host", "localhost:7070");
    let twice = twice.header("authorization", format!("Bearer {root}"));
    let twice = twice.header("authorization", format!("Bearer {root}")).body(Body::empty()).unwrap();
    assert_eq!(service.send(twice).await.0, 401);
}

#[tokio::test]
async fn producers_and_components_are_those_of_the_key() {
    let service = Service::new().await;
    let root = service.close().await;
    let key =
        json!({"key": "ci", "scopes": ["append", "decide"], "producers": ["ci"], "components": ["planner"]});
    let ci = service.make_key(&root, &key).await;
    let planner = json!({"component": "planner"});
    for (body, status, part) in [
        (json!({"producer": "ci", "events": [usage("1", planner.clone())]}), 201, ""),
        (json!({"producer": "ci", "events": [usage("2", json!({}))]}), 403, "component (none named)"),
        (json!({"producer": "ci", "events": [usage("3", json!({"component": "x"}))]}), 403, "component `x`"),
        (json!({"producer": "cd", "events": [usage("4", planner.clone())]}), 403, "producer `cd`"),
        // What people decide is not for producers, also in a list of events.
        (
            json!({"producer": "ci", "events": [{"id": "5", "task": "T-1", "override_granted":
                {"block": {"advance": "PLAN"}, "approver": "a", "reason": "r"}}]}),
            403,
            "the scope `operate`",
        ),
        // One event that may not be there keeps out those that may.
        (
            json!({"producer": "ci", "events": [usage("6", planner.clone()),
                {"id": "7", "task": "T-2", "producer": "cd", "task_opened": {}}]}),
            403,
            "producer `cd`",
        ),
        (
            json!({"producer": "ci", "events": [{"id": "8", "task": "T-1", "usage_adjusted":
                {"adjusts": "1", "adjusts_producer": "cd", "tokens": {"output": -1}, "reason": "r"}}]}),
            403,
            "producer `cd`",
        ),
    ] {
        let (found, answer) = service.ask_with(&ci, "POST", "/v1/events", &body).await;
        assert_eq!(found.as_u16(), status, "{body}: {answer}");
        assert!(answer.to_string().contains(part), "{body}: {answer}");
    }
    let (_, log) = service.ask_with(&root, "GET", "/v1/log?tenant=default", &Value::Null).await;
    assert_eq!(log["events"].as_array().map(Vec::len), Some(1), "{log}");
    for (body, status) in [
        (json!({"tokens": 1, "model": "gpt-5", "component": "planner"}), 200),
        (json!({"tokens": 1, "model": "gpt-5", "component": "x"}), 403),
        (json!({"tokens": 1, "model": "gpt-5"}), 403),
    ] {
        for path in ["/v1/check", "/v1/route"] {
            let (found, answer) = service.ask_with(&ci, "POST", path, &body).await;
            assert_eq!(found.as_u16(), status, "{path} {body}: {answer}");
        }
    }
    for (body, status) in
        [(json!({"advance_to": "PLAN"}), 403), (json!({"advance_to": "PLAN", "producer": "ci"}), 200)]
    {
        let (found, answer) = service.ask_with(&ci, "POST", "/v1/tasks/T-1/gate", &body).await;
        assert_eq!(found.as_u16(), status, "{body}: {answer}");
    }
}

#[tokio::test]
async fn questions_that_come_with_events_need_their_own_scope_and_tenant() {
    let service = Service::new().await;
    let root = service.close().await;
    let append = service.make_key(&root, &json!({"key": "a", "scopes": ["append"]})).await;
    let both = json!({"key": "b", "scopes": ["append", "decide"], "tenants": ["acme"]});
    let both = service.make_key(&root, &both).await;
    let body = |tenant: &str| {
        json!({"producer": "p", "tenant": "acme", "events": [{"id": "1", "task": "T-1", "task_opened": {}}],
            "gates": [{"task": "T-1", "tenant": tenant, "advance_to": "PLAN"}]})
    };
    for (key, tenant, status) in [(&append, "acme", 403), (&both, "rival", 403), (&both, "acme", 201)] {
        let (found, answer) = service.ask_with(key, "POST", "/v1/events", &body(tenant)).await;
        assert_eq!(found.as_u16(), status, "{answer}");
    }
}

#[tokio::test]
async fn a_reader_is_who_its_key_says() {
    let service = Service::new().await;
    service.open("T-1").await;
    let root = service.close().await;
    let ada = service.make_key(&root, &json!({"key": "ada", "scopes": ["read_reports"]})).await;
    let request = Request::get("/v1/tasks/T-1/report?at_least=tail").header("host", "localhost:7070");
    let request = request.header("authorization", format!("Bearer {ada}")).header("tollgate-reader", "grace");
    assert_eq!(service.send(request.body(Body::empty()).unwrap()).await.0, 200);
    let path = "/v1/report/accesses?at_least=tail";
    let (_, accesses) = service.ask_with(&ada, "GET", path, &Value::Null).await;
    let readers: Vec<_> = accesses["accesses"].as_array().unwrap().iter().map(|it| &it["reader"]).collect();
    assert_eq!(readers, ["ada"], "{accesses}");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_is_in_nothing_else() {
    let service = Service::new().await;
    let root = service.close().await;
    let made =
        json!({"key": "ada", "scopes": ["read"], "requests_per_second": 5, "expires_at": "2027-01-01"});
    let first = service.make_key(&root, &made).await;
    let (_, rotated) = service.ask_with(&root, "POST", "/v1/keys/ada/rotate", &json!({})).await;
    let second = rotated["secret"].as_str().unwrap();
    let mut seen = String::new();
    for path in ["/v1/keys", "/v1/log", "/metrics", "/v1/health", "/v1/alerts"] {
        seen += &service.ask_with(&root, "GET", path, &Value::Null).await.1.to_string();
    }
    seen += &service.ask_with(&root, "POST", "/v1/keys", &made).await.1.to_string();
    seen += &service.ask_with(&root, "POST", "/v1/keys/ada/revoke", &json!({})).await.1.to_string();
    assert!(seen.contains("ada") && seen.contains("key_rotated"), "{seen}");
    for secret in [&root, &first, second] {
        assert!(!seen.contains(&secret[3..]), "{secret}");
    }
}

#[tokio::test]
async fn a_key_ends_when_it_says_and_an_old_secret_when_the_overlap_is_over() {
    let service = Service::new().await;
    let root = service.close().await;
    let guest = json!({"key": "guest", "scopes": ["read"], "expires_at": "2026-11-20T12:00:00Z"});
    let guest = service.make_key(&root, &guest).await;
    let old = service.make_key(&root, &json!({"key": "ci", "scopes": ["read"]})).await;
    let (_, rotated) =
        service.ask_with(&root, "POST", "/v1/keys/ci/rotate", &json!({"overlap_s": 3600})).await;
    assert_eq!(rotated["key"]["overlap_until"], "2026-11-20T11:00:00Z", "{rotated}");
    let new = rotated["secret"].as_str().unwrap().to_owned();
    for (time, [guest_in, old_in, new_in]) in [
        ("10:59:59", [true, true, true]),
        ("11:00:00", [true, false, true]),
        ("11:59:59", [true, false, true]),
        ("12:00:00", [false, false, true]),
    ] {
        service.clock.set(at(&format!("2026-11-20T{time}Z")));
        for (key, is_in) in [(&guest, guest_in), (&old, old_in), (&new, new_in)] {
            let (status, answer) = service.ask_with(key, "GET", "/v1/tasks", &Value::Null).await;
            assert_eq!(status == 200, is_in, "{time} {answer}");
        }
    }
    let (status, problem) = service.ask_with(&root, "POST", "/v1/keys/guest/rotate", &json!({})).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (409, Some("key_ended")), "{problem}");
}

#[tokio::test]
async fn who_sends_too_much_is_told_when_to_come_again() {
    let service = Service::new().await;
    let root = service.close().await;
    let slow = json!({"key": "slow", "scopes": ["read"], "requests_per_second": 1, "burst": 2});
    let slow = service.make_key(&root, &slow).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let answer = service.answer(super::request("GET", "/v1/tasks", &slow, &Value::Null)).await;
        let after = answer.headers().get("retry-after").map(|after| after.to_str().unwrap().to_owned());
        statuses.push((answer.status().as_u16(), after));
    }
    assert_eq!(statuses, [(200, None), (200, None), (429, Some("1".to_owned()))]);
    assert_eq!(service.ask_with(&root, "GET", "/v1/tasks", &Value::Null).await.0, 200);
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused() {
    let service = Service::new().await;
    let (status, problem) =
        service.ask_with("", "POST", "/v1/keys", &json!({"key": "r", "scopes": ["read"]})).await;
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("must have `admin`"), "{problem}");
    let root = service.close().await;
    for (body, status, part) in [
        (json!({"key": "root", "scopes": ["read"]}), 409, "never given again"),
        (json!({"key": "x", "scopes": ["reed"]}), 400, "did you mean `read`"),
        (json!({"key": "x", "scopes": ["admin"], "tenants": ["a"]}), 400, "cannot be restricted"),
        (json!({"key": "x", "scopes": ["read"], "burst": 3}), 400, "burst"),
        (json!({"key": "x", "scopes": ["read"], "expires_at": "2020-01-01"}), 400, "in the future"),
        (json!({"key": "x", "scopes": ["read"], "expires_at": "soon"}), 400, "must be a time"),
    ] {
        let (found, problem) = service.ask_with(&root, "POST", "/v1/keys", &body).await;
        assert_eq!(found.as_u16(), status, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{body}: {problem}");
    }
    let (status, problem) = service.ask_with(&root, "POST", "/v1/keys/nobody/revoke", &json!({})).await;
    assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("key_unknown")));
}
