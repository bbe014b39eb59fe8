//! How requests reach a ledger: over a socket, or within the process.

use bytes::Bytes;
pub use futures_util::future::BoxFuture;
use http::{Request, Response};

/// Sends one request and gives the whole answer. The request's address is path and query only; where it goes is the
/// transport's business.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when there is no answer. What was asked may have been carried out nevertheless: ask
    /// again with the same ids.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {url}: no answer: {reason}")]
pub struct TransportError {
    /// The request's method.
    pub method: String,
    /// Where it was sent.
    pub url: String,
    /// What went wrong.
    pub reason: String,
}
