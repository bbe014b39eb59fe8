//! How operations of the API are asked for.

use std::fmt;

use bytes::Bytes;
pub use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use tollgate_wire::api::Problem;

/// The request in which a call came, without its body: who asks, and for which ledger.
pub type Caller = http::request::Parts;

/// The operations of the HTTP API.
pub trait Api: Send + Sync + 'static {
    /// Sends one request and returns the whole answer. The request's URI is only path and query. `caller` is the
    /// request of the client, if it came over HTTP: what it may do is what its own key allows.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`].
    fn send<'a>(
        &'a self,
        request: Request<Bytes>,
        caller: Option<&'a Caller>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, NoAnswer>>;
}

/// Why there is no answer, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// No ledger could be asked, so nothing was done.
    NotAsked(String),
    /// The ledger was asked. What was asked may have been done.
    Lost(String),
}

/// Why an operation gave no answer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// The ledger answered with a problem.
    Problem(Box<Problem>),
    /// There is no answer, or none that can be read.
    Unanswered(NoAnswer),
}

impl From<NoAnswer> for ApiError {
    fn from(why: NoAnswer) -> Self {
        Self::Unanswered(why)
    }
}

impl ApiError {
    /// Whether what was asked about does not exist.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.status == StatusCode::NOT_FOUND.as_u16())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => {
                write!(f, "{}: {}", problem.code, problem.detail)?;
                for outcome in &problem.outcomes {
                    if let Some(detail) = outcome.detail.as_ref().filter(|it| !problem.detail.contains(*it)) {
                        write!(f, "\n{}", detail)?;
                    }
                }
                f.write_str(if problem.retryable {
                    "\nThe same call may succeed later; repeat it with the same arguments."
                } else {
                    "\nThe same call would fail again."
                })
            }
            Self::Unanswered(NoAnswer::NotAsked(why)) => write!(f, "not asked: {why}\nNothing was done."),
            Self::Unanswered(NoAnswer::Lost(why)) => write!(
                f,
                "no answer: {why}\nIt may have been done nevertheless: repeat the call with the same arguments."
            ),
        }
    }
}

/// Asks for one operation and returns the body of its answer.
pub(crate) async fn ask(
    api: &dyn Api,
    caller: Option<&Caller>,
    request: Request<Bytes>,
) -> Result<Bytes, ApiError> {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let response = api.send(request, caller).await?;
    let (parts, body) = response.into_parts();
    if parts.status.is_success() {
        return Ok(body);
    }
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => Err(ApiError::Problem(Box::new(problem))),
        Err(_) => {
            let status = parts.status.as_u16();
            Err(NoAnswer::Lost(format!("{asked}: status {status}, and an answer that is none of Tollgate's"))
                .into())
        }
    }
}
