//! The Model Context Protocol over HTTP, message by message.

mod messages;
mod retries;
mod scopes;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::Service;

/// A message as clients of revision 2025-11-25 send it.
fn message(key: &str, body: &Value) -> Request<Body> {
    message_of("2025-11-25", key, body)
}

/// A message of a revision.
fn message_of(revision: &str, key: &str, body: &Value) -> Request<Body> {
    let mut request = Request::post("/mcp")
        .header("host", "localhost:7070")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", revision);
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    request.body(Body::from(body.to_string())).unwrap()
}

/// A request of the protocol.
pub(crate) fn asked(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

impl Service {
    /// The answer to one message.
    pub(crate) async fn tell(&self, key: &str, body: &Value) -> (StatusCode, Value) {
        let (status, text) = self.send(message(key, body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The answer to one message of a revision.
    async fn tell_as(&self, revision: &str, body: &Value) -> (StatusCode, Value) {
        let (status, text) = self.send(message_of(revision, "", body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The result of one request of the protocol.
    async fn result(&self, method: &str, params: Value) -> Value {
        let (status, answer) = self.tell("", &asked(method, &params)).await;
        assert_eq!(status, 200, "{method}: {answer}");
        answer["result"].clone()
    }

    /// Calls a tool; returns whether it did what was asked, and what it says.
    pub(crate) async fn tool(&self, key: &str, name: &str, arguments: &Value) -> (bool, String) {
        let call = asked("tools/call", &json!({"name": name, "arguments": arguments}));
        let (status, answer) = self.tell(key, &call).await;
        assert_eq!(status, 200, "{name}: {answer}");
        let result = &answer["result"];
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{name}: {answer}"));
        assert_eq!(
            result["structuredContent"].is_object(),
            result["isError"] == json!(false),
            "{name}: {answer}"
        );
        (result["isError"] == json!(false), text.to_owned())
    }

    /// Calls a tool that must do what is asked; returns what it says to programs.
    async fn does(&self, name: &str, arguments: &Value) -> Value {
        let result = self.result("tools/call", json!({"name": name, "arguments": arguments})).await;
        assert_eq!(result["isError"], json!(false), "{name} {arguments}: {result}");
        result["structuredContent"].clone()
    }
}
