//! Why a call failed, as gRPC says it: a status code, the API's sentence, and the API's stable code.
//!
//! The code is in the trailer `tollgate-code`, and with everything else in `grpc-status-details-bin`, as
//! `google.rpc.ErrorInfo`, `BadRequest` and `RetryInfo`.

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use tollgate_wire::api::Problem;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The trailer with the stable code.
pub(crate) const CODE: &str = "tollgate-code";

/// The trailer that says whether the same call may succeed later: `true` or `false`.
pub(crate) const RETRYABLE: &str = "tollgate-retryable";

/// Who gives the codes their meaning.
const DOMAIN: &str = "tollgate";

/// The longest sentence in a status, in characters: statuses are headers, whose size clients bound.
const LONGEST: usize = 1500;

/// What is said of a failed call.
struct Said<'a> {
    status: Code,
    code: &'a str,
    detail: &'a str,
    retryable: bool,
    /// The field that breaks a rule, if it is one.
    field: Option<&'a str>,
    further: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
}

impl Said<'_> {
    fn status(self) -> Status {
        let detail: String = self.detail.chars().take(LONGEST).collect();
        let mut metadata: HashMap<String, String> =
            self.further.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        metadata.insert("code".to_owned(), self.code.to_owned());
        metadata.insert("retryable".to_owned(), self.retryable.to_string());
        let mut details = ErrorDetails::new();
        details.set_error_info(self.code.to_ascii_uppercase(), DOMAIN, metadata);
        if let Some(field) = self.field {
            details.add_bad_request_violation(field, &detail);
        }
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        let mut trailers = MetadataMap::new();
        // Codes are words.
        if let Ok(code) = MetadataValue::try_from(self.code) {
            trailers.insert(CODE, code);
        }
        let retryable = if self.retryable { "true" } else { "false" };
        trailers.insert(RETRYABLE, MetadataValue::from_static(retryable));
        Status::with_error_details_and_metadata(self.status, detail, details, trailers)
    }
}

/// A problem of the API. `retry_after`: as its answer says.
pub(crate) fn of_problem(problem: &Problem, retry_after: Option<Duration>) -> Status {
    let mut further = vec![("status", problem.status.to_string())];
    let optional = [
        ("field", &problem.field),
        ("value", &problem.value),
        ("as_of", &problem.as_of),
        ("position", &problem.position),
    ];
    further.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    Said {
        status: code_of(&problem.code, problem.status),
        code: &problem.code,
        detail: &problem.detail,
        retryable: problem.retryable,
        field: problem.field.as_deref(),
        further,
        retry_after,
    }
    .status()
}

/// The status code of a problem: where gRPC tells apart what HTTP does not, by its stable code.
#[must_use]
pub fn code_of(code: &str, status: u16) -> Code {
    match (code, status) {
        ("conflict" | "key_taken", _) => Code::AlreadyExists,
        ("contended", _) => Code::Aborted,
        ("degraded", _) => Code::FailedPrecondition,
        ("method_not_allowed", _) => Code::Unimplemented,
        (_, 401) => Code::Unauthenticated,
        (_, 403) => Code::PermissionDenied,
        (_, 404) => Code::NotFound,
        (_, 409 | 421 | 422) => Code::FailedPrecondition,
        (_, 429 | 507) => Code::ResourceExhausted,
        (_, 408 | 503) => Code::Unavailable,
        (_, 400..500) => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

/// A field of a request that breaks a rule.
pub(crate) fn invalid(field: &str, value: &str, rule: &str) -> Status {
    let detail = format!("{field}: `{value}`: {rule}");
    let further = vec![("field", field.to_owned()), ("value", value.to_owned())];
    let field = Some(field);
    Said { field, further, ..plain(Code::InvalidArgument, "invalid", &detail, false) }.status()
}

/// A problem in a reply to an append: it concerns the request as a whole.
pub(crate) fn of_reply(
    problem: &tollgate_wire::proto::Problem,
    position: &str,
    retry_after: Option<Duration>,
) -> Status {
    let status = u16::try_from(problem.status).unwrap_or(500);
    let mut further = vec![("status", problem.status.to_string())];
    if !position.is_empty() {
        further.push(("position", position.to_owned()));
    }
    let code = code_of(&problem.code, status);
    Said { further, retry_after, ..plain(code, &problem.code, &problem.detail, problem.retryable) }.status()
}

/// Nobody serves a service of this name.
pub(crate) fn unknown_service(name: &str) -> Status {
    let detail = format!(
        "service: `{name}`: is not served here; ask for reflection, or name none for the whole server"
    );
    plain(Code::NotFound, "not_found", &detail, false).status()
}

/// There is no such method, or it is not called in a way that is understood.
pub(crate) fn unimplemented(detail: String) -> Status {
    plain(Code::Unimplemented, "unimplemented", &detail, false).status()
}

/// The time that the caller gave is over.
pub(crate) fn too_late(given: Duration) -> Status {
    let detail = format!(
        "the call was given up after {} ms, its deadline; what it was to append may be in the log: send it again with the same ids",
        given.as_millis()
    );
    plain(Code::DeadlineExceeded, "deadline_exceeded", &detail, true).status()
}

/// A stream was ended from this side.
pub(crate) fn ended(detail: &str) -> Status {
    plain(Code::Unavailable, "stream_ended", detail, true).status()
}

/// As many clients follow as may.
pub(crate) fn crowded(what: &str) -> Status {
    let detail = format!("{what}: as many clients follow as may (--max-streams); try again later");
    plain(Code::Unavailable, "crowded", &detail, true).status()
}

/// Something that should not happen.
pub(crate) fn internal(detail: &str) -> Status {
    plain(Code::Internal, "internal", detail, false).status()
}

const fn plain<'a>(status: Code, code: &'a str, detail: &'a str, retryable: bool) -> Said<'a> {
    Said { status, code, detail, retryable, field: None, further: Vec::new(), retry_after: None }
}

/// What the library says of a call that it could not read, in the terms of the API.
pub(crate) fn in_own_words(status: Status) -> Status {
    if status.metadata().contains_key(CODE) {
        return status;
    }
    let (code, said) = (status.code(), status.message());
    if code == Code::Internal && said.contains("decode") {
        let detail = format!("the message is not what the schema says: {said}");
        return plain(Code::InvalidArgument, "invalid", &detail, false).status();
    }
    if code == Code::OutOfRange {
        let detail = format!("{said}; send the events in several messages");
        return plain(Code::InvalidArgument, "too_large", &detail, false).status();
    }
    if code == Code::Unimplemented {
        return plain(code, "unimplemented", said, false).status();
    }
    status
}

/// A failed call as the whole answer.
pub(crate) fn answer(status: Status) -> Response {
    status.into_http::<Body>()
}

/// The stable code of a status, if it has one.
pub(crate) fn stable_code(status: &Status) -> Option<&str> {
    status.metadata().get(CODE)?.to_str().ok()
}
