//! Registration: both interfaces of the registry, played by a server that notes what it is sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tollgate_tekton::registry;
use tollgate_tekton::registry::address::{Form, Registry};

use crate::support::{Port, has_exactly};

/// What a registry was sent: method and path, token, body.
type Sent = (String, Option<String>, Value);

/// A registry that refuses the first heartbeats, and the notes of what it was sent.
async fn registry(refuses: usize) -> (String, mpsc::UnboundedReceiver<Sent>) {
    let (notes, noted) = mpsc::unbounded_channel();
    let left = Arc::new(Mutex::new(refuses));
    let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        let (notes, left) = (notes.clone(), Arc::clone(&left));
        async move {
            let token = headers.get("x-authentication-token").map(|token| token.to_str().unwrap().to_owned());
            let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let _ = notes.send((format!("{method} {uri}"), token, body));
            let mut left = left.lock().unwrap();
            if uri.path().ends_with("heartbeat") && *left > 0 {
                *left -= 1;
                return (StatusCode::UNPROCESSABLE_ENTITY, "{}").into_response();
            }
            let told = json!({"success": true, "component_id": "penia-7", "token": "t-1", "message": "ok", "tool_id": "tool-1"});
            axum::Json(told).into_response() as Response
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (format!("http://{address}"), noted)
}

async fn next(noted: &mut mpsc::UnboundedReceiver<Sent>, path: &str) -> Sent {
    loop {
        let sent = noted.recv().await.unwrap();
        if sent.0.ends_with(path) {
            return sent;
        }
    }
}

async fn registered(base: &str, form: Form) -> (Port, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let mut known = Registry::new(base, form, "http://localhost:8013").unwrap();
    known.every = Duration::from_millis(20);
    let port = Port::with(|options| options.registry = Some(known)).await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(registry::run(Arc::clone(&port.app), stopped));
    (port, stop, running)
}

#[tokio::test]
async fn hermes_is_told_with_its_token() {
    let (base, mut noted) = registry(1).await;
    let (port, stop, running) = registered(&base, Form::Hermes).await;
    let (_, token, body) = next(&mut noted, "/api/register").await;
    has_exactly(&body, "name version type endpoint capabilities metadata");
    assert_eq!(
        (token, &body["name"], &body["type"], &body["endpoint"]),
        (None, &json!("penia"), &json!("penia"), &json!("http://localhost:8013"))
    );
    assert_eq!(
        body["capabilities"],
        json!([
            "budget_allocation",
            "cost_tracking",
            "usage_monitoring",
            "assistant_service",
            "websocket_support"
        ])
    );
    let (_, token, tool) = next(&mut noted, "/api/mcp/v2/tools").await;
    has_exactly(&tool, "name description schema endpoint tags metadata");
    assert_eq!(
        (token.as_deref(), &tool["name"], &tool["endpoint"]),
        (
            Some("t-1"),
            &json!("budget_AllocateBudget"),
            &json!("http://localhost:8013/api/tools/budget_AllocateBudget/execute")
        )
    );
    let (_, token, body) = next(&mut noted, "/api/heartbeat").await;
    assert_eq!(
        (token.as_deref(), body),
        (Some("t-1"), json!({"component_id": "penia-7", "status": {"health": "healthy"}}))
    );
    // The registry no longer knew it: it registers again, and goes on.
    next(&mut noted, "/api/register").await;
    next(&mut noted, "/api/heartbeat").await;
    next(&mut noted, "/api/heartbeat").await;
    assert_eq!(port.get("/health").await.1["registered_with_hermes"], json!(true));
    stop.send(true).unwrap();
    let (asked, token, _) = next(&mut noted, "/api/mcp/v2/tools/tool-1").await;
    assert_eq!((asked.as_str(), token.as_deref()), ("DELETE /api/mcp/v2/tools/tool-1", Some("t-1")));
    let (asked, token, _) = next(&mut noted, "/api/unregister?component_id=penia-7").await;
    assert_eq!((asked.starts_with("POST "), token.as_deref()), (true, Some("t-1")));
    running.await.unwrap();
    assert_eq!(port.get("/health").await.1["registered_with_hermes"], json!(false));
}

#[tokio::test]
async fn the_older_interface_is_told_as_its_helper_told_it() {
    let (base, mut noted) = registry(0).await;
    let (_port, stop, running) = registered(&format!("{base}/api/"), Form::Registration).await;
    let (asked, _, body) = next(&mut noted, "/registration/register").await;
    assert_eq!(asked, "POST /api/registration/register");
    has_exactly(
        &body,
        "component_id name type version capabilities mcp_capabilities dependencies metadata endpoint",
    );
    assert_eq!(
        (&body["component_id"], &body["name"], &body["type"]),
        (&json!("budget"), &json!("Budget"), &json!("budget_manager"))
    );
    has_exactly(&body["capabilities"][0], "name description parameters");
    has_exactly(&body["mcp_capabilities"][0], "protocol version message_types events endpoint");
    has_exactly(&body["mcp_capabilities"][0]["message_types"][0], "type description response_type");
    let (_, _, body) = next(&mut noted, "/registration/heartbeat").await;
    assert_eq!(body, json!({"component_id": "budget", "status": "healthy"}));
    stop.send(true).unwrap();
    let (_, _, body) = next(&mut noted, "/registration/unregister").await;
    assert_eq!(body, json!({"component_id": "budget"}));
    running.await.unwrap();
}

#[tokio::test]
async fn a_registry_that_is_away_keeps_nobody_from_asking() {
    let (port, stop, running) = registered("http://127.0.0.1:9", Form::Hermes).await;
    assert_eq!(port.get("/ready").await.1["ready"], json!(true));
    assert_eq!(port.get("/health").await.1["registered_with_hermes"], json!(false));
    stop.send(true).unwrap();
    running.await.unwrap();
    for wrong in ["not an address", "ftp://x", "http://user:pw@x"] {
        assert!(Registry::new(wrong, Form::Hermes, "http://x").is_err(), "{wrong}");
    }
}
