//! What goes wrong, in the words that Tekton's clients print.

use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tollgate_client::ClientError;

use crate::json::{Json, object};

/// Why a request is not answered as it wishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    /// What people read.
    pub(crate) text: String,
    /// The fields that are wrong, each with where it is, what it is and why.
    pub(crate) fields: Vec<Json>,
}

/// An answer, or why there is none.
pub(crate) type Handled<T = Answer> = Result<T, Fault>;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer(pub(crate) StatusCode, pub(crate) Json);

impl Fault {
    /// What is asked for cannot be done.
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, text)
    }

    /// There is none.
    pub(crate) fn missing(text: impl Into<String>) -> Self {
        Self::of(StatusCode::NOT_FOUND, text)
    }

    /// There is none of this kind and id.
    pub(crate) fn unknown(kind: &str, id: &str) -> Self {
        Self::missing(format!("{kind} with ID {id} not found"))
    }

    pub(crate) fn of(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), fields: Vec::new() }
    }

    /// Fields are missing or wrong.
    pub(crate) fn invalid(fields: Vec<Json>) -> Self {
        let told = fields.iter().map(|field| {
            let of = |name| field.get(name).and_then(Json::as_text).unwrap_or_default();
            let place = field.get("loc").map(ToString::to_string).unwrap_or_default();
            format!("{place}: {}", of("msg"))
        });
        let text = told.collect::<Vec<_>>().join("; ");
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, text, fields }
    }

    /// One field that is wrong.
    pub(crate) fn field(name: &str, rule: &str, given: &str) -> Self {
        Self::invalid(vec![wrong("value_error", &["body", name], rule, given.into())])
    }

    /// The credentials that are asked for were not sent, or are none.
    pub(crate) fn unauthorized() -> Self {
        Self::of(StatusCode::UNAUTHORIZED, "Authentication required")
    }

    /// Whether another key may help, or any.
    pub(crate) fn is_unauthorized(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }

    /// Whether it is refused for want of a key that may do it.
    pub(crate) fn is_about_the_key(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }

    fn body(&self) -> Json {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let told = object! {
            "type" => "about:blank",
            "title" => title,
            "status" => self.status.as_u16(),
            "error" => if self.status.is_server_error() { "Internal server error" } else { self.text.as_str() },
        };
        if self.fields.is_empty() {
            told.with("detail", self.text.as_str())
        } else {
            told.with("detail", self.fields.clone())
        }
    }
}

/// One entry of the list of what is wrong.
pub(crate) fn wrong(kind: &str, place: &[&str], rule: &str, given: Json) -> Json {
    let place: Vec<Json> = place.iter().map(|part| Json::from(*part)).collect();
    object! { "type" => kind, "loc" => place, "msg" => rule, "input" => given }
}

impl From<ClientError> for Fault {
    /// What the ledger says, with its status. It is a refusal only where the ledger refused.
    fn from(error: ClientError) -> Self {
        let status = match &error {
            ClientError::Problem(problem) => {
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            ClientError::Transport(_) | ClientError::Unreadable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::of(status, error.to_string())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = written(self.status, &self.body());
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
        }
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        written(self.0, &self.1)
    }
}

impl Answer {
    /// With status 200.
    pub(crate) fn ok(json: impl Into<Json>) -> Self {
        Self(StatusCode::OK, json.into())
    }

    /// With status 201.
    pub(crate) fn created(json: Json) -> Self {
        Self(StatusCode::CREATED, json)
    }
}

fn written(status: StatusCode, json: &Json) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], json.to_string()).into_response()
}
