//! Which address of the HTTP API a method is, and the request that is sent there.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value};
use tonic::Status;

use crate::caller::Caller;
use crate::status;

/// What stands for itself in a path or a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// An address of the API. Fields of the request that its path names go there; the others into the query, or the body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Address {
    /// A question.
    Get(&'static str),
    /// Something to do.
    Post {
        /// Its path.
        path: &'static str,
        /// Fields that go into the query.
        query: &'static [&'static str],
    },
}

impl Address {
    /// One that takes everything in its body.
    pub(crate) const fn post(path: &'static str) -> Self {
        Self::Post { path, query: &[] }
    }

    /// The request of a caller.
    ///
    /// # Errors
    ///
    /// A field breaks a rule.
    pub(crate) fn request(self, caller: &Caller, asked: &impl Serialize) -> Result<Request<Body>, Status> {
        let (method, path) = match self {
            Self::Get(path) => (Method::GET, path),
            Self::Post { path, .. } => (Method::POST, path),
        };
        let mut fields = match serde_json::to_value(asked) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        fields.retain(|_, value| !is_absent(value));
        let mut target = filled(path, &mut fields)?;
        let names: Vec<String> = match self {
            Self::Get(_) => fields.keys().cloned().collect(),
            Self::Post { query, .. } => query.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut separator = '?';
        for name in names {
            let Some(value) = fields.remove(&name) else { continue };
            let value = in_query(&name, value)?;
            target.push(separator);
            target.push_str(&format!("{name}={}", utf8_percent_encode(&value, PLAIN)));
            separator = '&';
        }
        let mut request = caller.request(method, &target)?;
        if matches!(self, Self::Post { .. }) {
            let json = http::HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Body::from(Value::Object(fields).to_string());
        }
        Ok(request)
    }
}

/// An empty text, list or map is an absent one.
fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The path with the fields that it names.
fn filled(path: &str, fields: &mut Map<String, Value>) -> Result<String, Status> {
    let mut target = String::new();
    let mut rest = path;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        let Some(Value::String(value)) = fields.remove(name) else {
            return Err(status::invalid(name, "", "is required: it says what is asked about"));
        };
        target.push_str(before);
        target.push_str(&utf8_percent_encode(&value, PLAIN).to_string());
        rest = after;
    }
    target.push_str(rest);
    Ok(target)
}

/// A value as queries have it: of a list, all with commas between them.
fn in_query(name: &str, value: Value) -> Result<String, Status> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(list) => {
            let words: Vec<String> =
                list.into_iter().map(|word| word.as_str().map(str::to_owned).unwrap_or_default()).collect();
            match words.iter().find(|word| word.is_empty() || word.contains(',')) {
                Some(word) => {
                    Err(status::invalid(name, word, "must be words without a comma, none of them empty"))
                }
                None => Ok(words.join(",")),
            }
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::proto::{ExtendRequest, GateRequest, TaskQuery, TasksQuery};

    async fn sent(address: Address, asked: &impl Serialize) -> (String, String) {
        let request = address.request(&Caller::default(), asked).unwrap();
        let target = request.uri().to_string();
        let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
        (target, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn fields_go_where_the_address_has_them() {
        let asked = TaskQuery { task: "a/b ü?.".to_owned(), wait_ms: Some(0), ..TaskQuery::default() };
        let (target, body) = sent(Address::Get("/v1/tasks/{task}"), &asked).await;
        assert_eq!((&*target, &*body), ("/v1/tasks/a%2Fb%20%C3%BC%3F%2E?wait_ms=0", ""));
        let asked = TasksQuery {
            stage: vec!["open".to_owned(), "completed".to_owned()],
            summary: Some(false),
            ..TasksQuery::default()
        };
        let (target, _) = sent(Address::Get("/v1/tasks"), &asked).await;
        assert_eq!(target, "/v1/tasks?stage=open%2Ccompleted&summary=false");
        let asked = GateRequest {
            tenant: "acme".to_owned(),
            task: "T-1".to_owned(),
            advance_to: "PLAN".to_owned(),
            ..GateRequest::default()
        };
        let gate = Address::Post { path: "/v1/tasks/{task}/gate", query: &["tenant"] };
        let (target, body) = sent(gate, &asked).await;
        assert_eq!((&*target, &*body), ("/v1/tasks/T-1/gate?tenant=acme", r#"{"advance_to":"PLAN"}"#));
        let asked =
            ExtendRequest { allocation: "..".to_owned(), tokens: Some(0), ..ExtendRequest::default() };
        let (target, body) = sent(Address::post("/v1/allocations/{allocation}/extend"), &asked).await;
        assert_eq!((&*target, &*body), ("/v1/allocations/%2E%2E/extend", r#"{"tokens":0}"#));
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_its_field() {
        let caller = Caller::default();
        let nothing = Address::Get("/v1/tasks/{task}").request(&caller, &TaskQuery::default()).unwrap_err();
        assert_eq!(nothing.code(), tonic::Code::InvalidArgument);
        assert!(nothing.message().starts_with("task: ``: is required"), "{nothing:?}");
        let asked = TasksQuery { stage: vec!["open,closed".to_owned()], ..TasksQuery::default() };
        let comma = Address::Get("/v1/tasks").request(&caller, &asked).unwrap_err();
        assert!(comma.message().starts_with("stage: `open,closed`: must be words"), "{comma:?}");
    }
}
