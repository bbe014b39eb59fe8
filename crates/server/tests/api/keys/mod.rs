//! Keys: who is let in, to what, and until when.

mod matrix;
mod revoked;
mod rules;
mod tokens;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::Service;

/// A request with a key; without one if it is empty.
pub(crate) fn request(method: &str, path: &str, key: &str, body: &Value) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:7070");
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

impl Service {
    /// The answer to a request with a key.
    pub(crate) async fn ask_with(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let (status, text) = self.send(request(method, path, key, body)).await;
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Makes a key with another one; returns its secret.
    pub(crate) async fn make_key(&self, with: &str, body: &Value) -> String {
        let (status, made) = self.ask_with(with, "POST", "/v1/keys", body).await;
        assert_eq!(status, 201, "{made}");
        made["secret"].as_str().unwrap().to_owned()
    }

    /// Makes the first key, which may do everything; returns its secret.
    pub(crate) async fn close(&self) -> String {
        self.make_key("", &json!({"key": "root", "scopes": ["admin"]})).await
    }
}
